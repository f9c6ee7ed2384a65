"""Patterns made ready: gaps, noise and humps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from science.diffraction.identify import identify
from science.diffraction.library import PhaseLibrary
from science.diffraction.observing import LEAST_PEAK, observe, peak_heights, r_wp
from science.diffraction.pattern import Pattern
from tests.science.diffraction.powders import K_ALPHA1, simulated

LINES = ((K_ALPHA1, 1.0),)
X = np.arange(10, 90, 0.02)
MIXTURE = simulated({"BaZrO3": 0.6, "ZrO2": 0.4})
GAP = (MIXTURE.two_theta < 40) | (MIXTURE.two_theta > 52)


def _apart() -> Pattern:
    return replace(MIXTURE, two_theta=MIXTURE.two_theta[GAP], intensity=MIXTURE.intensity[GAP])


def test_what_lies_in_a_gap_was_not_measured() -> None:
    """The grid runs through a gap, but no point in it counts, and all others do."""
    observed = observe(_apart(), LINES)
    inside = (observed.x > 40.1) & (observed.x < 51.9)
    assert not observed.measured[inside].any()
    assert observed.measured[(observed.x < 39.9) | (observed.x > 52.1)].all()
    assert observe(MIXTURE, LINES).measured.all()


def test_lines_in_a_gap_are_not_missed() -> None:
    """Phases with strong lines in a gap are named with the fractions that the whole pattern gives."""
    library, elements = PhaseLibrary.shipped(), ("Ba", "Zr", "Ti", "O")
    whole, apart = identify(MIXTURE, library, elements), identify(_apart(), library, elements)
    assert apart.verdict == whole.verdict == "identified"
    found = {p.name: p.weight_fraction for p in apart.phases}
    assert found == pytest.approx({p.name: p.weight_fraction for p in whole.phases}, abs=0.02)
    assert apart.r_wp == pytest.approx(whole.r_wp, rel=0.5)


@pytest.mark.parametrize("mean", [0.05, 1.0, 100.0, 1e4])
def test_noise_has_no_peaks(mean: float) -> None:
    """Counting noise alone stays far below the height of a line, however many counts there are."""
    counts = np.random.default_rng(0).poisson(mean, len(X)).astype(float)
    assert peak_heights(observe(Pattern(X, counts), LINES)) < LEAST_PEAK / 2


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
def test_glass_has_no_peaks(scale: float) -> None:
    """The hump of a glass, with its noise, is no line."""
    counts = np.random.default_rng(0).poisson(scale * (2 + 30 * np.exp(-(((X - 23) / 5) ** 2)))).astype(float)
    assert peak_heights(observe(Pattern(X, counts), LINES)) < LEAST_PEAK


def test_a_crystal_has_peaks() -> None:
    """A pattern of thirty counts at its strongest line still shows that there is something."""
    assert peak_heights(observe(simulated({"BaZrO3": 1.0}, counts=300.0), LINES)) > LEAST_PEAK


def test_points_without_counts_do_not_rule_the_residual() -> None:
    """A few zeros in a pattern leave its residual what it was."""
    observed = observe(MIXTURE, LINES)
    calculated = observed.y * 1.05
    before = r_wp(observed, calculated)
    counts = observed.y.copy()
    counts[::100] = 0
    assert before == pytest.approx(0.05)
    assert r_wp(replace(observed, y=counts), np.where(counts > 0, calculated, 1.0)) == pytest.approx(before, abs=0.005)
