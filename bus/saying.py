"""What an envelope becomes on its way into the log: subject, bytes, signature and headers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bus.codec import CONTENT_TYPE, encode
from bus.publication import Message
from bus.signing import Signer
from bus.subjects import subject_of
from contracts.envelope import Envelope


@dataclass(slots=True)
class Said:
    """An event that is about to be stored."""

    id: str
    speaker: str
    subject: str
    body: bytes
    """What is said."""
    payload: bytes
    """What is stored: the body, with its speaker's signature where he has a key."""
    headers: dict[str, str]

    @classmethod
    def of(cls, envelope: Envelope, signer_of: Callable[[str], Signer | None]) -> Said:
        """The event in an envelope.

        Args:
            envelope: what is said.
            signer_of: gives what signs the words of somebody.

        Raises:
            EventTooLargeError: it is larger than `MAX_PAYLOAD`.
            IdentityError: there are keys, and none for this speaker.
        """
        body, name, speaker = encode(envelope), str(envelope.id), envelope.source.rpartition("/")[2]
        subject, signer = subject_of(envelope.campaign, envelope.type), signer_of(speaker)
        headers = {"Nats-Msg-Id": name, "Content-Type": CONTENT_TYPE}
        if envelope.traceparent:
            headers["traceparent"] = envelope.traceparent
        return cls(name, speaker, subject, body, body if signer is None else signer.sign(subject, body), headers)

    @property
    def message(self) -> Message:
        """What goes over the wire."""
        return self.subject, self.payload, self.headers
