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
from tests.science.diffraction.pressed import FACTS, MAGNETITE, ZIRCON, powder

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
    """Zirconia pressed along c*: texture, with its axis, and not coarse grains; the answer says how strong."""
    answer = identify(powder({FACTS["ZrO2_m"]: 1.0}, 0.65), LIBRARY, ELEMENTS)
    assert "texture" in answer.flags
    assert "graininess" not in answer.flags
    assert answer.phases[0].texture_axis == (0, 0, 1)
    assert answer.phases[0].march == pytest.approx(0.65, abs=0.03)


def test_slight_orientation_is_not_told() -> None:
    """As much texture as any powder has is corrected for without a word."""
    answer = identify(powder({FACTS["ZrO2_m"]: 1.0}, 0.93), LIBRARY, ELEMENTS)
    assert answer.flags == ()
    assert answer.verdict == "identified"


def test_coarse_grains_are_told() -> None:
    """Some lines at four times their height and no axis that could make them so: few grains reflect."""
    pattern = simulated({"ZrO2": 1.0})
    observed = observe(pattern, DOUBLET)
    odd = np.where((pattern.two_theta > 33) & (pattern.two_theta < 45), 4.0, 1.0)
    net = np.maximum(pattern.intensity - np.interp(pattern.two_theta, observed.x, observed.background), 0)
    flags = _flags(replace(pattern, intensity=pattern.intensity + (odd - 1) * net))
    assert "graininess" in flags
    assert "texture" not in flags


def test_magnetite_in_coarse_grains_is_told() -> None:
    """A mixture of corundum, magnetite and zircon whose grains hide three quarters of the magnetite.

    Lines as of 75, 5 and 20 percent by weight where there are 50, 20 and 30, as in sample 4 of the round robin on
    quantitative phase analysis (Scarlett et al. 2002, doi:10.1107/S0021889802008798).
    """
    library = PhaseLibrary.of([FACTS["Al2O3"], MAGNETITE, ZIRCON])
    seen = powder({FACTS["Al2O3"]: 0.755, MAGNETITE: 0.048, ZIRCON: 0.197})
    answer = identify(seen, library, ("Al", "O", "Fe", "Zr", "Si"))
    assert {p.name for p in answer.phases} == {"Al2O3", "magnetite", "zircon"}
    assert "microabsorption" in answer.flags
    iron = next(p for p in answer.phases if p.name == "magnetite")
    assert 0.048 < iron.weight_fraction < 0.196
    assert iron.weight_fraction_su > 0.1 * iron.weight_fraction
