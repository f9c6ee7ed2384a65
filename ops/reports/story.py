"""The log told again as what became of each candidate: a fold, nothing more.

Figures read from here and not from events, so that each of them is about the same story.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bus.protocol import Recorded
from contracts.campaigns import CampaignFinished, CampaignPlan, CampaignStarted
from contracts.diffraction import (
    Analysis,
    AnalysisFlagged,
    MeasurementFailed,
    MeasurementStarted,
    PatternMeasured,
    PhasesIdentified,
)
from contracts.event import Event
from contracts.learning import (
    ModelRejected,
    ModelReleased,
    ObservationRecorded,
    ObservationRetracted,
    ObservationWithheld,
)
from contracts.planning import BatchClosed, CandidateProposed, ProposalExhausted
from contracts.presence import AgentFaulted, LabTroubled
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost, SampleSynthesised, StepCompleted, StepFailed
from contracts.trust import CandidateCleared, CandidateRefused, ConformalRecord, ReviewRequested
from ops.reports.errors import ReportError
from ops.tally import Tally

Decision = CandidateCleared | CandidateRefused | ReviewRequested


class Fate(StrEnum):
    """What became of a candidate."""

    SUCCESS = "success"
    LEARNT = "learnt"
    WITHHELD = "withheld"
    LOST = "lost"
    DECLINED = "declined"
    REFUSED = "refused"
    OPEN = "under way"


@dataclass(eq=False)
class Candidate:
    """One proposal and everything that followed from it."""

    proposed: CandidateProposed
    decided: Decision | None = None
    review: ReviewDecided | None = None
    made: SampleSynthesised | None = None
    lost: SampleLost | None = None
    asked: str | None = None
    pattern: PatternMeasured | None = None
    unmeasured: MeasurementFailed | None = None
    flagged: AnalysisFlagged | None = None
    analysis: Analysis | None = None
    before: tuple[PatternMeasured | None, Analysis | None] = (None, None)
    """Pattern and answer in doubt, which a rescan was to settle."""
    label: ObservationRecorded | None = None
    withheld: ObservationWithheld | ObservationRetracted | None = None
    ended: bool = False
    """Whether what became of its vial is known."""

    @property
    def name(self) -> str:
        """The candidate's name."""
        return self.proposed.candidate_id

    @property
    def sample(self) -> str | None:
        """Its vial's name, once there is one."""
        vial = self.made or self.lost
        return vial.sample_id if vial else None

    @property
    def fate(self) -> Fate:
        """What became of it so far."""
        if self.label is not None:
            return Fate.SUCCESS if self.label.success else Fate.LEARNT
        if self.withheld is not None:
            return Fate.WITHHELD
        if self.lost is not None:
            return Fate.LOST
        if self.review is not None and not self.review.approved:
            return Fate.DECLINED
        return Fate.REFUSED if isinstance(self.decided, CandidateRefused) else Fate.OPEN

    def predicted(self, component: str) -> tuple[float, float] | None:
        """Mean and standard deviation that the surrogate expected."""
        return next(((p.mean, p.sd) for p in self.proposed.predictions if p.component == component), None)

    def interval(self, component: str) -> ConformalRecord | None:
        """The conformal interval that the decision rested on, if there was one with two ends."""
        if self.decided is None:
            return None
        records = (r for r in self.decided.decision.conformal if r.component == component)
        return next((r for r in records if r.lower is not None and r.upper is not None), None)

    @property
    def why(self) -> str:
        """Why it ended without a label, in the words of who ended it."""
        if self.label is not None:
            return ""
        if self.withheld is not None:
            return self.withheld.reason
        if self.lost is not None:
            return self.lost.reason
        if self.review is not None and not self.review.approved:
            return self.review.reason
        if isinstance(self.decided, CandidateRefused):
            return "; ".join(self.decided.decision.reasons)
        return ""


@dataclass
class Story:
    """A campaign as its log tells it."""

    started: CampaignStarted
    campaign: str
    tally: Tally = field(default_factory=Tally)
    finished: CampaignFinished | None = None
    exhausted: ProposalExhausted | None = None
    candidates: dict[str, Candidate] = field(default_factory=dict)
    ends: list[Candidate] = field(default_factory=list)
    """Candidates with a vial, in the order in which what became of it was known."""
    batches: list[int] = field(default_factory=list)
    """How many of `ends` there were whenever a batch was closed."""
    models: list[ModelReleased | ModelRejected] = field(default_factory=list)
    failures: list[tuple[datetime, StepFailed]] = field(default_factory=list)
    steps: list[StepCompleted] = field(default_factory=list)
    scans: list[PatternMeasured] = field(default_factory=list)
    faults: list[AgentFaulted] = field(default_factory=list)
    beneath: list[tuple[datetime, LabTroubled]] = field(default_factory=list)
    """Troubles with what the agents stand on."""
    strangers: list[tuple[str, str]] = field(default_factory=list)
    """Measured samples that nobody proposed or asked for, and why nothing was learnt from them."""
    _vials: dict[str, Candidate] = field(default_factory=dict)

    @property
    def plan(self) -> CampaignPlan:
        """What the campaign was asked to do."""
        return self.started.plan

    @property
    def best(self) -> Candidate | None:
        """The candidate with the highest utility; the first of equals."""
        learnt = [c for c in self.ends if c.label is not None]
        return max(learnt, key=lambda c: c.label.utility if c.label else 0.0, default=None)

    def note(self, recorded: Recorded) -> None:
        """Takes in one event."""
        event = recorded.envelope.data
        self.tally.note(recorded)
        if isinstance(event, CandidateProposed):
            self.candidates.setdefault(event.candidate_id, Candidate(event))
        elif isinstance(event, CandidateCleared | CandidateRefused | ReviewRequested | ReviewDecided):
            self._decide(event)
        elif isinstance(event, SampleSynthesised | SampleLost):
            self._make(event)
        elif isinstance(event, MeasurementStarted | MeasurementFailed | PatternMeasured):
            self._measure(event)
        elif isinstance(event, PhasesIdentified | AnalysisFlagged):
            self._analyse(event)
        elif isinstance(event, ObservationRecorded | ObservationRetracted | ObservationWithheld):
            self._learn(event)
        else:
            self._notice(event, recorded.envelope.time)

    def _decide(self, event: Decision | ReviewDecided) -> None:
        if (candidate := self.candidates.get(event.candidate_id)) is None:
            return
        if isinstance(event, ReviewDecided):
            candidate.review = event
        else:
            candidate.decided = event

    def _make(self, event: SampleSynthesised | SampleLost) -> None:
        if (candidate := self.candidates.get(event.candidate_id)) is None:
            return
        self._vials[event.sample_id] = candidate
        if isinstance(event, SampleSynthesised):
            candidate.made = event
        else:
            candidate.lost = event
            self._end(candidate)

    def _measure(self, event: MeasurementStarted | MeasurementFailed | PatternMeasured) -> None:
        if isinstance(event, PatternMeasured):
            self.scans.append(event)
        if (candidate := self._vials.get(event.sample_id)) is None:
            return
        if isinstance(event, MeasurementStarted):
            if candidate.asked not in {None, event.measurement_id}:
                candidate.before = candidate.pattern, candidate.analysis
            candidate.asked = event.measurement_id
        elif event.measurement_id == candidate.asked:
            if isinstance(event, PatternMeasured):
                candidate.pattern = event
            else:
                candidate.unmeasured = event

    def _analyse(self, event: PhasesIdentified | AnalysisFlagged) -> None:
        candidate = self._vials.get(event.sample_id)
        if candidate is None or event.measurement_id != candidate.asked:
            return
        candidate.analysis = event.analysis
        if isinstance(event, AnalysisFlagged):
            candidate.flagged = event

    def _learn(self, event: ObservationRecorded | ObservationRetracted | ObservationWithheld) -> None:
        candidate = self.candidates.get(event.candidate_id) if event.candidate_id is not None else None
        if isinstance(event, ObservationWithheld):
            if candidate is None:
                self.strangers.append((event.sample_id, event.reason))
                return
            candidate.withheld = event
        elif isinstance(event, ObservationRetracted) and candidate is not None:
            candidate.label, candidate.withheld = None, event
        elif isinstance(event, ObservationRecorded) and candidate is not None:
            candidate.label = event
            doubted = candidate.before[0]
            if doubted is not None and event.measurement_id == doubted.measurement_id:
                # the rescan has shown nothing: what was in doubt is what was learnt from
                candidate.asked, (candidate.pattern, candidate.analysis) = doubted.measurement_id, candidate.before
                candidate.flagged = candidate.unmeasured = None
        if candidate is not None:
            self._end(candidate)

    def _end(self, candidate: Candidate) -> None:
        if not candidate.ended:
            candidate.ended = True
            self.ends.append(candidate)

    def _notice(self, event: Event, at: datetime) -> None:
        if isinstance(event, CampaignFinished):
            self.finished = event
        elif isinstance(event, ProposalExhausted):
            self.exhausted = event
        elif isinstance(event, BatchClosed):
            self.batches.append(len(self.ends))
        elif isinstance(event, ModelReleased | ModelRejected):
            self.models.append(event)
        elif isinstance(event, StepFailed):
            self.failures.append((at, event))
        elif isinstance(event, StepCompleted):
            self.steps.append(event)
        elif isinstance(event, AgentFaulted):
            self.faults.append(event)
        elif isinstance(event, LabTroubled):
            self.beneath.append((at, event))


def tell(log: Iterable[Recorded], name: str) -> Story:
    """The story of a log.

    Args:
        log: its events in order.
        name: of the folder, for people.

    Raises:
        ReportError: no event says what the campaign is about.
    """
    events = list(log)
    start = next((r for r in events if isinstance(r.envelope.data, CampaignStarted)), None)
    if start is None or not isinstance(start.envelope.data, CampaignStarted):
        raise ReportError(
            f"Expected a log that tells how its campaign began, got {len(events)} readable events in {name} and no "
            "campaign.started among them. Restore the log from a copy, or give another folder."
        )
    story = Story(start.envelope.data, start.envelope.campaign)
    for recorded in events:
        story.note(recorded)
    return story
