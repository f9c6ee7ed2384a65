"""Making a sample, step by step: the intent before the instrument is asked, the fact after."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from contracts.event import Event
from contracts.identifiers import CandidateId, InstrumentName, RunId, SampleId, StepId
from contracts.instruments import Reading, SampleTrouble, StepKind
from contracts.materials import Composition
from contracts.quantities import Celsius, Gram, KelvinDifference, KelvinSpan
from contracts.recipe import Recipe


class StepStarted(Event, kind="synthesis.step_started"):
    """The intent: written before the instrument is asked."""

    run_id: RunId
    """The run."""
    key: StepId
    """Idempotency key of the action."""
    step: StepKind
    """Which action."""
    firing: Annotated[int, Field(ge=1)]
    """Which firing it belongs to."""
    instrument: InstrumentName
    """Which instrument."""
    sample_ids: tuple[SampleId, ...]
    """The vials that take part."""


class StepCompleted(Event, kind="synthesis.step_completed", answers="step/{key}"):
    """The instrument says that it worked."""

    run_id: RunId
    """The run."""
    key: StepId
    """The action."""
    step: StepKind
    """Which action."""
    instrument: InstrumentName
    """Which instrument."""
    sample_ids: tuple[SampleId, ...]
    """The vials that took part."""
    started_at: AwareDatetime
    """When it began."""
    ended_at: AwareDatetime
    """When it ended."""
    readings: tuple[Reading, ...]
    """What the instrument logged."""
    troubles: tuple[SampleTrouble, ...]
    """Vials that something happened to all the same."""


class StepFailed(Event, kind="synthesis.step_failed", answers="step/{key}"):
    """The instrument says that it did not work, or does not know."""

    run_id: RunId
    """The run."""
    key: StepId
    """The action."""
    step: StepKind
    """Which action."""
    instrument: InstrumentName
    """Which instrument."""
    sample_ids: tuple[SampleId, ...]
    """The vials that took part."""
    reason: str
    """Why."""
    retryable: bool
    """Whether the same action may be tried again without harm."""
    readings: tuple[Reading, ...]
    """What the instrument logged."""
    troubles: tuple[SampleTrouble, ...]
    """What happened to which vial."""


class SampleSynthesised(Event, kind="synthesis.sample_synthesised"):
    """A vial came out of its last firing."""

    sample_id: SampleId
    """The vial."""
    candidate_id: CandidateId
    """The proposal that it carries out."""
    run_id: RunId
    """The run."""
    composition: Composition
    """What it was meant to become."""
    recipe: Recipe
    """How it was made."""
    product_mass: Gram
    """What the balance showed at the end."""
    expected_mass: Gram
    """What mass conservation predicts: the precursors without their CO2 and water."""
    steps_ok: bool
    """Whether every step reported success and no trouble; a doubtful sample never teaches the model."""
    doubts: tuple[str, ...]
    """What was noticed, in sentences."""


class SampleLost(Event, kind="synthesis.sample_lost"):
    """A vial is gone, or what became of it is unknown."""

    sample_id: SampleId
    """The vial."""
    candidate_id: CandidateId
    """The proposal that it carried out."""
    run_id: RunId
    """The run."""
    reason: str
    """Why."""


class FurnaceCalibrated(Event, kind="synthesis.furnace_calibrated"):
    """A furnace was held against a reference thermocouple, and its controller corrected by what was found."""

    furnace: InstrumentName
    """The furnace."""
    run_id: RunId
    """The run before which it was done."""
    key: StepId
    """The action."""
    calibrated_at: AwareDatetime
    """When it ended; from then on the furnace is as right as the reference."""
    temperature: Celsius
    """What the reference showed."""
    deviation: KelvinDifference
    """How much hotter the furnace was than it said, until then."""
    uncertainty: KelvinSpan | None
    """Standard uncertainty of the reference, if the instrument knows it."""


class FurnaceNotCalibrated(Event, kind="synthesis.furnace_not_calibrated", answers="offers/{furnace}"):
    """A furnace was to be calibrated, and was not: what it says of its temperature has to be believed."""

    furnace: InstrumentName
    """The furnace."""
    run_id: RunId
    """The run before which it should have been done."""
    offered: bool
    """Whether it can be asked for; otherwise somebody else has to do it, and it is not asked for again."""
    reason: str
    """Why."""

    def answered(self) -> str | None:
        """Whether the furnace offers calibrations, where it was asked that: it does not."""
        return None if self.offered else super().answered()
