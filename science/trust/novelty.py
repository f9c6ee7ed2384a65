"""How far a design lies from everything that was measured.

Three scores vote: the distance to the nearest neighbours in a network's latent space, the Mahalanobis
distance there, and the disagreement of an ensemble. A fourth, the distance between the designs themselves,
does not come from any model; it catches a model that extrapolates in silence. Thresholds are percentiles
of leave-one-out scores of the measured samples.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from science.chemistry.solid_solutions import vegard
from science.generation.designs import Design
from science.surrogate.dataset import Dataset
from science.surrogate.errors import TooFewObservationsError

Array = NDArray[np.float64]
MEMBERS = 8
WIDTH = 24
EPOCHS = 250
NEIGHBOURS = 3
LEAST = 6
VOTING = ("latent distance", "mahalanobis distance", "ensemble disagreement")


class _Net(torch.nn.Module):
    """Two tanh layers; the second is the latent space. Outputs: lattice departure and phase fraction."""

    def __init__(self, inputs: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        sizes = (inputs, WIDTH, WIDTH, 2)
        self.weights = torch.nn.ParameterList()
        self.biases = torch.nn.ParameterList()
        for fan_in, fan_out in itertools.pairwise(sizes):
            start = torch.randn(fan_in, fan_out, generator=generator, dtype=torch.float64) / fan_in**0.5
            self.weights.append(torch.nn.Parameter(start))
            self.biases.append(torch.nn.Parameter(torch.zeros(fan_out, dtype=torch.float64)))

    def latent(self, x: torch.Tensor) -> torch.Tensor:
        """``(n, WIDTH)``."""
        hidden = torch.tanh(x @ self.weights[0] + self.biases[0])
        return torch.tanh(hidden @ self.weights[1] + self.biases[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(n, 2)`` standardised outputs."""
        outputs: torch.Tensor = self.latent(x) @ self.weights[2] + self.biases[2]
        return outputs


@dataclass(frozen=True)
class Score:
    """One score of one design."""

    name: str
    value: float
    threshold: float | None
    exceeded: bool


@dataclass
class NoveltyModel:
    """Networks, the measured samples in input and latent space, and the thresholds."""

    nets: list[_Net]
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
        with torch.no_grad():
            tensor = torch.as_tensor(x)
            latent = self.nets[0].latent(tensor).numpy()
            outputs = np.array([net(tensor).numpy()[0] for net in self.nets[1:]])
        values = {
            "latent distance": float(_nearest(latent, self.latents)[0]),
            "mahalanobis distance": float(_mahalanobis(latent, self.mean, self.precision)[0]),
            "ensemble disagreement": float(outputs.std(0).mean()),
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


def _train(net: _Net, inputs: Array, targets: Array, weights: Array) -> None:
    """Full-batch Adam on a weighted squared error; missing targets carry no weight."""
    x, y, w = (torch.as_tensor(v) for v in (inputs, np.nan_to_num(targets), weights))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02, weight_decay=1e-3)
    for _ in range(EPOCHS):
        optimiser.zero_grad()
        loss = (w * (net(x) - y) ** 2).sum() / w.sum().clamp_min(1.0)
        loss.backward()
        optimiser.step()


def fit_novelty(dataset: Dataset, percentile: float) -> NoveltyModel:
    """Fits networks and thresholds; deterministic.

    Args:
        dataset: what was measured.
        percentile: of the leave-one-out scores, above which a score counts as exceeded.

    Raises:
        TooFewObservationsError: fewer than six samples.
    """
    n = len(dataset.rows)
    if n < LEAST:
        raise TooFewObservationsError("any kind", LEAST, n)
    torch.set_num_threads(1)
    inputs = dataset.features()
    prior = np.array([vegard(r.design.a_fractions, r.design.b_fractions) for r in dataset.rows])
    raw = np.column_stack([dataset.values("lattice") - prior, dataset.values("phase_fraction")])
    targets = (raw - np.nanmean(raw, 0)) / np.maximum(np.nanstd(raw, 0), 1e-3)
    there = np.isfinite(targets).astype(float)
    rng = np.random.default_rng(0)
    bags = [np.ones(n)] + [np.bincount(rng.integers(n, size=n), minlength=n).astype(float) for _ in range(MEMBERS)]
    nets = [_Net(inputs.shape[1], seed) for seed in range(MEMBERS + 1)]
    for net, bag in zip(nets, bags, strict=True):
        _train(net, inputs, targets, there * bag[:, None])
    with torch.no_grad():
        latents = nets[0].latent(torch.as_tensor(inputs)).numpy()
        outputs = np.array([net(torch.as_tensor(inputs)).numpy() for net in nets[1:]])
    covariance = LedoitWolf().fit(latents)
    disagreement = _out_of_bag(outputs, np.array(bags[1:]))
    reference = {
        "latent distance": _nearest(latents, latents, skip=1),
        "mahalanobis distance": _mahalanobis(latents, covariance.location_, covariance.precision_),
        "ensemble disagreement": disagreement,
        "design distance": _nearest(inputs, inputs, skip=1),
    }
    thresholds = {name: float(np.percentile(values, percentile)) for name, values in reference.items()}
    elements = tuple(sorted(frozenset().union(*(r.design.elements for r in dataset.rows))))
    return NoveltyModel(
        nets,
        inputs,
        latents,
        covariance.location_,
        covariance.precision_,
        thresholds,
        float(np.median(disagreement)),
        elements,
    )


def _out_of_bag(outputs: Array, bags: Array) -> Array:
    """Disagreement on each sample among the members that did not see it (all, where fewer than two did not)."""
    found = []
    for sample in range(outputs.shape[1]):
        unseen = outputs[bags[:, sample] == 0, sample]
        found.append((unseen if len(unseen) > 1 else outputs[:, sample]).std(0).mean())
    return np.array(found)
