"""Tests of conformal intervals."""

from __future__ import annotations

import math
from fractions import Fraction

import mapie.regression
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from science.trust.conformal import Interval, _given, interval, least_labels, rank

ALPHAS = (Fraction(1, 20), Fraction(1, 10), Fraction(3, 20), Fraction(1, 5), Fraction(1, 3), Fraction(1, 2))


def clopper_pearson(hits: int, trials: int, confidence: float = 0.999) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low = beta.ppf(tail, hits, trials - hits + 1) if hits else 0.0
    high = beta.ppf(1 - tail, hits + 1, trials - hits) if hits < trials else 1.0
    return float(low), float(high)


@given(st.integers(0, 5000), st.integers(2, 400), st.integers(1, 399))
def test_the_rank_is_exact(n: int, q: int, p: int) -> None:
    """The rank is the ceiling of (n+1)(1-α) in exact arithmetic for every rational α, never one off by rounding."""
    alpha = Fraction(min(p, q - 1), q)
    assert rank(n, float(alpha)) == math.ceil((n + 1) * (1 - alpha))


@given(st.integers(2, 400), st.integers(1, 399))
def test_the_fewest_labels_are_those_with_which_a_score_can_bound_the_next(q: int, p: int) -> None:
    """With one label less the rank exceeds the number of scores: 1/α - 1 labels are needed, rounded up."""
    alpha = Fraction(min(p, q - 1), q)
    least = least_labels(float(alpha))
    assert least == max(math.ceil(1 / alpha - 1), 1)
    assert rank(least, float(alpha)) <= least
    if least > 1:
        assert rank(least - 1, float(alpha)) == least


def test_nine_labels_serve_ninety_per_cent_and_nineteen_serve_ninety_five() -> None:
    """The numbers that a laboratory plans with."""
    assert [least_labels(a) for a in (0.2, 0.1, 0.05, 0.01)] == [4, 9, 19, 99]


@pytest.mark.parametrize("alpha", ALPHAS)
def test_too_few_labels_give_no_interval_and_never_a_default_width(alpha: Fraction) -> None:
    """Below the fewest labels all numbers are missing, and the record says how many are needed."""
    least = least_labels(float(alpha))
    for n in range(least):
        found = interval(4.1, np.zeros(n), np.zeros(n), "hafnate", float(alpha))
        assert (found.quantile, found.lower, found.upper, found.width) == (None,) * 4
        assert found.n_calibration == n
        assert found.basis == f"too few labels: {n} of the {least} that the family needs"


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_interval_ends_at_the_exact_order_statistic(alpha: Fraction) -> None:
    """For every number of labels the half width is the score of the exact rank, as three lines of NumPy find it."""
    rng = np.random.default_rng(0)
    for n in range(least_labels(float(alpha)), 64):
        left_out, measured = rng.normal(size=n), rng.normal(size=n)
        found = interval(4.1, left_out, measured, "titanate", float(alpha))
        scores = np.sort(np.abs(measured - left_out))
        expected = scores[math.ceil((n + 1) * (1 - alpha)) - 1]
        assert found.quantile == pytest.approx(expected, abs=1e-12)
        assert (found.lower, found.upper) == pytest.approx((4.1 - expected, 4.1 + expected), abs=1e-12)
        assert found.width == pytest.approx(2 * expected, abs=1e-12)


def test_mapie_makes_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds in the record are the ones that MAPIE's split conformal regressor returned."""
    asked = []

    class Spy(mapie.regression.SplitConformalRegressor):
        def predict_interval(self, X: np.ndarray, **options: object) -> tuple:
            asked.append(X.copy())
            points, bounds = super().predict_interval(X, **options)
            return points, bounds + 1.0

    monkeypatch.setattr(mapie.regression, "SplitConformalRegressor", Spy)
    found = interval(4.0, np.zeros(9), np.arange(9.0), "stannate", 0.1)
    assert [a.tolist() for a in asked] == [[[4.0]]]
    assert (found.lower, found.upper) == (4.0 - 8.0 + 1.0, 4.0 + 8.0 + 1.0)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
def test_mapie_has_no_finite_interval_exactly_where_ours_is_missing(alpha: float) -> None:
    """At its own nominal level MAPIE refuses with fewer labels than ours demands, and agrees from there on."""
    for n in range(1, 2 * least_labels(alpha)):
        scores = np.random.default_rng(n).normal(size=n)
        theirs = mapie.regression.SplitConformalRegressor(_given()(), confidence_level=1 - alpha, prefit=True)
        theirs.conformalize(np.zeros((n, 1)), scores)
        ours = interval(0.0, np.zeros(n), scores, "titanate", alpha)
        if n < least_labels(alpha):
            assert ours.width is None
            with pytest.raises(ValueError, match="calibration samples"):
                theirs.predict_interval(np.zeros((1, 1)), allow_infinite_bounds=True)
        else:
            _, bounds = theirs.predict_interval(np.zeros((1, 1)), allow_infinite_bounds=True)
            assert (ours.lower, ours.upper) == pytest.approx((bounds[0, 0, 0], bounds[0, 1, 0]), abs=1e-12)


@pytest.mark.parametrize(("n", "alpha"), [(9, 0.1), (14, 0.2), (19, 0.1)])
def test_coverage_is_what_was_promised(n: int, alpha: float) -> None:
    """Over 500 draws of exchangeable data the next label is covered as often as the theorem says, k/(n+1)."""
    rng = np.random.default_rng(n)
    trials = 500
    hits = 0
    for _ in range(trials):
        predicted, measured = rng.standard_t(3, size=(2, n + 1))
        found = interval(predicted[n], predicted[:n], measured[:n], "zirconate", alpha)
        hits += found.lower <= measured[n] <= found.upper
    promised = rank(n, alpha) / (n + 1)
    low, high = clopper_pearson(hits, trials)
    assert promised >= 1 - alpha
    assert low <= promised <= high


def test_families_are_calibrated_apart() -> None:
    """Where one family is three times noisier, the pooled interval misses it and its own does not."""
    rng = np.random.default_rng(5)
    trials, hits = 400, {"pooled": 0, "own": 0}
    for _ in range(trials):
        calm, noisy = rng.normal(size=30), 3 * rng.normal(size=30)
        new = 3 * rng.normal()
        for name, scores in (("pooled", np.concatenate([calm, noisy])), ("own", noisy)):
            found = interval(0.0, np.zeros(len(scores)), scores, "noisy", 0.1)
            hits[name] += found.lower <= new <= found.upper
    assert clopper_pearson(hits["own"], trials)[1] >= 0.9
    assert clopper_pearson(hits["pooled"], trials)[1] < 0.9


def test_an_interval_without_ends_has_no_width() -> None:
    """A missing interval is not a narrow one."""
    assert Interval("mixed", 0, 0.1, None, None, None, "none").width is None
    assert Interval("mixed", 9, 0.1, 0.5, 1.0, 2.0, "some").width == 1.0
