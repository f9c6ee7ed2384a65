"""A measured pattern made ready for a fit: an even grid, its background, and how far off a good fit may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import percentile_filter

from science.diffraction.fit import MODEL_ERROR, SMALLEST_ERROR, UNMEASURED, Observed
from science.diffraction.pattern import Pattern, gaps
from science.diffraction.profile import snip
from science.diffraction.search import smoothed

Array = NDArray[np.float64]

GRID = 4200
"""Most points of a pattern that is fitted; finer ones are averaged."""
LEAST_PEAK = 8.0
"""Height of the strongest line over the noise below which there is no sample to be seen."""
FEW_COUNTS = 40.0
"""The same below which counts are told to be low."""
AROUND = 3.0
"""Degrees around a line in which most is not this line."""
COUNTS_FLOOR = 0.01
"""Share of the mean intensity from which on points are weighed by their counts; below, they all weigh the same."""


def observe(pattern: Pattern, lines: tuple[tuple[float, float], ...]) -> Observed:
    """The pattern on an even grid with background estimate and errors."""
    x, y = pattern.two_theta, pattern.intensity
    if not 1e-3 < y.max() < 1e15:  # units in which squares would vanish or overflow
        y = y * (1e4 / y.max())
    rounding = float(np.diff(np.unique(np.round(y / y.max(), 9))).min() * y.max()) / 12**0.5
    count = min(GRID, max(int((x[-1] - x[0]) / pattern.step) + 1, 50))
    grid = np.linspace(x[0], x[-1], count)
    if count < 0.75 * len(x):
        index = np.clip(np.round((x - x[0]) / (grid[1] - grid[0])).astype(int), 0, count - 1)
        filled = np.bincount(index, minlength=count)
        mean = np.bincount(index, y, count) / np.maximum(filled, 1)
        y = np.interp(grid, grid[filled > 0], mean[filled > 0])
        rounding /= (len(x) / count) ** 0.5
    else:
        y = np.interp(grid, x, y)
    step = grid[1] - grid[0]
    background = snip(y, max(int(1.2 / step), 8))
    # counting noise in the file's own unit, from differences of neighbours on the background
    curvature = np.abs(y[:-2] - 2 * y[1:-1] + y[2:])
    level = np.maximum(background[1:-1], 1e-9)
    hidden = _hidden(x, grid)
    gain = float(np.median((curvature**2 / level)[~hidden[1:-1]])) / (6 * 0.4549)
    gain = float(np.clip(gain, 1e-6 * y.max(), 0.05 * y.max()))
    net = np.maximum(y - background, 0)
    counting = gain * np.maximum(y, 0.02 * y.max() / 100 + 1e-9)
    sigma = np.sqrt(counting + (MODEL_ERROR * net) ** 2 + (SMALLEST_ERROR * net.max()) ** 2)
    sigma[hidden] = UNMEASURED * y.max()  # what is drawn through a gap says nothing
    return Observed(grid, y, background, sigma, lines, rounding=rounding)


def _hidden(x: Array, grid: Array) -> NDArray[np.bool_]:
    """Which points of a grid lie in gaps of the measured angles."""
    hidden = np.zeros(len(grid), bool)
    for low, high in gaps(x):
        hidden |= (grid > low) & (grid < high)
    return hidden


def peak_heights(observed: Observed) -> float:
    """Height of the strongest line over the noise of the background, be it from counting or from rounding."""
    smooth = smoothed(observed.net, observed)
    scatter = float(np.median(np.abs(observed.net - np.median(observed.net)))) * 1.48
    least = max(scatter, observed.rounding, 1e-12 * observed.y.max())
    level = np.maximum(observed.background, 0)
    higher = np.sqrt(np.maximum(level / max(float(np.median(level)), 1e-12 * observed.y.max()), 1))
    # upon a hump there is more noise than elsewhere, and the background, which follows its lowest points, lies deeper
    around = max(int(AROUND / (observed.x[1] - observed.x[0])), 3)
    risen = smooth - percentile_filter(smooth, 30, size=around)
    return float((risen / higher).max() / least)


def r_wp(observed: Observed, calculated: Array) -> float:
    """Weighted profile residual of a calculated pattern ``(n,)``; 0.05 is 5 % (Young 1993, ISBN 0-19-855577-6)."""
    weights = observed.measured / np.maximum(observed.y, COUNTS_FLOOR * float(observed.y.mean()))
    return float(np.sqrt((weights * (observed.y - calculated) ** 2).sum() / (weights * observed.y**2).sum()))
