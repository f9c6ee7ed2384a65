"""The measuring half of the analyser: each vial is scanned, and the diffractometer is held against a standard when due.

Whether a standard or another scan is due is decided when an event is folded or answered, not by looking at a memory
that has not yet heard what was asked for a moment ago.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta

from pydantic import BaseModel, Field

from agents.actions import NotDone, effectively_once
from agents.agent import Agent, folds, on
from agents.memory import Memory
from agents.review_queue import ReviewQueue
from contracts.campaigns import CampaignPlan, CampaignStarted
from contracts.diffraction import (
    AnalysisFlagged,
    MeasurementFailed,
    MeasurementStarted,
    PatternMeasured,
    RescanRequested,
    StandardMeasured,
)
from contracts.event import Event
from contracts.identifiers import STANDARD_SCAN, scan_of, standard_scan
from contracts.instruments import Diffractometer, ScanReport, ScanRequest, UnaskedDiffractometer
from contracts.synthesis import SampleSynthesised

STANDARDS_KEPT = 200
"""Standards of each instrument that are remembered, some years of them."""
PATTERN_MEDIA_TYPE = "application/octet-stream"


class Again(BaseModel):
    """One rescan that was asked for, and the day it was counted on."""

    request: RescanRequested
    day: date


class AnalyserMemory(Memory):
    """The plan, what each vial was meant to be, what standards showed, and what is in doubt."""

    plan: CampaignPlan | None = None
    library_sha256: str = ""
    samples: dict[str, SampleSynthesised] = Field(default_factory=dict)
    standards: dict[str, tuple[StandardMeasured, ...]] = Field(default_factory=dict)
    """Instrument → what its latest standards showed, oldest first."""
    standards_asked: int = 0
    """Scans of a standard that were asked for."""
    asked_at: datetime | None = None
    """When the last of them was; none where it came to nothing."""
    standard_due: bool = False
    """Whether the latest vial is to wait for a standard."""
    rescans: dict[str, tuple[Again, ...]] = Field(default_factory=dict)
    """Vial → the rescans that it was given."""
    reviews: ReviewQueue = Field(default_factory=ReviewQueue)
    """Questions for people."""


class Measures(Agent[AnalyserMemory]):
    """An agent that has a diffractometer."""

    def __init__(self, diffractometer: Diffractometer) -> None:
        """Args: the diffractometer."""
        super().__init__(AnalyserMemory())
        self.diffractometer = diffractometer

    @folds(CampaignStarted)
    def learn_plan(self, event: CampaignStarted) -> None:
        """How to measure, and which elements there may be."""
        self.memory.plan, self.memory.library_sha256 = event.plan, event.library_sha256

    @folds(SampleSynthesised)
    def expect(self, event: SampleSynthesised) -> None:
        """What a vial was meant to be, and whether a standard is scanned before it."""
        memory = self.memory
        memory.samples[event.sample_id] = event
        memory.standard_due = memory.plan is not None and self._standard_due(memory.plan)
        if memory.standard_due:
            memory.standards_asked, memory.asked_at = memory.standards_asked + 1, self.now

    def _standard_due(self, plan: CampaignPlan) -> bool:
        laboratory = plan.laboratory
        if not laboratory.standard or laboratory.standard_interval_days <= 0:
            return False
        told = [s.measured_at for s in self.memory.standards.get(laboratory.diffractometer, ())]
        last = max([*told, *([self.memory.asked_at] if self.memory.asked_at else [])], default=None)
        return last is None or self.now - last >= timedelta(days=laboratory.standard_interval_days)

    @folds(StandardMeasured)
    def hold_against(self, event: StandardMeasured) -> None:
        """What a standard showed."""
        before = self.memory.standards.get(event.instrument, ())
        self.memory.standards[event.instrument] = (*before, event)[-STANDARDS_KEPT:]

    @folds(MeasurementFailed, AnalysisFlagged)
    def miss_standard(self, event: MeasurementFailed | AnalysisFlagged) -> None:
        """A standard that came to nothing is due again before the next vial."""
        if event.measurement_id.startswith(STANDARD_SCAN):
            self.memory.asked_at = None

    @folds(RescanRequested)
    def note_rescan(self, event: RescanRequested) -> None:
        """What a rescan takes of the day's budget."""
        again = Again(request=event, day=self.now.date())
        self.memory.rescans[event.sample_id] = (*self.memory.rescans.get(event.sample_id, ()), again)

    # scans ---------------------------------------------------------------------------------------

    @on(SampleSynthesised, long=True)
    async def measure(self, event: SampleSynthesised) -> AsyncIterator[Event]:
        """Intent, scan, fact; of a standard first, where one is due."""
        plan = self.memory.plan
        if plan is None:
            return
        settings = plan.scan.model_dump()
        if self.memory.standard_due:
            n = self.memory.standards_asked
            request = ScanRequest(
                key=standard_scan(self.diffractometer.name, n),
                sample_id=f"standard-{plan.laboratory.standard.value}-{n:04d}",
                **settings,
            )
            async for told in self._scanned(request):
                yield told
        async for told in self._scanned(
            ScanRequest(key=scan_of(event.sample_id), sample_id=event.sample_id, **settings)
        ):
            yield told

    @on(RescanRequested, long=True)
    async def measure_again(self, event: RescanRequested) -> AsyncIterator[Event]:
        """Intent, scan, fact, with the settings that were asked for."""
        request = ScanRequest(key=event.measurement_id, sample_id=event.sample_id, **event.scan.model_dump())
        async for told in self._scanned(request):
            yield told

    async def _scanned(self, request: ScanRequest) -> AsyncIterator[Event]:
        key, sample = request.key, request.sample_id
        yield MeasurementStarted(measurement_id=key, sample_id=sample, instrument=self.diffractometer.name)
        told = (e for e in self.told if isinstance(e, PatternMeasured | MeasurementFailed) and e.measurement_id == key)
        if (recorded := next(told, None)) is not None:
            yield recorded  # the log has it, whatever the instrument may remember
            return
        outcome = await effectively_once(self.diffractometer, request, self.bench.wait_until)
        if isinstance(outcome, NotDone):
            yield self._failed(key, sample, outcome.reason)
            return
        yield await self._measured(outcome.model_copy(update={"key": key, "sample_id": sample}), asked=True)

    def heard(self) -> AsyncIterator[tuple[str, Event]] | None:
        """Files that nobody asked for, where the diffractometer hands in such."""
        if not isinstance(self.diffractometer, UnaskedDiffractometer):
            return None
        return self._unasked(self.diffractometer)

    async def _unasked(self, diffractometer: UnaskedDiffractometer) -> AsyncIterator[tuple[str, Event]]:
        async for report in diffractometer.unasked():
            yield f"unasked/{report.key}", await self._measured(report, asked=False)

    async def _measured(self, report: ScanReport, *, asked: bool) -> Event:
        if report.problem:
            return self._failed(report.key, report.sample_id, report.problem)
        return PatternMeasured(
            measurement_id=report.key,
            sample_id=report.sample_id,
            instrument=self.diffractometer.name,
            pattern=await self.bench.keep(report.content, PATTERN_MEDIA_TYPE, report.file_name),
            radiation=report.radiation,
            started_at=report.started_at,
            ended_at=report.ended_at,
            asked=asked,
        )

    def _failed(self, key: str, sample: str, reason: str) -> MeasurementFailed:
        return MeasurementFailed(
            measurement_id=key,
            sample_id=sample,
            instrument=self.diffractometer.name,
            reason=reason,
            retryable=False,
        )
