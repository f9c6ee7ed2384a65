"""Phases of one structure type that a search has given each other's cells.

Hafnia and zirconia, chromia and haematite: their lines are alike and a percent apart, so that whichever is found first
may be strained onto the lines of the other, and the other onto what is left. The fit is as good as the right one, but
both cells are off where each library entry has the cell of the other.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from science.diffraction.fit import Fit, Observed
from science.diffraction.refine import refine

NEARER = 0.5
"""Share of the strain that two phases may keep when they exchange their cells."""
LEAST = 2e-3
"""Strain below which no cell is doubted."""
WORSE = 1.02
"""Factor by which chi-squared may grow: intensities tell twins apart, too, and may say that all is well."""


def untwinned(fit: Fit, observed: Observed) -> Fit:
    """The fit with the cells of two phases exchanged where each has the cell that the library gives to the other.

    Args:
        fit: a refined fit; it is not changed.
        observed: the pattern.
    """
    for one, other in combinations(range(len(fit.trials)), 2):
        if not _alike(fit, one, other):
            continue
        kept = _strain(fit, one, one) + _strain(fit, other, other)
        exchanged = _strain(fit, one, other) + _strain(fit, other, one)
        if kept < LEAST or exchanged > NEARER * kept:
            continue
        tried = refine(_exchanged(fit, one, other), observed, iterations=8)
        if tried.chi2 < WORSE * fit.chi2 and (tried.scales[[one, other]] > 0).all():
            fit = tried
    return fit


def _alike(fit: Fit, one: int, other: int) -> bool:
    a, b = fit.trials[one].crystal, fit.trials[other].crystal
    return a.space_group == b.space_group and len(fit.trials[one].start) == len(fit.trials[other].start)


def _strain(fit: Fit, phase: int, cell: int) -> float:
    """Root mean square relative strain at which a phase would have the cell that another has in the fit."""
    start, metric = fit.trials[phase].start, fit.states[cell].metric
    diagonal = np.abs(start) > 0.2 * np.abs(start).max()
    return float(np.sqrt(np.mean((metric[diagonal] / start[diagonal] - 1) ** 2))) / 2


def _exchanged(fit: Fit, one: int, other: int) -> Fit:
    cells = list(range(len(fit.states)))
    cells[one], cells[other] = other, one
    return replace(
        fit, states=[replace(s, metric=fit.states[n].metric.copy()) for s, n in zip(fit.states, cells, strict=True)]
    )
