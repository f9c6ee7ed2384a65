"""What the planner proposes, and why it thinks that it is worth a furnace."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.event import Event, Words
from contracts.identifiers import BatchId, CandidateId, ModelId, Sha256
from contracts.materials import Composition
from contracts.quantities import Count
from contracts.recipe import Recipe


class ConstraintCheck(Words):
    """One constraint and how the candidate stands to it."""

    name: str
    """Which constraint."""
    satisfied: bool
    """Whether it holds."""
    value: float | None
    """What was found, where it is a number."""
    limit: str
    """What was allowed, in words with units."""
    reason: str
    """One sentence for people."""


class ComponentPrediction(Words):
    """What the surrogate expects of one measured quantity."""

    component: str
    """``lattice``, ``phase_fraction``, ``cubicity`` or ``heterogeneity``."""
    mean: float
    """Posterior mean."""
    sd: Annotated[float, Field(ge=0)]
    """Posterior standard deviation."""


class Origin(StrEnum):
    """Where a candidate came from."""

    INITIAL = "initial design"
    ACQUISITION = "acquisition"
    RANDOM = "random"


class ModelRef(Words):
    """Which model said it."""

    model_id: ModelId
    """The model."""
    sha256: Sha256
    """Digest of its artefact."""


class CandidateProposed(Event, kind="planning.candidate_proposed"):
    """A feasible candidate was proposed. Infeasible ones never enter the pool that is ranked."""

    candidate_id: CandidateId
    """Its name."""
    batch_id: BatchId
    """The batch it belongs to."""
    batch_size: Annotated[int, Field(ge=1)]
    """Candidates in that batch."""
    rank: Annotated[int, Field(ge=1)]
    """Its place in the batch, best first."""
    composition: Composition
    """What it is meant to become."""
    family: str
    """Its chemistry family."""
    recipe: Recipe
    """How."""
    origin: Origin
    """What it came from."""
    score: float | None
    """Acquisition value; none for an initial or random design."""
    predictions: tuple[ComponentPrediction, ...]
    """What the surrogate expects; empty before there is one."""
    model: ModelRef | None
    """The surrogate; none before there is one."""
    constraints: tuple[ConstraintCheck, ...]
    """Every constraint that was checked."""
    pool_size: Count
    """Feasible designs it was chosen from."""


class ProposalExhausted(Event, kind="planning.proposal_exhausted"):
    """The planner found nothing more to propose and says why."""

    reason: str
    """Why."""
    refused_in_a_row: Count
    """Batches of which not one candidate was cleared."""


class BatchClosed(Event, kind="planning.batch_closed"):
    """The fate of every candidate of a batch is known: a vial or a logged refusal, none forgotten."""

    batch_id: BatchId
    """The batch."""
    proposed: Annotated[int, Field(ge=1)]
    """Candidates in it."""
    refused: Count
    """Refused by the trust auditor."""
    declined: Count
    """Declined in review."""
    lost: Count
    """Vials lost."""
    observed: Count
    """Measured and learnt from."""
    withheld: Count
    """Measured and not learnt from."""
