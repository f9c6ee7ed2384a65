"""Numbers, formulas, recipes and reasons as people read them."""

from __future__ import annotations

import pytest

from contracts.recipe import Atmosphere
from ops.wording import fixed, gist, listed, percent, plural, recipe, signed, unicode_formula
from tests.contracts.examples import recipe as example


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (4.11636, 4, "4.1164"),
        (-0.3, 1, "\N{MINUS SIGN}0.3"),
        (-0.00001, 2, "0.00"),
        (None, 3, "\N{EN DASH}"),
        (12, 0, "12"),
    ],
)
def test_numbers(value: float | None, digits: int, text: str) -> None:
    """True minus signs, no minus zero, and a dash for none."""
    assert fixed(value, digits) == text


def test_signs_and_shares() -> None:
    """A plus is written where a sign matters; a share never loses its unit at the end of a line."""
    assert (signed(0.4, 1), signed(-2, 0), signed(0, 1)) == ("+0.4", "\N{MINUS SIGN}2", "0.0")
    assert percent(0.1234, 1) == "12.3\N{NO-BREAK SPACE}%"


def test_words() -> None:
    """One sample, two samples; a, b and c."""
    assert (plural(1, "sample"), plural(2, "sample"), plural(0, "vial")) == ("1 sample", "2 samples", "0 vials")
    assert [listed(list(w)) for w in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]


def test_formulas_have_low_numbers() -> None:
    """Whole numbers in plain text, those behind a bracket, too."""
    assert unicode_formula("BaZrO3") == "BaZrO₃"
    assert unicode_formula("La(OH)3") == "La(OH)₃"


def test_a_recipe_in_one_line() -> None:
    """Firings, temperature, time, vessel, excess; what is usual is not said."""
    once = example(celsius=1450).model_copy(update={"regrinds": 0, "a_site_excess": 0.0})
    assert recipe(once) == "1450 °C, 12 h · Pt"
    twice = once.model_copy(update={"regrinds": 1, "a_site_excess": 0.03, "atmosphere": Atmosphere.OXYGEN})
    assert recipe(twice) == "2 × (1450 °C, 12 h) · Pt · +3.0 % A · O2"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("BaHfO3 (221) would fit as well as Sr0.4Ba0.6HfO3 (Pm-3m)", "… would fit as well as …"),
        ("SrZrO3 (62), SrHfO3 (62) would fit as well as HfO2_m", "… would fit as well as …"),
        ("fire: furnace overshoot: 1510 °C shown, 1450 °C set", "fire: furnace overshoot: … °C shown, … °C set"),
        ("the interval is 0.0512 wide, 0.04 would do", "the interval is … wide, … would do"),
        ("nothing was measured yet", "nothing was measured yet"),
        ("the NATS server was gone", "the NATS server was gone"),
    ],
)
def test_reasons_that_differ_in_numbers_and_formulas_are_one(reason: str, told: str) -> None:
    """So that they can be counted."""
    assert gist(reason) == told
