"""Whether a proposal is believed: cleared, refused, or put to a human, each with its whole record."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.event import Event, Words
from contracts.identifiers import CandidateId, ReviewId, Sha256
from contracts.planning import ConstraintCheck, ModelRef
from contracts.quantities import Count


class Outcome(StrEnum):
    """What the trust auditor decided."""

    CLEARED = "cleared"
    REFUSED = "refused"
    ESCALATED = "escalated"


class SurrogateRecord(Words):
    """Which surrogate, trained on what."""

    model: ModelRef
    """The component models."""
    trust_model: ModelRef
    """The ensemble and the calibration scores."""
    dataset_sha256: Sha256
    """Digest of the training snapshot."""
    n_observations: Count
    """Observations in it."""


class ConformalRecord(Words):
    """One conformal interval, or the statement that there is none."""

    component: str
    """The quantity."""
    family: str
    """The chemistry family that it was calibrated for."""
    n_calibration: Count
    """Scores of that family."""
    alpha: Annotated[float, Field(gt=0, lt=1)]
    """Nominal miscoverage."""
    basis: str
    """How it was made, such as ``cross-conformal, exact for the family``, or ``too few labels``."""
    quantile: float | None
    """The score quantile; none with too few labels."""
    lower: float | None
    """Lower end."""
    upper: float | None
    """Upper end."""
    max_width: float
    """Widest interval that would have been accepted."""


class OodScore(Words):
    """One measure of how far a candidate lies from what was measured."""

    name: str
    """Which measure."""
    value: float | None
    """What was found; none where it cannot be computed."""
    threshold: float | None
    """Above this it counts as out of distribution; none for a score that is only reported."""
    exceeded: bool
    """Whether it does."""


class Rubric(Words):
    """The four things that every answer of the lab must state."""

    constraint: str
    """The constraint that was enforced."""
    trust_signal: str
    """The signal that was heeded."""
    failure_mode: str
    """How this decision could be wrong."""
    mitigation: str
    """What is done against that."""


class DecisionRecord(Words):
    """Everything that the decision rested on."""

    outcome: Outcome
    """What was decided."""
    rank: Annotated[int, Field(ge=1)]
    """The candidate's rank in its batch."""
    surrogate: SurrogateRecord | None
    """The model; none before there is one."""
    conformal: tuple[ConformalRecord, ...]
    """Intervals, a quantity each."""
    ood: tuple[OodScore, ...]
    """Out-of-distribution scores."""
    votes: Count
    """How many of the three voting scores were exceeded."""
    feasibility: tuple[ConstraintCheck, ...]
    """Constraints that were checked."""
    reasons: tuple[str, ...]
    """Why, in sentences."""
    human_review: str
    """``not needed``, ``asked``, or ``refused without asking``."""
    rubric: Rubric
    """Constraint, trust signal, failure mode and mitigation."""


class CandidateCleared(Event, kind="trust.candidate_cleared"):
    """The candidate may be made."""

    candidate_id: CandidateId
    """Which."""
    decision: DecisionRecord
    """On what grounds."""


class CandidateRefused(Event, kind="trust.candidate_refused"):
    """The candidate is not made; it stays in the log as a refusal."""

    candidate_id: CandidateId
    """Which."""
    hard: bool
    """Whether the refusal is final (two of three scores), or may be looked at again with more data."""
    decision: DecisionRecord
    """On what grounds."""


class ReviewRequested(Event, kind="trust.review_requested"):
    """The trust auditor would not decide alone."""

    candidate_id: CandidateId
    """Which."""
    review_id: ReviewId
    """The question."""
    decision: DecisionRecord
    """On what grounds."""
