"""From evidence to probability."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.diffraction.belief import (
    MISSING_FEATURES,
    PHASE_FEATURES,
    Claim,
    Logistic,
    Suspicion,
    missing_features,
    phase_features,
    shipped,
)

STRONG = Claim(nats=1500, lines=20, strayed=0.1, seen=0.98, own=0.95, width=0.08, bent=0.05, chi2=1.0)
WEAK = Claim(nats=8, lines=1, strayed=1.2, seen=0.5, own=0.2, width=1.4, bent=0.9, chi2=4.0)


def test_the_shipped_calibration_says_on_what_it_stands() -> None:
    """It names its data, has as many numbers as there are features, and none of a forbidden sign."""
    known = shipped()
    assert "patterns" in known.provenance
    for model, names in ((known.phase, PHASE_FEATURES), (known.missing, MISSING_FEATURES)):
        assert len(model.centre) == len(model.spread) == len(model.coefficients) == len(names)
        assert min(model.coefficients) >= 0 < max(model.coefficients)
        assert min(model.spread) > 0
    assert 0 < known.keep < known.cover <= 1
    assert 0 < known.alarm < 1


def test_strong_claims_are_believed_and_weak_ones_are_not() -> None:
    """Twenty lines where they should be make a phase; one broad line that lives on misfit does not."""
    model = shipped().phase
    assert model.probability(phase_features(STRONG)) > 0.95
    assert model.probability(phase_features(WEAK)) < 0.2


@given(st.sampled_from(["nats", "lines", "seen", "own"]), st.floats(1.0, 3.0))
def test_no_better_evidence_lowers_a_probability(which: str, factor: float) -> None:
    """More nats, lines or intensity seen, all else equal: never less believed."""
    model = shipped().phase
    better = replace(WEAK, **{which: getattr(WEAK, which) * factor})
    less, more = (model.probability(phase_features(c)) for c in (WEAK, better))
    assert more >= less - 1e-12


CLEAN = Suspicion(clearest=2.0, second=2.5, height=0.0, strain=0.03, widths=0.02, doubt=0.01)
LACKING = Suspicion(clearest=60.0, second=40.0, height=0.2, strain=0.2, widths=0.2, doubt=0.3)


@given(st.sampled_from([f.name for f in fields(Suspicion)]), st.floats(1, 30), st.floats(0, 1))
def test_suspicion_grows_with_what_is_left(which: str, factor: float, doubt: float) -> None:
    """Whatever is left, the chance of a missing phase is a probability, and nothing more of it lowers it."""
    model = shipped().missing
    seen = replace(CLEAN, doubt=doubt)
    chance = model.probability(missing_features(seen))
    assert 0 <= chance <= 1
    worse = replace(seen, **{which: getattr(seen, which) * factor + 0.01})
    assert model.probability(missing_features(worse)) >= chance - 1e-12


def test_a_clean_fit_is_complete_and_tall_lines_are_not() -> None:
    """Nothing left: hardly anything missing; two clear lines of a fifth of the strongest: surely something."""
    model = shipped().missing
    assert model.probability(missing_features(CLEAN)) < 0.15
    assert model.probability(missing_features(LACKING)) > 0.9


def test_a_logistic_model() -> None:
    """One feature, centred and scaled, through the logistic function; far out it stays finite."""
    model = Logistic((2.0,), (4.0,), (3.0,), 0.5)
    assert model.probability([6.0]) == pytest.approx(1 / (1 + np.exp(-3.5)))
    assert model.probability([-1e9]) == pytest.approx(0, abs=1e-12)
