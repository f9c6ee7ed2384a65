"""Fits find what a pattern was made with, by means that share nothing with the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.fit import Fit, Observed, PhaseState, Trial
from science.diffraction.observing import observe
from science.diffraction.refine import refine
from science.diffraction.sticks import calculate, metric_parameters
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, RADIUS, simulated, structure
from tests.science.diffraction.pressed import powder

Array = NDArray[np.float64]
FACTS = {fact.id: fact for fact in load_phase_facts()}
IDS = {"BaZrO3": "BaZrO3", "SrTiO3": "SrTiO3", "MgO": "MgO", "TiO2": "TiO2_rutile", "ZrO2": "ZrO2_m"}
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))


def _trial(name: str, max_strain: float = 0.015) -> Trial:
    """A phase with its lines; without dispersion, which the simulated patterns do not have either."""
    crystal = FACTS[IDS[name]].crystal
    return Trial(crystal, calculate(crystal, K_ALPHA1, d_min=1.0, anomalous=False), max_strain)


def _start(names: tuple[str, ...], max_strain: float = 0.015) -> Fit:
    trials = tuple(_trial(name, max_strain) for name in names)
    return Fit(trials, [PhaseState(metric_parameters(t.crystal)) for t in trials])


def _fitted(weights: Mapping[str, float], names: tuple[str, ...] = (), **made: float) -> tuple[Fit, Observed]:
    observed = observe(simulated(weights, **made), DOUBLET)
    return refine(_start(names or tuple(weights)), observed, iterations=25), observed


@pytest.mark.parametrize("strain", [-0.003, 0.0, 0.004])
@pytest.mark.parametrize("name", ["BaZrO3", "TiO2", "ZrO2"])
def test_cells_are_recovered(name: str, strain: float) -> None:
    """Lengths within 0.6 mÅ and angles within 0.03° of the cell that the pattern was made with."""
    fit, _ = _fitted({name: 1.0}, strain=strain, zero=0.01, displacement=0.04)
    true = structure(name, strain).lattice
    assert fit.lattice(0).parameters[:3] == pytest.approx(true.abc, abs=6e-4)
    assert fit.lattice(0).parameters[3:] == pytest.approx(true.angles, abs=0.03)


@pytest.mark.parametrize(("zero", "displacement"), [(0.0, 0.1), (0.0, -0.1), (0.02, 0.0), (-0.02, 0.15)])
def test_line_shifts_are_recovered(zero: float, displacement: float) -> None:
    """Zero and displacement together shift lines as they were shifted, within 0.008° at every angle."""
    fit, observed = _fitted({"BaZrO3": 0.5, "TiO2": 0.5}, zero=zero, displacement=displacement)
    cosine = np.cos(np.radians(observed.x / 2))
    made = zero - np.degrees(2 * displacement / RADIUS) * cosine
    assert fit.zero + fit.displacement * cosine == pytest.approx(made, abs=8e-3)


def test_a_zero_that_is_known_is_not_taken_for_a_displacement() -> None:
    """Of a circle that is off by 0.3°, more than any fit would move by itself, cell and displacement come out right."""
    observed = observe(simulated({"BaZrO3": 0.7, "TiO2": 0.3}, zero=0.3, displacement=-0.1), DOUBLET)
    start = _start(("BaZrO3", "TiO2"))
    start.zero = 0.3
    fit = refine(start, replace(observed, zero=(0.3, 0.002)), iterations=25)
    assert fit.zero == pytest.approx(0.3, abs=0.006)
    assert -np.radians(fit.displacement) * RADIUS / 2 == pytest.approx(-0.1, abs=0.015)
    assert fit.lattice(0).a == pytest.approx(4.193, abs=4e-4)


def test_a_zero_stays_within_its_room() -> None:
    """A zero of which little is known still cannot wander further than a quarter of a degree from where it was."""
    observed = replace(observe(simulated({"BaZrO3": 1.0}, zero=0.4), DOUBLET), zero=(0.0, 10.0))
    assert abs(refine(_start(("BaZrO3",)), observed, iterations=25).zero) <= 0.25


def test_displacement_is_told_from_the_cell() -> None:
    """A sample 0.15 mm too high would lengthen BaZrO3 by several mÅ; the fit puts it where it belongs."""
    fit, _ = _fitted({"BaZrO3": 1.0}, displacement=0.15)
    assert -np.radians(fit.displacement) * RADIUS / 2 == pytest.approx(0.15, abs=0.02)
    assert fit.lattice(0).a == pytest.approx(4.193, abs=5e-4)


@pytest.mark.parametrize(
    "weights",
    [{"BaZrO3": 0.7, "TiO2": 0.3}, {"SrTiO3": 0.5, "MgO": 0.3, "ZrO2": 0.2}, {"BaZrO3": 0.97, "ZrO2": 0.03}],
)
def test_weight_fractions_are_recovered(weights: dict[str, float]) -> None:
    """Scales × Z M V give the weight fractions of the mixture within one percent by weight."""
    fit, _ = _fitted(weights, displacement=0.03)
    assert fit.weight_fractions() == pytest.approx(list(weights.values()), abs=0.01)
    assert fit.weight_fractions().sum() == pytest.approx(1)


def test_a_phase_that_is_not_there_gets_nothing() -> None:
    """A phase tried on a pattern without it has no negative scale, and no more weight than misfit can lend it."""
    fit, _ = _fitted({"BaZrO3": 1.0}, ("BaZrO3", "ZrO2", "MgO"))
    assert (fit.scales >= 0).all()
    assert fit.weight_fractions()[1:].max() < 0.03


def test_no_phase_at_all_is_background() -> None:
    """A fit of nothing describes an empty holder to within its noise."""
    observed = observe(simulated({}), DOUBLET)
    fit = refine(Fit((), []), observed, iterations=3)
    assert fit.parts.shape == (0, 0) or len(fit.parts) == 0
    assert np.abs(fit.calculated - observed.y).mean() < 2 * np.sqrt(observed.y.mean())
    assert fit.weight_fractions().size == 0


def test_cells_stay_within_their_room() -> None:
    """A cell that would have to stretch by 1.2 % stops at what the phase is allowed, here 1 %, and not before."""
    observed = observe(simulated({"BaZrO3": 1.0}, strain=0.012), DOUBLET)
    for room, reached in ((0.01, 0.01), (0.02, 0.012)):
        start = _start(("BaZrO3",), max_strain=room)
        start.states[0].metric *= 1 - 2 * 0.009
        fit = refine(start, observed, iterations=15)
        assert fit.lattice(0).a == pytest.approx(4.193 * (1 + reached), rel=2e-4)


def test_steps_never_make_it_worse() -> None:
    """From any start, more steps only lower chi-squared, and the start itself is left as it was."""
    observed = observe(simulated({"BaZrO3": 0.6, "TiO2": 0.4}, displacement=0.1), DOUBLET)
    rng = np.random.default_rng(7)
    for _ in range(4):
        start = _start(("BaZrO3", "TiO2"))
        start.zero, start.displacement = (float(v) for v in rng.uniform(-0.1, 0.1, 2))
        start.mixing, start.width = float(rng.uniform(0, 1)), float(rng.uniform(0.02, 0.2))
        for state in start.states:
            state.metric *= 1 + rng.uniform(-0.01, 0.01)
        before = [s.metric.copy() for s in start.states], start.zero, start.displacement, start.mixing, start.width
        chi2 = [refine(start, observed, iterations=n).chi2 for n in (0, 1, 3, 8)]
        assert all(later <= sooner for sooner, later in pairwise(chi2))
        assert [m.tolist() for m in before[0]] == [s.metric.tolist() for s in start.states]
        assert before[1:] == (start.zero, start.displacement, start.mixing, start.width)


def test_axial_divergence_is_told_from_displacement() -> None:
    """Low-angle lines drawn out to the left shorten cells by 0.6 mÅ, unless the fit knows why they lean.

    The pattern comes from the simulator of the diffractometer, where three of ten rays come 0.02° × cot 2θ early.
    """
    crystals = [FACTS[name].crystal for name in ("BaZrO3", "TiO2_rutile", "MgO")]
    observed = observe(powder(dict.fromkeys(crystals, 1 / 3)), DOUBLET)
    trials = tuple(Trial(c, calculate(c, K_ALPHA1, d_min=1.0)) for c in crystals)
    upright = refine(Fit(trials, [PhaseState(t.start.copy()) for t in trials]), observed, iterations=25)
    leaning = refine(upright, observed, iterations=25, tails=True)
    assert upright.axial == 0
    assert leaning.axial / 6 == pytest.approx(0.3 * 0.02, abs=0.003)
    assert leaning.chi2 < upright.chi2
    for n, crystal in enumerate(crystals):
        assert upright.lattice(n).a - crystal.lattice.a < -4e-4
        assert abs(leaning.lattice(n).a - crystal.lattice.a) < 2.5e-4


def test_upright_lines_stay_upright() -> None:
    """Where nothing leans, next to no axial divergence is found, and the displacement stays what it was."""
    fit, observed = _fitted({"BaZrO3": 0.5, "TiO2": 0.5}, displacement=0.1)
    again = refine(fit, observed, iterations=10, tails=True)
    assert again.axial < 0.015
    assert again.displacement == pytest.approx(fit.displacement, abs=0.01)
