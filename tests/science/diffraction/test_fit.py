"""What a fit holds."""

from __future__ import annotations

import numpy as np
import pytest

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.fit import Fit, PhaseState, Trial, background_basis
from science.diffraction.sticks import calculate, lattice_of, metric_parameters
from tests.science.diffraction.powders import K_ALPHA1

IDS = {"MgO": "MgO", "TiO2": "TiO2_rutile", "ZrO2": "ZrO2_m"}
FACTS = {fact.id: fact for fact in load_phase_facts()}


def _start(name: str) -> Fit:
    """A phase as the library has it; without dispersion, which the simulated patterns do not have either."""
    crystal = FACTS[IDS[name]].crystal
    trial = Trial(crystal, calculate(crystal, K_ALPHA1, d_min=1.0, anomalous=False))
    return Fit((trial,), [PhaseState(trial.start.copy())])


def test_lattice_of_the_fit_is_the_refined_one() -> None:
    """`lattice` reads the metric that was refined, not the cell that the library has."""
    fit = _start("TiO2")
    fit.states[0].metric[:] = metric_parameters(fit.trials[0].crystal) / 1.01**2
    assert fit.lattice(0).a == pytest.approx(4.5937 * 1.01)
    assert fit.lattice(0) == lattice_of(fit.states[0].metric, fit.trials[0].crystal)


def test_background_basis_spans_estimate_and_smooth_curves() -> None:
    """Any sum of the estimate, a slope and a parabola is in the span of the background's columns."""
    x = np.linspace(15, 90, 500)
    estimate = 100 + 50 * np.exp(-x / 20)
    wanted = 1.3 * estimate + 2 * x + 0.01 * x**2
    basis = background_basis(x, estimate)
    found = basis @ np.linalg.lstsq(basis, wanted, rcond=None)[0]
    assert found == pytest.approx(wanted, rel=1e-9)


def test_other_phases_keep_the_instrument() -> None:
    """Zero, displacement, shape and axial divergence stay; what was calculated for the phases before does not."""
    fit = _start("TiO2")
    fit.zero, fit.displacement, fit.mixing, fit.width, fit.axial = 0.01, 0.02, 0.3, 0.07, 0.05
    fit.parts, fit.chi2 = np.ones((1, 5)), 3.0
    other = fit.holding([], [])
    assert (other.zero, other.displacement, other.mixing, other.width, other.axial) == (0.01, 0.02, 0.3, 0.07, 0.05)
    assert other.trials == ()
    assert other.parts.size == 0
    assert other.chi2 == np.inf


def test_the_room_of_a_cell_is_twice_its_strain() -> None:
    """Reciprocal metrics go with the square of lengths; angles have the room of a fifth of the first edge."""
    trial = _start("ZrO2").trials[0]
    room = trial.room(0.01)
    assert room[:3] == pytest.approx(0.02 * trial.start[:3])
    assert room[3] == pytest.approx(0.02 * max(abs(trial.start[3]), 0.2 * trial.start[0]))
