"""Cosmic rays among the counts."""

from __future__ import annotations

import numpy as np
import pytest

from science.diffraction.reading import flags
from science.diffraction.reading.scans import Scan, Source, assemble
from science.diffraction.reading.spikes import MOST, spikes
from tests.science.diffraction.powders import simulated

PATTERN = simulated({"BaZrO3": 0.5, "ZrO2": 0.5})


def _with(*at: int, height: float = 1e6) -> np.ndarray:
    counts = PATTERN.intensity.copy()
    counts[list(at)] = height
    return counts


@pytest.mark.parametrize("counts", [200.0, 20_000.0])
def test_lines_are_no_spikes(counts: float) -> None:
    """A pattern as it is has no spike, whether it was counted for long or not."""
    assert not len(spikes(simulated({"BaZrO3": 0.5, "ZrO2": 0.5}, counts=counts).intensity))


def test_single_points_far_above_their_neighbours_are_spikes() -> None:
    """Each of several single points is found, and nothing else."""
    assert spikes(_with(300, 700, 1500)).tolist() == [300, 700, 1500]


def test_many_of_them_are_left_alone() -> None:
    """More than a few single high points are no cosmic rays: nothing is called a spike."""
    assert not len(spikes(_with(*range(100, 100 + 20 * (MOST + 1), 20))))


def test_lines_no_wider_than_a_step_are_left_alone() -> None:
    """Where every line is but a point wide, no point can be told from a line."""
    counts = np.random.default_rng(0).poisson(100, 1000).astype(float)
    counts[100:900:100] += 5000
    assert not len(spikes(counts))


def test_a_spike_is_left_out_and_told() -> None:
    """The point is gone from the pattern, and a flag and a note with its angle say so."""
    found = assemble([Scan(PATTERN.two_theta, _with(700))], Source("here"))
    assert len(found.two_theta) == len(PATTERN.two_theta) - 1
    assert found.flags == (flags.SPIKES,)
    assert f"{PATTERN.two_theta[700]:.2f}" in found.notes[0]
