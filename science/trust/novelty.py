"""How far a design lies from everything that was measured.

Three scores vote: the distance to the nearest neighbours in a network's latent space, the Mahalanobis
distance there, and the disagreement of an ensemble. A fourth, the distance between the designs themselves,
does not come from any model; it catches a model that extrapolates in silence. Thresholds are percentiles
of the scores of the measured samples, each scored without itself: distances among the others, and
disagreement of the members that did not see it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from science.designs import Design
from science.problem import Problem
from science.surrogate.dataset import Dataset
from science.surrogate.errors import TooFewObservationsError
from science.trust.ensemble import Ensemble, train

Array = NDArray[np.float64]
MEMBERS = 8
NEIGHBOURS = 3
LEAST = 6


@dataclass(frozen=True, slots=True)
class Score:
    """One score of one design."""

    name: str
    value: float
    threshold: float | None
    exceeded: bool


@dataclass(frozen=True)
class NoveltyModel:
    """What scores are taken against.

    Attributes:
        ensemble: the first member saw every sample and gives the latent space; the others are bagged and disagree.
        inputs: ``(n, d)`` measured designs.
        latents: ``(n, WIDTH)`` the same in latent space.
        mean: ``(WIDTH,)`` their centre.
        precision: ``(WIDTH, WIDTH)`` their inverse covariance, shrunk.
        thresholds: score → above this it counts as exceeded.
        typical_disagreement: median disagreement on measured samples.
        elements: cations that were measured.
    """

    ensemble: Ensemble
    inputs: Array
    latents: Array
    mean: Array
    precision: Array
    thresholds: dict[str, float]
    typical_disagreement: float
    elements: tuple[str, ...]

    def scores(self, design: Design) -> tuple[Score, ...]:
        """All scores of a design; the voting ones first."""
        x = design.features()[None]
        latent = self.ensemble.latent(x)[0]
        values = {
            "latent distance": float(_nearest(latent, self.latents)[0]),
            "mahalanobis distance": float(_mahalanobis(latent, self.mean, self.precision)[0]),
            "ensemble disagreement": float(_disagreement(self.ensemble.outputs(x)[1:])[0]),
            "design distance": float(_nearest(x, self.inputs)[0]),
        }
        found = [Score(n, v, self.thresholds[n], v > self.thresholds[n]) for n, v in values.items()]
        strangers = sorted(design.elements - set(self.elements))
        found.append(Score("element never seen", float(len(strangers)), 0.0, bool(strangers)))
        return tuple(found)


def _nearest(points: Array, others: Array, skip: int = 0) -> Array:
    """Mean distance to the nearest neighbours, ``(n,)``; the first `skip` are passed over (oneself)."""
    distance = np.sort(np.linalg.norm(points[:, None] - others[None], axis=2), axis=1)
    return np.asarray(distance[:, skip : skip + NEIGHBOURS].mean(1))


def _mahalanobis(points: Array, mean: Array, precision: Array) -> Array:
    """Mahalanobis distance ``(n,)``."""
    away = points - mean
    return np.asarray(np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", away, precision, away), 0)))


def _mahalanobis_left_out(points: Array) -> Array:
    """Mahalanobis distance of each point to the others, ``(n,)``.

    A point pulls mean and covariance towards itself; with as many samples as dimensions it would always look near.
    """
    found = []
    for i in range(len(points)):
        others = LedoitWolf().fit(np.delete(points, i, axis=0))
        found.append(_mahalanobis(points[i : i + 1], others.location_, others.precision_)[0])
    return np.array(found)


def _disagreement(outputs: Array) -> Array:
    """Standard deviation between members ``(members, n, k)``, mean over the outputs: ``(n,)``."""
    return np.asarray(outputs.std(0).mean(-1))


def _disagreement_out_of_bag(outputs: Array, bags: Array) -> Array:
    """Disagreement on each sample among the members that did not see it (all, where fewer than two did not)."""
    found = []
    for sample in range(outputs.shape[1]):
        unseen = outputs[bags[:, sample] == 0, sample]
        found.append((unseen if len(unseen) > 1 else outputs[:, sample]).std(0).mean())
    return np.array(found)


def fit_novelty(dataset: Dataset, percentile: float, problem: Problem) -> NoveltyModel:
    """Trains the ensemble and finds the thresholds; deterministic.

    Args:
        dataset: what was measured.
        percentile: of the measured samples' scores, above which a score counts as exceeded.
        problem: says what an ensemble has to foretell.

    Raises:
        TooFewObservationsError: fewer than six samples.
    """
    n = len(dataset.rows)
    if n < LEAST:
        raise TooFewObservationsError("any kind", LEAST, n)
    inputs = dataset.features()
    rng = np.random.default_rng(0)
    bagged = [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(MEMBERS)]
    bags = np.array([np.ones(n), *bagged], float)
    ensemble = train(inputs, _targets(dataset, problem), bags)
    latents = ensemble.latent(inputs)[0]
    covariance = LedoitWolf().fit(latents)
    disagreement = _disagreement_out_of_bag(ensemble.outputs(inputs)[1:], bags[1:])
    reference = {
        "latent distance": _nearest(latents, latents, skip=1),
        "mahalanobis distance": _mahalanobis_left_out(latents),
        "ensemble disagreement": disagreement,
        "design distance": _nearest(inputs, inputs, skip=1),
    }
    return NoveltyModel(
        ensemble=ensemble,
        inputs=inputs,
        latents=latents,
        mean=covariance.location_,
        precision=covariance.precision_,
        thresholds={name: float(np.percentile(values, percentile)) for name, values in reference.items()},
        typical_disagreement=float(np.median(disagreement)),
        elements=tuple(sorted(frozenset().union(*(r.design.elements for r in dataset.rows)))),
    )


def _targets(dataset: Dataset, problem: Problem) -> Array:
    """Departures ``(n, k)`` of the properties whose intervals decide, of all where none does.

    They are standardised; NaN where nothing was measured.
    """
    features = dataset.features()
    names = problem.gated or problem.names
    raw = np.column_stack([dataset.values(name) - problem.prior(name)(features) for name in names])
    there = np.isfinite(raw)
    count = np.maximum(there.sum(0), 1)
    centre = np.where(there, raw, 0.0).sum(0) / count
    spread = np.sqrt(np.where(there, (raw - centre) ** 2, 0.0).sum(0) / count)
    return np.asarray((raw - centre) / np.maximum(spread, 1e-3))
