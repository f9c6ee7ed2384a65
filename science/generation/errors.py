"""What can go wrong when candidates are made.

::

    GenerationError
    ├── EmptyPoolError           no design satisfies the constraints
    └── InfeasibleDesignError    a design that breaks one was to be ranked
"""

from __future__ import annotations


class GenerationError(Exception):
    """The root of everything that `science.generation` raises."""


class EmptyPoolError(GenerationError):
    """No design satisfies the constraints, or all that do were proposed before.

    Attributes:
        drawn: how many were tried.
        barred: how many of those were proposed before.
    """

    def __init__(self, drawn: int, limits: object, barred: int = 0) -> None:
        self.drawn, self.barred = drawn, barred
        found = f"got none in {drawn} draws under {limits}"
        if barred:
            found += f" ({barred} of them were proposed before)"
        super().__init__(
            f"Expected feasible designs, {found}. "
            "Widen the tolerance-factor window, the element caps or the list of elements."
        )


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
