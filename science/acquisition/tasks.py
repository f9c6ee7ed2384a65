"""Whole pieces of heavy science, from bytes to values, as worker processes run them.

Who asks for them needs none of the libraries behind them, so those are imported when a task runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from science.acquisition.training import Trained, training
from science.designs import Design
from science.generation.pool import Space, feasible_pool, spread
from science.pieces import Divisible, Rounds
from science.problem import Problem

if TYPE_CHECKING:
    from science.surrogate.components import ComponentModel
    from science.trust.gate import Assessment
    from science.trust.model import TrustModel

__all__ = ["Brief", "Suggestion", "Trained", "draw", "judge", "suggest", "train"]

KEPT = 1
"""Models that a worker keeps unpacked: a batch is ranked and judged with the same one."""


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
        problem: what is looked for.
    """

    space: Space
    pool: int
    count: int
    seed: int
    barred: frozenset[Design]
    near: tuple[Design, ...]
    best: float
    problem: Problem


@dataclass(frozen=True)
class Suggestion:
    """One design of a batch."""

    design: Design
    score: float | None
    predictions: dict[str, tuple[float, float]]


@lru_cache(KEPT)
def _model(content: bytes, problem: Problem) -> ComponentModel:
    from science.surrogate.components import ComponentModel

    return ComponentModel.from_bytes(content, problem)


@lru_cache(KEPT)
def _trust(content: bytes, problem: Problem) -> TrustModel:
    from science.trust.model import TrustModel

    return TrustModel.from_bytes(content, problem)


def suggest(brief: Brief, model: bytes | None) -> tuple[tuple[Suggestion, ...], int]:
    """A batch and the size of the pool that it was chosen from.

    Without a model the batch fills the space evenly; with one it is ranked.

    Raises:
        EmptyPoolError: no feasible design was found.
        ArtefactError: the model's bytes are none, or one of other properties.
    """
    rng = np.random.default_rng(brief.seed)
    if model is None:
        pool = feasible_pool(brief.space, brief.pool, rng, barred=brief.barred)
        chosen = spread(pool, brief.count, rng)
        return tuple(Suggestion(pool.designs[i], None, {}) for i in chosen), len(pool.designs)
    from science.acquisition.composite import rank

    pool = feasible_pool(brief.space, brief.pool, rng, barred=brief.barred, near=brief.near)
    problem = brief.problem
    ranked = rank(pool, _model(model, problem), problem, brief.count, brief.best, brief.seed)
    return tuple(Suggestion(pool.designs[r.index], r.score, r.predictions) for r in ranked), len(pool.designs)


def draw(brief: Brief) -> tuple[tuple[Suggestion, ...], int]:
    """A random feasible batch: the arm that others are compared with.

    Raises:
        EmptyPoolError: no feasible design was found.
    """
    pool = feasible_pool(brief.space, brief.pool, np.random.default_rng(brief.seed), barred=brief.barred)
    return tuple(Suggestion(d, None, {}) for d in pool.designs[: brief.count]), len(pool.designs)


def judge(design: Design, problem: Problem, model: bytes, trust: bytes, alpha: float) -> Assessment:
    """The trust decision about one design.

    Args:
        design: what would be made.
        problem: that the models were trained for; says which intervals decide.
        model: the component model.
        trust: the trust model.
        alpha: nominal miscoverage of intervals.

    Raises:
        ArtefactError: the bytes of a model are none, or one of other properties.
    """
    from science.trust.gate import assess

    return assess(design, _model(model, problem), _trust(trust, problem), problem, alpha)


@Divisible
def train(dataset: bytes, problem: Problem, percentile: float) -> Rounds[Trained]:
    """Fits component and trust models; several workers can share it.

    Metrics are leave-one-out errors of the properties whose intervals decide, in their units: ``mae lattice``.

    Args:
        dataset: the snapshot.
        problem: says what is modelled.
        percentile: of the measured samples' scores, above which a score counts as exceeded.

    Raises:
        SurrogateError: there is too little data, or a fit failed.
    """
    return training(dataset, problem, percentile)
