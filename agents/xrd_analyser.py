"""Has each finished sample measured, and names the phases in each pattern or says that it cannot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from agents.actions import NotDone, effectively_once
from agents.agent import Agent, folds, on
from agents.designs import elements_in
from agents.memory import Memory
from contracts.campaigns import CampaignPlan, CampaignStarted
from contracts.diffraction import (
    Analysis,
    AnalysisFlagged,
    Cell,
    DriftDetected,
    MeasurementFailed,
    MeasurementStarted,
    PatternMeasured,
    PhaseFound,
    PhasesIdentified,
    StandardMeasured,
    UnexplainedLine,
    Verdict,
)
from contracts.event import Event
from contracts.instruments import Diffractometer, ScanReport, ScanRequest, UnaskedDiffractometer
from contracts.synthesis import SampleSynthesised

if TYPE_CHECKING:
    from science.diffraction.identify import Identification

AIR = frozenset({"O", "C", "H"})
"""Elements that any sample may have taken from the air."""
STANDARDS_KEPT = 200
"""Standards of each instrument that are remembered, some years of them."""
PATTERN_MEDIA_TYPE = "application/octet-stream"


class AnalyserMemory(Memory):
    """The plan, and what each vial was meant to be."""

    plan: CampaignPlan | None = None
    library_sha256: str = ""
    samples: dict[str, SampleSynthesised] = Field(default_factory=dict)
    standards: dict[str, tuple[StandardMeasured, ...]] = Field(default_factory=dict, exclude_if=lambda kept: not kept)
    """Instrument → what its latest standards showed, oldest first; where there are none, a memory is what it was."""


class XrdAnalyser(Agent[AnalyserMemory]):
    """Measures samples, fits the known phases to their patterns, and says how sure it is."""

    name = "xrd_analyser"

    def __init__(self, diffractometer: Diffractometer, library: str | None = None) -> None:
        """Args: the diffractometer, and a library path instead of the shipped one."""
        super().__init__(AnalyserMemory())
        self.diffractometer, self.library = diffractometer, library

    @folds(CampaignStarted)
    def learn_plan(self, event: CampaignStarted) -> None:
        """How to measure, and which elements there may be."""
        self.memory.plan, self.memory.library_sha256 = event.plan, event.library_sha256

    @folds(SampleSynthesised)
    def expect(self, event: SampleSynthesised) -> None:
        """What a vial was meant to be."""
        self.memory.samples[event.sample_id] = event

    @folds(StandardMeasured)
    def hold_against(self, event: StandardMeasured) -> None:
        """What a standard showed."""
        before = self.memory.standards.get(event.instrument, ())
        self.memory.standards[event.instrument] = (*before, event)[-STANDARDS_KEPT:]

    # measuring -----------------------------------------------------------------------------------

    @on(SampleSynthesised, long=True)
    async def measure(self, event: SampleSynthesised) -> AsyncIterator[Event]:
        """Intent, scan, fact."""
        plan = self.memory.plan
        if plan is None:
            return
        key = f"{event.sample_id}/scan/1"
        yield MeasurementStarted(measurement_id=key, sample_id=event.sample_id, instrument=self.diffractometer.name)
        if recorded := [e for e in self.told if isinstance(e, PatternMeasured | MeasurementFailed)]:
            yield recorded[0]  # the log has it, whatever the instrument may remember
            return
        request = ScanRequest(key=key, sample_id=event.sample_id, **plan.scan.model_dump())
        outcome = await effectively_once(self.diffractometer, request, self.bench.wait_until)
        if isinstance(outcome, NotDone):
            yield self._failed(key, event.sample_id, outcome.reason)
            return
        yield await self._measured(outcome.model_copy(update={"key": key, "sample_id": event.sample_id}), asked=True)

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

    # identifying ---------------------------------------------------------------------------------

    @on(PatternMeasured)
    async def identify(self, event: PatternMeasured) -> AsyncIterator[Event]:
        """Names the phases, or flags the pattern; a standard judges the instrument, and is not identified."""
        from science.diffraction.errors import DiffractionError
        from science.diffraction.tasks import identify_bytes

        standard = standard_in(event.sample_id)
        if standard is not None and not event.asked:
            async for told in self._judge_instrument(event, standard):
                yield told
            return
        sample = self.memory.samples.get(event.sample_id)
        content = await self.bench.fetch(event.pattern)
        a_site = sample.composition.site("A").fractions if sample else {}
        b_site = sample.composition.site("B").fractions if sample else {}
        try:
            answer = await self.compute(
                identify_bytes,
                event.pattern.name,
                content,
                tuple(sorted(self._elements(sample))),
                (a_site, b_site) if sample else None,
                event.radiation.k_alpha1,
                self.library,
            )
        except DiffractionError as error:
            yield AnalysisFlagged(
                measurement_id=event.measurement_id, sample_id=event.sample_id, reason=str(error), analysis=None
            )
            return
        analysis = _analysis(answer, self.memory.library_sha256)
        if analysis.verdict is Verdict.UNKNOWN:
            yield AnalysisFlagged(
                measurement_id=event.measurement_id,
                sample_id=event.sample_id,
                reason=_why_unknown(analysis),
                analysis=analysis,
            )
            return
        yield PhasesIdentified(measurement_id=event.measurement_id, sample_id=event.sample_id, analysis=analysis)

    async def _judge_instrument(self, event: PatternMeasured, standard: str) -> AsyncIterator[Event]:
        """What a standard says of the diffractometer, and whether it drifts."""
        from science.diffraction.errors import DiffractionError
        from science.diffraction.standards import aligned_bytes

        content = await self.bench.fetch(event.pattern)
        try:
            found = await self.compute(aligned_bytes, event.pattern.name, content, standard, event.radiation.k_alpha1)
        except DiffractionError as error:
            yield AnalysisFlagged(
                measurement_id=event.measurement_id, sample_id=event.sample_id, reason=str(error), analysis=None
            )
            return
        measured = StandardMeasured(
            measurement_id=event.measurement_id,
            instrument=event.instrument,
            standard=standard,
            measured_at=event.ended_at,
            zero=found.zero,
            zero_su=found.zero_su,
            displacement=found.displacement,
            displacement_su=found.displacement_su,
            lines=len(found.lines),
        )
        known = self.memory.standards.get(event.instrument, ())
        before = [s for s in known if s.measurement_id != event.measurement_id]  # after a crash it may be among them
        yield measured
        if drifted := _drifted((*before, measured)):
            yield drifted

    def _elements(self, sample: SampleSynthesised | None) -> frozenset[str]:
        if sample is not None:
            return elements_in(sample.composition, sample.recipe)
        plan = self.memory.plan
        return AIR | (frozenset(plan.space.a_site) | frozenset(plan.space.b_site) if plan else frozenset())


def standard_in(sample: str) -> str | None:
    """The reference powder that a name such as ``standard-Si`` or ``standard-LaB6-2026-11-02`` tells of, if any."""
    from science.diffraction.standards import STANDARDS

    kind, _, rest = sample.partition("-")
    name = rest.partition("-")[0]
    return name if kind == "standard" and name in STANDARDS else None


def _drifted(standards: tuple[StandardMeasured, ...]) -> DriftDetected | None:
    """The drift that the last of some standards gives away, if it does."""
    from science.diffraction.drift import QUIET, Reading, drifts

    in_order = sorted(standards, key=lambda s: s.measured_at)
    last, first = standards[-1], in_order[0].measured_at
    if in_order[-1] is not last:
        return None  # an old file that came late says nothing of today
    days = [(s.measured_at - first) / timedelta(days=1) for s in in_order]
    found = drifts([Reading(day, s.zero, s.zero_su) for day, s in zip(days, in_order, strict=True)])
    if not found or found[-1].found != len(in_order) - 1:
        return None
    drift = found[-1]
    return DriftDetected(
        measurement_id=last.measurement_id,
        instrument=last.instrument,
        since=first + timedelta(days=drift.since),
        delay_days=drift.delay,
        by=drift.by,
        quiet_standards=QUIET,
    )


def _why_unknown(analysis: Analysis) -> str:
    if analysis.unexplained_lines:
        first, count = analysis.unexplained_lines[0], len(analysis.unexplained_lines)
        lines = "1 clear line belongs" if count == 1 else f"{count} clear lines belong"
        return f"{lines} to no known phase, the strongest at {first.two_theta:.2f} degrees (d = {first.d:.3f} angstrom)"
    return f"no known phase accounts for the pattern ({', '.join(analysis.flags) or 'poor fit'})"


def _analysis(answer: Identification, library_sha256: str) -> Analysis:
    from science.chemistry.solid_solutions import PEROVSKITE_GROUPS, pseudo_cubic

    return Analysis(
        verdict=Verdict(answer.verdict),
        phases=tuple(
            PhaseFound(
                name=p.name,
                formula=p.formula,
                space_group=p.space_group,
                weight_fraction=min(max(p.weight_fraction, 0.0), 1.0),
                cell=Cell(
                    a=p.lattice.a,
                    b=p.lattice.b,
                    c=p.lattice.c,
                    alpha=p.lattice.alpha,
                    beta=p.lattice.beta,
                    gamma=p.lattice.gamma,
                ),
                pseudo_cubic=(
                    pseudo_cubic(p.lattice, p.space_group)
                    if p.space_group in PEROVSKITE_GROUPS
                    and p.formula.endswith("O3")
                    and "C" not in _symbols(p.formula)
                    else None
                ),
                confidence=p.confidence,
                alternatives=p.alternatives,
                microstrain=p.microstrain,
            )
            for p in answer.phases
        ),
        unexplained_fraction=answer.unexplained_fraction,
        unexplained_lines=tuple(
            UnexplainedLine(two_theta=u.two_theta, d=u.d, relative_intensity=u.relative_intensity)
            for u in answer.unexplained_lines
        ),
        r_wp=answer.r_wp,
        zero=answer.zero,
        displacement=answer.displacement,
        wavelength=answer.wavelength,
        flags=answer.flags,
        library_sha256=library_sha256,
    )


def _symbols(formula: str) -> list[str]:
    import re

    return re.findall(r"[A-Z][a-z]?", formula)
