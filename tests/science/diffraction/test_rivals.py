"""Phases that contend for one place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from science.crystals.crystal import Crystal
from science.crystals.phase_facts import load_phase_facts
from science.diffraction.evidence import weigh
from science.diffraction.fit import Fit, PhaseState, Trial
from science.diffraction.observing import observe
from science.diffraction.refine import refine
from science.diffraction.rivals import contested, disorder, log_evidence, swapped
from science.diffraction.sticks import calculate, metric_parameters
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, simulated

FACTS = {fact.id: fact.crystal for fact in load_phase_facts()}
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))
OBSERVED = observe(simulated({"BaZrO3": 0.7, "TiO2": 0.3}), DOUBLET)


def _trial(crystal: Crystal) -> Trial:
    return Trial(crystal, calculate(crystal, K_ALPHA1, d_min=1.0))


def _fit(*trials: Trial) -> Fit:
    return refine(Fit(trials, [PhaseState(metric_parameters(t.crystal)) for t in trials]), OBSERVED, iterations=30)


def test_a_better_phase_takes_the_place() -> None:
    """Hafnate in the place of zirconate gives way: the intensities of its lines are the wrong ones."""
    wrong, right = _trial(FACTS["BaHfO3"]), _trial(FACTS["BaZrO3"])
    rutile = _trial(FACTS["TiO2_rutile"])
    fit, places = contested(_fit(wrong, rutile), OBSERVED, [wrong, right, rutile])
    assert [t.crystal.name for t in fit.trials] == ["BaZrO3", "TiO2_rutile"]
    assert places[0].share > 0.5
    assert places[1].share == pytest.approx(1)


def test_a_twin_shares_the_place_and_the_class() -> None:
    """One structure under two names has half of the place each; together the class has all of it."""
    one = _trial(FACTS["BaZrO3"])
    twin = _trial(replace(FACTS["BaZrO3"], name="twin", formula="ZrBaO3"))
    rutile = _trial(FACTS["TiO2_rutile"])
    _, (place, other) = contested(_fit(one, rutile), OBSERVED, [one, twin, rutile])
    assert place.share == pytest.approx(0.5, abs=0.1)
    assert place.class_share == pytest.approx(1)
    assert [t.crystal.name for t in place.members] == ["twin"]
    assert other.members == ()


def test_order_comes_before_disorder() -> None:
    """An entry with a tenth of its oxygen missing fits as well, but the full one is believed."""
    crystal = FACTS["BaZrO3"]
    sites = tuple(replace(s, occupancy=0.97) if s.element == "O" else s for s in crystal.sites)
    gappy = _trial(replace(crystal, name="gappy", formula="BaZrO2.91", sites=sites))
    assert disorder(gappy) > disorder(_trial(crystal)) == 0
    fit, (place, _) = contested(
        _fit(gappy, _trial(FACTS["TiO2_rutile"])), OBSERVED, [gappy, _trial(crystal), _trial(FACTS["TiO2_rutile"])]
    )
    assert fit.trials[0].crystal.name == "BaZrO3"
    assert place.class_share > 0.95


def test_swapping_leaves_the_others_alone() -> None:
    """Only the phase in question is exchanged, and the fit that it came from is as it was."""
    fit = _fit(_trial(FACTS["BaZrO3"]), _trial(FACTS["TiO2_rutile"]))
    before = fit.chi2
    other = swapped(fit, OBSERVED, 0, _trial(FACTS["SrTiO3"]), 0.0)
    assert [t.crystal.name for t in other.trials] == ["SrTiO3", "TiO2_rutile"]
    assert (fit.chi2, fit.trials[0].crystal.name) == (before, "BaZrO3")
    assert log_evidence(weigh(other, OBSERVED), 600) < log_evidence(weigh(fit, OBSERVED), 600) - 5
