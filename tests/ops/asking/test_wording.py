"""Spans, shortened lists and folded lines."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.asking.wording import few, folded, span


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59.6), "1 min"),
        (timedelta(minutes=5, seconds=30), "5 min 30 s"),
        (timedelta(minutes=35, seconds=15), "35 min"),
        (timedelta(minutes=59, seconds=40), "1 h"),
        (timedelta(hours=33, minutes=30), "33 h 30 min"),
        (timedelta(hours=71, minutes=59, seconds=50), "3 d"),
        (timedelta(days=8, hours=4), "8 d 4 h"),
    ],
)
def test_spans_have_their_two_largest_units(length: timedelta, told: str) -> None:
    """Rounded before they are cut into units, so that no hour has sixty minutes."""
    assert span(length) == told


def test_long_lists_are_cut() -> None:
    """The first names and how many more there are."""
    assert few(["a", "b"], 3) == "a and b"
    assert few(["a", "b", "c", "d"], 2) == "a, b and 2 more"


def test_a_number_stays_with_its_unit() -> None:
    """Lines never begin with a unit, and go on under their indent."""
    assert folded("it took 33 h and 41 % of it", 11, "  ").replace("\N{NO-BREAK SPACE}", " ").split("\n") == [
        "it took", "  33 h and", "  41 % of", "  it",
    ]  # fmt: skip


@given(st.text(st.sampled_from("ab 1%-\n"), max_size=80), st.integers(10, 40))
def test_nothing_is_lost_and_nothing_too_long(text: str, width: int) -> None:
    """All words are still there, in order, in lines of the width that was asked for."""
    lines = folded(text, width).split("\n")
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
