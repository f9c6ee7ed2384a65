"""What the network does to the virtual clock: deliveries that come before anybody expects them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from ops.clock import VirtualClock

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


async def test_a_delivery_that_comes_before_it_is_expected_is_worked_on_once() -> None:
    """A publisher that hears of its storage late does not hold the lab for ever."""
    clock = VirtualClock(START)

    async def publisher() -> None:
        async with clock.outside():
            await asyncio.sleep(0.01)  # the delivery overtakes the acknowledgement
            clock.expect(1, 0)

    async def consumer() -> None:
        async with clock.turn(1, 0):
            pass

    await asyncio.gather(publisher(), consumer())
    await asyncio.wait_for(clock.rest(), 1)


async def test_a_delivery_that_was_worked_on_is_not_expected_any_more() -> None:
    """Who publishes without a turn may hear of its storage after the reaction to it."""
    clock = VirtualClock(START)
    async with clock.turn(7, 2):
        pass
    clock.expect(7, 2)
    async with clock.turn(8, 0):
        pass
    await asyncio.wait_for(clock.rest(), 1)


async def test_a_delivery_that_comes_again_gets_a_turn_again() -> None:
    """A redelivery is worked on although its sequence was before."""
    clock, worked = VirtualClock(START), 0
    for _ in range(2):
        async with clock.turn(3, 1):
            worked += 1
    await asyncio.wait_for(clock.rest(), 1)
    assert worked == 2
