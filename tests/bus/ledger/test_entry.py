"""Entries: every message has one form, and no two share it."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.ledger.entry import MAX_ENTRY, Digest, Entry, decode_entry, encode_entry, framed_size
from bus.ledger.errors import EntryError, FutureEntryError

SEQUENCES, TIMES = st.integers(1, 2**64 - 1), st.integers(0, 2**64 - 1)
WORDS = st.text(max_size=60)


def test_an_entry_is_laid_out_as_documented() -> None:
    """The bytes of an entry are those that the module draws, so that any program can read them."""
    entry = encode_entry(7, "lab.a.b.c", "id-1", 1_700_000_000_123_456_789, b'{"x":1}')
    assert entry.hex() == "0100" + "0000000000000007" + "17979cfe3d85cd15" + "0009" + b"lab.a.b.c".hex() + "0004" + (
        b'id-1{"x":1}'.hex()
    )
    assert len(entry) == framed_size("lab.a.b.c", "id-1", 7)


@given(sequence=SEQUENCES, subject=WORDS, message_id=WORDS, time=TIMES, payload=st.binary(max_size=300))
def test_an_entry_tells_what_was_framed(
    sequence: int, subject: str, message_id: str, time: int, payload: bytes
) -> None:
    """Whatever message is framed, the entry gives back all of it, byte for byte."""
    entry = decode_entry(encode_entry(sequence, subject, message_id, time, payload))
    assert entry == Entry(sequence, subject, message_id, time, payload)
    assert entry.whole


@given(st.binary(max_size=80).map(lambda tail: b"\x01" + tail) | st.binary(max_size=40))
@settings(max_examples=300)
def test_bytes_are_one_entry_or_none(content: bytes) -> None:
    """Bytes that are read as an entry are exactly those that would be written for it: there is one form."""
    try:
        entry = decode_entry(content)
    except EntryError:
        return
    assert isinstance(entry.payload, bytes)
    assert isinstance(entry.id, str)
    assert encode_entry(entry.sequence, entry.subject, entry.id, entry.time, entry.payload) == content


def test_the_largest_message_fits() -> None:
    """A message that just fits is kept whole; one byte more is kept by its digest, and says so."""
    room = MAX_ENTRY - framed_size("lab.s", "id", 0)
    assert decode_entry(encode_entry(1, "lab.s", "id", 5, b"x" * room)).payload == b"x" * room
    larger = b"x" * (room + 1)
    entry = decode_entry(encode_entry(1, "lab.s", "id", 5, larger))
    assert not entry.whole
    assert entry.payload == Digest(room + 1, hashlib.sha256(larger).digest())
    assert entry.is_message("lab.s", "id", larger)
    assert not entry.is_message("lab.s", "id", larger[:-1] + b"y")


def test_even_an_endless_id_fits() -> None:
    """A stranger's message with an id as large as the broker lets through still has an entry."""
    content = encode_entry(1, "s" * 4096, "i" * 65_500, 5, b"x" * 10)
    assert len(content) <= MAX_ENTRY
    entry = decode_entry(content)
    assert isinstance(entry.id, Digest)
    assert entry.is_message("s" * 4096, "i" * 65_500, b"x" * 10)
    assert not entry.is_message("s" * 4096, "j" * 65_500, b"x" * 10)


def test_a_digest_that_was_not_needed_is_no_entry() -> None:
    """A message that fits has no second form by its digest."""
    content = encode_entry(1, "lab.s", "id", 5, b"")
    forged = content[:1] + b"\x01" + content[2:] + (100).to_bytes(4) + bytes(32)
    with pytest.raises(EntryError, match="would have fitted"):
        decode_entry(forged)


def test_time_is_not_part_of_the_message() -> None:
    """A message that was stored again later is the same message; another subject, id or payload is not."""
    entry = decode_entry(encode_entry(3, "lab.a.b.c", "id", 99, b"body"))
    assert entry.is_message("lab.a.b.c", "id", b"body")
    assert not entry.is_message("lab.a.b.d", "id", b"body")
    assert not entry.is_message("lab.a.b.c", "", b"body")
    assert not entry.is_message("lab.a.b.c", "id", b"bodY")


@pytest.mark.parametrize("cut", [0, 1, 5, 19, 25, 33])
def test_a_cut_entry_is_refused(cut: int) -> None:
    """An entry that lost its end before the payload is no entry."""
    content = encode_entry(3, "lab.a.b.c", "id-34567", 99, b"body")
    with pytest.raises(EntryError):
        decode_entry(content[:cut])


def test_a_newer_form_says_so() -> None:
    """An entry of a form that this Athanor does not know is told apart from a damaged one."""
    content = encode_entry(3, "lab.a.b.c", "id", 99, b"body")
    with pytest.raises(FutureEntryError, match="written by a newer Athanor"):
        decode_entry(b"\x02" + content[1:])


def test_a_subject_that_fits_nothing_is_refused() -> None:
    """A subject longer than an entry is an error and not a wrong entry."""
    with pytest.raises(EntryError, match="subject"):
        encode_entry(1, "s" * 65_600, "", 0, b"")
