"""The scheduler: vials that can share a firing share a run, and no instrument is promised twice."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.agent import MOMENT, Moment
from agents.scheduler import CALIBRATION, Scheduler, run_length, scan_length
from contracts.campaigns import CampaignPaused, CampaignPlan, CampaignResumed
from contracts.recipe import Atmosphere, Milling
from contracts.scheduling import RunScheduled
from tests.agents.lab import House, started
from tests.agents.said import (
    answered,
    asked,
    calibrated,
    candidate,
    cleared,
    not_calibrated,
    proposed,
    refused,
    rescanned,
)
from tests.contracts.examples import EPOCH, plan, recipe


def laboratory(**capacities: int) -> dict:
    furnaces = tuple({"name": name.replace("_", "-"), "capacity": n} for name, n in capacities.items())
    return {"furnaces": furnaces, "diffractometer": "xrd-1", "sample_mass": 5.0}


def house(**capacities: int) -> House:
    return House(lambda _: [Scheduler()], started(laboratory=laboratory(**(capacities or {"furnace_1": 4}))))


def loads(said: list) -> list[tuple[str, list[str]]]:
    return [(run.furnace, [s.candidate_id for s in run.samples]) for run in said]


async def test_nothing_is_booked_before_every_candidate_of_the_batch_is_decided() -> None:
    """A question that is open holds the run back; the answer lets it go."""
    lab = house()
    assert await lab.hear(*(proposed(n) for n in (1, 2, 3)), cleared(1), asked(2), refused(3)) == []
    [run] = await lab.hear(answered(2, approved=True))
    assert loads([run]) == [("furnace-1", [candidate(1), candidate(2)])]
    assert [s.sample_id for s in run.samples] == ["c-0001-v1", "c-0002-v1"]
    assert (run.samples[0].composition, run.samples[0].recipe) == (proposed(1).composition, proposed(1).recipe)


async def test_a_run_is_booked_once_whatever_is_said_again() -> None:
    """A second answer to the same question makes no second vial."""
    lab = house()
    await lab.hear(proposed(1, size=1), asked(1))
    assert len(await lab.hear(answered(1, approved=True), answered(1, approved=True), cleared(1))) == 1
    assert await lab.hear(answered(1, approved=False)) == []


async def test_a_batch_of_refusals_books_nothing() -> None:
    """What is not made needs no furnace."""
    assert await house().hear(proposed(1, size=2), proposed(2, size=2), refused(1), asked(2)) == []


async def test_a_pause_books_nothing_and_its_end_books_what_was_held() -> None:
    """What is decided during a pause waits for its end; what is not decided yet waits on."""
    lab = house()
    paused, resumed = CampaignPaused(reason="the furnace is cleaned"), CampaignResumed(reason="it is clean")
    assert await lab.hear(paused, proposed(1, size=1), cleared(1)) == []
    assert await lab.hear(*(proposed(n, batch=2, size=2) for n in (2, 3)), cleared(2), asked(3)) == []
    [run] = await lab.hear(resumed)
    assert loads([run]) == [("furnace-1", [candidate(1)])]
    [run] = await lab.hear(answered(3, approved=False))
    assert loads([run]) == [("furnace-1", [candidate(2)])]


async def test_vials_that_fire_alike_go_in_together_as_far_as_there_is_room() -> None:
    """Profile, atmosphere, firings and milling decide; capacity splits; the rest waits for the next free furnace."""
    lab = house(furnace_1=2, furnace_2=2)
    size, long_mill = 6, Milling(duration=12 * 3600, medium="ZrO2 balls in ethanol")
    batch = [
        proposed(1, size=size),
        proposed(2, size=size, celsius=1350),
        proposed(3, size=size),
        proposed(4, size=size, atmosphere=Atmosphere.OXYGEN),
        proposed(5, size=size),
        proposed(6, size=size, milling=long_mill),
    ]
    runs = await lab.hear(*batch, *(cleared(n) for n in range(1, 7)))
    assert [[int(c[2:]) for c in load] for _, load in loads(runs)] == [[1, 3], [5], [2], [4], [6]]
    assert [run.run_id for run in runs] == [f"r-{n:04d}" for n in range(1, 6)]
    assert [run.furnace for run in runs[:2]] == ["furnace-1", "furnace-2"]


async def test_the_furnace_that_is_free_first_is_taken() -> None:
    """A run that cannot begin now begins when its furnace is free, and not earlier."""
    lab = house(furnace_1=1, furnace_2=1)
    short, long = proposed(1, size=3, celsius=1350, regrinds=0), proposed(2, size=3, regrinds=2)
    first, second, third = await lab.hear(short, long, proposed(3, size=3), cleared(1), cleared(2), cleared(3))
    assert [r.furnace for r in (first, second, third)] == ["furnace-1", "furnace-2", "furnace-1"]
    assert third.reservations[0].start == first.reservations[0].end < second.reservations[0].end
    assert first.begins == second.begins == EPOCH


async def test_of_two_free_furnaces_the_one_that_has_been_free_longer_is_taken() -> None:
    """As logs have it since the first scheduler: names decide only between furnaces that are free since one moment."""
    scheduler = Scheduler()
    MOMENT.set(Moment(now=EPOCH, rng=lambda: None))
    scheduler.fold(started(laboratory=laboratory(furnace_1=1, furnace_2=1)))
    hours = {"furnace-1": 2, "furnace-2": 1}
    scheduler.memory.booked_until = {name: EPOCH + timedelta(hours=n) for name, n in hours.items()}
    MOMENT.set(Moment(now=EPOCH + timedelta(hours=9), rng=lambda: None))
    scheduler.fold(proposed(1, size=1))
    scheduler.fold(cleared(1))
    [run] = [event async for event in scheduler.book(cleared(1))]
    assert (run.furnace, run.begins >= EPOCH + timedelta(hours=9)) == ("furnace-2", True)


async def test_the_next_batch_knows_what_is_booked() -> None:
    """Over a restart, too: bookings are folded from the log."""
    lab = house(furnace_1=1)
    [first] = await lab.hear(proposed(1, size=1), cleared(1))
    [second] = await lab.hear(proposed(2, batch=2, size=1), cleared(2))
    assert (first.run_id, second.run_id) == ("r-0001", "r-0002")
    assert second.reservations[0].start == first.reservations[0].end


def test_planned_times_cover_every_step() -> None:
    """Weighing, milling, loading, firing and unloading of each firing, with a margin."""
    plain = recipe(regrinds=0)
    firing = timedelta(seconds=plain.profile.duration())
    bare = timedelta(minutes=3 * (15 + 20), hours=6) + firing
    assert run_length(plain, 3) == bare * 1.05
    assert run_length(recipe(regrinds=2), 1) == (timedelta(minutes=15 + 3 * 20, hours=3 * 6) + 3 * firing) * 1.05
    assert scan_length(plan().scan) > timedelta(seconds=75 / 0.02 * 0.5)


profiles = st.tuples(st.sampled_from((1350, 1400, 1450)), st.integers(0, 2))
batches = st.lists(st.lists(st.tuples(profiles, st.booleans()), min_size=1, max_size=8), min_size=1, max_size=4)
furnaces = st.lists(st.integers(1, 4), min_size=1, max_size=3)


class Booking:
    """A scheduler that is told batch after batch, and hears its own words as the log would bring them."""

    def __init__(self, capacities: list[int]) -> None:
        named = {f"furnace_{n}": capacity for n, capacity in enumerate(capacities, 1)}
        self.plan: CampaignPlan = plan(laboratory=laboratory(**named))
        self.scheduler = Scheduler()
        self.runs: list[RunScheduled] = []
        self.hear(started(laboratory=laboratory(**named)), 0)

    def hear(self, event, minutes: int) -> None:
        MOMENT.set(Moment(now=EPOCH + timedelta(minutes=minutes), rng=lambda: None))
        self.scheduler.fold(event)
        if type(event) in Scheduler.reaction_table:
            said = asyncio.run(self._reaction(event))
            self.runs += said
            for run in said:
                self.hear(run, minutes)

    async def _reaction(self, event) -> list[RunScheduled]:
        return [run async for run in self.scheduler.book(event)]


@settings(max_examples=80, deadline=None)
@given(furnaces, batches, st.integers(0, 3000))
def test_no_instrument_is_promised_twice(capacities: list[int], told: list, pause: int) -> None:
    """However vials are mixed: no overlap on any furnace or on the diffractometer, all that is cleared is booked."""
    booking, n, wanted = Booking(capacities), 0, set()
    for number, batch in enumerate(told, 1):
        first = n
        for (celsius, regrinds), _ in batch:
            n += 1
            event = proposed(n, batch=number, size=len(batch), celsius=celsius, regrinds=regrinds)
            booking.hear(event, number * pause)
        for k, (_, good) in enumerate(batch, first + 1):
            booking.hear(cleared(k) if good else refused(k), number * pause)
            wanted |= {candidate(k)} if good else set()
    reserved = defaultdict(list)
    for run in booking.runs:
        assert len({(s.recipe.profile, s.recipe.regrinds) for s in run.samples}) == 1
        room = next(f.capacity for f in booking.plan.laboratory.furnaces if f.name == run.furnace)
        assert 1 <= len(run.samples) <= room
        firing, scanning = run.reservations
        assert (firing.instrument, scanning.instrument) == (run.furnace, "xrd-1")
        assert scanning.start >= firing.end, "measured after it is made"
        for reservation in run.reservations:
            reserved[reservation.instrument].append(reservation)
    for booked in reserved.values():
        for one, other in itertools.combinations(booked, 2):
            assert one.end <= other.start or other.end <= one.start, "two at once"
    made = [s.candidate_id for run in booking.runs for s in run.samples]
    assert sorted(made) == sorted(wanted)


# calibrations -----------------------------------------------------------------------------------------------

DAY = timedelta(days=1)


async def _next(lab: House, n: int, *before) -> RunScheduled:
    """The run of the n-th candidate, a batch of its own."""
    [run] = await lab.hear(*before, proposed(n, batch=n, size=1), cleared(n))
    return run


def _at(lab: House, days: float) -> House:
    """The same lab, later."""

    async def latest():
        return EPOCH + days * DAY

    lab.latest = latest
    return lab


async def test_a_furnace_is_calibrated_before_its_first_run_and_before_one_that_would_outlive_the_week() -> None:
    """The time for it is booked before the run, on its furnace; for a run that ends in time nothing is done."""
    lab = house()
    first = await _next(lab, 1)
    assert (first.calibration.instrument, first.calibration.start) == ("furnace-1", EPOCH)
    assert first.calibration.end == first.reservations[0].start == EPOCH + CALIBRATION
    assert first.reservations[0].end - first.reservations[0].start == run_length(recipe(), 1)
    second = await _next(_at(lab, 3), 2)
    assert second.calibration is None
    third = await _next(_at(lab, 5), 3)
    assert third.calibration.start == second.reservations[0].end
    assert second.reservations[0].end < EPOCH + 7 * DAY < third.reservations[0].end
    assert (await _next(_at(lab, 8), 4)).calibration is None


async def test_a_run_that_takes_longer_than_the_interval_has_a_calibration_of_its_own() -> None:
    """It cannot end in time, so it begins with a furnace that was just put right."""
    lab = House(lambda _: [Scheduler()], started(laboratory=laboratory(furnace_1=4) | {"calibration_interval_days": 1}))
    assert [(await _next(lab, n)).calibration is not None for n in (1, 2, 3)] == [True] * 3


async def test_the_interval_counts_from_when_it_was_done() -> None:
    """A calibration that came two days late is believed until two days later."""
    lab = house()
    await _next(lab, 1)
    await _at(lab, 2).hear(calibrated(0.3, at=EPOCH + 2 * DAY))
    assert (await _next(_at(lab, 6.5), 2)).calibration is None
    assert (await _next(_at(lab, 8.9), 3)).calibration is not None


async def test_each_furnace_has_its_own_interval() -> None:
    """The second run of a moment goes to the other furnace, which is due as well; the third finds both done."""
    lab = house(furnace_1=1, furnace_2=1)
    runs = await lab.hear(*(proposed(n) for n in (1, 2, 3)), *(cleared(n) for n in (1, 2, 3)))
    assert [(r.furnace, r.calibration is not None) for r in runs] == [
        ("furnace-1", True), ("furnace-2", True), ("furnace-1", False),
    ]  # fmt: skip


async def test_a_calibration_that_failed_is_due_again() -> None:
    """The next run that is booked brings another try."""
    lab = house()
    await _next(lab, 1)
    assert (await _next(_at(lab, 1), 2, not_calibrated())).calibration is not None
    assert (await _next(_at(lab, 2), 3)).calibration is None


async def test_a_furnace_that_cannot_be_asked_is_not_asked_again() -> None:
    """Nobody plans time for what never happens, whatever the interval says; other furnaces are calibrated."""
    lab = house(furnace_1=1, furnace_2=1)
    await _next(lab, 1)
    await lab.hear(not_calibrated(offered=False), not_calibrated(offered=False))
    booked = [await _next(_at(lab, 8 * n), n) for n in range(2, 6)]
    assert {r.furnace for r in booked if r.calibration is None} == {"furnace-1"}
    runs = await _at(lab, 60).hear(*(proposed(n, batch=9, size=2) for n in (8, 9)), cleared(8), cleared(9))
    assert {r.furnace: r.calibration is not None for r in runs} == {"furnace-1": False, "furnace-2": True}


async def test_no_interval_no_calibration() -> None:
    """With 0 days nothing is ever calibrated."""
    lab = House(
        lambda _: [Scheduler()],
        started(laboratory=laboratory(furnace_1=4) | {"calibration_interval_days": 0}),
    )
    assert (await _next(lab, 1)).calibration is None
    assert (await _next(_at(lab, 50), 2)).calibration is None


async def test_time_for_a_standard_is_booked_before_the_first_vials_and_when_it_is_due_again() -> None:
    """It stands between furnace and vials, and the vials begin when it ends; within the week there is none."""
    lab = House(lambda _: [Scheduler()], started(laboratory=laboratory(furnace_1=4) | {"standard": "Si"}))
    first = await _next(lab, 1)
    furnace, standard, vials = first.reservations
    assert (standard.instrument, standard.start) == ("xrd-1", furnace.end)
    assert standard.end - standard.start == scan_length(plan().scan)
    assert vials.start == standard.end
    assert len((await _next(_at(lab, 2), 2)).reservations) == 2
    assert len((await _next(_at(lab, 9), 3)).reservations) == 3


async def test_a_rescan_takes_time_of_the_diffractometer() -> None:
    """Vials that come later are planned after it."""
    lab = house()
    await lab.hear(rescanned(7))
    life = await lab.live()
    request = rescanned(7)
    assert life.runtime.seats[0].agent.memory.booked_until == {"xrd-1": EPOCH + scan_length(request.scan)}
