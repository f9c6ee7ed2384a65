"""What can go wrong with the bus.

::

    BusError
    ├── BusConnectionError          no server answers
    ├── IdentityError               a key is missing, or open to everybody, or no key
    ├── ServerStartError            the embedded server does not start
    ├── StreamConfigurationError    the live stream is not the pinned one
    ├── PublishError                an event could not be stored
    │   ├── PermissionDeniedError   the server forbids it
    │   ├── DuplicateConflictError  the id is taken by other content
    │   ├── EventTooLargeError      it does not fit into an entry of the ledger
    │   ├── StreamFullError         the log has reached its size limit
    │   └── EvidenceAtRiskError     the stream was tampered with or damaged: nothing is added to it
    ├── NoLogError                  there is no log where one is looked for
    ├── UnreadableLogError          the server does not let the log be read now: nothing is said about what is in it
    ├── GapError                    a sequence number is missing from the log
    ├── UndecodableEventError       stored bytes that are no event of ours
    │   └── RefusedEventError       they speak for somebody who may not have said them
    ├── NewerAthanorError           its own people have said what only a newer Athanor understands
    ├── RollError                   the keys of a lab are not those on the roll of its log
    └── BlobError
        ├── BlobMissingError        no artefact of that digest
        └── BlobCorruptError        its content is not what its digest says
"""

from __future__ import annotations


class BusError(Exception):
    """The root of everything that `bus` raises."""


class BusConnectionError(BusError):
    """No server answers."""


class IdentityError(BusError):
    """A key is missing, or open to everybody, or no key."""


class ServerStartError(BusError):
    """The embedded server does not start."""


class StreamConfigurationError(BusError):
    """The live stream is not the pinned one."""


class PublishError(BusError):
    """An event could not be stored."""


class PermissionDeniedError(PublishError):
    """The server forbids it."""


class DuplicateConflictError(PublishError):
    """The event's id is taken by an event of other content.

    Attributes:
        event_id: the id.
        sequence: where the first event stands in the log.
    """

    def __init__(self, event_id: str, sequence: int) -> None:
        self.event_id, self.sequence = event_id, sequence
        super().__init__(
            f"Expected event {event_id} to say what it said before (sequence {sequence}), got other content. "
            "Two different facts must not share a cause, an agent and a count."
        )


class EventTooLargeError(PublishError):
    """The event does not fit into an entry of the ledger.

    Attributes:
        size: its size in bytes.
        limit: the limit in bytes.
    """

    def __init__(self, kind: str, size: int, limit: int) -> None:
        self.size, self.limit = size, limit
        super().__init__(
            f"Expected {kind} of at most {limit} bytes, got {size}. Store large content as an artefact and refer to it."
        )


class StreamFullError(PublishError):
    """The log has reached its size limit; nothing was dropped."""


class NoLogError(BusError):
    """There is no log where one is looked for."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"Expected the folder of a run (with store/jetstream or ledger inside), got {where}. "
            "Give the --out folder of athanor run or athanor up, or the URL of a server: nats://HOST:PORT."
        )


class EvidenceAtRiskError(PublishError):
    """The stream was tampered with or damaged: nothing is added to it any more."""


class UnreadableLogError(BusError):
    """The server does not let the log be read now; that tells nothing about what is in it."""

    def __init__(self, what: str, got: str) -> None:
        super().__init__(
            f"Expected the server to {what}, got: {got}. The log cannot be read now, which does not mean that anything "
            "is missing. It is tried again; look at the server's log and at the permissions of this user."
        )


class GapError(BusError):
    """A sequence number is missing from the log.

    Attributes:
        expected: the sequence that should have come.
        got: the one that came.
    """

    def __init__(self, expected: int, got: int) -> None:
        self.expected, self.got = expected, got
        super().__init__(
            f"Expected sequence {expected} of the log, got {got}: stored events are missing. Do not go on with this "
            "store; restore it from a copy."
        )


class UndecodableEventError(BusError):
    """Stored bytes that are no event that this Athanor can read.

    Attributes:
        sequence: where they stand in the log.
        subject: where they were published; empty where that is not known.
        reason: what is wrong with them.
    """

    def __init__(self, sequence: int, reason: str, subject: str = "") -> None:
        self.sequence, self.subject, self.reason = sequence, subject, reason
        super().__init__(f"Sequence {sequence} of the log cannot be read. {reason}")


class RefusedEventError(UndecodableEventError):
    """Stored bytes that look like an event, and that nobody may take for one."""


class NewerAthanorError(BusError):
    """One of the lab's own people has said what only a newer Athanor understands.

    Attributes:
        sequence: where it stands in the log.
    """

    def __init__(self, sequence: int, reason: str) -> None:
        self.sequence = sequence
        super().__init__(f"Sequence {sequence} of the log cannot be read. {reason}")


class RollError(BusError):
    """The keys of a lab are not those on the roll of its log."""


class BlobError(BusError):
    """Something is wrong with an artefact."""


class BlobMissingError(BlobError):
    """There is no artefact of that digest."""


class BlobCorruptError(BlobError):
    """An artefact's content is not what its digest says."""
