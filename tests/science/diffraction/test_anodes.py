"""Patterns whose radiation is not the one that was said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from science.diffraction.anodes import other_radiation
from science.diffraction.fit import Trial
from science.diffraction.identify import identify
from science.diffraction.library import PhaseLibrary
from science.diffraction.observing import observe
from science.diffraction.radiation import ANODES
from science.diffraction.sticks import calculate
from tests.science.diffraction.powders import K_ALPHA1, simulated

LIBRARY = PhaseLibrary.shipped()
ELEMENTS = ("Ba", "Zr", "Ti", "Mg", "O")


@pytest.mark.parametrize("anode", ["Co", "Fe"])
@pytest.mark.parametrize("name", ["BaZrO3", "ZrO2"])
def test_another_anode_is_told(name: str, anode: str) -> None:
    """A cobalt or iron pattern in a file that says copper is unknown, and told to look like what it is."""
    pattern = replace(simulated({name: 1.0}, wavelength=ANODES[anode][0], x=(20, 110, 0.04)), wavelength=K_ALPHA1)
    answer = identify(pattern, LIBRARY, ELEMENTS)
    assert answer.verdict == "unknown"
    assert {"wrong-wavelength", f"looks-like-{anode}"} <= set(answer.flags)


@pytest.mark.parametrize("name", ["BaZrO3", "ZrO2"])
def test_a_shorter_wave_is_told_by_lines_that_copper_does_not_reach(name: str) -> None:
    """A molybdenum pattern said to be of copper is told, although most of its lines lie beyond the copper range."""
    pattern = replace(simulated({name: 1.0}, wavelength=ANODES["Mo"][0], x=(8, 50, 0.02)), wavelength=K_ALPHA1)
    answer = identify(pattern, LIBRARY, ELEMENTS)
    assert answer.verdict == "unknown"
    assert {"wrong-wavelength", "looks-like-Mo"} <= set(answer.flags)


def test_the_right_radiation_is_not_doubted() -> None:
    """A stranger to the library is unknown whatever the radiation: nothing is said about it."""
    answer = identify(simulated({"KCl": 1.0}), LIBRARY, ELEMENTS)
    assert answer.verdict == "unknown"
    assert "wrong-wavelength" not in answer.flags


def test_few_lines_prove_no_radiation() -> None:
    """With one or two lines in range some radiation always fits; none is told."""
    observed = observe(simulated({"MgO": 1.0}, x=(36, 50, 0.02), wavelength=ANODES["Co"][0]), ((K_ALPHA1, 1.0),))
    trials = [Trial(c, calculate(c, K_ALPHA1, d_min=1.0)) for c in LIBRARY.within({"Mg", "O"})]
    assert other_radiation(observed, trials, 1e12) is None
    assert other_radiation(observed, [], 1e12) is None
