"""The doubting half of the analyser: what is measured again, and what people are asked to look at.

The rule itself is `science.diffraction.triage`; here it meets the plan's budgets. Nothing is dropped in silence: an
answer in doubt is measured again, asked about, or put off until tomorrow, and each of these is a fact.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from agents.agent import folds, on
from agents.measuring import Again, Measures
from agents.review_queue import Doubt
from contracts.campaigns import ScanSettings
from contracts.diffraction import (
    Analysis,
    AnalysisFlagged,
    AnalysisReviewDeferred,
    AnalysisReviewRequested,
    MeasurementFailed,
    PatternMeasured,
    PhasesIdentified,
    RescanRequested,
    ReviewsResumed,
)
from contracts.event import Event
from contracts.identifiers import scan_of

if TYPE_CHECKING:
    from science.diffraction.triage import Answer, Rescan

UNREADABLE = 0.6
"""Priority of a file that cannot be used."""


def answer_of(analysis: Analysis) -> Answer:
    """What triage must know of an analysis."""
    from science.diffraction.triage import Answer, Claim

    return Answer(
        verdict=analysis.verdict.value,
        claims=tuple(
            Claim(p.name, p.confidence, p.weight_fraction, p.alternatives, p.members) for p in analysis.phases
        ),
        missing=analysis.missing or 0.0,
        unclaimed=tuple((d.name, d.probability) for d in analysis.doubtful),
        lines=tuple(line.two_theta for line in analysis.unexplained_lines),
        flags=frozenset(analysis.flags),
    )


def shows(event: PhasesIdentified | AnalysisFlagged | MeasurementFailed) -> bool:
    """Whether what came of a rescan takes the place of the answer before."""
    from science.diffraction.triage import stands

    analysis = None if isinstance(event, MeasurementFailed) else event.analysis
    return stands(answer_of(analysis) if analysis else None)


def doubt_about(event: PhasesIdentified | AnalysisFlagged) -> Doubt | None:
    """What a person should be asked about an answer; none where it is sure."""
    from science.diffraction.triage import question

    if isinstance(event, AnalysisFlagged) and event.analysis is None:
        priority, text = UNREADABLE, f"The file cannot be used: {event.reason}"
    else:
        assert event.analysis is not None  # noqa: S101  the other kind always has one
        if (found := question(answer_of(event.analysis))) is None:
            return None
        priority, text = found.priority, found.text
    return Doubt(
        measurement_id=event.measurement_id,
        sample_id=event.sample_id,
        priority=round(min(max(priority, 0.0), 1.0), 4),
        question=text,
    )


class Triages(Measures):
    """An agent that says what becomes of answers in doubt."""

    # again ---------------------------------------------------------------------------------------

    def _again(self, event: PatternMeasured, analysis: Analysis) -> RescanRequested | None:
        """The scan that would settle what is in doubt, where the budgets of sample and day allow it."""
        plan = self.memory.plan
        if plan is None or not event.asked or event.sample_id not in self.memory.samples:
            return None
        given = self._given_before(event)
        found = self._helps(event, analysis, self._hours_left(event, plan.triage.rescan_hours_per_day))
        if found is None:
            return None
        new = found.scan
        return RescanRequested(
            measurement_id=scan_of(event.sample_id, len(given) + 2),
            doubted=event.measurement_id,
            sample_id=event.sample_id,
            instrument=event.instrument,
            scan=ScanSettings(start=new.start, stop=new.stop, step=new.step, seconds_per_step=new.seconds),
            hours=round(new.hours, 4),
            reason=found.reason,
            expected_gain=round(found.gain, 4),
        )

    def _given_before(self, event: PatternMeasured | PhasesIdentified | AnalysisFlagged) -> list[Again]:
        """The rescans of a vial that this measurement did not lead to."""
        mine = self.memory.rescans.get(event.sample_id, ())
        return [a for a in mine if a.request.doubted != event.measurement_id]

    def _helps(
        self, event: PatternMeasured | PhasesIdentified | AnalysisFlagged, analysis: Analysis, hours: float
    ) -> Rescan | None:
        """The scan that would settle what is in doubt, where the vial may have another one."""
        from science.diffraction.triage import Scan, rescan

        plan, given = self.memory.plan, self._given_before(event)
        if plan is None or len(given) >= plan.triage.rescans_per_sample:
            return None
        last = given[-1].request.scan if given else plan.scan
        return rescan(answer_of(analysis), Scan(last.start, last.stop, last.step, last.seconds_per_step), hours)

    def _hours_left(self, event: PatternMeasured, budget: float) -> float:
        today = self.now.date()
        spent = (a for mine in self.memory.rescans.values() for a in mine if a.day == today)
        return budget - sum(a.request.hours for a in spent if a.request.doubted != event.measurement_id)

    # people --------------------------------------------------------------------------------------

    @folds(PhasesIdentified, AnalysisFlagged, MeasurementFailed)
    def weigh(self, event: PhasesIdentified | AnalysisFlagged | MeasurementFailed) -> None:
        """Whether a person is asked about an answer today, tomorrow, or not at all."""
        plan, queue = self.memory.plan, self.memory.reviews
        queue.keep_quiet()
        if plan is None or plan.triage.reviews_per_day == 0:
            return
        requests = [a.request for a in self.memory.rescans.get(event.sample_id, ())]
        doubt = None if isinstance(event, MeasurementFailed) else doubt_about(event)
        if any(r.doubted == event.measurement_id for r in requests):
            if doubt is not None:
                queue.held[event.sample_id] = doubt
            return
        if any(r.measurement_id == event.measurement_id for r in requests):
            before = queue.held.pop(event.sample_id, None)
            doubt = doubt if shows(event) else before or doubt
        if doubt is not None:
            queue.turn(self.now.date(), plan.triage.reviews_per_day, self._with_wish(event, doubt))

    def _with_wish(self, event: PhasesIdentified | AnalysisFlagged | MeasurementFailed, doubt: Doubt) -> Doubt:
        """The question, with the scan that might have answered it, had there been time for it today."""
        known = event.measurement_id == scan_of(event.sample_id) and event.sample_id in self.memory.samples
        if isinstance(event, MeasurementFailed) or event.analysis is None or not known:
            return doubt
        if (wish := self._helps(event, event.analysis, float("inf"))) is None:
            return doubt
        told = f"{doubt.question} {wish.scan.hours:.1f} h of the diffractometer might tell; the day has none left."
        return doubt.model_copy(update={"question": told})

    @folds(ReviewsResumed)
    def begin_day(self, event: ReviewsResumed) -> None:
        """What waits is asked as far as the new day goes, unless that day has begun already."""
        plan, queue = self.memory.plan, self.memory.reviews
        queue.keep_quiet()
        if plan is not None and (queue.day is None or event.since.date() > queue.day):
            queue.turn(event.since.date(), plan.triage.reviews_per_day)

    @folds(AnalysisReviewDeferred)
    def keep_watch(self, event: AnalysisReviewDeferred) -> None:
        """One of those that wait for a day waits for it in the name of all."""
        self.memory.reviews.wake(event.measurement_id, event.until.date())

    @on(PhasesIdentified, AnalysisFlagged, MeasurementFailed, ReviewsResumed)
    async def ask_people(
        self, _event: PhasesIdentified | AnalysisFlagged | MeasurementFailed | ReviewsResumed
    ) -> AsyncIterator[Event]:
        """Asks what the day has room for, and says what has to wait."""
        queue = self.memory.reviews
        for doubt in queue.calls:
            yield AnalysisReviewRequested(**doubt.model_dump())
        if queue.day is None:
            return
        tomorrow = datetime.combine(queue.day + timedelta(days=1), time(), tzinfo=UTC)
        for doubt in queue.put_off:
            yield AnalysisReviewDeferred(**doubt.model_dump(), until=tomorrow, waiting=len(queue.waiting))

    @on(AnalysisReviewDeferred, long=True)
    async def wait_for_day(self, event: AnalysisReviewDeferred) -> AsyncIterator[Event]:
        """Waits for the next day, once for all that wait for it."""
        if self.memory.reviews.waker != event.measurement_id:
            return
        await self.bench.wait_until(event.until)
        yield ReviewsResumed(since=event.until)
