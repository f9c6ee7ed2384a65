"""What can go wrong when candidates are made.

::

    GenerationError
    └── EmptyPoolError     no design satisfies the constraints
"""

from __future__ import annotations


class GenerationError(Exception):
    """The root of everything that `science.generation` raises."""


class EmptyPoolError(GenerationError):
    """No design satisfies the constraints.

    Attributes:
        drawn: how many were tried.
    """

    def __init__(self, drawn: int, limits: object) -> None:
        self.drawn = drawn
        super().__init__(
            f"Expected feasible designs, got none in {drawn} draws under {limits}. "
            "Widen the tolerance-factor window, the element caps or the list of elements."
        )
