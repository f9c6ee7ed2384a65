"""The search finds the phases that are there, at the strain they have, and claims no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.fit import Fit, Observed, PhaseState, Trial
from science.diffraction.observing import observe
from science.diffraction.refine import refine
from science.diffraction.search import (
    MIN_GAIN,
    MIN_SIGNAL,
    QUANTILES,
    SHIFTS,
    Presence,
    _strong_lines,
    added,
    freed,
    match,
    presence,
    shortlisted,
    smoothed,
    without,
)
from science.diffraction.sticks import calculate, metric_parameters
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, simulated

Array = NDArray[np.float64]
FACTS = {fact.id: fact for fact in load_phase_facts()}
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))


def _trial(name: str, max_strain: float = 0.015) -> Trial:
    crystal = FACTS[name].crystal
    return Trial(crystal, calculate(crystal, K_ALPHA1, d_min=1.0), max_strain)


TRIALS = [
    _trial(name) for name in ("BaZrO3", "SrTiO3", "MgO", "TiO2_rutile", "TiO2_anatase", "ZrO2_m", "ZrO2_t", "BaO")
]
TRIALS += [_trial(name) for name in ("SrZrO3", "BaTiO3_t", "SrO", "BaCO3", "SrCO3", "Ba2ZrO4", "Sr2TiO4", "ZrTiO4")]


def _names(fit: Fit) -> set[str]:
    return {t.crystal.name for t in fit.trials}


@pytest.mark.parametrize("strain", [-0.009, -0.0045, 0.0, 0.0045, 0.009])
def test_matching_tells_the_strain(strain: float) -> None:
    """The isotropic strain of a phase is found to the step of the search, from strained lines alone."""
    observed = observe(simulated({"BaZrO3": 1.0}, strain=strain), DOUBLET)
    score, found = match(_trial("BaZrO3"), observed, smoothed(observed.net, observed))
    assert found == pytest.approx(strain, abs=0.0016)
    assert score > 0


def test_matching_prefers_what_is_there() -> None:
    """Of sixteen phases the one that the pattern was made of scores best, and wrong ones far below."""
    observed = observe(simulated({"TiO2": 1.0}), DOUBLET)
    smooth = smoothed(observed.net, observed)
    scores = {t.crystal.name: match(t, observed, smooth)[0] for t in TRIALS}
    best = max(scores, key=lambda name: scores[name])
    assert best == "TiO2_rutile"
    assert sorted(scores.values())[-2] < 0.5 * scores[best]


def test_missing_lines_count_against_a_phase() -> None:
    """Tetragonal zirconia has the strongest line of BaZrO3; as its others are missing it scores nothing."""
    observed = observe(simulated({"BaZrO3": 1.0}), DOUBLET)
    smooth = smoothed(observed.net, observed)
    true = match(_trial("BaZrO3"), observed, smooth)[0]
    assert match(_trial("ZrO2_t"), observed, smooth)[0] < 0.05 * true
    assert match(_trial("ZrTiO4"), observed, smooth)[0] < 0.2 * true


def test_matching_out_of_range_scores_nothing() -> None:
    """A phase without a line in range has no score, and no strain."""
    observed = observe(simulated({"MgO": 1.0}, x=(15.0, 20.0, 0.02)), DOUBLET)
    assert match(_trial("MgO"), observed, smoothed(observed.net, observed)) == (0.0, 0.0)


def test_what_matches_best_is_tried_first_and_no_substance_twice() -> None:
    """Rutile is the first to join zirconate in their mixture; another entry of zirconate is not asked."""
    observed = observe(simulated({"BaZrO3": 0.6, "TiO2": 0.4}), DOUBLET)
    found = refine(_fit(("BaZrO3",), observed), observed, iterations=6)
    twin = Trial(replace(FACTS["BaZrO3"].crystal, name="twin"), _trial("BaZrO3").sticks)
    tries = shortlisted(found, [*TRIALS, twin], observed, ())
    assert [t.crystal.name for t in tries[0].trials] == ["BaZrO3", "TiO2_rutile"]
    assert all(t.trials[-1].crystal.name not in {"twin", "BaZrO3"} for t in tries)
    barred = shortlisted(found, TRIALS, observed, {"TiO2_rutile"})
    assert all(t.trials[-1].crystal.name != "TiO2_rutile" for t in barred)


def test_a_cell_that_ran_into_its_end_begins_anew() -> None:
    """Rutile whose c axis a bad start has driven to the end of its strain finds its lines again."""
    observed = observe(simulated({"TiO2": 1.0}), DOUBLET)
    trial = _trial("TiO2_rutile")
    room = 2 * trial.max_strain * np.maximum(np.abs(trial.start), 0.2 * trial.start[0])
    stuck = refine(Fit((trial,), [PhaseState(trial.start + room * [0, 1])]), observed, iterations=0)
    assert freed(stuck, observed).chi2 < 0.2 * stuck.chi2
    good = refine(stuck, observed, iterations=0)
    good.states[0].metric = trial.start.copy()
    good = refine(good, observed, iterations=8)
    assert freed(good, observed) is good


def test_a_cell_of_the_library_that_is_far_off_is_let_go_farther() -> None:
    """An entry whose c is two percent too long reaches the lines of the powder; one that fits keeps its room."""
    observed = observe(simulated({"TiO2": 1.0}), DOUBLET)
    right = FACTS["TiO2_rutile"].crystal
    long = replace(right, lattice=replace(right.lattice, c=1.02 * right.lattice.c))
    trial = Trial(long, calculate(long, K_ALPHA1, d_min=1.0))
    fit = refine(Fit((trial,), [PhaseState(trial.start.copy())]), observed, iterations=12)
    far = freed(fit, observed)
    assert far.chi2 < 0.8 * fit.chi2
    assert far.lattice(0).c == pytest.approx(2.9587, abs=0.002)
    assert far.trials[0].max_strain > trial.max_strain == 0.015


def _fit(names: tuple[str, ...], observed: Observed) -> Fit:
    trials = tuple(_trial(name) for name in names)
    return refine(Fit(trials, [PhaseState(metric_parameters(t.crystal)) for t in trials]), observed, iterations=15)


def test_presence_tells_true_from_lent() -> None:
    """The phase that is there is seen, clear and needed; one that lives on another's misfit is not borne out."""
    observed = observe(simulated({"BaZrO3": 1.0}), DOUBLET)
    fit = _fit(("BaZrO3", "ZrO2_m"), observed)
    there, lent = (presence(fit, observed, n) for n in range(2))
    assert there.borne_out
    assert there.seen > 0.9
    assert there.signal > 2 * MIN_SIGNAL
    assert not lent.borne_out
    assert lent.gain < MIN_GAIN


def test_texture_shows_as_spread() -> None:
    """Lines that are observed at half and at twice their intensity spread; those of a good powder do not."""
    pattern = simulated({"BaZrO3": 1.0})
    observed = observe(pattern, DOUBLET)
    fit = _fit(("BaZrO3",), observed)
    assert presence(fit, observed, 0).spread < 0.1
    pushed = np.where(observed.x > 50, 2.5, 1.0) * np.maximum(observed.net, 0) + observed.background
    textured = Observed(observed.x, pushed, observed.background, observed.sigma, observed.lines)
    assert presence(_fit(("BaZrO3",), textured), textured, 0).spread > 0.25


@pytest.mark.parametrize(
    ("values", "borne_out"),
    [
        ((0.9, 20, 0.8, 0.5, 0.1), True),
        ((0.5, 20, 0.8, 0.5, 0.1), False),
        ((0.9, 5, 0.8, 0.5, 0.1), False),
        ((0.9, 20, 0.8, 0.01, 0.1), False),
        ((0.1, 1, 0.05, 0.2, 0.1), True),
        ((0.9, 20, 0.05, 0.1, 0.1), False),
    ],
)
def test_what_may_be_claimed(values: tuple[float, float, float, float, float], *, borne_out: bool) -> None:
    """A claim needs its own lines seen, clear and needed; without lines of its own it needs a large gain."""
    assert Presence(*values).borne_out is borne_out


def test_adding_and_taking_away() -> None:
    """A phase added comes last with its strain in its cell; taken away again, the fit is what it was."""
    observed = observe(simulated({"BaZrO3": 1.0}), DOUBLET)
    fit = _fit(("BaZrO3",), observed)
    more = added(fit, _trial("MgO"), 0.01)
    assert [t.crystal.name for t in more.trials] == ["BaZrO3", "MgO"]
    assert more.lattice(1).a == pytest.approx(4.2117 * 1.01, rel=3e-4)
    less = without(more, 1)
    assert _names(less) == {"BaZrO3"}
    assert less.states[0] is fit.states[0]
    assert (less.zero, less.displacement, less.mixing, less.width) == (
        fit.zero,
        fit.displacement,
        fit.mixing,
        fit.width,
    )


def test_smoothing_keeps_areas() -> None:
    """A line keeps its area, and negative counts do not eat into it."""
    observed = observe(simulated({"MgO": 1.0}), DOUBLET)
    line = np.where(np.abs(observed.x - 50) < 0.1, 100.0, 0.0)
    assert smoothed(line, observed).sum() == pytest.approx(line.sum())
    assert smoothed(line - 5, observed) == pytest.approx(smoothed(np.where(line > 0, 95.0, 0.0), observed))


def _plain_match(trial: Trial, observed: Observed, smooth: Array) -> tuple[float, float]:
    """`match`, strain by strain, shift by shift and quantile by quantile, written down once more with arrays."""
    theta, share = _strong_lines(trial, observed)
    best = (0.0, 0.0)
    for strain in np.arange(-trial.max_strain, trial.max_strain + 1e-9, 0.0015):
        for shift in SHIFTS:
            at = np.degrees(2 * theta) - 2 * np.degrees(np.tan(theta)) * strain + shift
            seen = np.interp(at, observed.x, smooth, left=0, right=0)
            order = np.argsort(seen / share)
            for quantile in QUANTILES:
                scale = (seen / share)[order][np.searchsorted(np.cumsum(share[order]), quantile * (1 - 1e-12))]
                there = np.minimum(seen, scale * share).sum()
                score = there - np.maximum(scale * share - seen, 0).sum() - 2e-3 * there * abs(strain) / 0.015
                if score > best[0]:
                    best = (float(score), float(strain))
    return best


@pytest.mark.parametrize("name", ["BaZrO3", "ZrO2_m", "MgO"])
def test_the_score_is_that_of_the_plain_formula(name: str) -> None:
    """On a pattern, compiled loops give what arrays give."""
    observed = observe(simulated({"BaZrO3": 0.6, "ZrO2": 0.4}), DOUBLET)
    smooth = smoothed(observed.net, observed)
    assert match(_trial(name), observed, smooth) == pytest.approx(_plain_match(_trial(name), observed, smooth))


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.floats(0, 3))
def test_the_score_is_that_of_the_plain_formula_on_anything(seed: int, spikiness: float) -> None:
    """The same on noise of any kind, zeros and all."""
    observed = observe(simulated({"MgO": 1.0}, x=(30, 80, 0.2)), DOUBLET)
    smooth = np.random.default_rng(seed).random(len(observed.x)) ** np.exp(spikiness)
    smooth[smooth < 0.1] = 0.0
    trial = _trial("TiO2_rutile")
    found, wanted = match(trial, observed, smooth), _plain_match(trial, observed, smooth)
    assert found[0] == pytest.approx(wanted[0], rel=1e-9, abs=1e-12)
