"""Training in pieces: each component by itself, each fold by itself, novelty by itself.

The processes of the components know nothing of each other, and no fold's hyperparameters rest on another's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from science.pieces import Piece, Rounds, whole
from science.surrogate.dataset import FOLDS, Dataset

if TYPE_CHECKING:
    from science.problem import Problem
    from science.trust.novelty import NoveltyModel

Array = NDArray[np.float64]
Fitted = dict[str, Array]
"""Hyperparameters of one process, by name."""


@dataclass(frozen=True)
class Trained:
    """A fitted pair of models and how they did."""

    model: bytes
    trust: bytes
    metrics: dict[str, float]


def training(dataset: bytes, problem: Problem, percentile: float) -> Rounds[Trained]:
    """The rounds of `tasks.train`."""
    names, gated = problem.names, problem.gated
    fitted = dict(
        zip(names, whole((yield tuple(Piece(fit_one, (dataset, problem, name)) for name in names))), strict=True)
    )
    folds = [(name, k) for name in gated for k in range(FOLDS)]
    # the longest piece goes first, so that nobody waits for it at the end; errors are told in the order of the folds
    novelty, *predicted = yield (
        Piece(novelty_of, (dataset, problem, percentile)),
        *(Piece(without_fold, (dataset, problem, name, fitted[name], k)) for name, k in folds),
    )
    *predicted, novelty = whole((*predicted, novelty))
    left_out = {name: [p for p, (mine, _) in zip(predicted, folds, strict=True) if mine == name] for name in gated}
    (trained,) = whole((yield (Piece(gathered, (dataset, problem, fitted, left_out, novelty)),)))
    found: Trained = trained
    return found


def fit_one(dataset: bytes, problem: Problem, name: str) -> Fitted:
    """Hyperparameters of the process of one component.

    Raises:
        TooFewObservationsError: it was measured on fewer than four samples.
        FitError: the optimiser failed.
    """
    from science.surrogate.components import fit_component
    from science.surrogate.processes import hyperparameters

    return hyperparameters(fit_component(name, Dataset.from_bytes(dataset), problem).process)


def without_fold(
    dataset: bytes, problem: Problem, name: str, fitted: Fitted, fold: int
) -> tuple[NDArray[np.bool_], Array]:
    """Which of the measured values of a component are in a fold, and what the others predict of them.

    Raises:
        FitError: the optimiser failed.
    """
    from science.surrogate.components import restored_component

    return restored_component(name, Dataset.from_bytes(dataset), fitted, problem).without_fold(fold)


def novelty_of(dataset: bytes, problem: Problem, percentile: float) -> NoveltyModel:
    """What novelty scores are taken against.

    Raises:
        TooFewObservationsError: there are fewer than six samples.
    """
    from science.trust.novelty import fit_novelty

    return fit_novelty(Dataset.from_bytes(dataset), percentile, problem)


def gathered(
    dataset: bytes,
    problem: Problem,
    fitted: dict[str, Fitted],
    left_out: dict[str, list[tuple[NDArray[np.bool_], Array]]],
    novelty: NoveltyModel,
) -> Trained:
    """The pair of models, put together."""
    from science.surrogate.components import ComponentModel, restored_component
    from science.trust.model import trust_of

    data = Dataset.from_bytes(dataset)
    components = {n: restored_component(n, data, fitted[n], problem) for n in problem.names}
    predicted = {name: components[name].in_place(folds) for name, folds in left_out.items()}
    trust = trust_of(data, predicted, novelty, problem)
    metrics = {f"mae {n}": float(np.nanmean(np.abs(trust.left_out[n] - trust.measured[n]))) for n in left_out}
    return Trained(ComponentModel(components, data.sha256, len(data.rows)).to_bytes(), trust.to_bytes(), metrics)
