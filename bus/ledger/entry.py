"""What a leaf of the ledger hashes: one message of the log, framed so that no two messages share their bytes.

::

    form        1 byte   1
    digested    1 byte   bit 0: the payload's digest stands for the payload; bit 1: the same for the id
    sequence    8 bytes  place in the log, from 1
    time        8 bytes  when the server stored it, nanoseconds since 1970
    subject     2 bytes of length, then UTF-8
    id          2 bytes of length, then UTF-8; nothing for a message without Nats-Msg-Id
    payload     the rest: the stored bytes, never written anew

All numbers are unsigned and big-endian. An entry must fit a 16-bit length. Whatever Athanor publishes does
(`bus.protocol.MAX_PAYLOAD`); a stranger's larger message is kept by the SHA-256 and length of its payload, and if that
is not enough of its id, so that the ledger vouches for every message and stops at none.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from bus.ledger.errors import EntryError, FutureEntryError

FORM = 1
"""The form that is written here; a newer Athanor may write others."""
MAX_ENTRY = 0xFFFF
"""Largest entry in bytes: the length in an entry bundle has 16 bits."""
_HEAD = struct.Struct(">BBQQH")
_LENGTH = struct.Struct(">H")
_DIGEST = struct.Struct(">I32s")
_PAYLOAD, _ID = 1, 2
_KEEP = "surrogateescape"
_new = tuple.__new__
_MARKS = (0, _PAYLOAD, _PAYLOAD | _ID)
_FIXED = _HEAD.size + _LENGTH.size


class Digest(NamedTuple):
    """What stands for bytes that were too many to keep."""

    size: int
    """How many."""
    sha256: bytes
    """Their SHA-256."""

    @classmethod
    def of(cls, content: bytes) -> Digest:
        """What stands for this content."""
        return cls(len(content), hashlib.sha256(content).digest())


class Entry(NamedTuple):
    """One message of the log as the ledger keeps it."""

    sequence: int
    """Its place in the log, from 1; its index in the ledger is one less."""
    subject: str
    """Where it was published."""
    id: str | Digest
    """Its Nats-Msg-Id, which is the event's id; empty for a message without."""
    time: int
    """When the server stored it: nanoseconds since 1970, by the server's clock."""
    payload: bytes | Digest
    """The stored bytes."""

    @property
    def whole(self) -> bool:
        """Whether the message itself is kept, and not only its digest."""
        return not isinstance(self.payload, Digest) and not isinstance(self.id, Digest)

    def is_message(self, subject: str, message_id: str, payload: bytes) -> bool:
        """Whether this is what the ledger would keep of such a message, whenever it was stored.

        A log that was restored from the ledger says the same at other times of the server's clock.
        """
        kept_id: str | Digest = message_id
        kept: bytes | Digest = payload
        if isinstance(self.id, Digest):
            kept_id = Digest.of(_utf8(message_id))
        if isinstance(self.payload, Digest):
            kept = Digest.of(payload)
        return (self.subject, self.id, self.payload) == (subject, kept_id, kept)


def framed_size(subject: str, message_id: str, payload_size: int) -> int:
    """Bytes of the entry of a whole message."""
    return _FIXED + len(_utf8(subject)) + len(_utf8(message_id)) + payload_size


def encode_entry(sequence: int, subject: str, message_id: str, time: int, payload: bytes) -> bytes:
    """The entry of a message; never longer than `MAX_ENTRY`.

    Args:
        sequence: its place in the log.
        subject: where it was published.
        message_id: its Nats-Msg-Id; empty without one.
        time: when the server stored it, nanoseconds since 1970.
        payload: the stored bytes.

    Raises:
        EntryError: the subject alone is too long; no server accepts such a one.
    """
    where, name, digested = _utf8(subject), _utf8(message_id), 0
    kept = payload
    if _FIXED + len(where) + len(name) + len(payload) > MAX_ENTRY:
        digested, kept = _PAYLOAD, _DIGEST.pack(*Digest.of(payload))
        if _FIXED + len(where) + len(name) + len(kept) > MAX_ENTRY:
            digested, name = _PAYLOAD | _ID, _DIGEST.pack(*Digest.of(name))
        if _FIXED + len(where) + len(name) + len(kept) > MAX_ENTRY:
            raise EntryError(f"Expected a subject that fits an entry of {MAX_ENTRY} bytes, got {len(where)} bytes.")
    return b"".join(
        (
            _HEAD.pack(FORM, digested, sequence, time, len(where)),
            where,
            _LENGTH.pack(len(name)),
            name,
            kept,
        )
    )


def decode_entry(content: bytes) -> Entry:
    """The message in an entry; only the bytes that `encode_entry` gives are an entry.

    Raises:
        EntryError: these bytes are none.
        FutureEntryError: a newer Athanor has written them.
    """
    if content and content[0] != FORM:
        raise FutureEntryError(content[0], FORM)
    try:
        _, digested, sequence, time, length = _HEAD.unpack_from(content)
        at = _HEAD.size + length
        begin = at + _LENGTH.size
        end = begin + (content[at] << 8 | content[at + 1])
    except (struct.error, IndexError):
        raise EntryError(f"Expected an entry of at least {_FIXED} bytes, got {len(content)}: it was cut.") from None
    if not end <= len(content) <= MAX_ENTRY or digested not in _MARKS or not sequence:
        raise EntryError(f"Expected an entry, got {len(content)} bytes whose lengths and marks contradict each other.")
    where, name, kept = content[_HEAD.size : at], content[begin:end], content[end:]
    if not digested:
        return _new(Entry, (sequence, where.decode("utf-8", _KEEP), name.decode("utf-8", _KEEP), time, kept))
    return _digested(digested, Entry(sequence, _text(where), "", time, b""), name, kept)


def _digested(digested: int, entry: Entry, name: bytes, kept: bytes) -> Entry:
    """An entry that stands for more than it holds; it must have had to."""
    try:
        payload = Digest(*_DIGEST.unpack(kept))
        message_id = Digest(*_DIGEST.unpack(name)) if digested & _ID else None
    except struct.error:
        raise EntryError("Expected a digest of 36 bytes in an entry, got another length.") from None
    room = MAX_ENTRY - _FIXED - len(_utf8(entry.subject))
    needless = len(name) + payload.size <= room if message_id is None else message_id.size + _DIGEST.size <= room
    if needless:
        raise EntryError("Expected a whole message in an entry, got a digest of one that would have fitted.")
    return entry._replace(id=_text(name) if message_id is None else message_id, payload=payload)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", _KEEP)


def _text(content: bytes) -> str:
    return content.decode("utf-8", _KEEP)
