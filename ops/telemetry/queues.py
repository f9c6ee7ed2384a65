"""Looks at what waits for the agents, as long as the lab runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from bus.errors import BusError
from bus.jetstream import JetStreamBus
from bus.wire import ApiError
from ops.telemetry.observatory import Observatory

LOOK = 5.0
"""Real seconds between two looks."""


async def look(bus: JetStreamBus, durables: Mapping[str, str], observatory: Observatory) -> None:
    """One look.

    Args:
        bus: the bus.
        durables: agent → its consumer.
        observatory: who is told.
    """
    for agent, durable in durables.items():
        with suppress(BusError, ApiError):  # a broker that is away or forbids it is told elsewhere; the next look comes
            observatory.queued(agent, await bus.consumers.pending(durable))


async def keep_looking(bus: JetStreamBus, durables: Mapping[str, str], observatory: Observatory) -> None:
    """Looks again and again, for ever."""
    while True:
        await look(bus, durables, observatory)
        await asyncio.sleep(LOOK)
