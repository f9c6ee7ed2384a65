"""Books furnaces and the diffractometer for what may be made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from agents.agent import folds, on
from agents.candidate_book import CandidateBook, Fate, KeepsBook
from contracts.campaigns import CampaignPaused, CampaignPlan, CampaignResumed, CampaignStarted, ScanSettings
from contracts.diffraction import RescanRequested
from contracts.event import Event
from contracts.identifiers import vial_of
from contracts.planning import CandidateProposed
from contracts.recipe import Recipe
from contracts.review import ReviewDecided
from contracts.scheduling import Reservation, RunScheduled, ScheduledSample
from contracts.synthesis import FurnaceCalibrated, FurnaceNotCalibrated
from contracts.trust import CandidateCleared, CandidateRefused, ReviewRequested

WEIGHING = timedelta(minutes=15)
"""Planned time to weigh out one vial."""
LOADING = timedelta(minutes=10)
"""Planned time to load or unload one vial."""
CALIBRATION = timedelta(hours=4)
"""Planned time to heat a furnace, hold it against the reference thermocouple and let it cool."""
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
    calibrated: dict[str, datetime] = Field(default_factory=dict)
    """Furnace → when it was calibrated last, or will be by what is booked."""
    uncalibrated: list[str] = Field(default_factory=list)
    """Furnaces that cannot be asked to be calibrated."""
    standard_at: datetime | None = None
    """For when the last scan of a standard was booked."""
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


def calibration_due(plan: CampaignPlan, last: datetime | None, end: datetime) -> bool:
    """Whether a furnace has to be calibrated before a run that ends then: no run outlives its calibration.

    Args:
        plan: says how long a calibration is believed.
        last: when it was calibrated last; none for never.
        end: of the run, if it began at once.
    """
    days = plan.laboratory.calibration_interval_days
    return days > 0 and (last is None or end - last > timedelta(days=days))


def _shared(recipe: Recipe) -> tuple[str, ...]:
    """What samples of one run have in common: they are milled and fired together."""
    profile, milling = recipe.profile.model_dump_json(), recipe.milling.model_dump_json()
    return (profile, milling, recipe.atmosphere.value, str(recipe.firings))


class Scheduler(KeepsBook[SchedulerMemory]):
    """Groups cleared samples that share a thermal profile into furnace runs and books instruments for them."""

    name = "scheduler"
    yields = (RunScheduled,)

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
        if event.calibration is not None:
            self._note_calibration(event.furnace, event.calibration.end)
        if (standard := self._standard_in(event)) is not None:
            self.memory.standard_at = standard.start

    def _standard_in(self, event: RunScheduled) -> Reservation | None:
        """Of two times of the diffractometer the first is for a standard, the second for the vials."""
        plan = self.memory.plan
        scans = [r for r in event.reservations if plan and r.instrument == plan.laboratory.diffractometer]
        return scans[0] if len(scans) > 1 else None

    @folds(RescanRequested)
    def note_rescan(self, event: RescanRequested) -> None:
        """A scan that nobody had planned takes time of the diffractometer."""
        since = max(self.memory.booked_until.get(event.instrument, self.now), self.now)
        self.memory.booked_until[event.instrument] = since + scan_length(event.scan)

    @folds(FurnaceCalibrated)
    def note_calibrated(self, event: FurnaceCalibrated) -> None:
        """The interval counts from when it was really done."""
        self._note_calibration(event.furnace, event.calibrated_at)

    @folds(FurnaceNotCalibrated)
    def note_not_calibrated(self, event: FurnaceNotCalibrated) -> None:
        """It is due again before the next run that is booked, unless nobody can do it."""
        self.memory.calibrated.pop(event.furnace, None)
        if not event.offered and event.furnace not in self.memory.uncalibrated:
            self.memory.uncalibrated.append(event.furnace)

    def _note_calibration(self, furnace: str, at: datetime) -> None:
        self.memory.calibrated[furnace] = max(self.memory.calibrated.get(furnace, at), at)

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
        diary = _Diary(plan, self.now, self.memory.fork())
        for group in groups.values():
            rest = group
            while rest:
                furnace = min(plan.laboratory.furnaces, key=lambda f: (diary.free_since(f.name), f.name))
                load, rest = rest[: furnace.capacity], rest[furnace.capacity :]
                yield diary.book(furnace.name, load)


@dataclass
class _Diary:
    """What is booked, by the runs of this very moment too."""

    plan: CampaignPlan
    now: datetime
    memory: SchedulerMemory
    """The scheduler's, to write in: what is said now is heard only later."""

    def free_since(self, instrument: str) -> datetime:
        """Since when an instrument is free, or from when."""
        return self.memory.booked_until.get(instrument, self.now)

    def free(self, instrument: str, since: datetime | None = None) -> datetime:
        """From when an instrument is free; now or `since` at the earliest."""
        return max(self.memory.booked_until.get(instrument, self.now), since or self.now)

    def book(self, furnace: str, load: list[Waiting]) -> RunScheduled:
        """One run: its furnace, calibrated before if that is due, and then the diffractometer as soon as that is free.

        Args:
            furnace: where.
            load: its vials.
        """
        memory, diffractometer = self.memory, self.plan.laboratory.diffractometer
        length = run_length(load[0].recipe, len(load))
        calibration = self._calibration(furnace, length)
        start = calibration.end if calibration else self.free(furnace)
        fired = start + length
        measured = self.free(diffractometer, fired)
        standard = self._standard(measured)
        measured = standard[-1].end if standard else measured
        scans = scan_length(self.plan.scan) * len(load)
        memory.runs += 1
        memory.booked_until |= {furnace: fired, diffractometer: measured + scans}
        return RunScheduled(
            run_id=f"r-{memory.runs:04d}",
            furnace=furnace,
            samples=tuple(
                ScheduledSample(
                    sample_id=w.sample_id, candidate_id=w.candidate_id, composition=w.composition, recipe=w.recipe
                )
                for w in load
            ),
            reservations=(
                Reservation(instrument=furnace, start=start, end=fired),
                *standard,
                Reservation(instrument=diffractometer, start=measured, end=measured + scans),
            ),
            calibration=calibration,
        )

    def _standard(self, start: datetime) -> tuple[Reservation, ...]:
        """Time of the diffractometer for a standard before the vials, if one will be due; the analyser decides."""
        laboratory, last = self.plan.laboratory, self.memory.standard_at
        interval = timedelta(days=laboratory.standard_interval_days)
        if not laboratory.standard or not interval or (last is not None and start - last < interval):
            return ()
        self.memory.standard_at = start
        end = start + scan_length(self.plan.scan)
        return (Reservation(instrument=laboratory.diffractometer, start=start, end=end),)

    def _calibration(self, furnace: str, length: timedelta) -> Reservation | None:
        start, last = self.free(furnace), self.memory.calibrated.get(furnace)
        if furnace in self.memory.uncalibrated or not calibration_due(self.plan, last, start + length):
            return None
        end = self.memory.calibrated[furnace] = start + CALIBRATION
        return Reservation(instrument=furnace, start=start, end=end)
