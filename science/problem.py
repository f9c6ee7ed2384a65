"""A question as numbers can work on it: what is measured, what it is worth, and what a candidate's numbers mean.

It travels to worker processes, so that the chemistry goes by name and is looked up where it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from science.chemistry.known import chemistry
from science.objective import Objective

if TYPE_CHECKING:
    from science.chemistry.chemistry import Prior, Sites

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """One number of a candidate, and its usual range; a candidate may lie outside."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One number that samples have.

    Attributes:
        name: what it is called.
        unit: its unit.
        max_width: widest interval that is believed without asking; none where nobody asks.
        prior: the chemistry's name for what is expected of it before anything was measured; empty for nothing.
    """

    name: str
    unit: str = "1"
    max_width: float | None = None
    prior: str = ""


def nothing(features: Any) -> Any:
    """No expectation ``(…)`` of designs ``(…, d)``: departures from it are the values themselves."""
    shape = features.shape[:-1]
    return np.zeros(shape) if isinstance(features, np.ndarray) else features.new_zeros(shape)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is asked.

    Attributes:
        chemistry: by whose knowledge.
        properties: what is measured and modelled, in the order in which dice fall.
        objective: what is looked for among them.
        family: the chemistry's rule by which candidates are grouped for trust.
        columns: what the numbers of a candidate mean, in order.
    """

    chemistry: str
    properties: tuple[Measured, ...]
    objective: Objective
    family: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What is measured."""
        return tuple(p.name for p in self.properties)

    @property
    def widths(self) -> dict[str, float]:
        """Property → widest interval that is believed, of those whose intervals decide."""
        return {p.name: p.max_width for p in self.properties if p.max_width is not None}

    @property
    def gated(self) -> tuple[str, ...]:
        """Properties whose intervals decide whether a prediction is believed."""
        return tuple(self.widths)

    @property
    def bounds(self) -> Array:
        """Usual range of each number of a candidate, ``(2, d)``."""
        return np.array([[c.low for c in self.columns], [c.high for c in self.columns]])

    def prior(self, name: str) -> Prior:
        """What is expected of a property before anything was measured."""
        (mine,) = (p for p in self.properties if p.name == name)
        return chemistry(self.chemistry).priors[mine.prior] if mine.prior else nothing

    def family_of(self, sites: Sites) -> str:
        """The finest family that a composition belongs to."""
        return chemistry(self.chemistry).families[self.family](sites)[0]
