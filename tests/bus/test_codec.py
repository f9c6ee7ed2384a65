"""Events as bytes: what is written always fits the ledger."""

from __future__ import annotations

import pytest

from bus.codec import decode, encode
from bus.errors import EventTooLargeError
from bus.ledger.entry import MAX_ENTRY, decode_entry, encode_entry
from bus.protocol import MAX_PAYLOAD
from bus.subjects import subject_of
from contracts.presence import AgentStopped
from tests.bus.ledger.growing import envelope


def of_size(size: int) -> AgentStopped:
    """A fact whose event has that many bytes."""
    short = len(encode(envelope(1, AgentStopped(agent="planner", start=1, reason=""))))
    return AgentStopped(agent="planner", start=1, reason="x" * (size - short))


def test_the_largest_event_is_kept_whole_in_the_ledger() -> None:
    """An event of the largest size, of the longest campaign and kind that there can be, fits an entry."""
    payload = encode(envelope(1, of_size(MAX_PAYLOAD)))
    assert len(payload) == MAX_PAYLOAD
    assert decode(payload) == envelope(1, of_size(MAX_PAYLOAD))
    entry = encode_entry(2**64 - 1, subject_of("c" * 128, "t" * 128 + "." + "f" * 128), "i" * 36, 2**63, payload)
    assert len(entry) <= MAX_ENTRY
    assert decode_entry(entry).payload == payload


def test_a_larger_event_is_not_written() -> None:
    """One byte more is refused where the bytes are made, so that no way of publishing can forget to."""
    with pytest.raises(EventTooLargeError, match=str(MAX_PAYLOAD)):
        encode(envelope(1, of_size(MAX_PAYLOAD + 1)))
