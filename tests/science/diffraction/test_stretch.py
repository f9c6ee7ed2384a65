"""Scans whose angles are not what their files say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.fit import Fit, Observed, PhaseState, Trial
from science.diffraction.identify import identify
from science.diffraction.instrument import Instrument
from science.diffraction.library import PhaseLibrary
from science.diffraction.observing import observe
from science.diffraction.pattern import Pattern
from science.diffraction.refine import refine
from science.diffraction.sticks import calculate
from science.diffraction.stretch import odds, stretched, suggested
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, simulated

FACTS = {fact.id: fact.crystal for fact in load_phase_facts()}
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))
MIXED = {"SrTiO3": 0.4, "MgO": 0.3, "TiO2": 0.3}
NAMES = ("SrTiO3", "MgO", "TiO2_rutile")


def _pattern(by: float, **how: float) -> Pattern:
    """A mixture whose file understates all angles from the first on by a share."""
    true = simulated(MIXED, **how)  # type: ignore[arg-type]  # none of the keywords here is a tuple
    x = true.two_theta
    return replace(true, two_theta=x[0] + (x - x[0]) / (1 + by))


def _fit(observed: Observed) -> Fit:
    trials = tuple(Trial(FACTS[n], calculate(FACTS[n], K_ALPHA1, d_min=1.0)) for n in NAMES)
    return refine(Fit(trials, [PhaseState(t.start.copy()) for t in trials]), observed, iterations=15)


@pytest.mark.parametrize("by", [-0.012, 0.008, 0.021])
def test_a_stretched_axis_is_found_and_believed(by: float) -> None:
    """The share by which angles are wrong comes out to a thousandth, and its odds are good."""
    observed = observe(_pattern(by), DOUBLET)
    plain = _fit(observed)
    found = suggested(plain, observed)
    assert found == pytest.approx(by, abs=0.0015)
    corrected = stretched(observed, found)
    assert odds(plain, _fit(corrected), corrected) > 10


@pytest.mark.parametrize("how", [{}, {"strain": 0.002}, {"displacement": 0.2}, {"zero": 0.05}])
def test_nothing_else_passes_for_a_stretched_axis(how: dict[str, float]) -> None:
    """Cells strained alike, a displaced sample and a zero error are told as what they are."""
    observed = observe(_pattern(0.0, **how), DOUBLET)
    plain = _fit(observed)
    by = suggested(plain, observed)
    corrected = stretched(observed, by)
    assert by == 0 or odds(plain, _fit(corrected), corrected) < 0


def test_one_strained_phase_is_no_stretched_axis() -> None:
    """A solid solution whose cell is a percent off moves its lines by the tangent, and stays a strained cell."""
    observed = observe(simulated({"BaZrO3": 1.0}, strain=0.01), DOUBLET)
    trial = Trial(FACTS["BaZrO3"], calculate(FACTS["BaZrO3"], K_ALPHA1, d_min=1.0))
    plain = refine(Fit((trial,), [PhaseState(trial.start * 0.985)]), observed, iterations=15)
    by = suggested(plain, observed)
    corrected = stretched(observed, by)
    again = refine(Fit((trial,), [PhaseState(trial.start.copy())]), corrected, iterations=15)
    assert by == 0 or odds(plain, again, corrected) < 0


def test_the_answer_says_that_the_axis_was_stretched() -> None:
    """Phases and cells are those of the true angles, and the flag tells what was assumed."""
    library = PhaseLibrary.of([FACTS[n] for n in (*NAMES, "TiO2_anatase", "SrO", "Sr2TiO4")])
    told = identify(_pattern(0.02), library, {"Sr", "Ti", "Mg", "O"})
    assert {p.name for p in told.phases} == set(NAMES)
    assert "stretched-axis" in told.flags
    cells = {p.name: p.lattice.a for p in told.phases}
    assert cells["MgO"] == pytest.approx(4.2117, abs=0.008)
    assert np.isfinite(told.r_wp)


def test_where_a_standard_was_scanned_no_axis_is_stretched() -> None:
    """Its lines lay where they should: what seems stretched is something else, and nobody is told that it is known."""
    library = PhaseLibrary.of([FACTS[n] for n in (*NAMES, "TiO2_anatase", "SrO", "Sr2TiO4")])
    told = identify(_pattern(0.02), library, {"Sr", "Ti", "Mg", "O"}, instrument=Instrument(0.0, 0.003))
    assert "stretched-axis" not in told.flags
    assert told.stretch == 0
    assert told.verdict != "identified"
