"""Ranks a feasible pool by expected improvement of a composite objective over component models.

The objective multiplies what a success needs: enough of the phase, the right lattice, cubic, homogeneous.
Its expectation is taken by Monte Carlo over the components (Astudillo & Frazier 2019, arXiv:1906.01537),
by BoTorch's `qLogExpectedImprovement` (Ament et al. 2023, arXiv:2310.20708) on one process a component. A
batch is chosen greedily: what was chosen already is pending, so that its members do not repeat each other.

In 24 closed loops of 48 samples against the simulated world the library's ranking is level with a
hand-made one on joint draws: mean best-so-far higher by 0.01 ± 0.02, first success 1.7 ± 2.5 samples sooner.
`qLogNoisyExpectedImprovement` on the same loops is level with both, and costs more. Ranking a pool of 2000
on 40 labels takes a third of a CPU second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from science.generation.pool import Pool
from science.problem import Problem

if TYPE_CHECKING:
    import torch
    from botorch.acquisition.objective import GenericMCObjective

    from science.surrogate.components import ComponentModel

Array = NDArray[np.float64]
DRAWS = 512
"""Quasi-random draws of the components, a power of two as Sobol's sequence wants it."""
SHARPNESS = 1e-6
"""Temperature of the maximum over a batch. BoTorch's 0.01 gives a twin of the best design 0.7 % of its promise again,
which is more than most others add; a search over a list needs no smooth gradients."""
SHORTLIST = 160
"""Designs with the best marginal score, of which the batch is chosen jointly."""


@dataclass(frozen=True)
class Ranked:
    """One chosen design.

    Attributes:
        index: its place in the pool.
        score: expected improvement that it adds to those chosen before it.
        predictions: component → (mean, standard deviation).
    """

    index: int
    score: float
    predictions: dict[str, tuple[float, float]]


def rank(pool: Pool, model: ComponentModel, problem: Problem, count: int, best: float, seed: int) -> tuple[Ranked, ...]:
    """The `count` designs that together promise most; the same to the last bit for the same seed.

    Args:
        pool: feasible designs.
        model: fitted components.
        problem: that they were fitted for; says what is looked for.
        count: size of the batch.
        best: highest utility measured so far.
        seed: of the Monte-Carlo draws.
    """
    import torch
    from botorch.acquisition.logei import qLogExpectedImprovement
    from botorch.models import ModelListGP
    from botorch.sampling.normal import SobolQMCNormalSampler

    torch.set_num_threads(1)
    features = pool.features()
    predicted = model.predict(pool.designs)
    models = ModelListGP(*(model.components[name].process for name in problem.names))
    worth = composite(problem)
    acquisition = qLogExpectedImprovement(
        models, best, SobolQMCNormalSampler(torch.Size([DRAWS]), seed=seed), worth, tau_max=SHARPNESS
    )
    left = list(map(int, _shortlist(features, _marginal(predicted, problem, best, seed))))
    chosen: list[int] = []
    with torch.no_grad():
        while left and len(chosen) < count:
            value = acquisition(torch.as_tensor(features[left]).unsqueeze(1))
            chosen.append(left.pop(int(value.argmax())))  # a design beside itself would have a singular covariance
            acquisition.set_X_pending(torch.as_tensor(features[chosen]))
        batch = torch.as_tensor(features[chosen])
        samples = SobolQMCNormalSampler(torch.Size([8 * DRAWS]), seed=seed)(models.posterior(batch))
        reached = worth(samples, batch).cummax(-1).values.clamp_min(best).mean(0)  # the same draws for all: no noise
    gains = np.diff(reached.numpy(), prepend=best)
    return tuple(
        Ranked(at, float(gain), {name: (float(mean[at]), float(sd[at])) for name, (mean, sd) in predicted.items()})
        for at, gain in zip(chosen, gains, strict=True)
    )


def composite(problem: Problem) -> GenericMCObjective:
    """The objective as BoTorch takes it: samples of the components ``(…, q, m)`` to utilities ``(…, q)``.

    Samples are departures from what is expected of each, for which the designs themselves ``(…, q, d)`` come along.
    """
    from botorch.acquisition.objective import GenericMCObjective

    priors = {name: problem.prior(name) for name in problem.names}

    def utility(samples: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        departures = zip(priors.items(), samples.unbind(-1), strict=True)
        found: torch.Tensor = problem.objective.utility({name: off + prior(X) for (name, prior), off in departures})
        return found

    return GenericMCObjective(utility)


def _marginal(predicted: dict[str, tuple[Array, Array]], problem: Problem, best: float, seed: int) -> Array:
    """Expected improvement of each design by itself, ``(n,)``; ties are broken by expected utility."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((len(problem.names), 64, 1))
    utility = problem.objective.utility(
        {name: predicted[name][0] + predicted[name][1] * noise[k] for k, name in enumerate(problem.names)}
    )
    return np.asarray(np.maximum(utility - best, 0).mean(0) + 1e-3 * utility.mean(0))


def _shortlist(features: Array, marginal: Array) -> Array:
    """Indices of the most promising designs, best first; of designs that look the same to the models only one."""
    order = np.argsort(-marginal, kind="stable")
    _, first = np.unique(features[order], axis=0, return_index=True)
    return np.asarray(order[np.sort(first)][:SHORTLIST])
