"""Reading a log that strangers have written into."""

from __future__ import annotations

import pytest

from bus.errors import UndecodableEventError
from bus.memory import MemoryBus
from bus.reading import readable
from bus.subjects import subject_of
from tests.promises.bus_promises import envelope, lost


async def test_garbage_is_passed_over_and_told() -> None:
    """Events before, between and behind it are read; where it stands is said."""
    bus = MemoryBus()
    await bus.publish(envelope(lost(0), n=0))
    bus.store(subject_of("test", "synthesis.sample_lost"), b"{")
    bus.store(subject_of("test", "synthesis.sample_lost"), b"\x00")
    await bus.publish(envelope(lost(1), n=1))
    told: list[UndecodableEventError] = []
    assert [r.sequence async for r in readable(bus, passed_over=told.append)] == [1, 4]
    assert [e.sequence for e in told] == [2, 3]


async def test_what_a_newer_athanor_said_is_not_passed_over() -> None:
    """An event that this version cannot understand stops the reader: going on would forget it."""
    bus = MemoryBus()
    await bus.publish(envelope(lost(0), n=0))
    newer = bus.log[0].payload.replace(b"sample_lost:1", b"sample_lost:9")
    bus.store(subject_of("test", "synthesis.sample_lost"), newer)
    with pytest.raises(UndecodableEventError, match="newer Athanor"):
        _ = [r async for r in readable(bus)]
