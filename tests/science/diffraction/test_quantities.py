"""Numbers with uncertainties that cover the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from science.crystals.crystal import Crystal, Lattice
from science.crystals.phase_facts import load_phase_facts
from science.diffraction.evidence import weigh
from science.diffraction.fit import Fit, Observed, PhaseState, Trial
from science.diffraction.intensities import adjusted
from science.diffraction.observing import observe
from science.diffraction.quantities import _size, absorption, brightness, contrasts, uncertainties, weight_fractions
from science.diffraction.refine import refine
from science.diffraction.sticks import calculate, metric_parameters
from simulators.beam import Setting
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, simulated, structure
from tests.science.diffraction.pressed import powder

FACTS = {fact.id: fact.crystal for fact in load_phase_facts()}
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))


def _strained(crystal: Crystal, strain: float) -> Crystal:
    a, b, c, *angles = crystal.lattice.parameters
    return replace(crystal, lattice=Lattice(*(v * (1 + strain) for v in (a, b, c)), *angles))


def _fit(names: tuple[str, ...], observed: Observed) -> Fit:
    trials = tuple(Trial(FACTS[n], calculate(FACTS[n], K_ALPHA1, d_min=1.0)) for n in names)
    return refine(Fit(trials, [PhaseState(metric_parameters(t.crystal)) for t in trials]), observed, iterations=20)


@pytest.mark.parametrize(
    ("name", "tabulated"), [("Al2O3", 124.0), ("MgO", 99.7), ("TiO2_rutile", 549.0), ("SnO2", 1418.0)]
)
def test_absorption_is_that_of_the_tables(name: str, tabulated: float) -> None:
    """Linear coefficients in 1/cm for copper radiation, from mass coefficients of International Tables C 4.2.4."""
    assert absorption(FACTS[name], K_ALPHA1) * 1e8 == pytest.approx(tabulated, rel=0.07)


def test_contrasts_tell_heavy_grains_from_light_ones() -> None:
    """Zirconate absorbs more than the mixture, magnesia less; pure phases have no contrast."""
    observed = observe(simulated({"BaZrO3": 0.5, "MgO": 0.5}), DOUBLET)
    heavy, light = contrasts(_fit(("BaZrO3", "MgO"), observed), K_ALPHA1)
    assert heavy > 0.05
    assert light < -0.05
    alone = contrasts(_fit(("MgO",), observe(simulated({"MgO": 1.0}), DOUBLET)), K_ALPHA1)
    assert alone == pytest.approx([0], abs=1e-9)


def test_brightness_is_the_mean_over_a_sphere() -> None:
    """The mean of exp(−t c) over points thrown into a grain at random, c the chord through each along the beam."""
    rng = np.random.default_rng(1)
    points = rng.uniform(-0.5, 0.5, (200_000, 3))
    points = points[(points**2).sum(1) < 0.25]
    chord = 2 * np.sqrt(0.25 - points[:, 0] ** 2 - points[:, 1] ** 2)
    for t in (-0.8, -0.1, 0.004, 0.3, 1.5):
        assert brightness(np.array([t]))[0] == pytest.approx(np.exp(-t * chord).mean(), rel=4e-3)


def test_brightness_has_no_step_where_its_series_takes_over() -> None:
    """Just above and just below the contrast from which the series is used, both give the same."""
    for t in (-0.01, 0.01):
        assert brightness(np.array([t * 0.9999]))[0] == pytest.approx(brightness(np.array([t * 1.0001]))[0], abs=1e-5)


def test_coarse_grains_are_corrected_for() -> None:
    """Zirconate and magnesia with lines as grains of 3 µm show them: fractions are right again when that is told."""
    true = np.array([0.5, 0.5])
    fit = _fit(("BaZrO3", "MgO"), observe(simulated({"BaZrO3": 0.5, "MgO": 0.5}), DOUBLET))
    plain = fit.weight_fractions()
    assert plain == pytest.approx(true, abs=0.02)
    dimmed = replace(fit, scales=fit.scales * brightness(contrasts(fit, K_ALPHA1, 3.0)))
    assert abs(dimmed.weight_fractions()[0] - plain[0]) > 0.03
    assert weight_fractions(dimmed, K_ALPHA1, 3.0) == pytest.approx(plain, abs=2e-3)
    assert weight_fractions(dimmed, K_ALPHA1, 0.0) == pytest.approx(dimmed.weight_fractions())
    assert weight_fractions(dimmed, K_ALPHA1, 3.0).sum() == pytest.approx(1)


def test_unknown_grains_make_fractions_uncertain() -> None:
    """Half or twice the usual size: the uncertainty grows by the spread of what is corrected, none for fine grains."""
    observed = observe(simulated({"BaZrO3": 0.5, "MgO": 0.5}), DOUBLET)
    fit = _fit(("BaZrO3", "MgO"), observed)
    evidence = weigh(fit, observed)
    fine, usual = (uncertainties(fit, observed, evidence, grain).fractions[0] for grain in (0.0, 2.0))
    spread = weight_fractions(fit, K_ALPHA1, 1.0)[0] - weight_fractions(fit, K_ALPHA1, 4.0)[0]
    assert np.sqrt(usual**2 - fine**2) == pytest.approx(abs(spread) / 2, rel=0.5)


def test_cells_lie_within_a_few_of_their_uncertainties() -> None:
    """Over five noises the cell scatters about the truth by what is stated, within a factor of three."""
    scores, stated = [], []
    for seed in range(5):
        observed = observe(simulated({"BaZrO3": 1.0}, strain=0.001, seed=seed), DOUBLET)
        fit = _fit(("BaZrO3",), observed)
        error = uncertainties(fit, observed, weigh(fit, observed)).lattices[0]
        assert error[0] == error[1] == error[2]
        assert error[3:] == (0.0, 0.0, 0.0)
        stated.append(error[0])
        scores.append((fit.lattice(0).a - structure("BaZrO3", 0.001).lattice.a) / error[0])
    assert 1e-6 < np.mean(stated) < 2e-3
    assert np.sqrt(np.mean(np.square(scores))) < 3


def test_cells_are_as_uncertain_as_the_zero_leaves_them() -> None:
    """A zero that is well known makes the cell well known, one that may be anything leaves it open: both are told."""
    pattern = simulated({"BaZrO3": 1.0}, zero=0.03, displacement=0.05)
    stated, off = [], []
    for error in (0.002, 0.02, 2.0):
        observed = replace(observe(pattern, DOUBLET), zero=(0.03, error))
        fit = _fit(("BaZrO3",), observed)
        stated.append(uncertainties(fit, observed, weigh(fit, observed)).lattices[0][0])
        off.append(abs(fit.lattice(0).a - 4.193))
    assert 2 * stated[0] < stated[1] < stated[2]
    assert all(o < 4 * s for o, s in zip(off, stated, strict=True))


def test_fractions_are_uncertain_together() -> None:
    """In a mixture of two the fractions are as uncertain as each other, and a pure phase is not uncertain at all."""
    observed = observe(simulated({"BaZrO3": 0.8, "MgO": 0.2}), DOUBLET)
    fit = _fit(("BaZrO3", "MgO"), observed)
    one, other = uncertainties(fit, observed, weigh(fit, observed)).fractions
    assert one == pytest.approx(other)
    assert 0.005 < one < 0.1
    assert abs(fit.weight_fractions()[1] - 0.2) < 3 * one
    pure = observe(simulated({"MgO": 1.0}), DOUBLET)
    alone = _fit(("MgO",), pure)
    assert uncertainties(alone, pure, weigh(alone, pure)).fractions == pytest.approx((0.0,), abs=1e-9)


def test_sizes_follow_scherrer_where_lines_are_broad() -> None:
    """0.45° are 18 nm for copper, twice the width half the size; widths within their uncertainty tell no size."""
    size, error = _size(0.45, 0.045, K_ALPHA1, 0.0)
    assert size == pytest.approx(17.65, rel=0.02)
    assert error == pytest.approx(0.1 * size, rel=0.05)
    assert _size(0.9, 0.01, K_ALPHA1, 0.0)[0] == pytest.approx(size / 2)
    assert _size(0.45, 0.3, K_ALPHA1, 0.0) == (None, None)
    assert _size(0.01, 0.001, K_ALPHA1, 0.0) == (None, None)


@pytest.mark.parametrize("crystallites", [0.05, 0.1, 0.4])
def test_sizes_lie_between_gaussian_and_lorentzian_instruments(crystallites: float) -> None:
    """Crystallites add all of their width to Lorentzian lines of 0.1° and less to Gaussian ones: the truth is near."""
    true = 0.9 * K_ALPHA1 / np.radians(crystallites) / 10
    gaussian = 0.5346 * crystallites + np.hypot(0.2166**0.5 * crystallites, 0.1) - 0.1
    sizes, errors = zip(*(_size(added, 1e-4, K_ALPHA1, 0.1) for added in (gaussian, crystallites)), strict=True)
    assert sizes[0] > true > sizes[1]
    assert all(abs(size - true) < 2.6 * error for size, error in zip(sizes, errors, strict=True))


def test_answers_scatter_as_they_say() -> None:
    """Ten simulated mixtures: cells, fractions and sizes lie about the truth as far as stated, and not far nearer.

    Cells, displacement, zero, texture, step and counts vary; the simulator shares no code with the analyser.
    """
    rng = np.random.default_rng(11)
    cells, shares, sizes = [], [], []
    for seed in range(10):
        names = list(rng.choice(["BaZrO3", "TiO2_rutile", "MgO", "SnO2"], rng.integers(1, 4), replace=False))
        true = dict(zip(names, rng.dirichlet(np.full(len(names), 3.0)), strict=True))
        strains = {name: float(rng.uniform(-2e-3, 2e-3)) for name in names}
        size = float(rng.uniform(80, 400))
        made = {_strained(FACTS[name], strains[name]): weight for name, weight in true.items()}
        bent = Setting(float(rng.normal(0, 0.05)), float(rng.normal(0, 0.01)), 0.0, float(rng.uniform(0.85, 1.15)))
        pattern = powder(made, setting=bent, size=size, counts=10 ** rng.uniform(3.3, 4.5), seed=seed)
        observed = observe(pattern, DOUBLET)
        first = _fit(tuple(names), observed)
        fit = adjusted(first, observed, weigh(first, observed).strayed, range(len(names)))
        errors = uncertainties(fit, observed, weigh(fit, observed), 0.0)
        fractions = weight_fractions(fit, K_ALPHA1, 0.0)
        for n, (name, crystal) in enumerate(zip(names, made, strict=True)):
            cells.append((fit.lattice(n).a - crystal.lattice.a) / errors.lattices[n][0])
            if len(names) > 1:
                shares.append((fractions[n] - true[name]) / errors.fractions[n])
            if errors.sizes[n] is not None:
                sizes.append((errors.sizes[n] - size / 10) / errors.size_errors[n])
    assert len(cells) > 15
    assert len(sizes) > 10
    for scores, low in ((cells, 0.6), (shares, 0.2), (sizes, 0.4)):  # shares allow for structures that are wrong
        assert low < np.sqrt(np.mean(np.square(scores))) < 1.4
