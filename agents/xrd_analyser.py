"""Has each finished sample measured, and names the phases in each pattern or says that it cannot.

It measures (`agents.measuring`), doubts (`agents.triaging`) and, here, identifies.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from agents.agent import on
from agents.designs import elements_in
from agents.identifying import analysis_of, why_unknown
from agents.instrument_check import drift_in, instrument_before, standard_measured, standard_of
from agents.triaging import Triages
from contracts.diffraction import AnalysisFlagged, PatternMeasured, PhasesIdentified, Verdict
from contracts.event import Event
from contracts.instruments import Diffractometer
from contracts.synthesis import SampleSynthesised

AIR = frozenset({"O", "C", "H"})
"""Elements that any sample may have taken from the air."""


class XrdAnalyser(Triages):
    """Measures samples, fits the known phases to their patterns, and says how sure it is."""

    name = "xrd_analyser"

    def __init__(self, diffractometer: Diffractometer, library: str | None = None) -> None:
        """Args: the diffractometer, and a library path instead of the shipped one."""
        super().__init__(diffractometer)
        self.library = library

    @on(PatternMeasured)
    async def identify(self, event: PatternMeasured) -> AsyncIterator[Event]:
        """Names the phases, or flags the pattern; a standard judges the instrument, and is not identified."""
        from science.diffraction.errors import DiffractionError
        from science.diffraction.tasks import identify_bytes

        if (standard := standard_of(event)) is not None:
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
                instrument_before(self.memory.standards.get(event.instrument, ()), event.started_at),
            )
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

    async def _judge_instrument(self, event: PatternMeasured, standard: str) -> AsyncIterator[Event]:
        """What a standard says of the diffractometer, and whether it drifts."""
        from science.diffraction.errors import DiffractionError
        from science.diffraction.standards import aligned_bytes

        content = await self.bench.fetch(event.pattern)
        try:
            found = await self.compute(aligned_bytes, event.pattern.name, content, standard, event.radiation.k_alpha1)
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


def _unusable(event: PatternMeasured, error: Exception) -> AnalysisFlagged:
    return AnalysisFlagged(
        measurement_id=event.measurement_id, sample_id=event.sample_id, reason=str(error), analysis=None
    )
