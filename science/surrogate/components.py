"""Gaussian processes for what is measured, one for each component.

Modelling the components (lattice, phase fraction, cubicity, heterogeneity) and not the utility keeps the
physics in view: each is smooth where their product is a needle. The lattice is modelled as a departure
from what end members suggest, the others around a constant.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import gpytorch
import numpy as np
import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from numpy.typing import NDArray

from science.chemistry.solid_solutions import vegard
from science.generation.designs import Design
from science.surrogate.archive import pack, unpack
from science.surrogate.dataset import COMPONENTS, Dataset
from science.surrogate.errors import FitError, TooFewObservationsError

Array = NDArray[np.float64]
LEAST = 4
"""Observations that a component needs."""
KIND = "component-model"


def prior_mean(component: str, designs: tuple[Design, ...]) -> Array:
    """What is expected before any measurement, ``(n,)``: Vegard's rule for the lattice, nothing for the rest."""
    if component != "lattice":
        return np.zeros(len(designs))
    return np.array([vegard(d.a_fractions, d.b_fractions) for d in designs])


@dataclass
class Component:
    """One fitted quantity: standardised targets, scale, and the process."""

    name: str
    inputs: Array
    targets: Array
    centre: float
    scale: float
    process: SingleTaskGP

    def predict(self, features: Array, prior: Array) -> tuple[Array, Array]:
        """Posterior mean and standard deviation ``(n,)`` in the quantity's own unit, without noise."""
        with torch.no_grad(), gpytorch.settings.fast_pred_var(False):
            posterior = self.process.posterior(torch.as_tensor(features, dtype=torch.float64))
            mean = posterior.mean.squeeze(-1).numpy()
            sd = posterior.variance.clamp_min(1e-12).sqrt().squeeze(-1).numpy()
        return mean * self.scale + self.centre + prior, sd * self.scale

    def sample(self, features: Array, prior: Array, count: int, seed: int) -> Array:
        """Joint posterior draws ``(count, n)``."""
        with torch.no_grad():
            posterior = self.process.posterior(torch.as_tensor(features, dtype=torch.float64))
            mean = posterior.mean.squeeze(-1).numpy()
            covariance = posterior.distribution.covariance_matrix.numpy()
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        noise = np.random.default_rng(seed).standard_normal((count, len(mean)))
        return np.asarray((mean + noise @ root.T) * self.scale + self.centre + prior)

    def left_out(self) -> Array:
        """Prediction of each training target by the others ``(n,)``, departures from the prior.

        Closed form for fixed hyperparameters (Rasmussen & Williams 2006, eq. 5.12).
        """
        with torch.no_grad():
            inputs = torch.as_tensor(self.inputs, dtype=torch.float64)
            self.process.eval()
            kernel = self.process.covar_module(inputs).to_dense().numpy()
            noise = float(self.process.likelihood.noise.item())
            constant = float(self.process.mean_module.constant.item())
        inverse = np.linalg.inv(kernel + noise * np.eye(len(kernel)))
        residual = self.targets - constant
        left = self.targets - (inverse @ residual) / np.diag(inverse)
        return np.asarray(left * self.scale + self.centre)


@dataclass
class ComponentModel:
    """All components, and the snapshot that they were fitted on."""

    components: dict[str, Component]
    dataset_sha256: str
    n_observations: int

    def predict(self, designs: tuple[Design, ...]) -> dict[str, tuple[Array, Array]]:
        """Component → posterior mean and standard deviation, each ``(n,)``."""
        features = np.array([d.features() for d in designs])
        return {
            name: component.predict(features, prior_mean(name, designs)) for name, component in self.components.items()
        }

    def to_bytes(self) -> bytes:
        """An archive without pickles."""
        arrays: dict[str, NDArray[np.float64]] = {}
        note: dict[str, object] = {"dataset": self.dataset_sha256, "n": self.n_observations, "components": {}}
        for name, c in self.components.items():
            arrays[f"{name}/inputs"], arrays[f"{name}/targets"] = c.inputs, c.targets
            note["components"][name] = [c.centre, c.scale]  # type: ignore[index]
            for key, tensor in c.process.state_dict().items():
                arrays[f"{name}/state/{key}"] = tensor.detach().numpy()
        return pack(KIND, note, arrays)

    @classmethod
    def from_bytes(cls, content: bytes) -> ComponentModel:
        """The model in these bytes.

        Raises:
            ArtefactError: they are none.
        """
        note, arrays = unpack(KIND, content)
        components = {}
        for name, (centre, scale) in note["components"].items():
            inputs, targets = arrays[f"{name}/inputs"], arrays[f"{name}/targets"]
            process = _process(inputs, targets)
            head = f"{name}/state/"
            state = {k.removeprefix(head): torch.as_tensor(v) for k, v in arrays.items() if k.startswith(head)}
            process.load_state_dict(state)
            process.eval()
            components[name] = Component(name, inputs, targets, centre, scale, process)
        return cls(components, note["dataset"], note["n"])

    @property
    def sha256(self) -> str:
        """Digest of its bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def _process(inputs: Array, targets: Array) -> SingleTaskGP:
    return SingleTaskGP(
        torch.as_tensor(inputs, dtype=torch.float64),
        torch.as_tensor(targets, dtype=torch.float64).unsqueeze(-1),
        outcome_transform=None,
    )


def fit_components(dataset: Dataset) -> ComponentModel:
    """Fits one process to each component; deterministic, one thread.

    Raises:
        TooFewObservationsError: a component was measured on fewer than four samples.
        FitError: the optimiser failed.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    components = {name: _fit(name, dataset) for name in COMPONENTS}
    return ComponentModel(components, dataset.sha256, len(dataset.rows))


def _fit(name: str, dataset: Dataset) -> Component:
    values = dataset.values(name) - prior_mean(name, tuple(r.design for r in dataset.rows))
    there = np.isfinite(values)
    if there.sum() < LEAST:
        raise TooFewObservationsError(name, LEAST, int(there.sum()))
    inputs, measured = dataset.features()[there], values[there]
    centre, scale = float(measured.mean()), float(max(measured.std(), 1e-3))
    targets = (measured - centre) / scale
    process = _process(inputs, targets)
    likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(process.likelihood, process)
    try:
        fit_gpytorch_mll(likelihood)
    except (ModelFittingError, RuntimeError) as error:
        raise FitError(f"Expected a fit of {name} on {there.sum()} observations, got: {error}.") from error
    process.eval()
    return Component(name, inputs, targets, centre, scale, process)
