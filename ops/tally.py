"""Counts over a campaign: what the console shows while it runs and tells at the end."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bus.errors import UndecodableEventError
from bus.protocol import Recorded
from contracts.campaigns import CampaignFinished, CampaignPaused, CampaignResumed, CampaignStarted
from contracts.diffraction import (
    AnalysisFlagged,
    AnalysisReviewRequested,
    DriftDetected,
    PatternMeasured,
    RescanRequested,
    StandardMeasured,
)
from contracts.event import Event
from contracts.learning import ModelReleased, ObservationRecorded, ObservationRetracted, ObservationWithheld
from contracts.planning import CandidateProposed
from contracts.presence import AgentFaulted, EventRefused, LabTroubled
from contracts.review import ReviewDecided
from contracts.scheduling import RunScheduled
from contracts.synthesis import (
    FurnaceCalibrated,
    FurnaceNotCalibrated,
    SampleLost,
    SampleSynthesised,
    StepFailed,
    StepStarted,
)
from contracts.trust import CandidateCleared, CandidateRefused, ReviewRequested

DECISIONS = (CandidateProposed, CandidateCleared, CandidateRefused, ReviewRequested, RunScheduled)
"""Events that are decisions; their bytes are hashed in the order of the log."""


@dataclass
class Tally:
    """What has happened so far."""

    counts: Counter[str] = field(default_factory=Counter)
    doing: dict[str, str] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    set_aside: dict[int, str] = field(default_factory=dict)
    """Places of the log that hold no event, and why."""
    best: ObservationRecorded | None = None
    successes: int = 0
    declined: int = 0
    paused: bool = False
    began: datetime | None = None
    latest: datetime | None = None
    started: CampaignStarted | None = None
    finished: CampaignFinished | None = None
    caught: set[str] = field(default_factory=set)
    labels: dict[str, ObservationRecorded] = field(default_factory=dict)
    """By vial, those that were taken back left out."""
    deviations: dict[str, list[float]] = field(default_factory=dict)
    """Furnace → K by which each of its calibrations found it hotter than it said."""
    trajectory: list[float] = field(default_factory=list)
    _decisions: Any = field(default_factory=hashlib.sha256)

    def note(self, recorded: Recorded) -> None:
        """Counts one event."""
        envelope = recorded.envelope
        event = envelope.data
        self.counts[event.kind] += 1
        self.began = self.began or envelope.time
        self.latest = max(self.latest or envelope.time, envelope.time)
        if isinstance(event, DECISIONS):
            self._decisions.update(event.model_dump_json().encode())
        if (words := _words(event)) is not None:
            self.doing[envelope.source.removeprefix("/agents/")] = words
        self._keep(event)

    def _keep(self, event: Event) -> None:
        if isinstance(event, ObservationRecorded | ObservationRetracted):
            self._learn(event)
        elif isinstance(event, FurnaceCalibrated):
            self.deviations.setdefault(event.furnace, []).append(event.deviation)
        elif isinstance(event, CampaignStarted):
            self.started = event
        elif isinstance(event, CampaignFinished):
            self.finished = event
        elif isinstance(event, CampaignPaused | CampaignResumed):
            self.paused = isinstance(event, CampaignPaused)
        elif isinstance(event, EventRefused):
            self._set_aside(event.sequence, event.reason)
        elif isinstance(event, ReviewDecided):
            self.declined += not event.approved
        elif isinstance(event, ObservationWithheld | SampleLost):
            self.caught.add(event.sample_id)
        if (alarm := _alarm(event)) is not None:
            self.alarms.append(alarm)

    def _learn(self, event: ObservationRecorded | ObservationRetracted) -> None:
        if isinstance(event, ObservationRetracted):
            self.labels.pop(event.sample_id, None)
            self.caught.add(event.sample_id)
        else:
            self.labels[event.sample_id] = event
        self.successes = sum(label.success for label in self.labels.values())
        self.best = max(self.labels.values(), key=lambda label: label.utility, default=None)
        if self.best is not None and isinstance(event, ObservationRecorded):
            self.trajectory.append(self.best.utility)

    def note_garbage(self, error: UndecodableEventError) -> bool:
        """A message in the log that is no event; whether that is news."""
        return self._set_aside(error.sequence, error.reason)

    def _set_aside(self, sequence: int, reason: str) -> bool:
        if sequence in self.set_aside:
            return False
        self.set_aside[sequence] = reason
        self.alarms.append(f"log: sequence {sequence} was set aside, and nobody acts on it. {reason}")
        return True

    def of(self, kind: type[Event]) -> int:
        """How many events of a kind there are."""
        return self.counts[kind.kind]

    @property
    def vials(self) -> int:
        """Vials that were made or lost."""
        return self.of(SampleSynthesised) + self.of(SampleLost)

    @property
    def days(self) -> float:
        """Days on the lab's clock."""
        return (self.latest - self.began).total_seconds() / 86400 if self.began and self.latest else 0.0

    def summary(self) -> dict[str, Any]:
        """The counts as JSON."""
        best = self.best
        return {
            "samples": self.vials,
            "successes": self.successes,
            "best": None
            if best is None or best.lattice is None
            else {
                "sample": best.sample_id,
                "composition": best.composition.formula,
                "a_pc_angstrom": round(best.lattice, 5),
                "phase_fraction": round(best.phase_fraction, 4),
                "utility": round(best.utility, 4),
            },
            "events": sum(self.counts.values()),
            "proposed": self.of(CandidateProposed),
            "cleared": self.of(CandidateCleared),
            "refused": self.of(CandidateRefused),
            "escalated": self.of(ReviewRequested),
            "declined_in_review": self.declined,
            "synthesised": self.of(SampleSynthesised),
            "lost": self.of(SampleLost),
            "failed_steps": self.of(StepFailed),
            "measured": self.of(PatternMeasured),
            "flagged": self.of(AnalysisFlagged),
            "standards": self.of(StandardMeasured),
            "drifts": self.of(DriftDetected),
            "rescans": self.of(RescanRequested),
            "analysis_reviews": self.of(AnalysisReviewRequested),
            "learnt": self.of(ObservationRecorded),
            "withheld": self.of(ObservationWithheld),
            "retracted": self.of(ObservationRetracted),
            "models": self.of(ModelReleased),
            "calibrations": self.of(FurnaceCalibrated),
            "not_calibrated": self.of(FurnaceNotCalibrated),
            "calibrations_found_k": dict(sorted(self.deviations.items())),
            "agent_faults": self.of(AgentFaulted),
            "set_aside": [{"sequence": n, "reason": why} for n, why in sorted(self.set_aside.items())],
            "virtual_days": round(self.days, 3),
            "best_so_far": [round(u, 3) for u in self.trajectory],
            "decisions_sha256": self._decisions.hexdigest(),
        }


def _alarm(event: Event) -> str | None:
    """What a person should know of, in a sentence."""
    if isinstance(event, ObservationWithheld | SampleLost):
        return f"{event.sample_id}: {event.reason}"
    if isinstance(event, ObservationRetracted):
        return f"{event.sample_id}: taken back: {event.reason}"
    if isinstance(event, FurnaceNotCalibrated):
        return f"{event.furnace} was not calibrated: {event.reason}"
    if isinstance(event, AnalysisReviewRequested):
        return f"{event.sample_id}: a person should look at {event.measurement_id}: {event.question}"
    if isinstance(event, DriftDetected):
        return f"{event.instrument}: its zero is off by {event.by:+.3f} degrees since {event.since:%Y-%m-%d}"
    if isinstance(event, StepFailed):
        return f"{event.instrument}: {event.step.value} failed: {event.reason}"
    if isinstance(event, AgentFaulted):
        return f"{event.agent} stumbled over {event.event_kind}: {event.error}"
    if isinstance(event, LabTroubled):
        return f"{event.trouble.value}: {event.reason}"
    return None


def _words(event: Event) -> str | None:
    """What its author is doing, in a few words."""
    if isinstance(event, CandidateProposed):
        return f"proposed {event.candidate_id} {event.composition.formula}"
    if isinstance(event, CandidateCleared | CandidateRefused | ReviewRequested):
        return f"{event.decision.outcome.value} {event.candidate_id}"
    if isinstance(event, ReviewDecided):
        return f"{'approved' if event.approved else 'declined'} {event.candidate_id} ({event.reviewer})"
    if isinstance(event, RunScheduled):
        return f"booked {event.run_id} with {len(event.samples)} vials on {event.furnace}"
    if isinstance(event, StepStarted):
        return " ".join(w for w in (event.step.value, ", ".join(event.sample_ids)[:48], "on", event.instrument) if w)
    if isinstance(event, ObservationRecorded):
        return f"learnt from {event.sample_id}, utility {event.utility:.2f}"
    if isinstance(event, ModelReleased):
        return f"released {event.model.model_id} fitted on {event.n_observations} samples"
    return _words_of_patterns(event)


def _words_of_patterns(event: Event) -> str | None:
    if isinstance(event, PatternMeasured):
        return f"measured {event.sample_id}"
    if isinstance(event, AnalysisFlagged):
        return f"flagged {event.sample_id}"
    if isinstance(event, RescanRequested):
        return f"measures {event.sample_id} again: {event.reason}"
    if isinstance(event, StandardMeasured):
        return f"held {event.instrument} against {event.standard}: zero {event.zero:+.3f} degrees"
    return None
