"""Room for so many at once: nobody waits while there is room, and nobody waits for ever."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from bus.waiting import Room


async def visit(room: Room, seen: list[int], who: int, count: int = 1) -> None:
    """Comes in, stays for a turn of the loop, and goes."""
    if room.crowded:
        await room.wait()
    room.enter(count)
    seen.append(who)
    try:
        await asyncio.sleep(0)
    finally:
        room.leave(count)


async def test_first_come_first_served() -> None:
    """A hundred pass through a room for three in the order in which they came."""
    room, seen = Room(3), list[int]()
    await asyncio.gather(*(visit(room, seen, n) for n in range(100)))
    assert seen == list(range(100))
    assert not room.crowded


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=40), st.integers(1, 4), st.integers(0, 6))
@settings(max_examples=100, deadline=None)
async def test_whoever_gives_up_passes_his_turn_on(guests: list[tuple[int, bool]], size: int, turns: int) -> None:
    """Groups and single ones, some of which are cancelled at any moment: the others all come in, and all go."""
    room, seen = Room(size), list[int]()
    visits = [asyncio.create_task(visit(room, seen, n, count)) for n, (count, _) in enumerate(guests)]
    for _ in range(turns):
        await asyncio.sleep(0)
    for (_, patient), task in zip(guests, visits, strict=True):
        if not patient:
            task.cancel()
    async with asyncio.timeout(120):
        await asyncio.gather(*visits, return_exceptions=True)
    assert {n for n, (_, patient) in enumerate(guests) if patient} <= set(seen)
    assert (room._inside, len(room._outside)) == (0, 0)
