"""What the planner remembers: the plan, what was proposed, how it did, and the model in use."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, Field

from agents.candidate_book import CandidateBook
from contracts.campaigns import BestSample, CampaignPlan
from contracts.learning import ObservationRecorded
from contracts.materials import ArtifactRef, Composition
from contracts.planning import ModelRef
from contracts.recipe import Recipe


class Stage(StrEnum):
    """Where the loop stands, as the planner sees it."""

    BATCH = "a batch is open"
    MODEL = "a model is awaited"
    OWED = "a batch is owed"


class Proposed(BaseModel):
    """What was proposed, as far as the planner needs it again."""

    composition: Composition
    recipe: Recipe
    utility: float | None = None


class Learnt(BaseModel):
    """What was learnt from a sample, as far as the planner needs it again."""

    success: bool
    sample: BestSample | None
    """None where no perovskite was found."""

    @classmethod
    def of(cls, event: ObservationRecorded) -> Self:
        """What a label says of its sample."""
        sample: BestSample | None = None
        if event.lattice is not None:
            sample = BestSample(
                sample_id=event.sample_id,
                composition=event.composition,
                lattice=event.lattice,
                phase_fraction=event.phase_fraction,
                utility=event.utility,
            )
        return cls(success=event.success, sample=sample)


class PlannerMemory(CandidateBook):
    """The plan, what was proposed, how it did, and the model in use."""

    plan: CampaignPlan | None = None
    started_at: datetime | None = None
    paused: bool = False
    finished: bool = False
    stage: Stage = Stage.OWED
    called: bool = False
    """Whether the latest fold calls for a batch."""
    proposed: dict[str, Proposed] = Field(default_factory=dict)
    batches: int = 0
    closed: list[str] = Field(default_factory=list)
    barren: int = 0
    learnt: dict[str, Learnt] = Field(default_factory=dict)
    """By vial."""
    model: ModelRef | None = None
    artifact: ArtifactRef | None = None

    @property
    def successes(self) -> int:
        """Samples that met the goal."""
        return sum(learnt.success for learnt in self.learnt.values())

    @property
    def best(self) -> BestSample | None:
        """The best sample with a perovskite; the first of equals."""
        samples = [learnt.sample for learnt in self.learnt.values() if learnt.sample is not None]
        return max(samples, key=lambda s: s.utility, default=None)
