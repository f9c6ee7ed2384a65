"""Books furnaces and the diffractometer for what may be made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta

from pydantic import Field

from agents.agent import folds, on
from agents.candidate_book import CandidateBook, Fate, KeepsBook
from contracts.campaigns import CampaignPlan, CampaignStarted
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


def run_length(recipe: Recipe, samples: int) -> timedelta:
    """Planned time from the first weighing to the last unloading of a run."""
    handling = samples * (WEIGHING + LOADING * (1 + recipe.firings))
    milling = timedelta(seconds=recipe.milling.duration) * recipe.firings
    firing = timedelta(seconds=recipe.profile.duration()) * recipe.firings
    return (handling + milling + firing) * MARGIN


def _shared(recipe: Recipe) -> tuple[str, str, int]:
    """What samples of one run have in common."""
    return (recipe.profile.model_dump_json(), recipe.atmosphere.value, recipe.firings)


class Scheduler(KeepsBook[SchedulerMemory]):
    """Groups cleared samples that share a thermal profile into furnace runs and books instruments for them."""

    name = "scheduler"

    def __init__(self) -> None:
        super().__init__(SchedulerMemory())

    @folds(CampaignStarted)
    def learn_plan(self, event: CampaignStarted) -> None:
        """Which furnaces there are."""
        self.memory.plan = event.plan

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
        self, event: CandidateCleared | CandidateRefused | ReviewRequested | ReviewDecided
    ) -> AsyncIterator[Event]:
        """Books runs once the batch's decisions are in, so that vials with one profile go in together."""
        batch_id = self.memory.batch_of(event.candidate_id)
        if batch_id is None:
            return
        fates = self.memory.batch(batch_id)
        if Fate.PROPOSED in fates.values() or Fate.ASKED in fates.values():
            return
        ready = [
            w
            for name, fate in fates.items()
            if fate is Fate.CLEARED and (w := self.memory.waiting.get(name)) is not None
        ]
        for run in self._runs(ready):
            yield run

    def _runs(self, ready: Iterable[Waiting]) -> Iterable[RunScheduled]:
        """The runs that make these vials, each on the furnace that is free first."""
        plan = self.memory.plan
        if plan is None:
            return
        groups: dict[tuple[str, str, int], list[Waiting]] = {}
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
                number += 1
                run = self._run(f"r-{number:04d}", furnace.name, start, load, plan)
                booked |= {r.instrument: r.end for r in run.reservations}
                yield run

    def _run(self, run_id: str, furnace: str, start: datetime, load: list[Waiting], plan: CampaignPlan) -> RunScheduled:
        end = start + run_length(load[0].recipe, len(load))
        scan = plan.scan
        scan_time = timedelta(seconds=(scan.stop - scan.start) / scan.step * scan.seconds_per_step) * MARGIN
        diffractometer = plan.laboratory.diffractometer
        free = max(self.memory.booked_until.get(diffractometer, end), end)
        return RunScheduled(
            run_id=run_id,
            furnace=furnace,
            samples=tuple(
                ScheduledSample(
                    sample_id=w.sample_id,
                    candidate_id=w.candidate_id,
                    composition=w.composition,
                    recipe=w.recipe,
                )
                for w in load
            ),
            reservations=(
                Reservation(instrument=furnace, start=start, end=end),
                Reservation(instrument=diffractometer, start=free, end=free + scan_time * len(load)),
            ),
        )
