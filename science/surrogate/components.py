"""Gaussian processes for what is measured, one for each component.

Modelling the components (of a perovskite lattice, phase fraction, cubicity, heterogeneity) and not the utility keeps
the physics in view: each is smooth where their product is a needle. Those of which the chemistry has an expectation
are modelled as departures from it, the others around a constant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import gpytorch
import numpy as np
import torch
from botorch.models import SingleTaskGP
from numpy.typing import NDArray

from science.chemistry.chemistry import Prior
from science.designs import Design
from science.problem import Problem
from science.surrogate import processes
from science.surrogate.archive import expect_properties, pack, unpack
from science.surrogate.dataset import Dataset
from science.surrogate.errors import ArtefactError, FitError, TooFewObservationsError

Array = NDArray[np.float64]
Fold = tuple[NDArray[np.bool_], Array]
"""Which measured values are in a fold, and what the others predict of them."""
LEAST = 4
"""Observations that a component needs."""
KIND = "component-model"
AT_ONCE = 256
"""Designs that are predicted at once: the joint covariance of all of them is never needed."""


@dataclass
class Component:
    """One fitted quantity.

    Attributes:
        name: the quantity.
        inputs: ``(n, d)`` numbers of the designs on which it was measured.
        targets: ``(n,)`` departures from the prior mean, in the quantity's unit.
        process: speaks of departures from the prior mean, too.
        prior: what is expected of designs before anything was measured.
        bounds: ``(2, d)`` usual range of the inputs.
    """

    name: str
    inputs: Array
    targets: Array
    process: SingleTaskGP
    prior: Prior
    bounds: Array

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Posterior mean and standard deviation ``(n,)`` in the quantity's own unit, without noise."""
        means, sds = [], []
        with torch.no_grad(), gpytorch.settings.fast_pred_var(False):
            for chunk in torch.split(torch.as_tensor(features), AT_ONCE):
                posterior = self.process.posterior(chunk)
                means.append(posterior.mean.squeeze(-1).numpy())
                sds.append(posterior.variance.clamp_min(0).sqrt().squeeze(-1).numpy())
        return np.concatenate(means) + self.prior(features), np.concatenate(sds)

    def left_out(self) -> Array:
        """Honest prediction of each measured value by the others ``(n,)``, in the quantity's own unit.

        Neither the prediction nor its hyperparameters have seen the value.

        Raises:
            FitError: a fold could not be fitted.
        """
        found = processes.crossed(self.inputs, self.targets, self.bounds, self.process)
        return np.asarray(found + self.prior(self.inputs))

    def without_fold(self, k: int) -> Fold:
        """One fold of `left_out`, in departures from the prior mean.

        Raises:
            FitError: the fold could not be fitted.
        """
        start = processes.hyperparameters(self.process)
        return processes.without_fold(self.inputs, self.targets, self.bounds, start, k)

    def in_place(self, folds: Iterable[Fold]) -> Array:
        """What `left_out` says, from all its folds."""
        return np.asarray(processes.put_together(folds) + self.prior(self.inputs))


@dataclass
class ComponentModel:
    """All components, and the snapshot that they were fitted on."""

    components: dict[str, Component]
    dataset_sha256: str
    n_observations: int

    def predict(self, designs: tuple[Design, ...]) -> dict[str, tuple[Array, Array]]:
        """Component → posterior mean and standard deviation, each ``(n,)``."""
        features = np.array([d.features() for d in designs])
        return {name: component.predict(features) for name, component in self.components.items()}

    def to_bytes(self) -> bytes:
        """An archive without pickles: what was measured, and the fitted hyperparameters."""
        arrays: dict[str, NDArray[np.float64]] = {}
        for name, component in self.components.items():
            arrays[f"{name}/inputs"], arrays[f"{name}/targets"] = component.inputs, component.targets
            for key, values in processes.hyperparameters(component.process).items():
                arrays[f"{name}/fitted/{key}"] = values
        return pack(KIND, {"dataset": self.dataset_sha256, "n": self.n_observations}, arrays)

    @classmethod
    def from_bytes(cls, content: bytes, problem: Problem) -> ComponentModel:
        """The model in these bytes.

        Args:
            content: an archive.
            problem: that it was fitted for.

        Raises:
            ArtefactError: they are none, or one that was fitted for other properties.
        """
        note, arrays = unpack(KIND, content)
        expect_properties(KIND, problem.names, (key.partition("/")[0] for key in arrays))
        try:
            components = {name: _stored(name, arrays, problem) for name in problem.names}
            return cls(components, str(note["dataset"]), int(note["n"]))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ArtefactError(f"Expected the parts of a {KIND}, got {error!r}. Train it again.") from error

    @property
    def sha256(self) -> str:
        """Digest of its bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def _stored(name: str, arrays: dict[str, NDArray[np.float64]], problem: Problem) -> Component:
    inputs, targets = arrays[f"{name}/inputs"], arrays[f"{name}/targets"]
    if targets.ndim != 1 or inputs.shape != (len(targets), len(problem.columns)):
        raise ValueError(f"{name}: inputs of shape {inputs.shape} beside targets of shape {targets.shape}")
    head = f"{name}/fitted/"
    known = {k.removeprefix(head): v for k, v in arrays.items() if k.startswith(head)}
    return _of(name, inputs, targets, problem, processes.restored(inputs, targets, problem.bounds, known))


def _of(name: str, inputs: Array, targets: Array, problem: Problem, process: SingleTaskGP) -> Component:
    return Component(name, inputs, targets, process, problem.prior(name), problem.bounds)


def fit_components(dataset: Dataset, problem: Problem) -> ComponentModel:
    """Fits one process to each component; deterministic, one thread.

    Args:
        dataset: what was measured.
        problem: says which components there are, and what is expected of them.

    Raises:
        TooFewObservationsError: a component was measured on fewer than four samples.
        FitError: the optimiser failed.
    """
    torch.set_num_threads(1)
    components = {name: fit_component(name, dataset, problem) for name in problem.names}
    return ComponentModel(components, dataset.sha256, len(dataset.rows))


def restored_component(name: str, dataset: Dataset, fitted: dict[str, Array], problem: Problem) -> Component:
    """A component with hyperparameters that were fitted to it elsewhere."""
    torch.set_num_threads(1)
    inputs, targets = _departures(name, dataset, problem)
    return _of(name, inputs, targets, problem, processes.restored(inputs, targets, problem.bounds, fitted))


def _departures(name: str, dataset: Dataset, problem: Problem) -> tuple[Array, Array]:
    """Numbers of the designs on which a quantity was measured ``(n, d)``, and its departures from the prior ``(n,)``.

    Raises:
        TooFewObservationsError: there are fewer than four.
    """
    values = dataset.values(name)
    there = np.isfinite(values)
    if there.sum() < LEAST:
        raise TooFewObservationsError(name, LEAST, int(there.sum()))
    inputs = dataset.features().reshape(-1, len(problem.columns))[there]
    return inputs, values[there] - problem.prior(name)(inputs)


def fit_component(name: str, dataset: Dataset, problem: Problem) -> Component:
    """Fits the process of one component; deterministic, one thread.

    Raises:
        TooFewObservationsError: it was measured on fewer than four samples.
        FitError: the optimiser failed.
    """
    torch.set_num_threads(1)
    inputs, targets = _departures(name, dataset, problem)
    try:
        return _of(name, inputs, targets, problem, processes.fitted(inputs, targets, problem.bounds))
    except FitError as error:
        raise FitError(f"{name}: {error}") from error
