"""Single points far above everything beside them: cosmic rays and sparks of a detector, which no line is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

Array = NDArray[np.float64]

AROUND = 15
"""Points among which the level and the noise beside a point are taken."""
CLEAR = 20.0
"""Height over the noise from which a point is looked at."""
ALONE = 0.08
"""A spike's neighbours stand at most this share of its height above the level;"""
RESOLVED = 0.35
"""the neighbours of half of all lines stand higher than this share, or the steps are too coarse to tell them apart."""
FEWEST = 3
"""Lines by which it is seen how fine the steps are."""
MOST = 5
"""Spikes of a pattern; more of them are something else."""


def spikes(intensity: Array) -> NDArray[np.int64]:
    """Indices of the spikes of a pattern; none where its lines are hardly wider than a step.

    Args:
        intensity: ``(n,)`` counts or any proportional unit, over evenly spaced angles.
    """
    level = median_filter(intensity, AROUND, mode="nearest")
    noise = 1.48 * median_filter(np.abs(intensity - level), AROUND, mode="nearest")
    usual = np.sqrt(np.maximum(level, 0)) * _noise_over_root(intensity, level)
    least = np.maximum(np.maximum(noise, usual), 1e-12 * float(np.ptp(intensity)))
    above = intensity - level
    inner = above[1:-1]
    tops = (inner >= above[:-2]) & (inner > above[2:]) & (inner > CLEAR * least[1:-1])
    at = np.flatnonzero(tops) + 1
    beside = np.maximum(above[at - 1], above[at + 1]) / above[at]
    alone = at[beside < ALONE]
    lines = beside[beside >= ALONE]
    if not 0 < len(alone) <= MOST or len(lines) < FEWEST or float(np.median(lines)) < RESOLVED:
        return np.zeros(0, np.int64)
    return alone


def _noise_over_root(intensity: Array, level: Array) -> float:
    """Noise over the root of the level, by how neighbours differ in half of the pattern."""
    apart = np.abs(np.diff(intensity))
    return float(np.median(apart) / np.sqrt(2 * max(float(np.median(level)), 1e-12)))
