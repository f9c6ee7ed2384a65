"""Which of the phases that were found may be claimed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.belief import Calibration, shipped
from science.diffraction.fit import Fit, PhaseState, Trial
from science.diffraction.observing import observe
from science.diffraction.refine import refine
from science.diffraction.rivals import Place
from science.diffraction.settle import Settled, left_over, settle
from science.diffraction.sticks import calculate, metric_parameters
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, simulated

FACTS = {fact.id: fact.crystal for fact in load_phase_facts()}
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))
OBSERVED = observe(simulated({"BaZrO3": 0.7, "TiO2": 0.3}), DOUBLET)


def _settled(*names: str, prune: bool = True, calibration: Calibration | None = None, share: float = 1.0) -> Settled:
    trials = tuple(Trial(FACTS[n], calculate(FACTS[n], K_ALPHA1, d_min=1.0)) for n in names)
    fit = refine(Fit(trials, [PhaseState(metric_parameters(t.crystal)) for t in trials]), OBSERVED, iterations=12)
    return settle(fit, OBSERVED, [Place(share, (), ())] * len(names), calibration or shipped(), prune=prune)


def _names(settled: Settled) -> list[str]:
    return [t.crystal.name for t in settled.fit.trials]


def test_what_is_there_stays_and_nothing_is_missing() -> None:
    """Both phases are believed, and nothing suggests a third."""
    settled = _settled("BaZrO3", "TiO2_rutile")
    assert _names(settled) == ["BaZrO3", "TiO2_rutile"]
    assert min(settled.chances) > 0.8
    assert settled.missing < 0.5
    assert settled.dropped == ()


def test_a_doubtful_phase_is_dropped_and_told() -> None:
    """Strontia, which is not there, is dropped with its small probability; without pruning it would stand."""
    settled = _settled("BaZrO3", "TiO2_rutile", "SrO")
    assert _names(settled) == ["BaZrO3", "TiO2_rutile"]
    ((trial, chance),) = settled.dropped
    assert trial.crystal.name == "SrO"
    assert chance < shipped().keep
    assert "SrO" in _names(_settled("BaZrO3", "TiO2_rutile", "SrO", prune=False))


def test_a_missing_phase_is_suspected_by_its_lines() -> None:
    """Without rutile its line at 27.4° stands unexplained, and something is missing."""
    settled = _settled("BaZrO3")
    assert settled.missing > shipped().alarm
    assert min(abs(line.two_theta - 27.43) for line in settled.faint) < 0.1


def test_a_contested_place_lowers_the_chance() -> None:
    """Of a phase that has half of its place, half is believed; only lines of believed phases are adjusted, so about."""
    whole, half = _settled("BaZrO3", "TiO2_rutile"), _settled("BaZrO3", "TiO2_rutile", share=0.5)
    assert half.chances == pytest.approx([c / 2 for c in whole.chances], rel=5e-3)


def test_two_entries_of_one_substance_are_one() -> None:
    """A library that holds zirconate twice does not make two phases of it."""
    FACTS["again"] = replace(FACTS["BaZrO3"], name="again")
    settled = _settled("BaZrO3", "again", "TiO2_rutile", prune=False)
    assert len(settled.fit.trials) == 2


def test_left_over() -> None:
    """A pattern that is met leaves nothing; one that is met not at all leaves all but its noise."""
    assert left_over(OBSERVED, OBSERVED.y) == 0
    assert left_over(OBSERVED, OBSERVED.background) > 0.75
    half = OBSERVED.background + np.maximum(OBSERVED.net, 0) / 2
    assert 0.3 < left_over(OBSERVED, half) < 0.55
