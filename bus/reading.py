"""Reads a log that strangers may have written into: bytes that never were an event are passed over and counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from bus.errors import UndecodableEventError
from bus.protocol import Bus, Recorded
from contracts.errors import MalformedEventError


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
        passed_over: told of bytes that never were an event.

    Raises:
        GapError: a sequence number is missing.
        UndecodableEventError: a newer Athanor has said something that this one would not understand.
    """
    while True:
        try:
            async for recorded in bus.read(campaign, start, stop):
                yield recorded
        except UndecodableEventError as error:
            if not isinstance(error.__cause__, MalformedEventError):
                raise
            passed_over(error)
            start = error.sequence + 1
        else:
            return
