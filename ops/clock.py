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
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

SLICE = 60.0
"""Longest sleep in real seconds before the wall clock is looked at again: it may be set meanwhile."""

JITTER = 0.5
"""Seconds that a wall clock may be corrected by between two looks, forward or back, without a word."""

LOOKS = 5
"""How often both clocks are looked at until that takes no time."""

Place = tuple[int, int]
"""Sequence in the log, and order of the agent that it is delivered to."""


def steady() -> float:
    """Seconds that have passed since some moment, whatever is done to the wall clock.

    Where the system can tell, time in which the machine slept is among them (Linux: ``CLOCK_BOOTTIME``), for furnaces
    do not sleep with it.
    """
    counts_sleep: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if counts_sleep is None else time.clock_gettime(counts_sleep)


class RealClock:
    """The time that passes, beginning with that on the wall; everybody works side by side.

    Small corrections of the wall clock, as NTP makes them all the time, are followed, and the lab's time stands still
    rather than run backwards. A step of the wall clock is told and not followed: no dwell ends and no batch times out
    because somebody has set a clock, and no effect is recorded before its cause. The lab's time is that on the wall
    again after a restart, unless that would take it back.

    A machine that is suspended (a laptop that is closed, a virtual machine that is frozen) stops the lab and not the
    time: what has passed meanwhile has passed in the lab, too, and what was due is done when the machine wakes up.
    Only where the system cannot tell how long it slept (no ``CLOCK_BOOTTIME``) does that look like a step.

    Attributes:
        on_jump: told by how many seconds the wall clock was set: forward, or back if negative.
        stepped: by how many seconds it was set since this clock was made, all told.
    """

    def __init__(
        self,
        *,
        not_before: datetime | None = None,
        speed: float = 1.0,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        steady: Callable[[], float] = steady,
    ) -> None:
        """Makes the clock.

        Args:
            not_before: a time that has passed in this lab already, as its log says.
            speed: seconds of lab time for each second that passes; other than 1 only where everything is simulated.
            wall: tells the time on the wall.
            steady: tells seconds that have passed since some moment.
        """
        self._wall, self._steady, self.speed = wall, steady, speed
        self._looked, self._at = self._look()
        self._origin = max(self._looked, not_before or self._looked)
        self._passed = self._most = self.stepped = 0.0
        self.on_jump: Callable[[float], None] = lambda _: None

    def now(self) -> datetime:
        """The time now, UTC; never earlier than what was told before."""
        looked, at = self._look()
        on_the_wall, passed = (looked - self._looked).total_seconds(), at - self._at
        self._looked, self._at = looked, at
        step = on_the_wall - passed
        stepped = abs(step) > JITTER
        self._passed += passed if stepped else on_the_wall
        self._most = max(self._most, self._passed)
        if stepped:
            self.stepped += step
            self.on_jump(step)
        return self._origin + timedelta(seconds=self._most * self.speed)

    def _look(self) -> tuple[datetime, float]:
        """Both clocks at the same moment: a machine may be frozen between two lines."""
        for _ in range(LOOKS):
            before, wall = self._steady(), self._wall()
            if self._steady() - before < JITTER / 10:
                break
        return wall, before

    async def sleep_until(self, when: datetime) -> None:
        """Returns at `when`; at once if that is past."""
        while (left := (when - self.now()).total_seconds() / self.speed) > 0:
            await asyncio.sleep(min(left, SLICE))

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

    @contextmanager
    def watch(self) -> Iterator[None]:
        """The real lab is never at rest anyway."""
        yield

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts work beside everything else."""
        return asyncio.create_task(work)


@dataclass(eq=False)
class _Hold:
    """One activity and whether it holds the turn.

    Tasks that it starts inherit it with their context: what it awaits in such a task, under a time limit say,
    gives the turn away as if it did so itself. Its tasks must not sleep on this clock while it works on.
    """

    place: Place | None
    """What it works on; none for what came from outside."""
    seat: int | None
    """The agent that hears nothing while this activity waits; none if it goes on listening."""
    held: bool = True


_HOLD: ContextVar[_Hold | None] = ContextVar("hold", default=None)


@dataclass(order=True)
class _Appointment:
    """Somebody who waits for a time. At equal times the log decides, so that a restart keeps the order."""

    when: datetime
    place: tuple[float, float]
    count: int
    waiter: asyncio.Future[None] = field(compare=False)


@dataclass
class _Seat:
    """Deliveries on their way to one agent."""

    waiting: list[int] = field(default_factory=list)
    """Sequences, a heap."""
    members: set[int] = field(default_factory=set)
    """The same, to look them up."""
    reached: int = 0
    """The last that had its turn."""


class VirtualClock:
    """Time that passes only while everybody waits.

    One activity runs at a time. When it ends, or waits for an appointment, the next is, in this order: the
    earliest expected delivery (and if it is still on its way, nobody), what came from outside, the earliest
    appointment. An agent that waits inside a turn hears nothing meanwhile: what is delivered to it waits with
    it, and the others go on.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._active = 0
        self._count = itertools.count()
        self._seats: dict[int, _Seat] = {}
        self._deaf: Counter[int] = Counter()
        self._arrived: dict[Place, asyncio.Future[None]] = {}
        self._ready: deque[asyncio.Future[None]] = deque()
        self._appointments: list[_Appointment] = []
        self._abroad = 0
        self._watchers = 0
        self._rest = asyncio.Event()

    def now(self) -> datetime:
        """The virtual time."""
        return self._now

    # waiting -------------------------------------------------------------------------------------

    async def sleep_until(self, when: datetime) -> None:
        """Lets the others go on until it is `when`."""
        if when <= self._now:
            return
        hold = self._mine()
        place = hold.place if hold and hold.place else (float("inf"), float("inf"))
        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._appointments, _Appointment(when, place, next(self._count), waiter))
        self._rest.clear()
        if hold is None:  # somebody who takes no turns: woken in time, and nobody waits for him
            self._next()
            await self._turn_of(waiter)
            self._leave()
            return
        with self._away(hold, waiter):
            await waiter

    async def poll(self, seconds: float) -> None:
        """Waits in real seconds; whoever holds the turn lets the others go on, but no appointment comes near."""
        hold = self._mine()
        if hold is None:
            await asyncio.sleep(seconds)
            return
        waiter = asyncio.get_running_loop().create_future()
        self._abroad += 1
        try:
            with self._away(hold, waiter):
                try:
                    await asyncio.sleep(seconds)
                finally:
                    self._abroad -= 1
                    self._ready.append(waiter)
                    self._next()
                await waiter
        except asyncio.CancelledError:
            waiter.cancel()
            raise

    async def rest(self) -> None:
        """Returns when nothing is expected, nobody works or watches, and there is no appointment to jump to."""
        self._next()
        await self._rest.wait()

    @contextmanager
    def watch(self) -> Iterator[None]:
        """While it is held the lab is not at rest: something may come from outside."""
        self._watchers += 1
        self._rest.clear()
        try:
            yield
        finally:
            self._watchers -= 1
            self._next()

    # turns ---------------------------------------------------------------------------------------

    def expect(self, sequence: int, order: int) -> None:
        """Holds time until that delivery has been worked on; one that has been is not waited for again."""
        seat = self._seats.setdefault(order, _Seat())
        if sequence > seat.reached:
            self._enlist(seat, sequence)

    @asynccontextmanager
    async def turn(self, sequence: int, order: int) -> AsyncIterator[None]:
        """Waits until everything earlier in the log has been worked on."""
        self._enlist(self._seats.setdefault(order, _Seat()), sequence)
        waiter = self._arrived[sequence, order] = asyncio.get_running_loop().create_future()
        async with self._held(waiter, (sequence, order), order):
            yield

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[None]:
        """Waits for a turn for something that no delivery led to."""
        waiter = asyncio.get_running_loop().create_future()
        self._ready.append(waiter)
        self._rest.clear()
        async with self._held(waiter, None, None):
            yield

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts work that holds the turn until it waits or ends."""
        mother = self._mine()
        self._active += 1
        begun = False

        async def hold() -> None:
            nonlocal begun
            begun = True
            mine = _Hold(mother.place if mother else None, None)
            _HOLD.set(mine)
            try:
                await work
            finally:
                self._give_up(mine)

        def ended(_task: asyncio.Task[None]) -> None:
            if not begun:  # cancelled before its first step
                work.close()
                self._leave()

        task = asyncio.create_task(hold())
        task.add_done_callback(ended)
        return task

    @asynccontextmanager
    async def _held(self, waiter: asyncio.Future[None], place: Place | None, seat: int | None) -> AsyncIterator[None]:
        self._next()
        await self._turn_of(waiter)
        mine = _Hold(place, seat)
        token = _HOLD.set(mine)
        try:
            yield
        finally:
            _HOLD.reset(token)
            self._give_up(mine)

    # the order of things -------------------------------------------------------------------------

    @staticmethod
    def _mine() -> _Hold | None:
        """The hold of this activity, if the turn is its own now; a task that outlives the activity has none."""
        hold = _HOLD.get()
        return hold if hold is not None and hold.held else None

    def _enlist(self, seat: _Seat, sequence: int) -> None:
        if sequence not in seat.members:
            seat.members.add(sequence)
            heapq.heappush(seat.waiting, sequence)
            self._rest.clear()

    async def _turn_of(self, waiter: asyncio.Future[None]) -> None:
        """Waits for the turn; one that comes to somebody who is cancelled at that moment is passed on."""
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self._leave()
            raise

    @contextmanager
    def _away(self, hold: _Hold, waiter: asyncio.Future[None]) -> Iterator[None]:
        """Lets the others go on; on return the turn is held again."""
        if hold.seat is not None:
            self._deaf[hold.seat] += 1
        self._give_up(hold)
        try:
            yield
        except BaseException:
            if waiter.cancelled() or not waiter.done():
                self._active += 1  # it holds the turn while it unwinds, and gives it away as usual
            raise
        finally:
            hold.held = True
            if hold.seat is not None:
                self._deaf[hold.seat] -= 1

    def _give_up(self, hold: _Hold) -> None:
        if hold.held:
            hold.held = False
            self._leave()

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

    def _earliest(self) -> Place | None:
        """The first expected delivery to an agent that listens."""
        heads = ((s.waiting[0], order) for order, s in self._seats.items() if s.waiting and not self._deaf[order])
        return min(heads, default=None)

    def _next(self) -> None:
        """Gives the turn to whoever is next, if nobody holds it."""
        while self._active == 0:
            if (place := self._earliest()) is not None:
                waiter = self._arrived.pop(place, None)
                if waiter is None:
                    return  # still on its way
                sequence, order = place
                seat = self._seats[order]
                heapq.heappop(seat.waiting)
                seat.members.discard(sequence)
                if self._grant(waiter):
                    seat.reached = max(seat.reached, sequence)
            elif self._ready:
                self._grant(self._ready.popleft())
            elif self._abroad:
                return  # time does not pass while somebody waits for the outside world
            elif self._appointments:
                appointment = heapq.heappop(self._appointments)
                if not appointment.waiter.done():
                    self._now = max(self._now, appointment.when)
                    self._grant(appointment.waiter)
            else:
                if not self._watchers:
                    self._rest.set()
                return
