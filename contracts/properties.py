"""Numbers that a sample has: how each is measured, and how far it must be known."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.event import Words
from contracts.identifiers import InstrumentName
from contracts.spaces import Named, Unit


class FromPhases(Words):
    """Read off the phases that a diffractometer's pattern was taken for."""

    kind: Literal["phases"] = "phases"
    instrument: InstrumentName
    """The diffractometer."""
    reading: Named
    """How: a reading that the chemistry knows by name."""
    phase: str = ""
    """Name or formula of the phase; empty where the chemistry knows which one is meant."""


class FromMeter(Words):
    """Told by an instrument that measures numbers."""

    kind: Literal["meter"] = "meter"
    instrument: InstrumentName
    """The meter."""
    reading: Named
    """What the meter calls it."""


Source = Annotated[FromPhases | FromMeter, Field(discriminator="kind")]
"""What counts as the truth about a property."""


class Property(Words):
    """One number that a sample has."""

    name: Named
    """What it is called."""
    unit: Unit = "1"
    """Its unit."""
    symbol: str = ""
    """What figures and tables write."""
    digits: Annotated[int, Field(ge=0, le=9)] = 3
    """Digits behind the point that are shown."""
    low: float | None = None
    """What it can be at the least; a reading below is doubted, never clipped."""
    high: float | None = None
    """What it can be at the most."""
    source: Source
    """Where it comes from."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """How often it is measured on each sample."""
    max_su: Annotated[float, Field(gt=0)] | None = None
    """A label that is less well known teaches nothing."""
    max_width: Annotated[float, Field(gt=0)] | None = None
    """Widest interval that is worth a run without asking; none where nobody asks."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"expected bounds of {self.name} that rise, got {self.low:g} to {self.high:g}")
        return self
