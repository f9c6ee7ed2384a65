"""Logistic models with coefficients of one sign, judged by mixture: no powder is on both sides of a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]
FOLDS = 8


def fit_logistic(features: Array, truth: Array, ridge: float = 1.0) -> dict[str, Any]:
    """Coefficients that no feature may turn negative, as `science.diffraction.belief.Logistic` reads them.

    Args:
        features: ``(n, k)``, each the more in favour the larger.
        truth: ``(n,)`` 0 or 1.
        ridge: penalty on the squared coefficients.
    """
    centre, spread = features.mean(0), features.std(0) + 1e-9
    z = (features - centre) / spread

    def loss(b: Array) -> tuple[float, Array]:
        t = z @ b[1:] + b[0]
        g = 1 / (1 + np.exp(-t)) - truth
        value = float((np.logaddexp(0, t) - truth * t).sum() + ridge * (b[1:] ** 2).sum() / 2)
        return value, np.r_[g.sum(), z.T @ g + ridge * b[1:]]

    bounds = [(None, None)] + [(0, None)] * z.shape[1]
    b = minimize(loss, np.zeros(z.shape[1] + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    return {
        "centre": centre.round(5).tolist(),
        "spread": spread.round(5).tolist(),
        "coefficients": b[1:].round(4).tolist(),
        "intercept": round(float(b[0]), 4),
    }


def applied(model: dict[str, Any], features: Array) -> Array:
    """Probabilities ``(n,)``."""
    z = (features - np.array(model["centre"])) / np.array(model["spread"])
    return np.asarray(1 / (1 + np.exp(-(z @ np.array(model["coefficients"]) + model["intercept"]))))


def folds(mixtures: Sequence[str], seed: int = 0) -> NDArray[np.int64]:
    """Number of the fold of each row; all scans of a mixture share one."""
    names = sorted(set(mixtures))
    order = np.random.default_rng(seed).permutation(len(names))
    place = {name: int(n) % FOLDS for name, n in zip(names, order, strict=True)}
    return np.array([place[m] for m in mixtures])


def cross_fitted(features: Array, truth: Array, mixtures: Sequence[str]) -> Array:
    """Probabilities of each row from a model that never saw its mixture."""
    number, found = folds(mixtures), np.zeros(len(truth))
    for fold in range(FOLDS):
        inside = number == fold
        if inside.any() and not inside.all():
            found[inside] = applied(fit_logistic(features[~inside], truth[~inside]), features[inside])
    return found


def calibration_error(chance: Array, truth: Array, bins: int = 10) -> float:
    """Expected calibration error: mean gap between what was said and what was so, over equal bins."""
    place = np.minimum((chance * bins).astype(int), bins - 1)
    gaps = [abs(chance[place == b].mean() - truth[place == b].mean()) * (place == b).mean() for b in np.unique(place)]
    return float(sum(gaps))
