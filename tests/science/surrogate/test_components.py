"""Tests of the component processes."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from botorch.models.utils.assorted import check_min_max_scaling, check_standardization

from science.chemistry.perovskite.cells import vegard
from science.designs import FEATURES
from science.surrogate import processes
from science.surrogate.archive import pack, unpack
from science.surrogate.components import AT_ONCE, KIND, Component, ComponentModel, fit_components
from science.surrogate.dataset import Dataset
from science.surrogate.errors import ArtefactError, FitError, TooFewObservationsError
from tests.science.generation.spaces import design
from tests.science.surrogate.labels import PROBLEM, drawn, fitted, labelled, truth, with_values

REPOSITORY = Path(__file__).parents[3]


def test_the_components_learn_what_vegard_does_not_say() -> None:
    """On fresh designs the lattice is predicted twice as well as by the prior alone, the fraction to 0.1."""
    _, model = fitted(40, seed=0)
    fresh = tuple(d for d in drawn(200, seed=99) if np.isfinite(truth(d)[0]))
    predicted = model.predict(fresh)
    lattice, fraction = (np.array([truth(d)[k] for d in fresh]) for k in (0, 1))
    prior = np.array([vegard(d.a_fractions, d.b_fractions) for d in fresh])
    off = np.abs(predicted["lattice"][0] - lattice).mean()
    assert off < np.abs(prior - lattice).mean() / 2
    assert np.abs(predicted["phase_fraction"][0] - fraction).mean() < 0.1


def test_standard_deviations_tell_how_far_predictions_are_off() -> None:
    """Standardised errors of the lattice on fresh designs have a spread near one, and grow far from the labels."""
    dataset, model = fitted(40, seed=0)
    fresh = tuple(d for d in drawn(200, seed=99) if np.isfinite(truth(d)[0]))
    mean, sd = model.predict(fresh)["lattice"]
    z = (mean - np.array([truth(d)[0] for d in fresh])) / sd
    assert 0.3 < z.std() < 2.0
    measured = tuple(r.design for r in dataset.rows)
    strange = design({"La": 12}, {"In": 12}, celsius=900.0)
    assert model.predict((strange,))["lattice"][1][0] > 2 * np.median(model.predict(measured)["lattice"][1])


def test_what_is_left_out_lies_on_the_scale_of_the_measurements() -> None:
    """Honest predictions of the measured lattices are in Å, near them, and farther off than the fit itself."""
    dataset, model = fitted(40, seed=0)
    component = model.components["lattice"]
    measured = dataset.values("lattice")
    measured = measured[np.isfinite(measured)]
    honest = np.abs(component.left_out() - measured).mean()
    flattered = np.abs(component.predict(component.inputs)[0] - measured).mean()
    assert flattered < honest < 0.01


def _prior(component: Component) -> np.ndarray:
    return PROBLEM.prior(component.name)(component.inputs)


def test_each_component_keeps_its_own_rows() -> None:
    """Samples without a perovskite teach the phase fraction and nothing else; the order of the rows is kept."""
    dataset, model = fitted(40, seed=0)
    there = np.isfinite(dataset.values("lattice"))
    assert 0 < (~there).sum() < len(there)
    assert len(model.components["phase_fraction"].targets) == len(dataset.rows)
    np.testing.assert_array_equal(model.components["lattice"].inputs, dataset.features()[there])
    np.testing.assert_allclose(
        model.components["lattice"].targets + _prior(model.components["lattice"]), dataset.values("lattice")[there]
    )


@pytest.mark.parametrize("there", [0, 3])
def test_too_few_measured_samples_are_named_and_counted(there: int) -> None:
    """With fewer than four lattices there is no model, however many samples failed; the error counts them."""
    rows = labelled(drawn(30, seed=2), seed=2).rows
    good = [r for r in rows if np.isfinite(r.values["lattice"])][:there]
    bad = [r for r in rows if not np.isfinite(r.values["lattice"])]
    with pytest.raises(TooFewObservationsError, match=f"Expected 4 observations of lattice or more, got {there}") as e:
        fit_components(Dataset((*good, *bad)), PROBLEM)
    assert (e.value.needed, e.value.got) == (4, there)


def test_no_labels_at_all_are_too_few() -> None:
    """An empty snapshot is counted, not stumbled over."""
    with pytest.raises(TooFewObservationsError):
        fit_components(Dataset(()), PROBLEM)


def test_inputs_fill_the_unit_cube_and_targets_are_standardised() -> None:
    """What BoTorch asks of its data holds for every component, even with a sample fired beyond the usual range."""
    rows = labelled(drawn(14, seed=5), seed=5).rows
    hot = replace(rows[0], design=replace(rows[0].design, celsius=1725.0, dwell_h=96.0))
    hot = with_values(hot, lattice=4.1, cubicity=1.0, heterogeneity=0.1, phase_fraction=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fit_components(Dataset((hot, *rows[1:])), PROBLEM)
        model.predict((hot.design,))
    for component in model.components.values():
        (inputs,) = component.process.train_inputs
        assert inputs.min() >= 0
        assert inputs.max() <= 1 + 1e-12
        check_min_max_scaling(inputs, raise_on_fail=True)
        check_standardization(component.process.train_targets.unsqueeze(-1), raise_on_fail=True)


def test_a_quantity_that_never_varies_can_be_fitted() -> None:
    """Twelve perfectly even samples give a model that expects evenness, not a division by zero."""
    rows = [
        with_values(r, heterogeneity=0.0)
        for r in labelled(drawn(30, seed=2), seed=2).rows
        if np.isfinite(r.values["lattice"])
    ]
    mean, sd = fit_components(Dataset(tuple(rows[:12])), PROBLEM).predict((rows[0].design,))["heterogeneity"]
    assert abs(mean[0]) < 1e-6
    assert np.isfinite(sd[0])


def test_a_fit_that_fails_is_told_with_its_component(monkeypatch: pytest.MonkeyPatch) -> None:
    """The optimiser's own words reach whoever asked, as a FitError that names the component."""

    def fail(*_: object) -> None:
        raise RuntimeError("the matrix was singular")

    monkeypatch.setattr(processes, "fit_gpytorch_mll", fail)
    with pytest.raises(FitError, match=r"lattice: Expected a fit on \d+ observations, got: the matrix was singular"):
        fit_components(labelled(drawn(18, seed=3), seed=3), PROBLEM)


def test_an_archive_gives_back_the_same_predictions_and_the_same_bytes() -> None:
    """What was stored predicts to the last bit what was fitted, and stores as the same bytes again."""
    dataset, model = fitted(40, seed=0)
    content = model.to_bytes()
    back = ComponentModel.from_bytes(content, PROBLEM)
    assert back.to_bytes() == content
    assert back.sha256 == model.sha256
    assert (back.dataset_sha256, back.n_observations) == (dataset.sha256, 40)
    fresh = drawn(30, seed=7)
    for name, (mean, sd) in model.predict(fresh).items():
        np.testing.assert_array_equal(back.predict(fresh)[name][0], mean)
        np.testing.assert_array_equal(back.predict(fresh)[name][1], sd)
        np.testing.assert_array_equal(back.components[name].left_out(), model.components[name].left_out())


def test_a_prediction_does_not_depend_on_what_was_asked_before() -> None:
    """Caches inside the library never change a bit: a used model answers like a fresh one."""
    content = fitted(40, seed=0)[1].to_bytes()
    used, fresh = ComponentModel.from_bytes(content, PROBLEM), ComponentModel.from_bytes(content, PROBLEM)
    one = drawn(1, seed=8)
    used.predict(drawn(300, seed=9))
    for name, (mean, sd) in fresh.predict(one).items():
        np.testing.assert_array_equal(used.predict(one)[name], (mean, sd))


def test_many_designs_are_predicted_as_each_by_itself() -> None:
    """Taking a pool in portions changes nothing but rounding, at the seams and between them."""
    _, model = fitted(40, seed=0)
    designs = drawn(AT_ONCE + 3, seed=10)
    together = model.predict(designs)
    for i in (0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 2):
        for name, (mean, sd) in model.predict((designs[i],)).items():
            np.testing.assert_allclose(together[name][0][i], mean[0], rtol=1e-9, atol=1e-10)
            np.testing.assert_allclose(together[name][1][i], sd[0], rtol=1e-6, atol=1e-9)


def test_archives_that_lack_parts_are_refused() -> None:
    """A missing array, a wrong shape or a missing note is an ArtefactError that says to train again."""
    note, arrays = unpack(KIND, fitted(40, seed=0)[1].to_bytes())
    note = {k: v for k, v in note.items() if k not in ("kind", "format")}
    lengths = next(k for k in arrays if k.startswith("cubicity/fitted") and "lengthscale" in k)
    broken = [
        (note, {k: v for k, v in arrays.items() if k != "lattice/targets"}),
        (note, arrays | {"lattice/inputs": np.zeros((3, len(FEATURES)))}),
        (note, arrays | {lengths: np.zeros((1, 3))}),
        ({"n": note["n"]}, arrays),
        (note | {"n": None}, arrays),
    ]
    for its_note, its_arrays in broken:
        with pytest.raises(ArtefactError, match="Train it again"):
            ComponentModel.from_bytes(pack(KIND, its_note, its_arrays), PROBLEM)


FIT = """
import sys
from science.acquisition.tasks import train
from tests.science.surrogate.labels import PROBLEM
found = train(open(sys.argv[1], "rb").read(), PROBLEM, 95.0)
import hashlib
print(hashlib.sha256(found.model).hexdigest(), hashlib.sha256(found.trust).hexdigest())
"""


@pytest.mark.slow
def test_every_process_fits_the_same_models_to_the_last_bit(tmp_path: Path) -> None:
    """Two processes with different hash seeds train byte-identical component and trust models."""
    (tmp_path / "dataset.json").write_bytes(labelled(drawn(20, seed=4), seed=4).to_bytes())
    found = {
        subprocess.run(
            [sys.executable, "-c", FIT, str(tmp_path / "dataset.json")],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "4242")
    }
    assert len(found) == 1
    assert len(found.pop().split()) == 2


def test_all_components_of_the_objective_are_modelled() -> None:
    """A model has exactly the measured quantities, in their order."""
    assert tuple(fitted(40, seed=0)[1].components) == PROBLEM.names
