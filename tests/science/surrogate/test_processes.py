"""Tests of single processes: fits, and predictions of what was left out."""

from __future__ import annotations

import gpytorch
import numpy as np
import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP

from science.surrogate import processes
from science.surrogate.components import Component
from science.surrogate.errors import FitError
from tests.science.surrogate.labels import PROBLEM, fitted


def component(name: str) -> Component:
    return fitted(18, seed=3)[1].components[name]


@pytest.mark.parametrize("name", ["lattice", "phase_fraction"])
def test_leave_one_out_is_what_a_refit_without_the_sample_predicts(name: str) -> None:
    """The closed form agrees with taking each sample out and asking the library again, at the same hyperparameters."""
    process, targets = component(name).process, component(name).targets
    (inputs,) = process.train_inputs
    centre, scale = processes.standardisation(process)
    refit = []
    for i in range(len(targets)):
        others = [k for k in range(len(targets)) if k != i]
        rest = SingleTaskGP(
            inputs[others], process.train_targets[others].unsqueeze(-1), likelihood=process.likelihood,
            covar_module=process.covar_module, mean_module=process.mean_module, outcome_transform=None,
        ).eval()  # fmt: skip
        with torch.no_grad():
            refit.append(float(rest.posterior(inputs[i : i + 1]).mean) * scale + centre)
    found = processes.left_out(process, targets, centre, scale)
    np.testing.assert_allclose(found, refit, rtol=0, atol=1e-7 * scale)


def test_what_a_sample_says_leaves_no_trace_in_its_own_prediction() -> None:
    """A wild value in one sample changes what is predicted for the others, and not by a bit what is for itself."""
    one = component("lattice")
    wild = one.targets.copy()
    wild[4] += 0.5
    start = processes.hyperparameters(one.process)
    found = [
        processes.crossed(one.inputs, t, one.bounds, processes.restored(one.inputs, t, one.bounds, start))
        for t in (one.targets, wild)
    ]
    assert found[1][4] == pytest.approx(found[0][4], abs=1e-6)
    assert np.abs(np.delete(found[1] - found[0], 4)).max() > 1e-3


@pytest.mark.parametrize("name", PROBLEM.names)
def test_the_fit_reaches_botorchs_own_optimum(name: str) -> None:
    """The marginal likelihood is as high as where BoTorch's own coordinates and start end, within 0.05 per label."""
    ours = component(name).process
    (inputs,) = ours.train_inputs
    targets = ours.train_targets.unsqueeze(-1)
    own = SingleTaskGP(inputs, targets, outcome_transform=None)
    fit_gpytorch_mll(gpytorch.mlls.ExactMarginalLogLikelihood(own.likelihood, own))
    reached = []
    for process in (ours, own):
        copy = SingleTaskGP(
            inputs, targets, outcome_transform=None, likelihood=process.likelihood,
            covar_module=process.covar_module, mean_module=process.mean_module,
        ).train()  # fmt: skip
        likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(copy.likelihood, copy)
        reached.append(float(likelihood(copy(*copy.train_inputs), copy.train_targets).detach()))
    assert reached[0] >= reached[1] - 0.05


def test_the_fit_is_a_maximum() -> None:
    """Every length scale a tenth longer or shorter is less probable, as is more or less noise."""
    one = component("lattice")

    def height(known: dict[str, np.ndarray]) -> float:
        process = processes.restored(one.inputs, one.targets, one.bounds, known).train()
        likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(process.likelihood, process)
        return float(likelihood(process(*process.train_inputs), process.train_targets).detach())

    known = processes.hyperparameters(one.process)
    best = height(known)
    for name, values in known.items():
        for k in range(values.size):
            for step in (-0.1, 0.1):
                moved = values.copy()
                moved.ravel()[k : k + 1] += step
                assert height(known | {name: moved}) < best + 1e-6, (name, k)


def test_a_fit_that_fails_is_told_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The optimiser's own words and the number of observations reach whoever asked, also from a fold."""

    def fail(_: object) -> None:
        raise RuntimeError("the matrix was singular")

    one = component("lattice")
    monkeypatch.setattr(processes, "fit_gpytorch_mll", fail)
    with pytest.raises(FitError, match=f"Expected a fit on {len(one.targets)} observations, got: the matrix was"):
        processes.fitted(one.inputs, one.targets, one.bounds)
    with pytest.raises(FitError, match="the matrix was singular"):
        processes.crossed(one.inputs, one.targets, one.bounds, one.process)


def test_restored_hyperparameters_give_back_the_process() -> None:
    """A process rebuilt from its hyperparameters predicts the same bits; a missing one is a KeyError."""
    one = component("cubicity")
    known = processes.hyperparameters(one.process)
    again = processes.restored(one.inputs, one.targets, one.bounds, known)
    x = torch.as_tensor(one.inputs[:3] * 0.9)
    with torch.no_grad():
        assert (again.posterior(x).mean == one.process.posterior(x).mean).all()
    with pytest.raises(KeyError):
        processes.restored(one.inputs, one.targets, one.bounds, {k: v for k, v in known.items() if "noise" not in k})
