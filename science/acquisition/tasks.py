"""Whole pieces of heavy science, from bytes to values, as worker processes run them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from science.acquisition.composite import Objective, rank
from science.generation.designs import Design
from science.generation.pool import Space, feasible_pool, spread
from science.surrogate.components import ComponentModel, fit_components
from science.surrogate.dataset import Dataset
from science.trust.gate import GATED, Assessment, GateLimits, TrustModel, assess, fit_trust


@dataclass(frozen=True)
class Brief:
    """What a batch is wanted for.

    Attributes:
        space: what may be chosen.
        pool: feasible designs to draw.
        count: size of the batch.
        seed: of all dice.
        barred: designs that were proposed before.
        near: the best designs so far.
        best: the highest utility so far.
        objective: what is looked for.
    """

    space: Space
    pool: int
    count: int
    seed: int
    barred: frozenset[Design]
    near: tuple[Design, ...]
    best: float
    objective: Objective


@dataclass(frozen=True)
class Suggestion:
    """One design of a batch."""

    design: Design
    score: float | None
    predictions: dict[str, tuple[float, float]]


def suggest(brief: Brief, model: bytes | None) -> tuple[tuple[Suggestion, ...], int]:
    """A batch and the size of the pool that it was chosen from.

    Without a model the batch fills the space evenly; with one it is ranked.

    Raises:
        EmptyPoolError: no feasible design was found.
    """
    rng = np.random.default_rng(brief.seed)
    if model is None:
        pool = feasible_pool(brief.space, brief.pool, rng, barred=brief.barred)
        chosen = spread(pool, brief.count, rng)
        return tuple(Suggestion(pool.designs[i], None, {}) for i in chosen), len(pool.designs)
    pool = feasible_pool(brief.space, brief.pool, rng, barred=brief.barred, near=brief.near)
    ranked = rank(pool, ComponentModel.from_bytes(model), brief.objective, brief.count, brief.best, brief.seed)
    return tuple(Suggestion(pool.designs[r.index], r.score, r.predictions) for r in ranked), len(pool.designs)


def draw(brief: Brief) -> tuple[tuple[Suggestion, ...], int]:
    """A random feasible batch: the arm that others are compared with."""
    pool = feasible_pool(brief.space, brief.pool, np.random.default_rng(brief.seed), barred=brief.barred)
    return tuple(Suggestion(d, None, {}) for d in pool.designs[: brief.count]), len(pool.designs)


def judge(design: Design, model: bytes, trust: bytes, limits: GateLimits) -> Assessment:
    """The trust decision about one design."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return assess(design, ComponentModel.from_bytes(model), TrustModel.from_bytes(trust), limits)


@dataclass(frozen=True)
class Trained:
    """A fitted pair of models and how they did."""

    model: bytes
    trust: bytes
    metrics: dict[str, float]


def train(dataset: bytes, percentile: float) -> Trained:
    """Fits component and trust models.

    Metrics are leave-one-out: ``mae lattice`` in Å and ``mae phase_fraction``.

    Raises:
        SurrogateError: there is too little data, or a fit failed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = Dataset.from_bytes(dataset)
        model = fit_components(data)
        trust = fit_trust(data, model, percentile)
    metrics = {f"mae {n}": float(np.nanmean(np.abs(trust.left_out[n] - trust.measured[n]))) for n in GATED}
    return Trained(model.to_bytes(), trust.to_bytes(), metrics)
