"""The lab's one clock, real or virtual, and whose turn it is on it.

The virtual clock stands still while anybody works, and jumps to the next appointment when everybody waits.
Deliveries take turns in the order of the log, whatever order the network brings them in, so that a virtual
campaign is a function of its plan, its seed and the code. Waiting for the outside world (a file that a
person will drop) takes real time, and no virtual time passes meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_HOLDS_TURN: ContextVar[bool] = ContextVar("holds_turn", default=False)


class RealClock:
    """Wall time; everybody works side by side."""

    def now(self) -> datetime:
        """The time now, UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, when: datetime) -> None:
        """Returns at `when`; at once if that is past."""
        while (left := (when - self.now()).total_seconds()) > 0:
            await asyncio.sleep(min(left, 60.0))  # in slices: the wall clock may be set meanwhile

    async def poll(self, seconds: float) -> None:
        """Waits for the outside world."""
        await asyncio.sleep(seconds)

    def expect(self, sequence: int, order: int) -> None:
        """Nobody waits for anybody."""

    @asynccontextmanager
    async def turn(self, sequence: int, order: int) -> AsyncIterator[None]:  # noqa: ARG002  promise of Turns
        """At once."""
        yield

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[None]:
        """At once."""
        yield

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts work beside everything else."""
        return asyncio.create_task(work)


class VirtualClock:
    """Time that passes only while everybody waits.

    One activity runs at a time. When it ends, or waits for an appointment, the next is, in this order: the
    earliest expected delivery (and if it is still on its way, nobody), what came from outside, the earliest
    appointment. Appointments at the same time are kept in the order in which they were made.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._active = 0
        self._count = itertools.count()
        self._expected: list[tuple[int, int]] = []
        self._pending: set[tuple[int, int]] = set()  # what is in the heap, once
        self._worked_on: dict[int, int] = {}  # order → last sequence that had its turn
        self._arrived: dict[tuple[int, int], asyncio.Future[None]] = {}
        self._ready: deque[asyncio.Future[None]] = deque()
        self._appointments: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._pollers = 0
        self._rest = asyncio.Event()

    def now(self) -> datetime:
        """The virtual time."""
        return self._now

    async def sleep_until(self, when: datetime) -> None:
        """Lets the others go on until it is `when`."""
        if when <= self._now:
            return
        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._appointments, (when, next(self._count), waiter))
        await self._wait(waiter)

    async def poll(self, seconds: float) -> None:
        """Waits in real seconds; whoever holds a turn lets the others go on meanwhile."""
        self._pollers += 1
        try:
            if not _HOLDS_TURN.get():
                await asyncio.sleep(seconds)
                return
            self._leave()
            try:
                await asyncio.sleep(seconds)
            finally:
                waiter = asyncio.get_running_loop().create_future()
                self._ready.append(waiter)
                self._next()
            await waiter
        finally:
            self._pollers -= 1

    def expect(self, sequence: int, order: int) -> None:
        """Holds time until that delivery has been worked on.

        Said once or twice it is the same: the network may bring a delivery before its publisher has heard
        that it is stored, and even have it worked on by then.
        """
        if sequence > self._worked_on.get(order, 0):
            self._hold(sequence, order)

    def _hold(self, sequence: int, order: int) -> None:
        if (sequence, order) not in self._pending:
            self._pending.add((sequence, order))
            heapq.heappush(self._expected, (sequence, order))
        self._rest.clear()

    @asynccontextmanager
    async def turn(self, sequence: int, order: int) -> AsyncIterator[None]:
        """Waits until everything earlier in the log has been worked on."""
        key = (sequence, order)
        self._hold(sequence, order)  # nobody may have expected it: it came early, or once more
        waiter = asyncio.get_running_loop().create_future()
        self._arrived[key] = waiter
        self._next()
        await waiter
        token = _HOLDS_TURN.set(True)
        try:
            yield
        finally:
            _HOLDS_TURN.reset(token)
            self._leave()

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[None]:
        """Waits for a turn for something that no delivery led to."""
        waiter = asyncio.get_running_loop().create_future()
        self._ready.append(waiter)
        self._next()
        await waiter
        token = _HOLDS_TURN.set(True)
        try:
            yield
        finally:
            _HOLDS_TURN.reset(token)
            self._leave()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts work that holds the turn until it waits or ends."""
        self._active += 1

        async def hold() -> None:
            _HOLDS_TURN.set(True)
            try:
                await work
            finally:
                self._leave()

        return asyncio.create_task(hold())

    async def rest(self) -> None:
        """Returns when nothing is expected, nobody works, and there is no appointment left to jump to."""
        await self._rest.wait()

    async def _wait(self, waiter: asyncio.Future[None]) -> None:
        self._leave()
        await waiter

    def _leave(self) -> None:
        self._active -= 1
        self._next()

    def _grant(self, waiter: asyncio.Future[None]) -> bool:
        """Gives the turn to `waiter`, unless it was cancelled meanwhile."""
        if waiter.done():
            return False
        self._active += 1
        waiter.set_result(None)
        return True

    def _next(self) -> None:
        """Gives the turn to whoever is next, if nobody holds it."""
        while self._active == 0:
            if self._expected:
                waiter = self._arrived.pop(self._expected[0], None)
                if waiter is None:
                    return  # still on its way
                sequence, order = heapq.heappop(self._expected)
                self._pending.discard((sequence, order))
                self._worked_on[order] = max(sequence, self._worked_on.get(order, 0))
                self._grant(waiter)
                continue
            if self._ready:
                self._grant(self._ready.popleft())
                continue
            if self._appointments:
                when, _, waiter = heapq.heappop(self._appointments)
                if not waiter.done():
                    self._now = max(self._now, when)
                    self._grant(waiter)
                continue
            if self._pollers == 0:
                self._rest.set()
            return
