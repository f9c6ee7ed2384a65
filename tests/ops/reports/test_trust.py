"""Coverage is counted on what was predicted and then measured, and told with its uncertainty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from contracts.learning import Metric
from ops.reports.story import Story
from ops.reports.trust import QUANTITIES, clopper_pearson, coverage, errors, guesses, learning, rejected
from tests.agents import said
from tests.ops.reports.telling import bounded, label, predicted, story, tree, words

LATTICE, FRACTION = QUANTITIES


def _run() -> Story:
    """Inside, outside, on the edge, without an interval, and withheld."""
    bounds = {1: (4.110, 4.120), 2: (4.110, 4.120), 3: (4.110, 4.120), 4: (None, None), 5: (4.0, 4.3)}
    measured = {1: 4.1163, 2: 4.1250, 3: 4.120, 4: 4.2}
    events = []
    for n, ends in bounds.items():
        events += [predicted(n), bounded(n, *ends), said.made(n)]
        events.append(label(n, 0.5, lattice=measured[n]) if n in measured else said.withheld(n))
    return story(*events)


def test_each_prediction_is_compared_with_its_measurement() -> None:
    """In mÅ relative to the mean; ends of an interval belong to it; what was withheld is not counted."""
    found = guesses(_run(), LATTICE)
    assert [g.place for g in found] == [1, 2, 3, 4]
    assert [g.held for g in found] == [True, False, True, None]
    assert found[0].error == pytest.approx(1.3)
    assert (found[0].low, found[0].high) == (pytest.approx(-5), pytest.approx(5))
    assert found[0].nominal == pytest.approx(0.9)
    assert [g.held for g in guesses(_run(), FRACTION)] == [None] * 4


def test_coverage_is_told_with_its_number_and_uncertainty() -> None:
    """Two of three, against ninety percent, and how little three say."""
    told = coverage(_run(), LATTICE).replace("\N{NO-BREAK SPACE}", " ")
    assert "2 of 3 measured values fell into their 90 % intervals, that is 67 %" in told
    assert "9 % to 99 %" in told
    assert "Median width 10.0 mÅ" in told
    assert "no interval has been tested yet (4 predictions" in coverage(_run(), FRACTION)
    assert "(0 predictions" in coverage(story(), LATTICE)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_exact(counts: tuple[int, int]) -> None:
    """At its ends the observed count is just as improbable as it may be, by the binomial distribution itself."""
    hits, count = counts
    low, high = clopper_pearson(hits, count)
    assert 0 <= low <= hits / count <= high <= 1
    if hits:
        assert binom.sf(hits - 1, count, low) == pytest.approx(0.025, rel=1e-4)
    if hits < count:
        assert binom.cdf(hits, count, high) == pytest.approx(0.025, rel=1e-4)


def test_errors_are_drawn_by_what_became_of_them() -> None:
    """Held, broken and unbound predictions look different and lead to their rows."""
    drawn = tree(errors(_run()))
    first = list(drawn.iter("a"))[:4]
    assert [a.attrib["href"] for a in first] == ["#c-0001", "#c-0002", "#c-0003", "#c-0004"]
    kinds = [next(a.iter("circle")).attrib["class"] for a in first]
    assert kinds == ["guess held", "guess broken", "guess held", "guess unbound"]
    text = words(drawn)
    assert "error of a / mÅ" in text
    assert "error of fraction" in text


def test_models_improve_or_not_before_ones_eyes() -> None:
    """A panel for each metric, lengths in mÅ; models that were not released are listed with their reason."""
    metrics = (
        Metric(name="mae lattice", value=0.004, unit="Angstrom"),
        Metric(name="mae phase_fraction", value=0.06, unit="1"),
    )
    models = [said.released(n).model_copy(update={"n_observations": 10 * n, "metrics": metrics}) for n in (1, 2)]
    run = story(*models, said.rejected(3))
    panels = [tree(p) for p in learning(run)]
    assert [p[0].text for p in panels] == ["Leave-one-out error, lattice", "Leave-one-out error, phase fraction"]
    assert "error / mÅ" in words(panels[0])
    assert "20 labels: 4 mÅ" in words(panels[0])
    assert sum(c.attrib["class"] == "guess held" for c in panels[1].iter("circle")) == 2
    assert rejected(run) == ["m-0003 (2 labels): too few"]
    assert learning(story()) == []
