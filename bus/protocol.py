"""What a bus promises, whoever keeps the promises: JetStream, or its twin in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from bus.errors import BusError
from bus.signing import split
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.materials import ArtifactRef

MAX_EVENT = 64 * 1024 - 1
"""Largest message in bytes, headers and all, that the stream takes: what an entry of a tiled ledger can hold."""
MAX_PAYLOAD = MAX_EVENT - 1024
"""Largest event in bytes: with subject, id and time it fits an entry of the ledger, with its headers the stream."""

OnTrouble = Callable[[BusError], None]
"""Called with what the bus noticed by itself: garbage in the log, a refused permission, a slow consumer."""


class Recorded(NamedTuple):  # one is made for each event that is read; a frozen dataclass takes three times as long
    """An event as it stands in the log."""

    sequence: int
    """Its place, from 1, without gaps."""
    subject: str
    """Where it was published."""
    envelope: Envelope
    """What it says."""
    payload: bytes
    """The stored bytes."""
    stored_at: datetime
    """When the server stored it, by the server's clock."""
    signed: bool = False
    """Whether the key of its speaker has signed it (`bus.admitting`)."""

    @property
    def body(self) -> bytes:
        """The stored bytes without a signature on them: the envelope alone."""
        return split(self.payload)[0]


class Receipt(NamedTuple):
    """The log's answer to a publication: stored and synced to disk."""

    sequence: int
    """Its place in the log."""
    duplicate: bool
    """Whether it stood there already."""


class Delivery(Protocol):
    """One event on its way to one consumer."""

    @property
    def recorded(self) -> Recorded:
        """The event."""
        ...

    @property
    def attempt(self) -> int:
        """How often it has been delivered, this time included."""
        ...

    async def ack(self) -> None:
        """Done; returns when the server has confirmed it. It will not come again."""
        ...

    async def nak(self, delay: float = 0) -> None:
        """Not done; it comes again after `delay` real seconds."""
        ...

    async def park(self, reason: str) -> None:
        """Sets it aside as a dead letter, byte for byte, and acknowledges it: kept, and not delivered again."""
        ...


class Subscription(Protocol):
    """Deliveries of one durable consumer, in the order of the log."""

    def __aiter__(self) -> AsyncIterator[Delivery]:
        """Deliveries as they come, for ever."""
        ...

    def together(self) -> AsyncIterator[Sequence[Delivery]]:
        """Deliveries as they come, for ever; those that have come in the same moment, in the order of the log."""
        ...

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Does to each of these deliveries of ours, in their order, what its `ack` does, with one confirmation."""
        ...

    async def close(self) -> None:
        """Stops; what was not acknowledged comes again to the next subscription."""
        ...


class Blobs(Protocol):
    """Artefacts by the digest of their content."""

    def put(self, content: bytes, media_type: str, name: str) -> ArtifactRef:
        """Stores content durably; the same content twice is one artefact."""
        ...

    def get(self, ref: ArtifactRef) -> bytes:
        """The content, checked against its digest.

        Raises:
            BlobMissingError: there is no such artefact.
            BlobCorruptError: the content is not what the digest says.
        """
        ...


class Bus(Protocol):
    """Publishes, delivers and remembers events."""

    @property
    def blobs(self) -> Blobs:
        """Where artefacts are kept."""
        ...

    async def publish(self, envelope: Envelope) -> Receipt:
        """Stores an event; when this returns it is on disk.

        Said twice under the same id it is stored once, and the receipt names the first place.

        Raises:
            DuplicateConflictError: the id is taken by other content.
            EventTooLargeError: it is larger than `MAX_PAYLOAD`.
            StreamFullError: the log has reached its size limit.
            PermissionDeniedError: the server forbids it.
        """
        ...

    async def publish_all(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        """Stores events, each as `publish` does, and waits for all of them at once.

        Returns:
            A receipt for each, in the order of `envelopes`, when the last of them is on disk.

        Raises:
            BusError: what `publish` would have raised, for the first of those that were not stored, after all others
                were. To say all of them again stores none twice.
        """
        ...

    async def subscribe(self, durable: str, campaign: str, kinds: Collection[type[Event]]) -> Subscription:
        """Events of these kinds after what `durable` has acknowledged without a break."""
        ...

    async def acknowledged(self, durable: str) -> int:
        """Sequence up to which `durable` has acknowledged everything; 0 for a new one."""
        ...

    def read(self, campaign: str | None = None, start: int = 1, stop: int | None = None) -> AsyncIterator[Recorded]:
        """The past, in order, from `start` to `stop` inclusive (the end of the log by default).

        Dead letters are passed over.

        Raises:
            GapError: a sequence number is missing.
            UndecodableEventError: stored bytes are no event, or nobody may take them for one.
            NewerAthanorError: one of the lab's own people has said what only a newer Athanor understands.
        """
        ...

    async def last_sequence(self) -> int:
        """Place of the last event; 0 for an empty log."""
        ...

    async def close(self) -> None:
        """Lets go of the server."""
        ...
