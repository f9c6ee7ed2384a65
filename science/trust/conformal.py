"""Prediction intervals by chemistry family, or the plain statement that there are too few labels for one.

Scores are leave-one-out residuals of the component processes: no label calibrates a model that was fitted
on it. Hyperparameters are shared between the folds, so the finite-sample theorem of split conformal
prediction holds approximately. Intervals come from MAPIE's split conformal regressor, a family at a time
(Mondrian); a family with too few labels gets none, and never a default width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from mapie.regression import SplitConformalRegressor
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

Array = NDArray[np.float64]


class _Given(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A regressor whose input column is the prediction: the process has already spoken."""

    def __init__(self) -> None:
        self.fitted_ = True
        self.n_features_in_ = 1

    def fit(self, X: Array, y: Array) -> _Given:  # noqa: ARG002  the interface of scikit-learn
        """Nothing to fit."""
        return self

    def predict(self, X: Array) -> Array:
        """The given predictions."""
        return np.asarray(X)[:, 0]


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
    """Labels that a family needs: with fewer than 1/α − 1 the interval would be infinite, and MAPIE wants one more."""
    return math.floor(1 / alpha - 1 + 1e-9) + 1


def quantile(scores: Array, alpha: float) -> float:
    """The ⌈(n+1)(1−α)⌉-th smallest score; infinite when there are too few (Vovk et al. 2005)."""
    rank = math.ceil((len(scores) + 1) * (1 - alpha) - 1e-12)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else math.inf


def interval(predicted: float, left_out: Array, measured: Array, family: str, alpha: float) -> Interval:
    """The interval of one prediction, calibrated on the labels of its family.

    Args:
        predicted: the process's mean.
        left_out: ``(n,)`` leave-one-out predictions of the family's labels.
        measured: ``(n,)`` what was measured.
        family: the chemistry family.
        alpha: nominal miscoverage.
    """
    n = len(measured)
    if n < least_labels(alpha):
        basis = f"too few labels: {n} of the {least_labels(alpha)} that the family needs"
        return Interval(family, n, alpha, None, None, None, basis)
    regressor = SplitConformalRegressor(_Given(), confidence_level=1 - alpha, prefit=True)
    regressor.conformalize(left_out[:, None], measured)
    _, bounds = regressor.predict_interval(np.array([[predicted]]))
    lower, upper = float(bounds[0, 0, 0]), float(bounds[0, 1, 0])
    basis = "leave-one-out conformal, exact rank within the family"
    return Interval(family, n, alpha, (upper - lower) / 2, lower, upper, basis)
