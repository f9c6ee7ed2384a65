"""Reads a log that strangers may have written into: what nobody may take for an event is passed over and told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from bus.errors import UndecodableEventError
from bus.protocol import Bus, Recorded


async def readable(
    bus: Bus,
    campaign: str | None = None,
    start: int = 1,
    stop: int | None = None,
    *,
    passed_over: Callable[[UndecodableEventError], None] = lambda _: None,
) -> AsyncIterator[Recorded]:
    """The events of a log, as live consumers see them.

    Args:
        bus: where the log is.
        campaign: one campaign; all by default.
        start: first sequence.
        stop: last sequence; the end of the log by default.
        passed_over: told of each message that is no event, or that nobody may take for one.

    Raises:
        GapError: a sequence number is missing.
        NewerAthanorError: one of the lab's own people has said what only a newer Athanor understands.
    """
    while True:
        try:
            async for recorded in bus.read(campaign, start, stop):
                yield recorded
        except UndecodableEventError as error:
            passed_over(error)
            start = error.sequence + 1
        else:
            return
