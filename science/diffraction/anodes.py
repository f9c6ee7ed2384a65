"""Whether a pattern that nothing accounts for was taken with another radiation than was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from science.diffraction.fit import Observed, PhaseState, Trial
from science.diffraction.pattern import MIN_POINTS
from science.diffraction.radiation import ANODES
from science.diffraction.refine import refine
from science.diffraction.search import match, smoothed
from science.diffraction.settle import left_over
from science.diffraction.sticks import calculate

Array = NDArray[np.float64]

NEAR = 0.005
"""Relative difference within which two wavelengths are the same anode."""
AHEAD = 1.3
"""Factor by which a phase must match better with another radiation to be refined with it."""
BETTER = 0.5
"""Share of chi-squared that may remain for the other radiation to be told."""
MOST_LEFT = 0.4
"""Share of the net intensity that may stay unexplained with the other radiation."""
RECALCULATED = 6
"""Candidates whose lines are calculated for a shorter wave."""
LEAST_LINES = 4
"""Lines that a phase must have within the range; with fewer, some radiation always fits."""


def other_radiation(observed: Observed, trials: Sequence[Trial], chi2: float) -> str | None:
    """The anode with which one phase explains a pattern at least twice as well as all did; none if there is none.

    Args:
        observed: the pattern, with the radiation that was said.
        trials: the candidates. Only their dispersion depends on the radiation, which matters little here; but shorter
            waves show more lines than were calculated, so that the likeliest are calculated again.
        chi2: of the best fit so far.
    """
    smooth = smoothed(observed.net, observed)
    said = observed.lines[0][0]
    highest = max((match(t, observed, smooth)[0] for t in trials), default=0.0)
    for name, (first, second) in ANODES.items():
        if abs(first / said - 1) < NEAR:
            continue
        other = replace(observed, lines=((first, 2 / 3), (second, 1 / 3)))
        likely = trials if first > said else _likeliest(trials, other, smooth, first / said)
        scored = [(*match(t, other, smooth), t) for t in likely]
        score, strain, trial = max(scored, key=lambda s: s[0], default=(0.0, 0.0, None))
        if trial is None or score < AHEAD * highest or _lines_within(trial, other) < LEAST_LINES:
            continue
        fit = refine(other.start((trial,), [PhaseState(trial.start * (1 - 2 * strain))]), other, iterations=10)
        if fit.chi2 < BETTER * chi2 and left_over(other, fit.calculated) < MOST_LEFT:
            return name
    return None


def _likeliest(trials: Sequence[Trial], observed: Observed, smooth: Array, shorter: float) -> list[Trial]:
    """The best candidates by the lines that they have, with all their lines.

    Args:
        trials: the candidates, calculated for a longer wave.
        observed: the pattern, with the shorter wave.
        smooth: ``(n,)`` net counts, smoothed over a peak width.
        shorter: the shorter wavelength over the longer.
    """
    reach = 2 * np.degrees(np.arcsin(shorter * np.sin(np.radians(observed.x[-1] / 2))))
    end = int(np.searchsorted(observed.x, reach))
    if end < MIN_POINTS:
        return []
    x, y, background, sigma = (a[:end] for a in (observed.x, observed.y, observed.background, observed.sigma))
    start = replace(observed, x=x, y=y, background=background, sigma=sigma)
    best = sorted(trials, key=lambda t: -match(t, start, smooth[:end])[0])[:RECALCULATED]
    wavelength = observed.lines[0][0]
    d_min = wavelength / 2 / float(np.sin(np.radians(min(observed.x[-1] + 1, 178) / 2)))
    return [replace(t, sticks=calculate(t.crystal, wavelength, d_min=d_min)) for t in best]


def _lines_within(trial: Trial, observed: Observed) -> int:
    s = observed.lines[0][0] * np.sqrt(trial.sticks.q) / 2
    two_theta = np.degrees(2 * np.arcsin(np.minimum(s, 1)))
    strong = trial.sticks.strength > 0.02 * trial.sticks.strength.max()
    return int((strong & (s < 1) & (two_theta > observed.x[0]) & (two_theta < observed.x[-1])).sum())
