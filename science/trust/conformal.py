"""Prediction intervals by chemistry family, or the plain statement that there are too few labels for one.

Scores are leave-one-out residuals of the component processes under hyperparameters from other folds: no
label calibrates a model that has seen it. The model that predicts has seen all of them, so the finite-sample
theorem of split conformal prediction holds approximately. Intervals come from MAPIE's split conformal
regressor, a family at a time (Mondrian); a family with too few labels gets none, and never a default width.

MAPIE finds its rank from the confidence level in floating point, which is one too high where (n+1)(1-α) is a
whole number that binary fractions miss (α = 1/3, n = 8), and refuses n = 1/α - 1, where the largest score is
exactly right. So the rank is worked out here and MAPIE is asked for the level half a rank below it: the
same order statistic, whatever the rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDING = 1e-9
"""Whole numbers are recognised within this."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval around a prediction, or the reason why there is none."""

    family: str
    n_calibration: int
    alpha: float
    quantile: float | None
    lower: float | None
    upper: float | None
    basis: str

    @property
    def width(self) -> float | None:
        """Upper minus lower end; none without an interval."""
        return None if self.lower is None or self.upper is None else self.upper - self.lower


def least_labels(alpha: float) -> int:
    """Labels that a family needs: with fewer than 1/α - 1 the interval is infinite (9 at 90 %, 19 at 95 %)."""
    return max(math.ceil(1 / alpha - 1 - ROUNDING), 1)


def rank(n: int, alpha: float) -> int:
    """Which of n sorted scores bounds the next one with probability 1-α: the ⌈(n+1)(1-α)⌉-th; n+1 means none does.

    Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World; Lei et al. (2018,
    doi:10.1080/01621459.2017.1307116).
    """
    return math.ceil((n + 1) * (1 - alpha) - ROUNDING)


@cache
def _given() -> type[Any]:
    """A regressor whose input column is the prediction: the process has already spoken."""
    from sklearn.base import BaseEstimator, RegressorMixin

    class Given(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
        def __init__(self) -> None:
            self.fitted_ = True
            self.n_features_in_ = 1

        def fit(self, X: Array, y: Array) -> Given:  # noqa: ARG002  the interface of scikit-learn
            return self

        def predict(self, X: Array) -> Array:
            return np.asarray(X)[:, 0]

    return Given


def interval(predicted: float, left_out: Array, measured: Array, family: str, alpha: float) -> Interval:
    """The interval of one prediction, calibrated on the labels of its family.

    Args:
        predicted: the process's mean.
        left_out: ``(n,)`` leave-one-out predictions of the family's labels.
        measured: ``(n,)`` what was measured.
        family: the chemistry family.
        alpha: nominal miscoverage.
    """
    from mapie.regression import SplitConformalRegressor

    n = len(measured)
    if n < least_labels(alpha):
        basis = f"too few labels: {n} of the {least_labels(alpha)} that the family needs"
        return Interval(family, n, alpha, None, None, None, basis)
    level = (rank(n, alpha) - 0.5) / (n + 1)
    regressor = SplitConformalRegressor(_given()(), confidence_level=level, prefit=True)
    regressor.conformalize(left_out[:, None], measured)
    _, bounds = regressor.predict_interval(np.array([[predicted]]), allow_infinite_bounds=True)
    lower, upper = float(bounds[0, 0, 0]), float(bounds[0, 1, 0])
    basis = "cross-conformal, exact rank within the family"
    return Interval(family, n, alpha, (upper - lower) / 2, lower, upper, basis)
