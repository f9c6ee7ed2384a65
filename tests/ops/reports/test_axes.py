"""Ticks are round, inside and enough; curves keep their shape when points are left out."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ops.reports.axes import (
    Frame,
    Scale,
    decimals,
    drawing,
    enveloped,
    grouped,
    line,
    root_span,
    span,
    thinned,
    tick_step,
)
from tests.ops.reports.telling import tree, words

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


def _value(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-").replace("\N{NARROW NO-BREAK SPACE}", ""))


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_lie_inside_at_even_distance(low: float, width: float, count: int) -> None:
    """Between a half and three times as many as wanted, increasing, and each label says its value."""
    scale = Scale(low, low + width, 0, 100)
    ticks = scale.ticks(count)
    values = [v for v, _ in ticks]
    assert count / 2 - 1 <= len(ticks) <= 2 * count + 2
    assert all(low - 1e-6 * width <= v <= low + width * (1 + 1e-6) for v in values)
    step = tick_step(low, low + width, count)
    assert all(math.isclose(b - a, step, rel_tol=1e-6, abs_tol=1e-9) for a, b in pairwise(values))
    assert all(abs(_value(text) - value) <= 1e-6 * max(step, abs(value)) for value, text in ticks)


@given(st.floats(-400, 400), st.floats(5, 500))
def test_ticks_of_a_bent_scale(low: float, width: float) -> None:
    """On a square-root scale ticks keep apart, lie inside, and zero is one of them where it can be."""
    scale = Scale(low, low + width, 0, 300, root=True)
    ticks = scale.ticks(6)
    values = [v for v, _ in ticks]
    assert values == sorted(values)
    assert all(low <= v <= low + width for v in values)
    if low < 0 < low + width:
        assert 0 in values
    places = [scale(v) for v in values]
    assert all(b - a > 20 for a, b in pairwise(places))


@given(FINITE, FINITE, st.floats(0, 1), st.booleans())
def test_a_scale_keeps_order_and_ends(low: float, high: float, share: float, root: object) -> None:
    """The ends of the range lie at the ends of the line, what is between lies between."""
    assume(high - low > 1e-3)
    scale = Scale(low, high, 10, 110, root=bool(root))
    assert (scale(low), scale(high)) == (pytest.approx(10), pytest.approx(110))
    assert 10 - 1e-6 <= scale(low + share * (high - low)) <= 110 + 1e-6


def test_a_square_root_scale_goes_with_counting_noise() -> None:
    """A hundred counts stand at a third of nine hundred; what is below zero is its mirror image."""
    scale = Scale(-900, 900, 0, 60, root=True)
    assert (scale(0), scale(100), scale(-100), scale(900)) == (30, 40, 20, 60)


def test_decimals_tell_steps_apart() -> None:
    """A quarter needs two decimals, two and a half needs one."""
    assert [decimals(s) for s in (0.25, 2.5, 10, 0.002)] == [2, 1, 0, 3]


def test_ranges_have_room() -> None:
    """All values inside, a least width around a single one, and a range where there is nothing."""
    low, high = span([3.0, 5.0])
    assert low < 3
    assert high > 5
    assert span([4.0], least=1) == (3.5, 4.5)
    assert span([]) == (0.0, 1.0)
    low, high = root_span([-100.0, 4.0])
    assert low < -100
    assert high > 4


def test_thousands_are_set_apart_from_five_digits_on() -> None:
    """4000 stays, 12000 is grouped, decimals and sign are left alone."""
    gap = "\N{NARROW NO-BREAK SPACE}"
    assert grouped("4000") == "4000"
    assert grouped("12000") == f"12{gap}000"
    assert grouped("\N{MINUS SIGN}1234567.25") == f"\N{MINUS SIGN}1{gap}234{gap}567.25"


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=60))
def test_thinned_curves_look_the_same(points: list[tuple[float, float]]) -> None:
    """Ends stay, no point is made up, and whatever is left out lies near the line that stays."""
    points.sort()
    kept = thinned(points, 0.5)
    assert kept[:1] == points[:1]
    assert kept[-1:] == points[-1:]
    assert set(kept) <= set(points)
    for p in points:
        assert min(_distance(p, a, b) for a, b in zip(kept, kept[1:] or kept, strict=False)) <= 0.5 + 1e-9


def _distance(p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    """From a point to the endless line through two others, or to the point that both are."""
    if a == b:
        return math.dist(p, a) if p != a else 0.0
    return abs((p[0] - a[0]) * (b[1] - a[1]) - (p[1] - a[1]) * (b[0] - a[0])) / math.dist(a, b)


def test_an_envelope_keeps_every_peak() -> None:
    """Of a hundred thousand points two a column are left, the highest and the lowest among them, in their order."""
    points = [(n / 500, float((n * 7919) % 1000)) for n in range(100_000)]
    points[54_321] = (54_321 / 500, 5000.0)
    kept = enveloped(points)
    assert len(kept) <= 2 * 401
    assert kept == sorted(kept)
    assert set(kept) <= set(points)
    assert max(y for _, y in kept) == 5000
    assert enveloped([(0.1, 2.0), (0.2, 2.0)]) == [(0.1, 2.0)]
    assert enveloped([]) == []


def test_a_straight_curve_is_two_points() -> None:
    """What adds nothing to the drawing is left out."""
    assert thinned([(float(n), 2.0 * n) for n in range(500)]) == [(0, 0), (499, 998)]


def test_a_frame_writes_its_axes() -> None:
    """Titles with units, a label for each tick, and only whole numbers where things are counted."""
    frame = Frame.at((50, 10, 200, 100), (0.5, 4.5), (4.0, 4.2))
    svg = tree(drawing(300, 200, "A figure", frame.axes("sample", "a / Å", x_ticks=9, whole=True)))
    text = words(svg)
    assert "a / Å" in text
    assert "4.05" in text
    labels = [t.text for t in svg.iter("text")]
    assert [t for t in labels if t in ("1", "2", "3", "4")] == ["1", "2", "3", "4"]
    assert "1.5" not in labels
    assert svg.attrib["viewBox"] == "0 0 300 200"
    assert svg[0].text == "A figure"
    assert frame.point(0.5, 4.0) == (50, 110)


def test_a_panel_above_another_shares_its_axis() -> None:
    """Without a title along x there are ticks and no labels."""
    frame = Frame.at((0, 0, 100, 100), (0, 10), (0, 1))
    texts = [t.text for t in tree(frame.axes(None, "u")).iter("text")]
    assert "10" not in texts
    assert "u" in texts


def test_a_path_goes_through_its_points() -> None:
    """The ``d`` of a path, to a hundredth of a pixel."""
    assert line([(0, 1.234), (2, 3)]) == "M0,1.23L2,3"
    assert line([]) == ""
