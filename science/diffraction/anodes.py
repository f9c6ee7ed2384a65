"""Whether a pattern that nothing accounts for was taken with another radiation than was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from science.diffraction.refine import Fit, Observed, PhaseState, Trial, refine
from science.diffraction.search import match, smoothed
from science.diffraction.settle import left_over

ANODES = {
    "Cu": (1.540593, 1.544427),
    "Co": (1.78897, 1.792850),
    "Mo": (0.70932, 0.713607),
    "Fe": (1.93604, 1.939980),
    "Cr": (2.28970, 2.293606),
    "Ag": (0.559422, 0.563813),
}
"""Kα1 and Kα2 in Å (Bearden 1967, doi:10.1103/RevModPhys.39.78)."""
NEAR = 0.005
"""Relative difference within which two wavelengths are the same anode."""
AHEAD = 1.3
"""Factor by which a phase must match better with another radiation to be refined with it."""
BETTER = 0.5
"""Share of chi-squared that may remain for the other radiation to be told."""
MOST_LEFT = 0.4
"""Share of the net intensity that may stay unexplained with the other radiation."""
LEAST_LINES = 4
"""Lines that a phase must have within the range; with fewer, some radiation always fits."""


def other_radiation(observed: Observed, trials: Sequence[Trial], chi2: float) -> str | None:
    """The anode with which one phase explains a pattern at least twice as well as all did; none if there is none.

    Args:
        observed: the pattern, with the radiation that was said.
        trials: the candidates. Only their dispersion depends on the radiation, which matters little here.
        chi2: of the best fit so far.
    """
    smooth = smoothed(observed.net, observed)
    said = observed.lines[0][0]
    highest = max((match(t, observed, smooth)[0] for t in trials), default=0.0)
    for name, (first, second) in ANODES.items():
        if abs(first / said - 1) < NEAR:
            continue
        other = replace(observed, lines=((first, 2 / 3), (second, 1 / 3)))
        scored = [(*match(t, other, smooth), t) for t in trials]
        score, strain, trial = max(scored, key=lambda s: s[0], default=(0.0, 0.0, None))
        if trial is None or score < AHEAD * highest or _lines_within(trial, other) < LEAST_LINES:
            continue
        fit = refine(Fit((trial,), [PhaseState(trial.start * (1 - 2 * strain))]), other, iterations=10)
        if fit.chi2 < BETTER * chi2 and left_over(other, fit.calculated) < MOST_LEFT:
            return name
    return None


def _lines_within(trial: Trial, observed: Observed) -> int:
    s = observed.lines[0][0] * np.sqrt(trial.sticks.q) / 2
    two_theta = np.degrees(2 * np.arcsin(np.minimum(s, 1)))
    strong = trial.sticks.strength > 0.02 * trial.sticks.strength.max()
    return int((strong & (s < 1) & (two_theta > observed.x[0]) & (two_theta < observed.x[-1])).sum())
