"""What a sample is worth: aims of its properties, each with a shape, and the demands that a success meets.

One formula serves labels, marginal scores and BoTorch: it is written with operators that arrays and tensors share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add, mul
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _exp(x: Any) -> Any:
    """The one function that arrays and tensors do not call alike."""
    return np.exp(x) if isinstance(x, np.ndarray | np.generic) else x.exp()


@dataclass(frozen=True, slots=True)
class Peak:
    """Best at one value, and worth exp(−½) a width away from it."""

    at: float
    width: float

    def __call__(self, x: Any) -> Any:
        """exp(−((x − at) / width)² / 2)."""
        return _exp(-0.5 * ((x - self.at) / self.width) ** 2)


@dataclass(frozen=True, slots=True)
class Ramp:
    """Worth nothing at one value and all at another, whichever is higher; the same beyond."""

    zero: float
    one: float

    def __call__(self, x: Any) -> Any:
        """(x − zero) / (one − zero), clipped to 0 to 1."""
        return ((x - self.zero) / (self.one - self.zero)).clip(0, 1)


@dataclass(frozen=True, slots=True)
class Decay:
    """Worth all at nothing, and less with every bit more."""

    rate: float

    def __call__(self, x: Any) -> Any:
        """exp(−rate · max(x, 0))."""
        return _exp(-self.rate * x.clip(0, None))


@dataclass(frozen=True, slots=True)
class More:
    """The value itself."""

    def __call__(self, x: Any) -> Any:
        """As it is."""
        return x


@dataclass(frozen=True, slots=True)
class Less:
    """The value's negative."""

    def __call__(self, x: Any) -> Any:
        """−x."""
        return -x


Worth = Peak | Ramp | Decay | More | Less
"""What a value is worth, elementwise."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A property, what its values are worth, and how much that counts beside others."""

    property: str
    worth: Worth
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Within:
    """Close enough to a value."""

    property: str
    at: float
    by: float

    def __call__(self, x: float) -> bool:
        """Whether |x − at| ≤ by."""
        return abs(x - self.at) <= self.by


@dataclass(frozen=True, slots=True)
class AtLeast:
    """High enough."""

    property: str
    limit: float

    def __call__(self, x: float) -> bool:
        """Whether x ≥ limit."""
        return x >= self.limit


@dataclass(frozen=True, slots=True)
class AtMost:
    """Low enough."""

    property: str
    limit: float

    def __call__(self, x: float) -> bool:
        """Whether x ≤ limit."""
        return x <= self.limit


Demand = Within | AtLeast | AtMost
"""What a success meets."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What is looked for.

    Attributes:
        aims: what is wanted of each property; they are combined in this order, which decides about last bits.
        combine: whether everything is needed, or one thing makes up for another.
        demands: what a success meets, all of it.
    """

    aims: tuple[Aim, ...]
    combine: Literal["product", "mean"] = "product"
    demands: tuple[Demand, ...] = ()

    def utility(self, values: Mapping[str, Any]) -> Any:
        """What samples are worth, elementwise.

        Args:
            values: property → values, all arrays or all tensors.
        """
        told = [(aim.worth(values[aim.property]), aim.weight) for aim in self.aims]
        if self.combine == "product":
            return reduce(mul, (worth if weight == 1 else worth**weight for worth, weight in told))
        return reduce(add, (worth * weight for worth, weight in told)) / sum(weight for _, weight in told)

    def met(self, values: Mapping[str, float]) -> bool:
        """Whether all that is demanded was measured and holds; where nothing is demanded, nothing is a success."""
        return bool(self.demands) and all(d.property in values and d(values[d.property]) for d in self.demands)
