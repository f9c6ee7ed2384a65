"""A bagged ensemble of small networks, trained side by side, whose second layer is a latent space.

All members share one batched multiplication a layer, so that nine of them cost hardly more than one. Adam
(Kingma & Ba 2015, arXiv:1412.6980) is written out: PyTorch's own brings a compiler along that takes each
worker process seconds to load.

Weights are not decayed. An element that was never measured has an input that was always zero: decay would
drive its weights to zero, too, and the members would agree on it as if it were not there (area under the
ROC curve of a withheld family 0.5). Undecayed, its first weights stay random, and so do the answers.
Outputs are the properties whose intervals decide, as standardised departures from what the chemistry expects.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
WIDTH = 24
EPOCHS = 250
LAYERS = 3
RATE = 0.01
GAIN = 1.5
"""Spread of the first weights, in units of one over the square root of what comes in."""


@dataclass(frozen=True)
class Ensemble:
    """Members' weights ``(members, in, out)`` and biases ``(members, 1, out)``, a pair for each layer."""

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def latent(self, inputs: Array) -> Array:
        """Where each member puts the inputs ``(n, d)``: ``(members, n, WIDTH)``."""
        hidden = np.tanh(inputs @ self.weights[0] + self.biases[0])
        return np.asarray(np.tanh(hidden @ self.weights[1] + self.biases[1]))

    def outputs(self, inputs: Array) -> Array:
        """What each member predicts: ``(members, n, k)``."""
        return np.asarray(self.latent(inputs) @ self.weights[2] + self.biases[2])


def train(inputs: Array, targets: Array, bags: Array) -> Ensemble:
    """Trains one member for each bag by full-batch Adam on a weighted squared error; deterministic.

    Args:
        inputs: ``(n, d)`` numbers of the designs.
        targets: ``(n, k)`` standardised outputs, NaN where nothing was measured.
        bags: ``(members, n)`` how often each member sees each sample.
    """
    import torch

    torch.set_num_threads(1)
    sizes = (inputs.shape[1], WIDTH, WIDTH, targets.shape[1])
    weights: list[torch.Tensor] = []
    biases: list[torch.Tensor] = []
    generators = [torch.Generator().manual_seed(member) for member in range(len(bags))]
    for fan_in, fan_out in itertools.pairwise(sizes):
        start = [
            torch.randn(fan_in, fan_out, generator=g, dtype=torch.float64) * GAIN / fan_in**0.5 for g in generators
        ]
        weights.append(torch.stack(start).requires_grad_())
        biases.append(torch.zeros(len(bags), 1, fan_out, dtype=torch.float64, requires_grad=True))
    there = np.isfinite(targets)
    x = torch.as_tensor(inputs).expand(len(bags), -1, -1)
    y = torch.as_tensor(np.where(there, targets, 0.0))
    w = torch.as_tensor(bags[:, :, None] * there)
    w = w / w.sum((1, 2), keepdim=True).clamp_min(1.0)
    parameters = [*weights, *biases]
    first = [torch.zeros_like(p) for p in parameters]
    second = [torch.zeros_like(p) for p in parameters]
    for step in range(1, EPOCHS + 1):
        hidden = torch.tanh(torch.baddbmm(biases[0], x, weights[0]))
        hidden = torch.tanh(torch.baddbmm(biases[1], hidden, weights[1]))
        loss = (w * (torch.baddbmm(biases[2], hidden, weights[2]) - y) ** 2).sum()
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
                m.lerp_(g, 1 - 0.9)
                v.lerp_(g * g, 1 - 0.999)
                p.sub_(RATE * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8))
    return Ensemble(tuple(t.detach().numpy() for t in weights), tuple(t.detach().numpy() for t in biases))
