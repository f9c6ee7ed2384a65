"""Which lines are told as unexplained, and which are only shadows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.fit import Fit, Observed, PhaseState, Trial
from science.diffraction.observing import observe
from science.diffraction.pattern import Pattern
from science.diffraction.refine import refine
from science.diffraction.sticks import calculate, metric_parameters
from science.diffraction.unexplained import (
    K_BETA_OVER_K_ALPHA,
    W_L_ALPHA,
    calculated_lines,
    clearness,
    far_residual,
    line_positions,
    unexplained_lines,
)
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, lines, simulated

Array = NDArray[np.float64]
X = np.arange(15.0, 90.0, 0.02)


def _observed(peaks: dict[float, float]) -> Observed:
    """Gaussian lines of 0.1° on a flat background of 200 counts, without noise."""
    y = 200 + sum(height * np.exp(-2.77 * ((X - at) / 0.1) ** 2) for at, height in peaks.items())
    return observe(Pattern(X, y), ((K_ALPHA1, 1.0),))


def test_every_clear_line_is_told_with_its_spacing() -> None:
    """Lines above 4 % of the strongest are listed, strongest first, with d from their angle; weaker ones are not."""
    observed = _observed({30.0: 10_000.0, 40.0: 2_000.0, 50.0: 700.0, 60.0: 100.0})
    found = unexplained_lines(observed, observed.background)
    assert [round(line.two_theta, 1) for line in found] == [30.0, 40.0, 50.0]
    assert [line.relative_intensity for line in found] == pytest.approx([1.0, 0.2, 0.07], abs=0.01)
    for line in found:
        assert line.d == pytest.approx(K_ALPHA1 / 2 / np.sin(np.radians(line.two_theta / 2)))


def test_clear_lines_stand_out_of_the_noise() -> None:
    """Two lines in Poisson noise, at their height over it; beside a line of a phase there is none."""
    dice = np.random.default_rng(3)
    y = dice.poisson(200 + sum(h * np.exp(-2.77 * ((X - at) / 0.1) ** 2) for at, h in ((30, 5000), (40, 90), (50, 60))))
    observed = observe(Pattern(X, y.astype(float)), ((K_ALPHA1, 1.0),))
    flat = 200 + 5000 * np.exp(-2.77 * ((observed.x - 30) / 0.1) ** 2)
    strong = clearness(observed, flat, np.array([30.0]), 0.1)
    assert (strong > [6, 4, 0]).all()
    assert strong[2] < 4.5
    assert (np.diff(strong) <= 0).all()
    without = clearness(observed, flat, np.array([30.0, 40.05, 50.0]), 0.1)
    assert without[0] < 4.5
    assert far_residual(observed, flat, np.array([30.0])) > far_residual(observed, flat, np.array([30.0, 40.0, 50.0]))


def test_the_list_ends_after_ten() -> None:
    """A person can act on ten lines; more are cut off, weakest first."""
    observed = _observed({20.0 + 4 * n: 1000.0 + 10 * n for n in range(16)})
    found = unexplained_lines(observed, observed.background)
    assert len(found) == 10
    assert min(line.two_theta for line in found) > 40


def test_lines_where_a_found_phase_has_one_are_not_unexplained() -> None:
    """A line too strong is texture; it is left out within 0.2° of a known position and told beyond."""
    observed = _observed({30.0: 10_000.0, 40.0: 2_000.0})
    assert len(unexplained_lines(observed, observed.background, positions=np.array([30.1, 40.15]))) == 0
    assert len(unexplained_lines(observed, observed.background, positions=np.array([30.1, 40.4]))) == 1


@pytest.mark.parametrize("wavelength", [K_ALPHA1 * K_BETA_OVER_K_ALPHA, W_L_ALPHA])
def test_shadows_of_strong_lines_are_not_unexplained(wavelength: float) -> None:
    """Kβ and tungsten lines of a much stronger line are its shadows; the same line without a parent is not."""
    parent = 45.0
    d = K_ALPHA1 / 2 / np.sin(np.radians(parent / 2))
    shadow = float(2 * np.degrees(np.arcsin(wavelength / 2 / d)))
    observed = _observed({parent: 20_000.0, shadow: 1_200.0})
    known = [(parent, 20_000.0)]
    assert [round(line.two_theta) for line in unexplained_lines(observed, observed.background, known=known)] == [45]
    assert len(unexplained_lines(observed, observed.background)) == 2


def test_what_the_phases_account_for_is_not_unexplained() -> None:
    """After a good fit no line is left; the peaks and positions that it tells are those of the phase."""
    observed = observe(simulated({"BaZrO3": 1.0}), ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3)))
    crystal = next(f for f in load_phase_facts() if f.id == "BaZrO3").crystal
    trial = Trial(crystal, calculate(crystal, K_ALPHA1, d_min=1.0))
    fit = refine(Fit((trial,), [PhaseState(metric_parameters(crystal))]), observed, iterations=12)
    known, positions = calculated_lines(fit, observed), line_positions(fit, observed)
    assert unexplained_lines(observed, fit.calculated, known=known, positions=positions) == ()
    d, strength = lines("BaZrO3")
    for spacing in d[(strength > 0.02 * strength.max()) & (d > 1.0)]:
        assert np.abs(positions - 2 * np.degrees(np.arcsin(K_ALPHA1 / 2 / spacing))).min() < 0.02
    strongest = max(known, key=lambda line: line[1])
    assert strongest[0] == pytest.approx(30.12, abs=0.05)


def test_without_phases_there_are_no_positions() -> None:
    """An empty fit explains no position."""
    observed = _observed({30.0: 100.0})
    assert line_positions(Fit((), []), observed).size == 0
