"""Whether the angles of a scan are stretched: a circle that turned farther or less far than its file says.

Fast scans of real diffractometers do this by some percent. A displaced sample or a wrong zero moves lines less
and less towards high angles, a strained cell as the tangent of the Bragg angle; a stretched axis moves all lines
of all phases in proportion to the angle. It is told by cells: unrelated phases whose cells all seem to be strained
alike, and lines that fit much better once they are not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from science.diffraction.fit import Fit, Observed, PhaseState
from science.diffraction.refine import refine
from science.diffraction.rivals import TEMPERATURE
from science.diffraction.sticks import lorentz_polarisation

Array = NDArray[np.float64]

LEAST = 0.005
"""Relative stretch below which zero, displacement and cells take it up."""
SUSPECT = 0.003
"""The same as the cells show it from which it is looked for."""
CLEARLY = 0.008
"""The same from which a search with other angles is worth its time, whatever this one found."""
GRID = np.arange(0.002, 0.0321, 0.002)
"""Relative stretches that are tried."""
STRAIN_SCALE = 0.003
"""Relative length by which cells of a library usually differ from those of a powder; some differ much more."""
COST = 5.0
"""Log odds against a stretched axis before anything is seen."""
MINOR = 0.03
"""Share of the intensity below which the cell of a phase tells nothing."""
FINE = 0.001
"""Step by which the best of them is bettered."""


def stretched(observed: Observed, by: float) -> Observed:
    """The same counts at angles that are `by` farther from the first, relative."""
    return replace(observed, x=observed.x[0] + (observed.x - observed.x[0]) * (1 + by))


def suggested(fit: Fit, observed: Observed) -> float:
    """By how much the angles of a pattern may have to be stretched, relative; 0 where nothing speaks for it.

    Args:
        fit: the phases that a search found, refined. They need not be right: with the angles that are suggested it is
            searched again, and `odds` tells which account is to be believed.
        observed: the pattern.
    """
    if not fit.trials or abs(apparent := _apparent(fit, observed)) < SUSPECT:
        return 0.0
    relaxed = _relaxed(fit, observed)
    sense = -np.sign(apparent)
    by = float(min(sense * GRID, key=lambda b: refine(relaxed, stretched(observed, b), iterations=0).chi2))
    tried = refine(relaxed, stretched(observed, by), iterations=10)
    for step in (FINE, -FINE):
        while (again := refine(tried, stretched(observed, by + step), iterations=4)).chi2 < tried.chi2:
            by, tried = by + step, again
    if abs(by) < LEAST:
        return 0.0
    return by if abs(apparent) > CLEARLY or odds(fit, tried, observed) > 0 else 0.0


def odds(plain: Fit, corrected: Fit, observed: Observed) -> float:
    """Log odds of a fit with stretched angles against one without."""
    points = (observed.x[-1] - observed.x[0]) / 0.1  # lines are about as wide as that
    gain = points / 2 * np.log(plain.chi2 / max(corrected.chi2, 1e-9)) / TEMPERATURE
    return float(gain) + _strangeness(plain) - _strangeness(corrected) - COST


def _relaxed(fit: Fit, observed: Observed) -> Fit:
    """The phases with the cells of the library, the instrument as known: where a refinement finds the right lines."""
    states = [PhaseState(t.start.copy(), 0.1) for t in fit.trials]
    return observed.start(fit.trials, states)


def _shares(fit: Fit) -> Array:
    totals = fit.parts.sum(1)
    return np.asarray(totals / max(totals.sum(), 1e-9))


def _strangeness(fit: Fit) -> float:
    """What the strains of the cells cost in log odds; a far cell costs little more than a strained one."""
    strains = np.array([(1 - s.metric[0] / t.start[0]) / 2 for t, s in zip(fit.trials, fit.states, strict=True)])
    return float(np.log1p((strains / STRAIN_SCALE) ** 2)[_shares(fit) > MINOR].sum())


def _apparent(fit: Fit, observed: Observed) -> float:
    """Slope by which lines stand off those of the library cells against the angle, weighted by their intensity."""
    at, off, weight = [], [], []
    wavelength = observed.lines[0][0]
    for trial, state, share in zip(fit.trials, fit.states, _shares(fit), strict=True):
        if share < MINOR:
            continue
        s = wavelength / 2 * np.sqrt(np.maximum([trial.design @ trial.start, trial.design @ state.metric], 1e-9))
        seen = (s < 0.98).all(0)
        meant, refined = np.arcsin(s[:, seen])
        meant, found = np.degrees(2 * meant), fit.places(refined)
        inside = (found > observed.x[0]) & (found < observed.x[-1])
        area = trial.sticks.strength[seen] * lorentz_polarisation(meant, observed.monochromator)
        at.append(meant[inside] - observed.x[0])
        off.append((found - meant)[inside])
        weight.append(share * area[inside] / max(area[inside].sum(), 1e-300))
    if not at or len(x := np.concatenate(at)) < 3:
        return 0.0
    root = np.sqrt(np.concatenate(weight))
    columns = np.column_stack([x, np.ones(len(x))]) * root[:, None]
    slope, _ = np.linalg.lstsq(columns, np.concatenate(off) * root, rcond=None)[0]
    return float(slope)
