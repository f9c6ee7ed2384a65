"""The lines of a phase as a diffractometer shows them, and what they answer to changes of every parameter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from science.diffraction.fit import AXIAL_FAR, AXIAL_MEAN, AXIAL_SHARE, Fit, Observed
from science.diffraction.profile import pseudo_voigt
from science.diffraction.sticks import lorentz_polarisation

Array = NDArray[np.float64]
Columns = tuple[Array, Array, Array]
"""Profile of a phase at unit scale ``(n,)``, its derivatives by shared and own parameters ``(m, n)``, and by mixing."""

SPLIT = 0.1
"""Shifts in widths from which such lines are drawn as two."""
LOWEST_WIDTH = 0.02
"""Full width in degrees below which no line is believed."""


def phase_columns(fit: Fit, observed: Observed, n: int) -> Columns:
    """Profile of phase n at unit scale, derivatives by shared and own parameters, and by mixing; not to be changed."""
    trial, state = fit.trials[n], fit.states[n]
    shared = (fit.zero, fit.displacement, fit.mixing, fit.width, fit.axial)
    return observed.profiles.answer(
        (trial.crystal, trial.sticks),
        (state.metric.tobytes(), state.size, state.strain, *shared),
        lambda: _calculated(fit, observed, n),
    )


def _calculated(fit: Fit, observed: Observed, n: int) -> Columns:
    trial, state = fit.trials[n], fit.states[n]
    design = trial.design
    q = design @ state.metric
    pieces = []
    for wavelength, share in observed.lines:
        s = wavelength * np.sqrt(np.maximum(q, 1e-9)) / 2
        seen = s < 0.999
        theta = np.arcsin(s[seen])
        tan, cos, cot = np.tan(theta), np.cos(theta), 1 / np.tan(2 * theta)
        two_theta = np.degrees(2 * theta)
        position = fit.places(theta)
        width = np.maximum(fit.width + state.size / cos + state.strain * tan, LOWEST_WIDTH)
        by_theta = fit.displacement * -np.sin(theta) + 2 * 180 / np.pi  # of the position, per radian of θ
        d_metric = (by_theta * tan / (2 * q[seen]))[:, None] * design[seen]
        m = 3 + 2 + design.shape[1] + 1
        d_position, d_width = np.zeros((len(theta), m)), np.zeros((len(theta), m))
        d_position[:, 0], d_position[:, 1], d_position[:, -1] = 1.0, cos, -AXIAL_MEAN * cot
        d_width[:, 2], d_width[:, 3], d_width[:, 4] = 1.0, 1 / cos, tan
        d_position[:, 5:-1] = d_metric
        area = trial.sticks.strength[seen] * lorentz_polarisation(two_theta, observed.monochromator) * share
        pieces += _with_tails((position, width, area, d_position, d_width), cot, fit.axial)
    position, width, area, d_position, d_width = (np.concatenate(c) for c in zip(*pieces, strict=True))
    inside = (position > observed.x[0] - 2) & (position < observed.x[-1] + 2)
    return pseudo_voigt(
        observed.x,
        position[inside],
        width[inside],
        fit.mixing,
        area[inside],
        np.ascontiguousarray(d_position[inside]),
        np.ascontiguousarray(d_width[inside]),
    )


def _with_tails(
    lines: tuple[Array, Array, Array, Array, Array], cot: Array, axial: float
) -> list[tuple[Array, Array, Array, Array, Array]]:
    """Lines, and their tails towards the beam where axial divergence draws them out farther than they are wide."""
    position, width, area, d_position, d_width = lines
    long = np.abs(AXIAL_FAR * axial * cot) > SPLIT * width
    if not long.any():
        return [lines]
    near, far = position.copy(), position[long] + (AXIAL_MEAN - AXIAL_FAR) * axial * cot[long]
    near[long] += AXIAL_MEAN * axial * cot[long]
    by_near, by_far = d_position.copy(), d_position[long]
    by_near[long, -1], by_far[:, -1] = 0.0, -AXIAL_FAR * cot[long]
    return [
        (near, width, np.where(long, 1 - AXIAL_SHARE, 1.0) * area, by_near, d_width),
        (far, width[long], AXIAL_SHARE * area[long], by_far, d_width[long]),
    ]
