"""What can go wrong when candidates are made.

::

    GenerationError
    ├── EmptyPoolError           no design satisfies the constraints
    └── InfeasibleDesignError    a design that breaks one was to be ranked
"""

from __future__ import annotations

from collections.abc import Mapping


class GenerationError(Exception):
    """The root of everything that `science.generation` raises."""


class EmptyPoolError(GenerationError):
    """No design satisfies the constraints, or all that do were proposed before.

    Attributes:
        drawn: how many were tried.
        barred: how many of those were proposed before.
        broken: constraint, with what it allows → share of designs that break it.
    """

    def __init__(self, drawn: int, barred: int, broken: Mapping[str, float]) -> None:
        self.drawn, self.barred, self.broken = drawn, barred, dict(broken)
        found = f"got none in {drawn} draws"
        if barred:
            found += f" ({barred} of them were proposed before)"
        ways = sorted(broken.items(), key=lambda item: -item[1])
        blame = "; ".join(f"{share:.0%} break {name}" for name, share in ways)
        advice = (
            f": {blame}. Allow more there, or give other elements." if blame else ": all of them were proposed before."
        )
        super().__init__(f"Expected a new design that satisfies every constraint, {found}{advice}")


class InfeasibleDesignError(GenerationError):
    """A design that breaks a constraint was put into a pool.

    Attributes:
        design: which.
        broken: names of the constraints that it breaks.
    """

    def __init__(self, design: object, broken: list[str]) -> None:
        self.design, self.broken = design, broken
        super().__init__(
            f"Expected feasible designs only, got {design}, which breaks: {', '.join(broken)}. "
            "Filter first: make the pool with `feasible_pool`."
        )
