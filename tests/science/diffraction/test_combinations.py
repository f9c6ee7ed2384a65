"""Combinations of phases: found whole, weighed against each other, told where they contend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.combinations import BEAM, Combination, among, explore
from science.diffraction.fit import Fit, Observed, PhaseState, Trial
from science.diffraction.observing import observe
from science.diffraction.refine import refine
from science.diffraction.rivals import Place, Rival
from science.diffraction.sticks import calculate
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, simulated

FACTS = {fact.id: fact.crystal for fact in load_phase_facts()}
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))


def _trial(name: str) -> Trial:
    return Trial(FACTS[name], calculate(FACTS[name], K_ALPHA1, d_min=1.0))


TRIALS = [
    _trial(name)
    for name in (
        *("BaZrO3", "SrTiO3", "MgO", "TiO2_rutile", "TiO2_anatase", "ZrO2_m", "ZrO2_t", "BaO", "SrZrO3"),
        *("BaTiO3_t", "SrO", "BaCO3", "SrCO3", "Ba2ZrO4", "Sr2TiO4", "ZrTiO4"),
    )
]


@pytest.mark.parametrize(
    ("weights", "names"),
    [
        ({"BaZrO3": 1.0}, {"BaZrO3"}),
        ({"BaZrO3": 0.9, "ZrO2": 0.1}, {"BaZrO3", "ZrO2_m"}),
        ({"SrTiO3": 0.4, "MgO": 0.3, "TiO2": 0.3}, {"SrTiO3", "MgO", "TiO2_rutile"}),
    ],
)
def test_the_set_of_phases_is_found(weights: dict[str, float], names: set[str]) -> None:
    """Pure phases and mixtures come out whole, and none of the other phases is added to soak up misfit."""
    observed = observe(simulated(weights, displacement=0.05, strain=0.001), DOUBLET)
    found = explore(TRIALS, observed)
    assert found[0].names == names
    assert found[0].share > 0.9


def test_nothing_is_found_in_noise() -> None:
    """Poisson noise on a background is no phase: one combination, and it is empty."""
    (found,) = explore(TRIALS, observe(simulated({}), DOUBLET))
    assert found.names == frozenset()


def test_no_candidates_no_phases() -> None:
    """Without anything to try, the answer is the background alone."""
    (found,) = explore([], observe(simulated({"MgO": 1.0}), DOUBLET))
    assert found.fit.trials == ()
    assert np.isfinite(found.fit.chi2)


def test_two_ways_that_are_close_are_both_followed() -> None:
    """Two phases of other lines, but each as good: their combinations share the belief, which adds up to one."""
    observed = observe(simulated({"MgO": 0.5, "TiO2": 0.5}, counts=300), DOUBLET)
    rutile, magnesia = _trial("TiO2_rutile"), _trial("MgO")
    # a phase with the lines of both, as far as a pattern of few counts goes, against the two of them
    crystal = replace(magnesia.crystal, name="both", formula="MgTiO3")
    fit = refine(Fit((rutile, magnesia), [PhaseState(t.start.copy()) for t in (rutile, magnesia)]), observed)
    ways = explore([rutile, magnesia, Trial(crystal, magnesia.sticks)], observed)
    assert sum(w.share for w in ways) == pytest.approx(1)
    assert 1 <= len(ways) <= 2 * BEAM
    assert ways == sorted(ways, key=lambda w: -w.share)
    assert ways[0].fit.chi2 == pytest.approx(fit.chi2, rel=0.2)


def _placed(*trials: Trial) -> tuple[Fit, Observed]:
    observed = observe(simulated({"BaZrO3": 0.7, "TiO2": 0.3}), DOUBLET)
    return refine(Fit(trials, [PhaseState(t.start.copy()) for t in trials]), observed, iterations=3), observed


def test_another_combination_speaks_against_what_it_lacks() -> None:
    """Two thirds for zirconate with rutile, one for zirconate with anatase: rutile has two thirds, and a rival."""
    fit, observed = _placed(_trial("BaZrO3"), _trial("TiO2_rutile"))
    other, _ = _placed(_trial("BaZrO3"), _trial("TiO2_anatase"))
    alone = [Place(1.0, (), ()), Place(0.8, (Rival(_trial("ZrO2_t"), 0.2, same_class=False),), ())]
    zirconate, rutile = among(fit, alone, [Combination(fit, 2 / 3), Combination(other, 1 / 3)], observed)
    assert zirconate == alone[0]
    assert rutile.share == pytest.approx(0.8 * 2 / 3)
    assert [(r.trial.crystal.name, round(r.share, 3)) for r in rutile.rivals] == [
        ("TiO2_anatase", 0.333),
        ("ZrO2_t", 0.133),
    ]


def test_a_twin_in_another_combination_is_no_objection() -> None:
    """The same structure under another name stands for the phase, not against it."""
    fit, observed = _placed(_trial("BaZrO3"), _trial("TiO2_rutile"))
    twin = Trial(replace(FACTS["TiO2_rutile"], name="twin"), fit.trials[1].sticks)
    other, _ = _placed(_trial("BaZrO3"), twin)
    alone = [Place(1.0, (), ()), Place(1.0, (), ())]
    assert among(fit, alone, [Combination(fit, 0.5), Combination(other, 0.5)], observed) == alone


def test_another_symmetry_of_the_same_solid_solution_is_no_objection() -> None:
    """A planned composition in a distorted cell stands for itself: its label is the same, and is not withheld."""
    fit, observed = _placed(_trial("BaZrO3"), _trial("TiO2_rutile"))
    planned = replace(fit.trials[0], origin="hypothesis")
    bent = replace(_trial("BaTiO3_t"), origin="hypothesis")
    bent = replace(bent, crystal=replace(bent.crystal, formula=planned.crystal.formula))
    fit.trials = (planned, fit.trials[1])
    other = replace(fit, trials=(bent, fit.trials[1]))
    alone = [Place(1.0, (), ()), Place(1.0, (), ())]
    assert among(fit, alone, [Combination(fit, 0.5), Combination(other, 0.5)], observed) == alone
    stranger = replace(fit, trials=(replace(bent, origin="library"), fit.trials[1]))
    assert among(fit, alone, [Combination(fit, 0.5), Combination(stranger, 0.5)], observed)[0].share == 0.5
