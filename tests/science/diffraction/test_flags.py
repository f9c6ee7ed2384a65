"""What is told beside an answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from science.diffraction.flags import HUMP, hump, saturated
from science.diffraction.identify import identify
from science.diffraction.library import PhaseLibrary
from science.diffraction.observing import observe
from science.diffraction.pattern import Pattern
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, simulated

DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))
LIBRARY = PhaseLibrary.shipped()
ELEMENTS = ("Ba", "Zr", "Ti", "Mg", "O")


def _flags(pattern: Pattern) -> tuple[str, ...]:
    return identify(pattern, LIBRARY, ELEMENTS).flags


def test_a_good_powder_has_no_flags() -> None:
    """Fine, flat, fully counted and of one phase: nothing to be told."""
    assert _flags(simulated({"BaZrO3": 1.0})) == ()


def test_a_detector_that_counts_no_further_is_told() -> None:
    """Lines cut off at a third of their height are flat on top; noise never is."""
    pattern = simulated({"BaZrO3": 1.0})
    cut = replace(pattern, intensity=np.minimum(pattern.intensity, pattern.intensity.max() / 3))
    assert saturated(observe(cut, DOUBLET))
    assert not saturated(observe(pattern, DOUBLET))
    assert "saturation" in _flags(cut)


@pytest.mark.parametrize(("share", "told"), [(0.0, False), (4.0, True)])
def test_glass_is_told(share: float, *, told: bool) -> None:
    """A hump about 25° wide that holds most of the counts is amorphous; a falling background is not."""
    pattern = simulated({"BaZrO3": 1.0})
    glass = 1500 * share * np.exp(-(((pattern.two_theta - 32) / 9) ** 2))
    observed = observe(replace(pattern, intensity=pattern.intensity + glass), DOUBLET)
    assert (hump(observed) > HUMP) is told


def test_heavy_beside_light_is_told() -> None:
    """Barium zirconate absorbs several times what magnesia does: fractions of the mixture are in doubt."""
    assert "microabsorption" in _flags(simulated({"BaZrO3": 0.4, "MgO": 0.6}))
    assert "microabsorption" not in _flags(simulated({"MgO": 1.0}))


def test_preferred_orientation_is_told() -> None:
    """Every second line at three times its height is no powder average."""
    pattern = simulated({"ZrO2": 1.0})
    observed = observe(pattern, DOUBLET)
    odd = np.where((pattern.two_theta > 33) & (pattern.two_theta < 45), 4.0, 1.0)
    net = np.maximum(pattern.intensity - np.interp(pattern.two_theta, observed.x, observed.background), 0)
    assert "texture" in _flags(replace(pattern, intensity=pattern.intensity + (odd - 1) * net))
