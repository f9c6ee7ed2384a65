"""Reading a log that strangers have written into."""

from __future__ import annotations

import pytest

from bus.codec import encode
from bus.errors import NewerAthanorError, RefusedEventError, UndecodableEventError
from bus.memory import MemoryBus
from bus.reading import readable
from bus.subjects import subject_of
from contracts.presence import Speaker, SpeakersListed
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


async def test_what_nobody_vouches_for_is_passed_over() -> None:
    """A version that this Athanor does not know ends no reader's work, where no roll says that somebody may say it."""
    bus = MemoryBus()
    await bus.publish(envelope(lost(0), n=0))
    newer = bus.log[0].payload.replace(b"sample_lost:1", b"sample_lost:9")
    bus.store(subject_of("test", "synthesis.sample_lost"), newer)
    await bus.publish(envelope(lost(1), n=1))
    told: list[UndecodableEventError] = []
    assert [r.sequence async for r in readable(bus, passed_over=told.append)] == [1, 3]
    assert [(type(e), e.sequence) for e in told] == [(RefusedEventError, 2)]


async def test_what_a_newer_athanor_of_the_lab_said_is_not_passed_over() -> None:
    """A version that the roll lists, and that this Athanor does not know, stops the reader: it would forget it."""
    bus = MemoryBus()
    roll = SpeakersListed(speakers=(Speaker(name="test", public_key="", says=("synthesis.sample_lost:9",)),))
    await bus.publish(envelope(roll, n=9).model_copy(update={"source": "/agents/console"}))
    newer = encode(envelope(lost(0), n=0)).replace(b"sample_lost:1", b"sample_lost:9")
    bus.store(subject_of("test", "synthesis.sample_lost"), newer)
    with pytest.raises(NewerAthanorError, match="newer Athanor"):
        _ = [r async for r in readable(bus)]
