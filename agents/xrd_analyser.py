"""Has each finished sample measured, and names the phases in each pattern or says that it cannot.

It measures (`agents.measuring`), doubts (`agents.triaging`) and, here, identifies.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from agents.agent import on
from agents.designs import elements_in
from agents.identifying import analysis_of, why_unknown
from agents.instrument_check import drift_in, instrument_before, standard_in, standard_measured, standard_of
from agents.triaging import Triages
from contracts import diffraction
from contracts.diffraction import AnalysisFlagged, PatternMeasured, PhasesIdentified, Verdict
from contracts.event import Event
from contracts.identifiers import STANDARD_SCAN
from contracts.instruments import Diffractometer, Radiation, ScanReport
from contracts.synthesis import SampleSynthesised
from science.pieces import Piece

if TYPE_CHECKING:
    from science.diffraction.identify import Identification
    from science.diffraction.standards import Alignment

AIR = frozenset({"O", "C", "H"})
"""Elements that any sample may have taken from the air."""


class XrdAnalyser(Triages):
    """Measures samples, fits the known phases to their patterns, and says how sure it is."""

    name = "xrd_analyser"
    yields = (
        diffraction.MeasurementStarted,
        diffraction.MeasurementFailed,
        diffraction.PatternMeasured,
        diffraction.PhasesIdentified,
        diffraction.AnalysisFlagged,
        diffraction.StandardMeasured,
        diffraction.DriftDetected,
        diffraction.RescanRequested,
        diffraction.AnalysisReviewRequested,
        diffraction.AnalysisReviewDeferred,
        diffraction.ReviewsResumed,
    )

    def __init__(self, diffractometer: Diffractometer, library: str | None = None) -> None:
        """Args: the diffractometer, and a library path instead of the shipped one."""
        super().__init__(diffractometer)
        self.library = library

    @on(PatternMeasured)
    async def identify(self, event: PatternMeasured) -> AsyncIterator[Event]:
        """Names the phases, or flags the pattern; a standard judges the instrument, and is not identified."""
        from science.diffraction.errors import DiffractionError

        if (standard := standard_of(event)) is not None:
            async for told in self._judge_instrument(event, standard):
                yield told
            return
        asked = self._identification(
            event.sample_id, (event.pattern.name, await self.bench.fetch(event.pattern)), event
        )
        try:
            answer: Identification = await self.compute(asked.fn, *asked.args)
        except DiffractionError as error:
            yield _unusable(event, error)
            return
        analysis = analysis_of(answer, self.memory.library_sha256)
        if (again := self._again(event, analysis)) is not None:
            yield again  # said first, so that nobody takes what follows for the last word
        if analysis.verdict is Verdict.UNKNOWN:
            yield AnalysisFlagged(
                measurement_id=event.measurement_id,
                sample_id=event.sample_id,
                reason=why_unknown(analysis),
                analysis=analysis,
            )
            return
        yield PhasesIdentified(measurement_id=event.measurement_id, sample_id=event.sample_id, analysis=analysis)

    def foreseen(self, report: ScanReport) -> Piece:
        """What will be asked of the workers about a scan once its pattern is in the log, as far as can be told now."""
        if report.key.startswith(STANDARD_SCAN) and (standard := standard_in(report.sample_id)) is not None:
            return _alignment(report.file_name, report.content, standard, report.radiation)
        return self._identification(report.sample_id, (report.file_name, report.content), report)

    def _identification(self, sample_id: str, file: tuple[str, bytes], scan: PatternMeasured | ScanReport) -> Piece:
        """The question which phases are in a file of that name and content."""
        from science.diffraction.tasks import identify_bytes

        sample = self.memory.samples.get(sample_id)
        sites = tuple(sample.composition.site(s).fractions for s in "AB") if sample else None
        standards = self.memory.standards.get(self._scanner(scan), ())
        asked = (
            *file,
            tuple(sorted(self._elements(sample))),
            sites,
            scan.radiation.k_alpha1,
            self.library,
            instrument_before(standards, scan.started_at),
        )
        return Piece(identify_bytes, asked)

    def _scanner(self, scan: PatternMeasured | ScanReport) -> str:
        return scan.instrument if isinstance(scan, PatternMeasured) else self.diffractometer.name

    async def _judge_instrument(self, event: PatternMeasured, standard: str) -> AsyncIterator[Event]:
        """What a standard says of the diffractometer, and whether it drifts."""
        from science.diffraction.errors import DiffractionError

        asked = _alignment(event.pattern.name, await self.bench.fetch(event.pattern), standard, event.radiation)
        try:
            found: Alignment = await self.compute(asked.fn, *asked.args)
        except DiffractionError as error:
            yield _unusable(event, error)
            return
        measured = standard_measured(event, standard, found)
        known = self.memory.standards.get(event.instrument, ())
        before = [s for s in known if s.measurement_id != event.measurement_id]  # after a crash it may be among them
        yield measured
        if drifted := drift_in((*before, measured)):
            yield drifted

    def _elements(self, sample: SampleSynthesised | None) -> frozenset[str]:
        if sample is not None:
            return elements_in(sample.composition, sample.recipe)
        plan = self.memory.plan
        return AIR | (frozenset(plan.space.a_site) | frozenset(plan.space.b_site) if plan else frozenset())


def _alignment(name: str, content: bytes, standard: str, radiation: Radiation) -> Piece:
    from science.diffraction.standards import aligned_bytes

    return Piece(aligned_bytes, (name, content, standard, radiation.k_alpha1))


def _unusable(event: PatternMeasured, error: Exception) -> AnalysisFlagged:
    return AnalysisFlagged(
        measurement_id=event.measurement_id, sample_id=event.sample_id, reason=str(error), analysis=None
    )
