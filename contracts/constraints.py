"""What a candidate must not break: laws, limits and rules, by name."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.event import Words
from contracts.quantities import Fraction
from contracts.spaces import Named, SiteLabel


class Neutral(Words):
    """Charges cancel, exactly; with mixed valence, some choice of charges does."""

    kind: Literal["neutral"] = "neutral"


class Cap(Words):
    """A limit to the share of one species on its site, or in the mixture."""

    kind: Literal["cap"] = "cap"
    species: Named
    """Element or component."""
    on: SiteLabel | None = None
    """The site that is meant, where the species may be on several."""
    most: Fraction | None = None
    """Largest share."""
    least: Fraction | None = None
    """Least share."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _rises(self.species, self.least, self.most)
        return self


class Between(Words):
    """Bounds of a descriptor that the chemistry knows by name."""

    kind: Literal["between"] = "between"
    quantity: Named
    """The descriptor."""
    low: float | None = None
    """Least value."""
    high: float | None = None
    """Largest value."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _rises(self.quantity, self.low, self.high)
        return self


class Linear(Words):
    """Bounds of a weighted sum of shares and numeric settings."""

    kind: Literal["linear"] = "linear"
    coefficients: Annotated[dict[Named, float], Field(min_length=1)]
    """Column of the space → its weight."""
    low: float | None = None
    """Least sum."""
    high: float | None = None
    """Largest sum; the same as `low` for an equality."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _rises(" + ".join(self.coefficients), self.low, self.high, equal=True)
        return self


class Hosted(Words):
    """The composition fits the sites of a space group."""

    kind: Literal["hosted"] = "hosted"
    space_group: Annotated[int, Field(ge=1, le=230)]
    """Its number."""


class Rule(Words):
    """A yes or no that the chemistry knows by name."""

    kind: Literal["rule"] = "rule"
    name: Named
    """The rule."""


Constraint = Annotated[Neutral | Cap | Between | Linear | Hosted | Rule, Field(discriminator="kind")]
"""Something that a candidate must not break."""


def _rises(what: str, low: float | None, high: float | None, *, equal: bool = False) -> None:
    if low is None and high is None:
        raise ValueError(f"expected a bound for {what}, got none")
    if low is not None and high is not None and (low > high or (low == high and not equal)):
        raise ValueError(f"expected bounds of {what} that rise, got {low:g} to {high:g}")
