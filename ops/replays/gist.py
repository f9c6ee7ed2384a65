"""What matters of a decision, and the same in a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.campaigns import CampaignFinished
from contracts.diffraction import AnalysisFlagged, PhasesIdentified
from contracts.event import Event
from contracts.learning import ModelRejected, ModelReleased, ObservationRecorded, ObservationWithheld
from contracts.planning import BatchClosed, CandidateProposed
from contracts.review import ReviewDecided
from contracts.scheduling import RunScheduled
from contracts.trust import CandidateCleared, CandidateRefused, ReviewRequested

CELSIUS = 273.15


def gist(event: Event) -> Any:
    """What a decision comes down to: two with the same gist lead to the same, whatever else they record."""
    if isinstance(event, CandidateProposed):
        return event.kind, event.candidate_id, event.composition, event.recipe
    if isinstance(event, CandidateCleared | CandidateRefused | ReviewRequested):
        return event.kind, event.candidate_id
    if isinstance(event, ReviewDecided):
        return event.kind, event.candidate_id, event.approved
    if isinstance(event, RunScheduled):
        return event.kind, event.furnace, tuple(s.sample_id for s in event.samples)
    if isinstance(event, PhasesIdentified):
        return event.kind, tuple(p.name for p in event.analysis.phases)
    if isinstance(event, AnalysisFlagged | ObservationWithheld):
        return event.kind, event.sample_id
    if isinstance(event, ModelReleased):
        return event.kind, event.model.sha256, event.trust_model.sha256
    if isinstance(event, ModelRejected):
        return event.kind, event.model_id
    if isinstance(event, CampaignFinished):
        return event.kind, event.samples, event.successes
    return event.kind, event


def words(event: Event) -> str:
    """A decision in a few words."""
    tell = _WORDS.get(type(event))
    return tell(event) if tell else event.kind


def _proposed(event: CandidateProposed) -> str:
    recipe = event.recipe
    hours = recipe.profile.segments[-1].dwell / 3600
    regrinds = f", {recipe.regrinds} regrinds" if recipe.regrinds else ""
    made = f"{recipe.profile.peak - CELSIUS:.0f} °C for {hours:g} h{regrinds}"
    return f"{event.candidate_id} {event.composition.formula}, {made} ({event.origin.value})"


def _decided(event: CandidateCleared | CandidateRefused | ReviewRequested) -> str:
    decision = event.decision
    return f"{decision.outcome.value} {event.candidate_id}: {'; '.join(decision.reasons) or 'no doubt'}"


def _reviewed(event: ReviewDecided) -> str:
    return f"{'approved' if event.approved else 'declined'} {event.candidate_id} ({event.reviewer})"


def _booked(event: RunScheduled) -> str:
    return f"{event.run_id} on {event.furnace}: {', '.join(s.sample_id for s in event.samples)}"


def _identified(event: PhasesIdentified) -> str:
    shares = (f"{p.name} {p.weight_fraction:.2f}" for p in event.analysis.phases)
    return f"{event.sample_id}: {', '.join(shares) or 'nothing'}"


def _doubted(event: AnalysisFlagged | ObservationWithheld) -> str:
    return f"{event.sample_id}: {event.reason}"


def _learnt(event: ObservationRecorded) -> str:
    return f"{event.sample_id}: utility {event.utility:.3f}{', a success' if event.success else ''}"


def _released(event: ModelReleased) -> str:
    return f"{event.model.model_id} fitted on {event.n_observations} samples ({event.model.sha256[:12]}…)"


def _rejected(event: ModelRejected) -> str:
    return f"{event.model_id} rejected: {event.reason}"


def _closed(event: BatchClosed) -> str:
    return f"{event.batch_id} closed: {event.observed} observed of {event.proposed}"


def _finished(event: CampaignFinished) -> str:
    return f"finished with {event.samples} samples: {event.reason}"


_WORDS: Mapping[type[Event], Callable[[Any], str]] = {
    CandidateProposed: _proposed,
    CandidateCleared: _decided,
    CandidateRefused: _decided,
    ReviewRequested: _decided,
    ReviewDecided: _reviewed,
    RunScheduled: _booked,
    PhasesIdentified: _identified,
    AnalysisFlagged: _doubted,
    ObservationWithheld: _doubted,
    ObservationRecorded: _learnt,
    ModelReleased: _released,
    ModelRejected: _rejected,
    BatchClosed: _closed,
    CampaignFinished: _finished,
}
