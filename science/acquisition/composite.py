"""Ranks a feasible pool by expected improvement of a composite objective over component models.

The objective multiplies what a success needs: enough of the phase, the right lattice, cubic, homogeneous.
Its expectation is taken by Monte Carlo over the components (Astudillo & Frazier 2019, arXiv:1906.01537);
a batch is chosen greedily on joint draws, so that its members do not repeat each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.generation.pool import Pool
from science.surrogate.components import ComponentModel, prior_mean
from science.surrogate.dataset import COMPONENTS

Array = NDArray[np.float64]
DRAWS = 192
SHORTLIST = 160
"""Designs with the best marginal score, of which the batch is chosen jointly."""
HETEROGENEITY_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Objective:
    """What is looked for: lattice in Å, the width of its Gaussian in Å."""

    lattice: float
    scale: float

    def utility(self, lattice: Array, phase_fraction: Array, cubicity: Array, heterogeneity: Array) -> Array:
        """U = clip((w − ½)/½) · exp(−((a − a₀)/s)²/2) · cubicity · exp(−2 het), elementwise, 0 to 1."""
        amount = np.clip((phase_fraction - 0.5) / 0.5, 0, 1)
        fit = np.exp(-0.5 * ((lattice - self.lattice) / self.scale) ** 2)
        even = np.exp(-HETEROGENEITY_WEIGHT * np.clip(heterogeneity, 0, None))
        return np.asarray(amount * fit * np.clip(cubicity, 0, 1) * even)


@dataclass(frozen=True)
class Ranked:
    """One chosen design: index into the pool, score, component → (mean, sd)."""

    index: int
    score: float
    predictions: dict[str, tuple[float, float]]


def rank(
    pool: Pool, model: ComponentModel, objective: Objective, count: int, best: float, seed: int
) -> tuple[Ranked, ...]:
    """The `count` designs that together promise most.

    Args:
        pool: feasible designs.
        model: fitted components.
        objective: what is looked for.
        count: size of the batch.
        best: highest utility measured so far.
        seed: of the Monte-Carlo draws.
    """
    predicted = model.predict(pool.designs)
    marginal = _marginal(predicted, objective, best, seed)
    shortlist = np.argsort(-marginal, kind="stable")[:SHORTLIST]
    designs = tuple(pool.designs[i] for i in shortlist)
    features = np.array([d.features() for d in designs])
    draws = [
        model.components[name].sample(features, prior_mean(name, designs), DRAWS, seed + k)
        for k, name in enumerate(COMPONENTS)
    ]
    utility = objective.utility(*draws)
    reached = np.full(DRAWS, best)
    chosen: list[Ranked] = []
    taken: set[int] = set()
    for _ in range(min(count, len(shortlist))):
        gain = np.maximum(utility - reached[:, None], 0).mean(0) + 1e-3 * utility.mean(0)
        gain[list(taken)] = -np.inf
        pick = int(np.argmax(gain))
        taken.add(pick)
        reached = np.maximum(reached, utility[:, pick])
        index = int(shortlist[pick])
        chosen.append(
            Ranked(index, float(gain[pick]), {n: (float(m[index]), float(s[index])) for n, (m, s) in predicted.items()})
        )
    return tuple(chosen)


def _marginal(predicted: dict[str, tuple[Array, Array]], objective: Objective, best: float, seed: int) -> Array:
    """Expected improvement of each design by itself, ``(n,)``."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((len(COMPONENTS), 64, 1))
    draws = [predicted[name][0] + predicted[name][1] * noise[k] for k, name in enumerate(COMPONENTS)]
    utility = objective.utility(*draws)
    return np.asarray(np.maximum(utility - best, 0).mean(0) + 1e-3 * utility.mean(0))
