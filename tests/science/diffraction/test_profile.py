"""Peak shapes, their derivatives, and the background under them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from science.diffraction.profile import CUT, pseudo_voigt, snip

Array = NDArray[np.float64]
X = np.arange(20.0, 60.0, 0.01)
NONE = np.zeros((1, 0))


def _peak(position: float, width: float, mixing: float, area: float = 1.0) -> Array:
    profile, _, _ = pseudo_voigt(X, np.array([position]), np.array([width]), mixing, np.array([area]), NONE, NONE)
    return np.asarray(profile)


@given(st.floats(35, 45), st.floats(0.05, 0.3), st.floats(0, 1), st.floats(0.1, 1e6))
def test_area_is_the_intensity(position: float, width: float, mixing: float, area: float) -> None:
    """A peak integrates to its intensity, less the Lorentzian tails beyond the window, which are known."""
    tails = mixing * (1 - 2 / math.pi * math.atan(2 * CUT))
    found = _peak(position, width, mixing, area).sum() * 0.01
    assert found == pytest.approx(area * (1 - tails), rel=4e-3)


@given(st.floats(35, 45), st.floats(0.1, 0.3), st.floats(0, 1))
def test_width_is_the_full_width_at_half_maximum(position: float, width: float, mixing: float) -> None:
    """Half a width away from its middle a peak has half its height, whatever its shape."""
    profile = _peak(position, width, mixing)
    heights = np.interp([position - width / 2, position, position + width / 2], X, profile)
    assert heights[[0, 2]] / heights[1] == pytest.approx([0.5, 0.5], abs=0.01)


@given(st.floats(35, 45), st.floats(0.08, 0.3), st.floats(0.05, 0.95))
def test_derivatives_are_those_of_finite_differences(position: float, width: float, mixing: float) -> None:
    """Derivatives by position, width and mixing agree with differences to a thousandth of their largest value."""
    one = np.ones((1, 1))
    _, jacobian, by_mixing = pseudo_voigt(
        X,
        np.array([position]),
        np.array([width]),
        mixing,
        np.array([1.0]),
        np.hstack([one, 0 * one]),
        np.hstack([0 * one, one]),
    )
    h = 1e-5
    expected = (
        (_peak(position + h, width, mixing) - _peak(position - h, width, mixing)) / 2 / h,
        (_peak(position, width + h, mixing) - _peak(position, width - h, mixing)) / 2 / h,
        (_peak(position, width, mixing + h) - _peak(position, width, mixing - h)) / 2 / h,
    )
    core = np.abs(X - position) < 0.9 * CUT * width  # at the rim of the window the peak is cut off
    for mine, theirs in zip((jacobian[0], jacobian[1], by_mixing), expected, strict=True):
        assert np.abs(mine - theirs)[core].max() < 1e-3 * np.abs(theirs).max()


def test_peaks_add_up() -> None:
    """Two peaks are the sum of each alone, also where they overlap."""
    both, _, _ = pseudo_voigt(
        X, np.array([30.0, 30.1]), np.array([0.1, 0.2]), 0.5, np.array([3.0, 4.0]), np.zeros((2, 0)), np.zeros((2, 0))
    )
    assert both == pytest.approx(_peak(30.0, 0.1, 0.5, 3.0) + _peak(30.1, 0.2, 0.5, 4.0))


@pytest.mark.parametrize("position", [-200.0, 10.0, 75.0, 1e6])
def test_peaks_outside_the_grid_leave_no_trace(position: float) -> None:
    """A peak out of range changes nothing, and writes nowhere."""
    assert not _peak(position, 0.1, 0.5).any()


def test_peaks_at_the_rim_are_cut_not_lost() -> None:
    """Half of a peak that stands on the last angle is inside."""
    assert _peak(20.0, 0.1, 0.0).sum() * 0.01 == pytest.approx(0.5, abs=0.05)


def test_background_under_peaks_is_found() -> None:
    """Below narrow peaks on a curved background of 300 to 700 counts, the background is found within 4 %."""
    background = 300 + 400 * np.exp(-(X - 20) / 15)
    peaks = sum(_peak(p, 0.12, 0.5, 300.0) for p in (25.0, 31.0, 31.6, 40.0, 52.0))
    found = snip(background + peaks, 120)
    assert np.abs(found / background - 1)[150:-150].max() < 0.04


@given(arrays.arrays(float, st.integers(3, 200), elements=st.floats(0, 1e6)), st.integers(1, 60))
def test_background_is_never_above_the_counts(counts: Array, window: int) -> None:
    """Clipping only lowers: the background stays between zero and the counts, whatever the counts and the window."""
    found = snip(counts, window)
    assert found.shape == counts.shape
    assert (found <= counts * (1 + 1e-6) + 1e-6).all()
    assert (found >= -1e-6).all()


def test_flat_counts_are_all_background() -> None:
    """Without any peak nothing is left over."""
    assert snip(np.full(500, 250.0), 40) == pytest.approx(np.full(500, 250.0))
