"""Which samples go into which furnace, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from contracts.event import Event, Words
from contracts.identifiers import CandidateId, InstrumentName, RunId, SampleId
from contracts.materials import Composition
from contracts.recipe import Recipe


class ScheduledSample(Words):
    """One vial of a run."""

    sample_id: SampleId
    """The vial."""
    candidate_id: CandidateId
    """The proposal that it carries out."""
    composition: Composition
    """What it is meant to become."""
    recipe: Recipe
    """How."""


class Reservation(Words):
    """An instrument's time that is spoken for."""

    instrument: InstrumentName
    """Which instrument."""
    start: AwareDatetime
    """From when."""
    end: AwareDatetime
    """Until when."""

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"expected a reservation that ends after it starts, got {self.start} to {self.end}")
        return self


class RunScheduled(Event, kind="scheduling.run_scheduled"):
    """A furnace run was booked; all its samples share one thermal profile."""

    run_id: RunId
    """The run."""
    furnace: InstrumentName
    """The furnace."""
    samples: Annotated[tuple[ScheduledSample, ...], Field(min_length=1)]
    """Its vials."""
    reservations: Annotated[tuple[Reservation, ...], Field(min_length=1)]
    """Instrument time booked for it, in order."""
    calibration: Reservation | None = None
    """Time of the furnace before that, in which it is calibrated; none where that is not due."""

    @property
    def begins(self) -> datetime:
        """When the furnace is booked from."""
        return (self.calibration or self.reservations[0]).start

    @model_validator(mode="after")
    def _calibrates_its_own_furnace_first(self) -> Self:
        planned, first = self.calibration, self.reservations[0]
        if planned is not None and (planned.instrument != self.furnace or planned.end > first.start):
            raise ValueError(f"expected {self.furnace} to be calibrated before {first.start}, got {planned}")
        return self

    @model_validator(mode="after")
    def _shares_a_profile(self) -> Self:
        first = self.samples[0].recipe
        for sample in self.samples:
            r = sample.recipe
            if (r.profile, r.atmosphere, r.firings) != (first.profile, first.atmosphere, first.firings):
                raise ValueError(f"expected one thermal profile in a run, got another for {sample.sample_id}")
        return self
