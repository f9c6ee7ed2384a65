"""A pattern is checked once, when it is made."""

from __future__ import annotations

import numpy as np
import pytest

from science.diffraction.errors import PatternError
from science.diffraction.pattern import MIN_POINTS, Pattern

X = np.linspace(10.0, 80.0, 701)
Y = 100 + 50 * np.exp(-(((X - 30) / 0.2) ** 2))


def test_a_good_pattern() -> None:
    """Arrays are kept as they are, and the step is their usual distance."""
    pattern = Pattern(X, Y, wavelength=1.5406, source="scan.xy")
    assert pattern.two_theta is X
    assert pattern.step == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("x", "y", "complaint"),
    [
        (X[:-1], Y, r"as many intensities as angles in scan\.xy, got \(701,\) and \(700,\)"),
        (X.reshape(1, -1), Y.reshape(1, -1), "as many intensities as angles"),
        (X[: MIN_POINTS - 1], Y[: MIN_POINTS - 1], "50 points or more .*, got 49"),
        (np.where(X[9] == X, np.nan, X), Y, "finite numbers"),
        (X, np.where(X[9] == X, np.inf, Y), "finite numbers"),
        (X[::-1], Y, "angles that increase"),
        (np.where(X[9] == X, X[8], X), Y, "angles that increase"),
        (X - 10.0, Y, "above 0, up to 180 and over a degree or more .*, got 0 to 70"),
        (X * 3, Y, "got 30 to 240.*If these are q or d"),
        (X / 100, Y, "got 0.1 to 0.8"),
        (X, Y - 120, "negative ones down to -20"),
        (X, np.zeros_like(Y), "a constant 0"),
        (X, np.full_like(Y, 7.0), "a constant 7"),
    ],
)
def test_what_is_no_pattern_is_refused(x: np.ndarray, y: np.ndarray, complaint: str) -> None:
    """Each defect is an error that names the file and says what was found."""
    with pytest.raises(PatternError, match=complaint) as caught:
        Pattern(x, y, source="scan.xy")
    assert "scan.xy" in str(caught.value)


@pytest.mark.parametrize("wavelength", [0.0, 0.05, 15.406, float("nan")])
def test_impossible_wavelengths_are_refused(wavelength: float) -> None:
    """Nanometres, picometres and nothing are not ångströms of an X-ray tube."""
    with pytest.raises(PatternError, match="wavelength between 0.1 and 5"):
        Pattern(X, Y, wavelength=wavelength)
