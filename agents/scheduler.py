"""Books furnaces and the diffractometer for what may be made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta

from pydantic import Field

from agents.agent import folds, on
from agents.candidate_book import CandidateBook, Fate, KeepsBook
from contracts.campaigns import CampaignPaused, CampaignPlan, CampaignResumed, CampaignStarted, ScanSettings
from contracts.event import Event
from contracts.identifiers import vial_of
from contracts.planning import CandidateProposed
from contracts.recipe import Recipe
from contracts.review import ReviewDecided
from contracts.scheduling import Reservation, RunScheduled, ScheduledSample
from contracts.trust import CandidateCleared, CandidateRefused, ReviewRequested

WEIGHING = timedelta(minutes=15)
"""Planned time to weigh out one vial."""
LOADING = timedelta(minutes=10)
"""Planned time to load or unload one vial."""
MARGIN = 1.05
"""Planned times are stretched by this, so that a slow run does not push the next one."""


class Waiting(ScheduledSample):
    """A vial that may be made and has no furnace yet, with its batch."""

    batch_id: str


class SchedulerMemory(CandidateBook):
    """What is waiting, and until when each instrument is booked."""

    plan: CampaignPlan | None = None
    waiting: dict[str, Waiting] = Field(default_factory=dict)
    booked_until: dict[str, datetime] = Field(default_factory=dict)
    runs: int = 0
    paused: bool = False


def run_length(recipe: Recipe, samples: int) -> timedelta:
    """Planned time from the first weighing to the last unloading of a run."""
    handling = samples * (WEIGHING + 2 * LOADING * recipe.firings)
    milling = timedelta(seconds=recipe.milling.duration) * recipe.firings
    firing = timedelta(seconds=recipe.profile.duration()) * recipe.firings
    return (handling + milling + firing) * MARGIN


def scan_length(scan: ScanSettings) -> timedelta:
    """Planned time of one measurement, mounting included."""
    steps = (scan.stop - scan.start) / scan.step + 1
    return (LOADING + timedelta(seconds=steps * scan.seconds_per_step)) * MARGIN


def _shared(recipe: Recipe) -> tuple[str, ...]:
    """What samples of one run have in common: they are milled and fired together."""
    profile, milling = recipe.profile.model_dump_json(), recipe.milling.model_dump_json()
    return (profile, milling, recipe.atmosphere.value, str(recipe.firings))


class Scheduler(KeepsBook[SchedulerMemory]):
    """Groups cleared samples that share a thermal profile into furnace runs and books instruments for them."""

    name = "scheduler"

    def __init__(self) -> None:
        super().__init__(SchedulerMemory())

    @folds(CampaignStarted)
    def learn_plan(self, event: CampaignStarted) -> None:
        """Which furnaces there are."""
        self.memory.plan = event.plan

    @folds(CampaignPaused, CampaignResumed)
    def note_pause(self, event: CampaignPaused | CampaignResumed) -> None:
        """Whether anything new may begin."""
        self.memory.paused = isinstance(event, CampaignPaused)

    @folds(CandidateProposed)
    def keep_recipe(self, event: CandidateProposed) -> None:
        """What would have to be made."""
        self.memory.waiting[event.candidate_id] = Waiting(
            sample_id=vial_of(event.candidate_id),
            candidate_id=event.candidate_id,
            composition=event.composition,
            recipe=event.recipe,
            batch_id=event.batch_id,
        )

    @folds(RunScheduled)
    def note_run(self, event: RunScheduled) -> None:
        """What is booked is no longer waiting."""
        self.memory.runs += 1
        for sample in event.samples:
            self.memory.waiting.pop(sample.candidate_id, None)
        for reservation in event.reservations:
            booked = self.memory.booked_until.get(reservation.instrument)
            self.memory.booked_until[reservation.instrument] = max(booked or reservation.end, reservation.end)

    @on(CandidateCleared, CandidateRefused, ReviewRequested, ReviewDecided)
    async def book(
        self, _event: CandidateCleared | CandidateRefused | ReviewRequested | ReviewDecided
    ) -> AsyncIterator[Event]:
        """Books runs once the batch's decisions are in, so that vials with one profile go in together."""
        if (batch_id := self.memory.decided) is None or self.memory.paused:
            return
        for run in self._runs(self._ready(batch_id)):
            yield run

    @on(CampaignResumed)
    async def book_what_was_held(self, _event: CampaignResumed) -> AsyncIterator[Event]:
        """Books what was decided during a pause."""
        batches = dict.fromkeys(w.batch_id for w in self.memory.waiting.values())
        decided = [b for b in batches if not self.memory.undecided(b)]
        for run in self._runs(w for batch_id in decided for w in self._ready(batch_id)):
            yield run

    def _ready(self, batch_id: str) -> list[Waiting]:
        """Vials of a batch that may be made and have no furnace yet."""
        fates, waiting = self.memory.batch(batch_id), self.memory.waiting
        return [waiting[name] for name, fate in fates.items() if fate is Fate.CLEARED and name in waiting]

    def _runs(self, ready: Iterable[Waiting]) -> Iterable[RunScheduled]:
        """The runs that make these vials, each on the furnace that is free first."""
        plan = self.memory.plan
        if plan is None:
            return
        groups: dict[tuple[str, ...], list[Waiting]] = {}
        for waiting in ready:
            groups.setdefault(_shared(waiting.recipe), []).append(waiting)
        booked = dict(self.memory.booked_until)
        number = self.memory.runs
        for group in groups.values():
            rest = group
            while rest:
                furnace = min(plan.laboratory.furnaces, key=lambda f: (booked.get(f.name, self.now), f.name))
                load, rest = rest[: furnace.capacity], rest[furnace.capacity :]
                start = max(booked.get(furnace.name, self.now), self.now)
                end = start + run_length(load[0].recipe, len(load))
                number += 1
                firing = Reservation(instrument=furnace.name, start=start, end=end)
                run = _run(f"r-{number:04d}", firing, load, plan, booked)
                booked |= {r.instrument: r.end for r in run.reservations}
                yield run


def _run(
    run_id: str, firing: Reservation, load: list[Waiting], plan: CampaignPlan, booked: Mapping[str, datetime]
) -> RunScheduled:
    """One run: its furnace, and then the diffractometer as soon as that is free.

    Args:
        run_id: its name.
        firing: the furnace's time.
        load: its vials.
        plan: how they are measured, and on what.
        booked: instrument → until when it is spoken for, by the runs before this one too.
    """
    diffractometer = plan.laboratory.diffractometer
    free = max(booked.get(diffractometer, firing.end), firing.end)
    return RunScheduled(
        run_id=run_id,
        furnace=firing.instrument,
        samples=tuple(
            ScheduledSample(
                sample_id=w.sample_id, candidate_id=w.candidate_id, composition=w.composition, recipe=w.recipe
            )
            for w in load
        ),
        reservations=(
            firing,
            Reservation(instrument=diffractometer, start=free, end=free + scan_length(plan.scan) * len(load)),
        ),
    )
