"""Gaussian processes for what is measured, one for each component.

Modelling the components (lattice, phase fraction, cubicity, heterogeneity) and not the utility keeps the
physics in view: each is smooth where their product is a needle. The lattice is modelled as a departure
from what end members suggest, the others around a constant.
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
from science.designs import FEATURES, Design
from science.surrogate import processes
from science.surrogate.archive import pack, unpack
from science.surrogate.dataset import COMPONENTS, Dataset
from science.surrogate.errors import ArtefactError, FitError, TooFewObservationsError
from science.surrogate.prior import Priors, prior_of

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
    """

    name: str
    inputs: Array
    targets: Array
    process: SingleTaskGP
    prior: Prior

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
        return np.asarray(processes.crossed(self.inputs, self.targets, self.process) + self.prior(self.inputs))

    def without_fold(self, k: int) -> Fold:
        """One fold of `left_out`, in departures from the prior mean.

        Raises:
            FitError: the fold could not be fitted.
        """
        return processes.without_fold(self.inputs, self.targets, processes.hyperparameters(self.process), k)

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
    def from_bytes(cls, content: bytes, priors: Priors) -> ComponentModel:
        """The model in these bytes.

        Args:
            content: an archive.
            priors: those that it was fitted with.

        Raises:
            ArtefactError: they are none.
        """
        note, arrays = unpack(KIND, content)
        try:
            components = {name: _stored(name, arrays, prior_of(priors, name)) for name in COMPONENTS}
            return cls(components, str(note["dataset"]), int(note["n"]))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ArtefactError(f"Expected the parts of a {KIND}, got {error!r}. Train it again.") from error

    @property
    def sha256(self) -> str:
        """Digest of its bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def _stored(name: str, arrays: dict[str, NDArray[np.float64]], prior: Prior) -> Component:
    inputs, targets = arrays[f"{name}/inputs"], arrays[f"{name}/targets"]
    if targets.ndim != 1 or inputs.shape != (len(targets), len(FEATURES)):
        raise ValueError(f"{name}: inputs of shape {inputs.shape} beside targets of shape {targets.shape}")
    head = f"{name}/fitted/"
    known = {k.removeprefix(head): v for k, v in arrays.items() if k.startswith(head)}
    return Component(name, inputs, targets, processes.restored(inputs, targets, known), prior)


def fit_components(dataset: Dataset, priors: Priors) -> ComponentModel:
    """Fits one process to each component; deterministic, one thread.

    Args:
        dataset: what was measured.
        priors: what is expected of the components before that.

    Raises:
        TooFewObservationsError: a component was measured on fewer than four samples.
        FitError: the optimiser failed.
    """
    torch.set_num_threads(1)
    components = {name: fit_component(name, dataset, prior_of(priors, name)) for name in COMPONENTS}
    return ComponentModel(components, dataset.sha256, len(dataset.rows))


def restored_component(name: str, dataset: Dataset, fitted: dict[str, Array], prior: Prior) -> Component:
    """A component with hyperparameters that were fitted to it elsewhere."""
    torch.set_num_threads(1)
    inputs, targets = _departures(name, dataset, prior)
    return Component(name, inputs, targets, processes.restored(inputs, targets, fitted), prior)


def _departures(name: str, dataset: Dataset, prior: Prior) -> tuple[Array, Array]:
    """Numbers of the designs on which a quantity was measured ``(n, d)``, and its departures from the prior ``(n,)``.

    Raises:
        TooFewObservationsError: there are fewer than four.
    """
    values = dataset.values(name)
    there = np.isfinite(values)
    if there.sum() < LEAST:
        raise TooFewObservationsError(name, LEAST, int(there.sum()))
    inputs = dataset.features().reshape(-1, len(FEATURES))[there]
    return inputs, values[there] - prior(inputs)


def fit_component(name: str, dataset: Dataset, prior: Prior) -> Component:
    """Fits the process of one component; deterministic, one thread.

    Raises:
        TooFewObservationsError: it was measured on fewer than four samples.
        FitError: the optimiser failed.
    """
    torch.set_num_threads(1)
    inputs, targets = _departures(name, dataset, prior)
    try:
        return Component(name, inputs, targets, processes.fitted(inputs, targets), prior)
    except FitError as error:
        raise FitError(f"{name}: {error}") from error
