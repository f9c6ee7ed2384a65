"""Twins with each other's cells are put right, and those with their own are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.fit import Fit, Observed, PhaseState, Trial
from science.diffraction.observing import observe
from science.diffraction.refine import refine
from science.diffraction.sticks import calculate, metric_parameters
from science.diffraction.twins import untwinned
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, simulated

ZIRCONIA = next(f.crystal for f in load_phase_facts() if f.id == "ZrO2_m")
HAFNIA = next(f.crystal for f in load_phase_facts() if f.id == "HfO2_m")
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))


def _both() -> Observed:
    """Zirconia as it is, and beside it the same structure with the cell of hafnia, 0.7 % smaller."""
    one, other = simulated({"ZrO2": 1.0}), simulated({"ZrO2": 1.0}, strain=-0.0068, seed=2)
    return observe(replace(one, intensity=one.intensity + 0.6 * other.intensity), DOUBLET)


def _fit(observed: Observed, *, exchanged: bool) -> Fit:
    trials = tuple(Trial(c, calculate(c, K_ALPHA1, d_min=1.0)) for c in (ZIRCONIA, HAFNIA))
    cells = [metric_parameters(c) for c in (ZIRCONIA, HAFNIA)]
    states = [PhaseState(c) for c in (cells[::-1] if exchanged else cells)]
    return refine(Fit(trials, states), observed, iterations=15)


def test_exchanged_cells_are_put_right() -> None:
    """Zirconia strained onto the lines of hafnia and hafnia onto those of zirconia get their own cells back."""
    observed = _both()
    wrong = _fit(observed, exchanged=True)
    assert wrong.lattice(0).volume < wrong.lattice(1).volume
    right = untwinned(wrong, observed)
    assert right.lattice(0).volume > right.lattice(1).volume
    assert right.lattice(0).a == pytest.approx(ZIRCONIA.lattice.a, rel=2e-3)
    assert right.lattice(1).a == pytest.approx(HAFNIA.lattice.a, rel=2e-3)
    assert wrong.lattice(0).volume < wrong.lattice(1).volume, "the fit that was given stays as it was"


def test_twins_with_their_own_cells_are_left_alone() -> None:
    """A fit in which both have the cell of the library is the fit that comes back."""
    observed = _both()
    right = _fit(observed, exchanged=False)
    assert untwinned(right, observed) is right


def test_strangers_are_no_twins() -> None:
    """Phases of other symmetry keep their cells, however strained they are."""
    observed = _both()
    rutile = next(f.crystal for f in load_phase_facts() if f.id == "TiO2_rutile")
    trials = tuple(Trial(c, calculate(c, K_ALPHA1, d_min=1.0)) for c in (ZIRCONIA, rutile))
    fit = refine(Fit(trials, [PhaseState(metric_parameters(t.crystal) * 0.985) for t in trials]), observed)
    assert untwinned(fit, observed) is fit


def test_intensities_may_object() -> None:
    """Where the exchange fits clearly worse nothing is exchanged: one pattern of one cell has no room for it."""
    observed = observe(simulated({"ZrO2": 1.0}, strain=-0.0068), DOUBLET)
    fit = _fit(observed, exchanged=True)
    again = untwinned(fit, observed)
    assert again.chi2 <= 1.02 * fit.chi2
    assert np.isfinite(again.chi2)
