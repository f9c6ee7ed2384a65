"""The clock: virtual turns in the order of the log, appointments in the order of time, real sleeps in slices."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.instruments import Clock
from ops import clock as clock_module
from ops.clock import RealClock, VirtualClock

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEATS = 3


# a lab of listeners, whose network may be as slow as it likes ---------------------------------------------

sleeps = st.tuples(st.just("sleep"), st.integers(0, 3))
hops = st.tuples(st.just("hop"), st.integers(0, 2))
spawns = st.tuples(st.just("spawn"), st.lists(st.one_of(sleeps, hops), max_size=3))
leaves = st.lists(st.one_of(sleeps, hops, spawns), max_size=3)
says = st.tuples(st.just("say"), st.tuples(st.sets(st.integers(0, SEATS - 1), min_size=1), leaves))
bodies = st.lists(st.one_of(sleeps, hops, spawns, says), max_size=4)
programs = st.lists(st.tuples(st.sets(st.integers(0, SEATS - 1), min_size=1), bodies), min_size=1, max_size=5)
networks = st.lists(st.integers(0, 4), min_size=1, max_size=7)


class Lab:
    """Listeners on a virtual clock, and a trace of who did what, when."""

    def __init__(self, network: list[int]) -> None:
        self.clock = VirtualClock(START)
        self.network = network
        self.inboxes = [asyncio.Queue() for _ in range(SEATS)]
        self.on_the_way = [asyncio.Queue() for _ in range(SEATS)]
        self.written = 0
        self.working = 0
        self.trace: list[tuple] = []
        self.unfinished: Counter[str] = Counter()
        self.spawned: list[asyncio.Task[None]] = []

    def note(self, *what: object) -> None:
        self.trace.append((*what, (self.clock.now() - START) / HOUR))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else works meanwhile."""
        assert self.working == 0, "two work at once"
        self.working += 1
        try:
            yield
        finally:
            self.working -= 1

    def publish(self, seats: set[int], body: list) -> None:
        self.written += 1
        for seat in sorted(seats):
            self.clock.expect(self.written, seat)
            self.unfinished["deliveries"] += 1
            self.on_the_way[seat].put_nowait((self.written, body))

    async def carry(self, seat: int) -> None:
        """The network: in order for each listener, at its own pace."""
        for n in range(10_000):
            delivery = await self.on_the_way[seat].get()
            for _ in range(self.network[(seat + n) % len(self.network)]):
                await asyncio.sleep(0)
            self.inboxes[seat].put_nowait(delivery)

    async def listen(self, seat: int) -> None:
        while True:
            sequence, body = await self.inboxes[seat].get()
            async with self.clock.turn(sequence, seat):
                self.note("turn", sequence, seat)
                await self.act(f"{sequence}/{seat}", body)
            self.unfinished["deliveries"] -= 1

    async def act(self, name: str, body: list) -> None:
        for n, (verb, what) in enumerate(body):
            with self.alone():
                await asyncio.sleep(0)
            if verb == "sleep":
                until = self.clock.now() + what * HOUR
                await self.clock.sleep_until(until)
                assert self.clock.now() == until, "woken at another time than asked for"
                self.note("woke", name, n)
            elif verb == "hop":
                with self.alone():
                    for _ in range(what):
                        await asyncio.sleep(0)
            elif verb == "spawn":
                self.unfinished["spawned"] += 1
                self.spawned.append(self.clock.spawn(self.spawn(f"{name}+{n}", what)))
                return  # as a reaction does: it spawns and its turn ends
            else:
                self.publish(*what)

    async def spawn(self, name: str, body: list) -> None:
        try:
            await self.act(name, body)
        finally:
            self.unfinished["spawned"] -= 1

    async def run(self, program: list, meanwhile: Callable[[Lab], Awaitable[None]] | None = None) -> list[tuple]:
        tasks = [asyncio.create_task(work(s)) for s in range(SEATS) for work in (self.carry, self.listen)]
        for seats, body in program:
            self.publish(seats, body)
        if meanwhile is not None:
            await meanwhile(self)
        await asyncio.wait_for(self.clock.rest(), 10)
        failed = [t for t in tasks if t.done() and t.exception()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in failed:
            task.result()
        return self.trace


@settings(max_examples=120, deadline=None)
@given(programs, networks, networks)
def test_the_network_does_not_decide(program: list, first: list[int], second: list[int]) -> None:
    """Whatever order the network brings deliveries in, they are worked on in the same order at the same times."""

    async def twice() -> None:
        one, other = Lab(first), Lab(second)
        assert await one.run(program) == await other.run(program)
        assert +one.unfinished == Counter(), "somebody starved"

    asyncio.run(twice())


@settings(max_examples=80, deadline=None)
@given(programs, networks)
def test_deliveries_go_before_time(program: list, network: list[int]) -> None:
    """Turns come in the order of the log for each listener, time never runs back, and it rests when all is done."""

    async def once() -> None:
        lab = Lab(network)
        trace = await lab.run(program)
        turns = [(what[2], what[1]) for what in trace if what[0] == "turn"]
        for seat in range(SEATS):
            mine = [sequence for s, sequence in turns if s == seat]
            assert mine == sorted(mine)
        times = [what[-1] for what in trace]
        assert times == sorted(times)

    asyncio.run(once())


@settings(max_examples=80, deadline=None)
@given(programs, networks, st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), max_size=4))
def test_who_is_cancelled_holds_nobody_up(
    program: list, network: list[int], cancellations: list[tuple[int, int]]
) -> None:
    """Long work that is cancelled at any moment leaves the turn to the others."""

    async def cancel(lab: Lab) -> None:
        for hops, victim in cancellations:
            for _ in range(hops):
                await asyncio.sleep(0)
            if lab.spawned:
                lab.spawned[victim % len(lab.spawned)].cancel()

    async def once() -> None:
        lab = Lab(network)
        await lab.run(program, cancel)
        assert lab.unfinished["deliveries"] == 0, "somebody starved"

    asyncio.run(once())


# order ------------------------------------------------------------------------------------------------------


async def test_an_expected_delivery_goes_before_what_comes_from_outside_and_that_before_time() -> None:
    """Delivery, then outside, then appointment; even when the delivery is the last to arrive."""
    clock, order = VirtualClock(START), []

    async def sleeper() -> None:
        await clock.sleep_until(START + HOUR)
        order.append("appointment")

    async def stranger() -> None:
        async with clock.outside():
            order.append("outside")

    async def listener() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        async with clock.turn(5, 0):
            order.append("delivery")

    clock.expect(5, 0)
    await asyncio.gather(sleeper(), stranger(), listener())
    assert order == ["delivery", "outside", "appointment"]


async def test_equal_times_are_kept_in_the_order_of_the_log_and_then_of_making() -> None:
    """A restart makes appointments in another order, and must not change who is first."""
    clock, order = VirtualClock(START), []

    async def work(name: str, until: datetime) -> None:
        await clock.sleep_until(until)
        order.append(name)

    clock.expect(10, 1)  # keeps time from passing until all appointments are made
    async with clock.turn(9, 0):
        late = clock.spawn(work("from 9", START + HOUR))
    async with clock.turn(4, 0):
        early = clock.spawn(work("from 4", START + HOUR))
    bystanders = [asyncio.create_task(work(name, START + HOUR)) for name in ("first", "second")]
    await asyncio.sleep(0)
    async with clock.turn(10, 1):
        pass
    await asyncio.gather(late, early, *bystanders)
    assert order == ["from 4", "from 9", "first", "second"]


async def test_an_agent_that_waits_in_its_turn_does_not_stop_the_lab() -> None:
    """What is delivered to it waits with it; the others and time go on; then it hears in the order of the log."""
    clock, order = VirtualClock(START), []

    async def busy() -> None:
        async with clock.turn(1, 0):
            await clock.sleep_until(START + 2 * HOUR)
            order.append(("busy 1", clock.now()))
        async with clock.turn(2, 0):
            order.append(("busy 2", clock.now()))

    async def other() -> None:
        async with clock.turn(3, 1):
            await clock.sleep_until(START + HOUR)
            order.append(("other 3", clock.now()))

    for place in ((1, 0), (2, 0), (3, 1)):
        clock.expect(*place)
    await asyncio.wait_for(asyncio.gather(busy(), other()), 5)
    assert order == [("other 3", START + HOUR), ("busy 1", START + 2 * HOUR), ("busy 2", START + 2 * HOUR)]


async def test_the_past_is_no_appointment() -> None:
    """Waiting for a time that has come returns at once and lets nobody else in."""
    clock = VirtualClock(START)
    clock.expect(1, 0)
    before = asyncio.create_task(clock.sleep_until(START + HOUR))
    await asyncio.sleep(0)
    async with clock.turn(1, 0):
        await clock.sleep_until(START)
        await clock.sleep_until(START - HOUR)
        assert clock.now() == START
    await before
    assert clock.now() == START + HOUR


# waiters that are cancelled ---------------------------------------------------------------------------------


async def test_a_turn_that_comes_to_a_cancelled_waiter_is_passed_on() -> None:
    """Cancelled in the very moment in which it was granted, a turn is not lost."""
    clock = VirtualClock(START)

    async def listener(sequence: int) -> None:
        async with clock.turn(sequence, 0):
            pass

    async with clock.outside():
        waiting = asyncio.create_task(listener(1))
        await asyncio.sleep(0)
    waiting.cancel()  # the turn was granted to it a moment ago, and it has not run since
    with suppress(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(listener(2), 5)
    await asyncio.wait_for(clock.rest(), 5)
    assert clock.now() == START


async def test_a_cancelled_sleeper_inside_a_turn_leaves_a_whole_clock() -> None:
    """After it is gone turns are taken one at a time, as before."""
    clock, inside = VirtualClock(START), []

    async def sleeper() -> None:
        async with clock.turn(1, 0):
            await clock.sleep_until(START + 100 * HOUR)

    async def worker(n: int) -> None:
        async with clock.outside():
            inside.append(n)
            assert len(inside) == 1
            await asyncio.sleep(0)
            inside.remove(n)

    clock.expect(2, 1)  # keeps time from passing until the sleeper is cancelled
    sleeping = asyncio.create_task(sleeper())
    await asyncio.sleep(0)
    sleeping.cancel()
    await asyncio.gather(sleeping, return_exceptions=True)
    assert sleeping.cancelled()
    async with clock.turn(2, 1):
        pass
    await asyncio.gather(*(worker(n) for n in (1, 2, 3)))
    await asyncio.wait_for(clock.rest(), 5)
    assert clock.now() == START, "nobody is left who waits for a later time"


async def test_work_that_is_cancelled_before_its_first_step_gives_its_turn_back() -> None:
    """Spawned work holds the turn from the start, and so must give it away even if it never began."""
    clock = VirtualClock(START)
    async with clock.turn(1, 0):
        task = clock.spawn(clock.sleep_until(START + HOUR))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5), clock.turn(2, 0):
        pass
    await asyncio.wait_for(clock.rest(), 5)
    assert clock.now() == START, "nobody is left who waits for a later time"


async def test_a_task_that_outlives_its_turn_takes_no_other_turn_away() -> None:
    """A background task of a driver, begun inside a turn, may sleep without unbalancing the turns."""
    clock, woken = VirtualClock(START), []
    tasks = []

    async def background() -> None:
        await asyncio.sleep(0)
        for n in (1, 2, 3):
            await clock.sleep_until(START + n * HOUR)
            woken.append(clock.now())

    async with clock.turn(1, 0):
        tasks.append(asyncio.create_task(background()))
    await asyncio.gather(*tasks)
    async with clock.turn(2, 0):
        assert clock._active == 1
    assert woken == [START + n * HOUR for n in (1, 2, 3)]
    await asyncio.wait_for(clock.rest(), 5)


async def test_a_wait_inside_a_timeout_task_lets_the_others_go_on() -> None:
    """`wait_for` runs its work in a task of its own; the turn is given away there all the same."""
    clock = VirtualClock(START)
    async with clock.outside():
        await asyncio.wait_for(clock.sleep_until(START + HOUR), 5)
        assert clock.now() == START + HOUR
        assert clock._active == 1
    await asyncio.wait_for(clock.rest(), 5)


# rest and the outside world ---------------------------------------------------------------------------------


async def test_a_lab_in_which_nothing_was_ever_expected_is_at_rest() -> None:
    """A resumed campaign with nothing left to do is noticed, and not waited for."""
    await asyncio.wait_for(VirtualClock(START).rest(), 5)


async def test_rest_waits_for_the_last_appointment() -> None:
    """Time goes on to the end of what anybody waits for, and not beyond."""
    clock = VirtualClock(START)
    sleeper = asyncio.create_task(clock.sleep_until(START + 7 * HOUR))
    await asyncio.sleep(0)
    await asyncio.wait_for(clock.rest(), 5)
    assert sleeper.done()
    assert clock.now() == START + 7 * HOUR


async def test_a_watched_lab_is_never_at_rest() -> None:
    """As long as a file may be dropped, the campaign has not ended; when nobody watches any more it has."""
    clock = VirtualClock(START)
    resting = asyncio.create_task(clock.rest())
    with clock.watch():
        for _ in range(20):
            await asyncio.sleep(0)
        async with clock.outside():
            pass
        for _ in range(20):
            await asyncio.sleep(0)
        assert not resting.done()
    await asyncio.wait_for(resting, 5)


async def test_no_virtual_time_passes_while_somebody_waits_for_the_outside_world() -> None:
    """Deliveries are worked on meanwhile; appointments come only after the file has come."""
    clock, order = VirtualClock(START), []

    async def measuring() -> None:
        async with clock.turn(1, 0):
            for _ in range(3):
                await clock.poll(0.001)
            order.append(("measured", clock.now()))

    async def firing() -> None:
        await clock.sleep_until(START + HOUR)
        order.append(("fired", clock.now()))

    async def other() -> None:
        async with clock.turn(2, 1):
            order.append(("heard", clock.now()))

    clock.expect(1, 0)
    clock.expect(2, 1)
    await asyncio.wait_for(asyncio.gather(measuring(), firing(), other()), 10)
    assert order == [("heard", START), ("measured", START), ("fired", START + HOUR)]


async def test_who_polls_without_a_turn_does_not_stop_time() -> None:
    """A watcher of a folder is not what the lab waits for."""
    clock = VirtualClock(START)
    watching = asyncio.create_task(clock.poll(3600))
    await asyncio.wait_for(clock.sleep_until(START + HOUR), 5)
    assert clock.now() == START + HOUR
    assert not watching.done()
    watching.cancel()


async def test_a_cancelled_poll_leaves_a_whole_clock() -> None:
    """Giving up on a file lets time pass again."""
    clock = VirtualClock(START)

    async def measuring() -> None:
        async with clock.turn(1, 0):
            await clock.poll(3600)

    task = asyncio.create_task(measuring())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(clock.sleep_until(START + HOUR), 5)
    await asyncio.wait_for(clock.rest(), 5)
    assert clock.now() == START + HOUR


# real time --------------------------------------------------------------------------------------------------


class Wall:
    """A wall clock that moves only when somebody sleeps, and that somebody sets once; and what really passes."""

    def __init__(self, step: timedelta = timedelta(0)) -> None:
        self.time, self.step, self.slept, self.passed = START, step, [], 1e6
        self.jumps: list[float] = []

    def __call__(self) -> datetime:
        return self.time

    def steady(self) -> float:
        return self.passed

    def wait(self, span: timedelta, step: timedelta = timedelta(0)) -> None:
        """Time passes, and somebody sets the clock."""
        self.passed += span.total_seconds()
        self.time += span + step

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.wait(timedelta(seconds=seconds), self.step)
        self.step = timedelta(0)

    def clock(self, **options: object) -> RealClock:
        """A clock over it."""
        clock = RealClock(wall=self, steady=self.steady, **options)
        clock.on_jump = self.jumps.append
        return clock


@pytest.mark.parametrize("step", [0, 30, -30, 3 * 86400, -3 * 86400])
async def test_a_dwell_takes_its_time_whatever_is_done_to_the_wall_clock(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """A wait of 150 s sleeps for 150 s, in slices, although the wall clock is set meanwhile, by days even."""
    wall = Wall(timedelta(seconds=step))
    clock = wall.clock()
    monkeypatch.setattr(clock_module.asyncio, "sleep", wall.sleep)
    await clock.sleep_until(START + timedelta(seconds=150))
    monkeypatch.undo()
    assert wall.slept == [60, 60, 30]
    assert clock.now() == START + timedelta(seconds=150)
    assert wall.jumps == ([step] if step else [])
    assert clock.stepped == step


async def test_the_past_is_not_slept_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due is due at once."""
    wall = Wall()
    monkeypatch.setattr(clock_module.asyncio, "sleep", wall.sleep)
    await wall.clock().sleep_until(START)
    assert wall.slept == []


def test_the_labs_time_never_runs_backwards() -> None:
    """A wall clock that is set back by an hour is told about, and the lab's time goes on from where it was."""
    wall = Wall()
    clock = wall.clock()
    wall.wait(timedelta(minutes=10))
    assert clock.now() == START + timedelta(minutes=10)
    wall.wait(timedelta(0), -HOUR)
    assert clock.now() == START + timedelta(minutes=10)
    wall.wait(timedelta(minutes=1))
    assert clock.now() == START + timedelta(minutes=11)
    assert wall.jumps == [-3600]


def test_a_step_forward_is_told_and_does_not_carry_the_labs_time_along() -> None:
    """Three days that did not pass are no three days in the lab; in time-lapse neither; and back again is told, too."""
    for speed in (1.0, 1000.0):
        wall = Wall()
        clock = wall.clock(speed=speed)
        wall.wait(timedelta(seconds=6), timedelta(days=3))
        assert clock.now() == START + speed * timedelta(seconds=6)
        wall.wait(timedelta(seconds=4), -timedelta(days=3))
        assert clock.now() == START + speed * timedelta(seconds=10)
        assert wall.jumps == pytest.approx([3 * 86400, -3 * 86400])


def test_small_corrections_are_followed_without_a_word() -> None:
    """A clock that is slewed for hours takes the lab along; set back a little, its time stands still meanwhile."""
    wall = Wall()
    clock = wall.clock()
    for _ in range(1000):
        wall.wait(timedelta(seconds=10), timedelta(milliseconds=20))
        clock.now()
    assert clock.now() == wall.time == START + timedelta(seconds=10_020)
    wall.wait(timedelta(0), -timedelta(milliseconds=20))
    assert clock.now() == START + timedelta(seconds=10_020)
    wall.wait(timedelta(milliseconds=30))
    assert clock.now() == wall.time
    assert wall.jumps == []


def test_a_machine_that_slept_has_missed_nothing_of_the_time() -> None:
    """What passed while it was suspended has passed in the lab, and is no step of the clock."""
    wall = Wall()
    clock = wall.clock()
    wall.wait(timedelta(hours=9))
    assert clock.now() == START + timedelta(hours=9)
    assert wall.jumps == []


def test_a_machine_that_is_frozen_between_two_looks_has_not_stepped() -> None:
    """The wall clock and the time that passes are compared at one and the same moment."""
    wall = Wall()
    clock = wall.clock()
    freezes = [timedelta(hours=1)]

    def frozen() -> datetime:
        read = wall.time
        if freezes:
            wall.wait(freezes.pop())
        return read

    clock._wall = frozen
    assert clock.now() == START + HOUR
    assert wall.jumps == []


def test_the_time_that_passes_is_read_from_this_machine() -> None:
    """Without a test's hands the clock stands at the time on the wall, and goes on."""
    clock = RealClock()
    first = clock.now()
    assert abs((first - datetime.now(UTC)).total_seconds()) < 60
    assert clock.now() >= first
    assert clock_module.steady() <= clock_module.steady()


def test_the_labs_time_goes_on_after_what_its_log_says() -> None:
    """A lab that is started on a machine whose clock is behind does not record effects before their causes."""
    assert Wall().clock(not_before=START + HOUR).now() == START + HOUR


async def test_a_simulated_lab_may_run_in_time_lapse(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a thousandfold an hour of dwell takes 3.6 seconds."""
    wall = Wall()
    clock = wall.clock(speed=1000)
    monkeypatch.setattr(clock_module.asyncio, "sleep", wall.sleep)
    await clock.sleep_until(START + HOUR)
    assert sum(wall.slept) == pytest.approx(3.6)


async def test_in_real_time_nobody_waits_for_anybody() -> None:
    """A later delivery is worked on while an earlier one still is, and while another is awaited."""
    clock = RealClock()
    clock.expect(1, 0)
    async with clock.turn(2, 0), clock.turn(1, 0), clock.outside():
        with clock.watch():
            done = asyncio.Event()

            async def work() -> None:
                done.set()

            await clock.spawn(work())
            assert done.is_set()


def test_both_clocks_are_clocks() -> None:
    """Instruments and agents see the same three verbs."""
    verbs = [name for name in vars(Clock) if not name.startswith("_")]
    assert verbs == ["now", "sleep_until", "poll"]
    for clock in (RealClock(), VirtualClock(START)):
        assert all(callable(getattr(clock, verb)) for verb in verbs)
        assert clock.now().utcoffset() == timedelta(0)
