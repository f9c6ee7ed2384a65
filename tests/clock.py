"""A lab clock for tests: a ten-hour dwell takes no time, and a test can hold the hands."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import datetime, timedelta

from tests.contracts.examples import EPOCH


class SkippingClock:
    """Jumps to the earliest appointment as soon as somebody waits for one; held, it moves by hand only.

    Attributes:
        held: whether only the test moves the time.
        polled: real seconds that polling would have taken; a stopwatch for drivers that wait for the outside.
    """

    def __init__(self, start: datetime = EPOCH, *, held: bool = False) -> None:
        self._now, self.held, self.polled = start, held, 0.0
        self._count = itertools.count()
        self._appointments: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._polls: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The time in the lab."""
        return self._now

    async def sleep_until(self, when: datetime) -> None:
        """Waits for its turn at `when`."""
        if when <= self._now:
            return
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        heapq.heappush(self._appointments, (when, next(self._count), waiter))
        if not self.held:
            loop.call_soon(self._skip)
        await waiter

    async def poll(self, seconds: float) -> None:
        """Waits on the stopwatch; lab time stands still."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        heapq.heappush(self._polls, (self.polled + seconds, next(self._count), waiter))
        loop.call_soon(self._tick)
        await waiter

    def advance(self, span: timedelta) -> None:
        """Moves the hands, and wakes whoever is due."""
        self.set(self._now + span)

    def set(self, when: datetime) -> None:
        """Moves the hands to `when`, and wakes whoever is due."""
        while self._appointments and self._appointments[0][0] <= when:
            self._skip()
        self._now = max(self._now, when)

    def stopwatch(self) -> float:
        """Real seconds that polling would have taken so far."""
        return self.polled

    def _skip(self) -> None:
        if self._appointments:
            when, _, waiter = heapq.heappop(self._appointments)
            self._now = max(self._now, when)
            if not waiter.done():
                waiter.set_result(None)

    def _tick(self) -> None:
        if self._polls:
            due, _, waiter = heapq.heappop(self._polls)
            self.polled = max(self.polled, due)
            if not waiter.done():
                waiter.set_result(None)
