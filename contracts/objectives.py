"""What is good: aims that are worth something, and demands that a success meets."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.event import Words
from contracts.spaces import Named


class Peak(Words):
    """Best at one value: exp(−((x − at) / width)² / 2)."""

    shape: Literal["peak"] = "peak"
    at: float
    """The value."""
    width: Annotated[float, Field(gt=0)]
    """How far off is worth exp(−1/2)."""


class Ramp(Words):
    """From worthless to full worth in a straight line; less is better where `one` is below `zero`."""

    shape: Literal["ramp"] = "ramp"
    zero: float
    """Worth nothing, and so is what lies beyond."""
    one: float
    """Worth one, and so is what lies beyond."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.zero == self.one:
            raise ValueError(f"expected a ramp between two values, got {self.zero:g} twice")
        return self


class Decay(Words):
    """Worth exp(−rate · max(x, 0))."""

    shape: Literal["decay"] = "decay"
    rate: Annotated[float, Field(gt=0)]
    """How fast it falls."""


class More(Words):
    """The value itself; no bound need be known. It stands alone."""

    shape: Literal["more"] = "more"


class Less(Words):
    """Its negative. It stands alone."""

    shape: Literal["less"] = "less"


Worth = Annotated[Peak | Ramp | Decay | More | Less, Field(discriminator="shape")]
"""What a value is worth."""


class Aim(Words):
    """A property, and what its values are worth."""

    property: Named
    """The property."""
    worth: Worth
    """What its values are worth."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """An exponent in a product, a weight in a mean."""


class Within(Words):
    """|x − at| ≤ by."""

    kind: Literal["within"] = "within"
    property: Named
    at: float
    by: Annotated[float, Field(ge=0)]


class AtLeast(Words):
    """x ≥ limit."""

    kind: Literal["at-least"] = "at-least"
    property: Named
    limit: float


class AtMost(Words):
    """x ≤ limit."""

    kind: Literal["at-most"] = "at-most"
    property: Named
    limit: float


Demand = Annotated[Within | AtLeast | AtMost, Field(discriminator="kind")]
"""What a success meets."""


class Combine(StrEnum):
    """How aims become one number."""

    PRODUCT = "product"
    MEAN = "mean"
    FRONT = "front"
    """They do not: candidates that no other beats in every aim are sought."""


class Objective(Words):
    """What is good."""

    aims: Annotated[tuple[Aim, ...], Field(min_length=1)]
    """What is wanted."""
    combine: Combine = Combine.PRODUCT
    """How aims become one number."""
    success: tuple[Demand, ...] = ()
    """What a success meets, all of it; a demand may stand without an aim."""
    reference: dict[Named, float] = Field(default_factory=dict)
    """With a front: property → the value from which gains are counted; without it the worst of the first batch."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        names = [aim.property for aim in self.aims]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"expected one aim for each property, got several for {', '.join(twice)}")
        plain = [aim.property for aim in self.aims if isinstance(aim.worth, More | Less)]
        if self.combine is Combine.FRONT:
            if len(self.aims) < 2 or len(plain) < len(self.aims):
                raise ValueError("expected a front of two properties or more that are maximised or minimised")
        elif plain and len(self.aims) > 1:
            raise ValueError(
                f"expected {plain[0]} alone, because nothing says how much of it is worth how much of the others: give "
                "each a ramp, or ask for a front"
            )
        return self
