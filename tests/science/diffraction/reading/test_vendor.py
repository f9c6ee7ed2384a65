"""Files that the reader library reads: every range of them is used, or it is said which."""

from __future__ import annotations

import numpy as np
import pytest

from science.diffraction.errors import PatternError
from science.diffraction.reading import flags
from science.diffraction.reading.vendor import read_vendor
from tests.science.diffraction.files import X, Y, uxd


def _ranges(*parts: tuple[np.ndarray, np.ndarray, str]) -> bytes:
    """UXD with several ranges."""
    head = uxd().decode().partition("_DRIVE")[0]
    blocks = []
    for x, y, drive in parts:
        rows = "\n".join(f"   {a:.4f}      {b:.0f}" for a, b in zip(x, y, strict=True))
        blocks.append(f"_DRIVE='{drive}'\n_STEPTIME=1.0\n_STEPSIZE=0.05\n_START={x[0]}\n_2THETACOUNTS\n{rows}\n")
    return (head + "".join(blocks)).encode()


def test_all_ranges_of_a_file_are_read() -> None:
    """A file of two ranges is one pattern over both, and not the first of them."""
    half = len(X) // 2
    found = read_vendor("a.uxd", _ranges((X[:half], Y[:half], "COUPLED"), (X[half:], Y[half:], "COUPLED")))
    assert found.two_theta == pytest.approx(X)
    assert found.intensity == pytest.approx(Y)
    assert flags.JOINED in found.flags


def test_a_second_sample_in_the_file_is_not_mixed_in() -> None:
    """Two different patterns over the same angles: the first is used, and the flag says that there was another."""
    found = read_vendor("a.uxd", _ranges((X, Y, "COUPLED"), (X, Y[::-1], "COUPLED")))
    assert found.intensity == pytest.approx(Y)
    assert flags.LEFT_OUT in found.flags


def test_a_file_without_a_scan_over_angles_is_refused() -> None:
    """Pole figures have no pattern in them."""
    with pytest.raises((PatternError, ValueError)):
        read_vendor("a.uxd", _ranges((X, Y, "PHI")))
