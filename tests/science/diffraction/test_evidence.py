"""What phases bring beside the imperfections of others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.evidence import Evidence, weigh
from science.diffraction.fit import Fit, Observed, PhaseState, Trial
from science.diffraction.observing import observe
from science.diffraction.refine import refine
from science.diffraction.sticks import calculate, metric_parameters
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, simulated

FACTS = {fact.id: fact.crystal for fact in load_phase_facts()}
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))


def _weighed(names: tuple[str, ...], observed: Observed) -> tuple[Fit, Evidence]:
    trials = tuple(Trial(FACTS[n], calculate(FACTS[n], K_ALPHA1, d_min=1.0)) for n in names)
    fit = refine(Fit(trials, [PhaseState(metric_parameters(t.crystal)) for t in trials]), observed, iterations=15)
    return fit, weigh(fit, observed)


def test_true_phases_bring_much_and_a_false_one_next_to_nothing() -> None:
    """A tenth of zirconia is worth hundreds of nats where it is, and a few where it is not."""
    there = _weighed(("BaZrO3", "ZrO2_m"), observe(simulated({"BaZrO3": 0.9, "ZrO2": 0.1}), DOUBLET))[1]
    lent = _weighed(("BaZrO3", "ZrO2_m"), observe(simulated({"BaZrO3": 1.0}), DOUBLET))[1]
    assert there.nats[1] > 150
    assert lent.nats[1] < 10
    assert lent.nats[0] > 500


def _textured(factor: float) -> Observed:
    """Barium zirconate whose lines beyond 50° are too strong."""
    observed = observe(simulated({"BaZrO3": 1.0}), DOUBLET)
    pushed = np.where(observed.x > 50, factor, 1.0) * np.maximum(observed.net, 0) + observed.background
    return replace(observed, y=pushed)


def test_texture_is_told_and_does_not_call_for_another_phase() -> None:
    """Lines at twice their height stray; a phase that lives on the misfit gains little by it, as lines may stray."""
    good, odd = _weighed(("BaZrO3",), _textured(1.0))[1], _weighed(("BaZrO3",), _textured(2.0))[1]
    assert good.strayed[0] < 0.2
    assert odd.strayed[0] > 1.5 * good.strayed[0]
    fit, with_other = _weighed(("BaZrO3", "SrO"), _textured(2.0))
    without = refine(Fit(fit.trials[:1], fit.states[:1], fit.zero), fit_observed := _textured(2.0), iterations=8)
    raw = fit_observed.x.size / 2 * np.log(without.chi2 / fit.chi2)
    assert with_other.nats[1] < max(0.3 * raw, 20)


def test_a_missing_phase_shows_in_chi2_and_in_what_is_left() -> None:
    """Without the second phase chi-squared is many times higher, and its lines stand in the rest."""
    observed = observe(simulated({"BaZrO3": 0.7, "TiO2": 0.3}), DOUBLET)
    whole, lacking = _weighed(("BaZrO3", "TiO2_rutile"), observed)[1], _weighed(("BaZrO3",), observed)[1]
    assert lacking.chi2 > 5 * whole.chi2
    near = np.abs(observed.x - 27.4) < 0.15
    assert (observed.y - lacking.calculated)[near].max() > 5 * np.abs(observed.y - whole.calculated)[near].max()


def test_lines_are_counted_and_data_are_not_overcounted() -> None:
    """Cubic zirconate has about a dozen lines up to 90°; there are as many data as half widths fit the range."""
    observed = observe(simulated({"BaZrO3": 1.0}), DOUBLET)
    evidence = _weighed(("BaZrO3",), observed)[1]
    assert 10 <= evidence.lines[0] <= 18
    assert 75 / 0.15 < evidence.effective < 75 / 0.02


def test_an_empty_fit_has_evidence_of_its_own() -> None:
    """Without phases there is the background alone, to compare with."""
    observed = observe(simulated({"MgO": 1.0}), DOUBLET)
    evidence = weigh(refine(Fit((), []), observed, iterations=0), observed)
    assert evidence.nats.size == evidence.lines.size == 0
    assert evidence.chi2 > 1


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_units_make_no_difference(factor: float) -> None:
    """Evidence is a matter of shapes and noise, not of the unit that counts come in."""
    pattern = simulated({"BaZrO3": 0.9, "ZrO2": 0.1})
    one = _weighed(("BaZrO3", "ZrO2_m"), observe(pattern, DOUBLET))[1]
    scaled = replace(pattern, intensity=pattern.intensity * factor)
    other = _weighed(("BaZrO3", "ZrO2_m"), observe(scaled, DOUBLET))[1]
    assert other.nats == pytest.approx(one.nats, rel=0.05)
