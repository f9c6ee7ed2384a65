"""Scans of a file become one pattern; whatever is done to them is in its flags, and nothing is guessed."""

from __future__ import annotations

import numpy as np
import pytest

from science.diffraction.errors import PatternError
from science.diffraction.pattern import Provenance
from science.diffraction.reading import flags
from science.diffraction.reading.scans import Scan, Source, assemble
from tests.science.diffraction.files import X, Y

HERE = Source("a.raw")


def test_one_scan_stays_as_it_is() -> None:
    """Where nothing needs doing nothing is done, and no flag is set."""
    found = assemble([Scan(X, Y, 2.0)], HERE)
    np.testing.assert_array_equal(found.intensity, Y)
    assert (found.flags, found.notes, found.provenance.seconds) == ((), (), 2.0)


def test_a_downward_scan_is_no_disorder() -> None:
    """A scan from high to low angles is turned round without a flag; a shuffled one has one."""
    assert assemble([Scan(X[::-1], Y[::-1])], HERE).flags == ()
    order = np.random.default_rng(1).permutation(len(X))
    found = assemble([Scan(X[order], Y[order])], HERE)
    assert found.flags == (flags.SORTED,)
    np.testing.assert_array_equal(found.intensity, Y)


def test_repeated_angles_are_averaged_and_counted() -> None:
    """Points at the same angle become their mean, and a note says how many there were."""
    found = assemble([Scan(np.append(X, X[3]), np.append(Y, Y[3] + 10))], HERE)
    assert found.intensity[3] == Y[3] + 5
    assert flags.REPEATED in found.flags
    assert any(note.startswith("averaged 1 points") for note in found.notes)


def test_ranges_that_continue_each_other_are_joined() -> None:
    """Two ranges that meet are one pattern without a gap; apart they are one with a gap, and both are told."""
    half = len(X) // 2
    meeting = assemble([Scan(X[:half], Y[:half]), Scan(X[half:], Y[half:])], HERE)
    assert meeting.flags == (flags.JOINED,)
    np.testing.assert_array_equal(meeting.intensity, Y)
    apart = assemble([Scan(X[:60], Y[:60]), Scan(X[140:], Y[140:])], HERE)
    assert apart.flags == (flags.JOINED, flags.GAP)
    assert f"from {X[59]:.2f} to {X[140]:.2f}" in apart.notes[-1]


def test_ranges_counted_for_different_times_are_put_on_one_scale() -> None:
    """A range counted a tenth as long is scaled up, so that no step appears where they meet."""
    half = len(X) // 2
    found = assemble([Scan(X[:half], Y[:half], 10.0), Scan(X[half:], Y[half:] / 10, 1.0)], HERE)
    assert found.intensity == pytest.approx(Y)
    assert flags.SCALED in found.flags


def test_a_repetition_is_averaged_and_a_stranger_left_out() -> None:
    """The same range again counts once more if it shows the same; if it shows something else it is not mixed in."""
    again = assemble([Scan(X, Y), Scan(X, Y + 2)], HERE)
    assert again.intensity == pytest.approx(Y + 1)
    assert again.flags == (flags.AVERAGED,)
    other = assemble([Scan(X, Y), Scan(X, Y[::-1], label="500 C")], HERE)
    np.testing.assert_array_equal(other.intensity, Y)
    assert other.flags == (flags.LEFT_OUT,)
    assert "left out scan 2 (500 C)" in other.notes[0]


def test_points_without_a_number_are_left_out_if_they_are_few() -> None:
    """One dead point is left out and told; a tenth of them, or an infinite one, is a damaged file."""
    one = np.where(np.arange(len(Y)) == 7, np.nan, Y)
    found = assemble([Scan(X, one)], HERE)
    assert len(found.two_theta) == len(X) - 1
    assert found.flags == (flags.BAD_POINTS,)
    for bad in (np.where(np.arange(len(Y)) % 10 == 0, np.nan, Y), np.where(np.arange(len(Y)) == 7, np.inf, Y)):
        with pytest.raises(PatternError, match=r"Expected finite numbers in a\.raw"):
            assemble([Scan(X, bad)], HERE)


def test_negative_counts_are_raised_and_flagged() -> None:
    """A pattern whose background was subtracted keeps its shape."""
    found = assemble([Scan(X, Y - 60)], HERE)
    assert found.flags == (flags.RAISED,)
    assert found.intensity == pytest.approx(Y - Y.min())


@pytest.mark.parametrize(
    ("anode", "wavelength", "flagged"), [("Cu", 1.5406, False), ("Cu", 0.7093, True), ("", 0.7, False)]
)
def test_a_wavelength_that_is_no_line_of_the_anode_is_flagged(anode: str, wavelength: float, *, flagged: bool) -> None:
    """A copper tube does not make molybdenum's line: one of the two is wrong, and the pattern says so."""
    found = assemble([Scan(X, Y)], Source("a.raw", wavelength, None, Provenance(anode=anode)))
    assert (flags.CONTRADICTION in found.flags) == flagged


def test_no_scan_and_unequal_lengths_are_refused() -> None:
    """Nothing at all, and angles without counts, are errors of our own."""
    with pytest.raises(PatternError, match="Expected a scan over 2-theta in a.raw, got none"):
        assemble([], HERE)
    with pytest.raises(PatternError, match="as many intensities as angles"):
        assemble([Scan(X, Y[:-1])], HERE)
