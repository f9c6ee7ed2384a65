"""Lines stand where they should, and their derivatives are those of differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.fit import Fit, PhaseState, Trial
from science.diffraction.lineshapes import phase_columns
from science.diffraction.observing import observe
from science.diffraction.refine import refine
from science.diffraction.sticks import calculate
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, simulated

Array = NDArray[np.float64]
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))
IDS = {"MgO": "MgO", "TiO2": "TiO2_rutile", "ZrO2": "ZrO2_m"}
FACTS = {fact.id: fact for fact in load_phase_facts()}


def _start(name: str) -> Fit:
    """A phase as the library has it; without dispersion, which the simulated patterns do not have either."""
    crystal = FACTS[IDS[name]].crystal
    trial = Trial(crystal, calculate(crystal, K_ALPHA1, d_min=1.0, anomalous=False))
    return Fit((trial,), [PhaseState(trial.start.copy())])


@pytest.mark.parametrize("name", ["TiO2", "ZrO2"])
def test_analytic_derivatives_are_those_of_differences(name: str) -> None:
    """By zero, displacement, widths, each cell parameter and axial divergence: the same as moving it a little.

    To 2 %, because widths and intensities also change a little with the cell, which the fit leaves out. The
    displacement is one that no holder has, so that its share in the derivatives by the cell shows.
    """
    observed = observe(simulated({name: 1.0}), DOUBLET)
    fit = _start(name)
    fit.zero, fit.displacement, fit.width = 0.02, -8.0, 0.07
    fit.mixing = 0.0  # Lorentzian tails end abruptly at the rim of their window
    fit.axial = 0.06
    _, jacobian, _ = phase_columns(fit, observed, 0)
    last = len(jacobian) - 1

    def moved(which: int, by: float) -> Array:
        state = replace(fit.states[0], metric=fit.states[0].metric.copy())
        other = replace(fit, states=[state])
        if which < 3 or which == last:
            field = "axial" if which == last else ("zero", "displacement", "width")[which]
            setattr(other, field, getattr(other, field) + by)
        elif which < 5:
            setattr(state, ("size", "strain")[which - 3], getattr(state, ("size", "strain")[which - 3]) + by)
        else:
            state.metric[which - 5] += by
        return phase_columns(other, observed, 0)[0]

    for which, mine in enumerate(jacobian):
        by = 1e-5 if which < 5 or which == last else 1e-7
        theirs = (moved(which, by) - moved(which, -by)) / 2 / by
        assert np.abs(mine - theirs).max() < 0.02 * np.abs(theirs).max(), which


def test_lines_are_where_places_says() -> None:
    """The centre of gravity of a line with its axial tail is where `places` puts it."""
    observed = observe(simulated({"MgO": 1.0}), DOUBLET)
    fit = refine(_start("MgO"), observed, iterations=25)
    fit.axial, fit.mixing = 0.12, 0.0
    profile = phase_columns(fit, observed, 0)[0]
    theta = np.arcsin(fit.trials[0].sticks.q[:2] ** 0.5 * K_ALPHA1 / 2)
    middle = fit.places(theta).mean()
    first = observed.x < middle
    centre = float((observed.x * profile)[first].sum() / profile[first].sum())
    second = np.arcsin(np.sin(theta[0]) * K_ALPHA2 / K_ALPHA1)
    wanted = fit.places(np.array([theta[0], second])) @ [2 / 3, 1 / 3]
    assert centre == pytest.approx(wanted, abs=2e-3)
    upright = replace(fit, axial=0.0).places(np.array([theta[0], second])) @ [2 / 3, 1 / 3]
    assert wanted == pytest.approx(upright - 0.12 / 6 / np.tan(2 * theta[0]), abs=1e-3)
