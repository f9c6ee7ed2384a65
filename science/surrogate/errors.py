"""What can go wrong with models.

::

    SurrogateError
    ├── TooFewObservationsError   not enough to fit
    ├── FitError                  the fit failed
    └── ArtefactError             stored bytes that are no model of ours
"""

from __future__ import annotations


class SurrogateError(Exception):
    """The root of everything that `science.surrogate` raises."""


class TooFewObservationsError(SurrogateError):
    """There are not enough observations to fit a model.

    Attributes:
        needed: how many it takes.
        got: how many there are.
    """

    def __init__(self, what: str, needed: int, got: int) -> None:
        self.needed, self.got = needed, got
        super().__init__(f"Expected {needed} observations of {what} or more, got {got}. Measure more samples first.")


class FitError(SurrogateError):
    """A fit failed."""


class ArtefactError(SurrogateError):
    """Stored bytes are no model of ours."""
