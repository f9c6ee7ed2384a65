"""What each phase of a fit is worth: model evidence under an error model that knows how real powders deviate.

Raw chi-squared is absurdly sure of itself, because no calculated pattern is right to the noise. Here every
line of a phase may be somewhat stronger or weaker (texture, coarse grains), a little elsewhere (stress,
eccentricity) and a little wider than its phase says, each with a Gaussian prior of its own, and these are
integrated out together with the scale of the remaining noise. What still speaks for a phase after that
cannot be had from the imperfections of the others. The background and all scales stay free. One Gram matrix
serves the fit and all fits with a phase less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.compiled import compiled
from science.diffraction.fit import MODEL_ERROR, SMALLEST_ERROR, Fit, Observed
from science.diffraction.lineshapes import LOWEST_WIDTH
from science.diffraction.sticks import lorentz_polarisation

Array = NDArray[np.float64]

INTENSITY_SD = 0.3
"""How far single lines stray from their calculated intensity, relative."""
SHIFT_SD = 0.15
"""How far they stray from their place, in widths."""
WIDTH_SD = 0.25
"""How far their widths stray, relative."""
LEFT_ERROR = 0.02
"""Share of the net intensity by which profiles are wrong in other ways."""
LEFT_FLOOR = 1e-3
"""The same as a share of the strongest line, anywhere."""
WEAKEST = 0.004
"""Lines below this share of the strongest line of the pattern keep the shape that their phase gives them,"""
CLEAR = 3.0
"""and so do those below this many times the counting noise."""
MOST_LINES = 120
"""Lines of a phase that are let free, strongest first."""
TOGETHER = 0.6
"""Lines of a phase closer than this share of their width stray as one."""


@dataclass(frozen=True)
class Evidence:
    """How a fit fares under the tolerant error model.

    Attributes:
        chi2: per effective datum; about 1 if nothing is missing and the instrument is well described.
        effective: number of effective data: one for each half width of a line.
        nats: ``(phases,)`` log evidence that each phase brings beside the others.
        lines: ``(phases,)`` lines of each phase that are strong enough to be told.
        strayed: ``(phases,)`` root mean square by which line intensities deviate, relative.
        calculated: ``(n,)`` counts, the fit with its lines where and as strong as the tolerance allows.
    """

    chi2: float
    effective: float
    nats: Array
    lines: NDArray[np.int64]
    strayed: Array
    calculated: Array


def weigh(fit: Fit, observed: Observed) -> Evidence:
    """The evidence for a fit and for each of its phases; asked again of the same fit, it is not worked out again."""
    evidence: Evidence = observed.verdicts.answer((fit,), "evidence", lambda: _weighed(fit, observed))
    return evidence


def _weighed(fit: Fit, observed: Observed) -> Evidence:
    top = float(np.maximum(observed.net, 0).max())
    noise, sigma = counting(observed), tolerated(observed, LEFT_FLOOR)
    points = max(typical_width(fit) / (observed.x[1] - observed.x[0]) / 2, 1.0)
    least_height = np.maximum(WEAKEST * top, CLEAR * noise)
    groups = [_line_groups(fit, observed, n, least_height) for n in range(len(fit.trials))]
    columns = np.vstack([fit.parts, *groups, observed.basis.T]) if groups else observed.basis.T
    count = len(fit.trials)
    owner = np.concatenate(
        [np.arange(count), *(np.full(len(g), n) for n, g in enumerate(groups)), np.full(len(observed.basis.T), -1)]
    )
    spreads = np.concatenate(
        [
            np.zeros(count),
            *(np.tile([INTENSITY_SD, SHIFT_SD, WIDTH_SD], len(g) // 3) for g in groups),
            np.zeros(len(observed.basis.T)),
        ]
    )
    prior = np.where(spreads > 0, points / np.maximum(spreads, 1e-9) ** 2, 0.0)
    weighted = columns / sigma
    gram = weighted @ weighted.T
    rest = (observed.y - fit.calculated) / sigma
    right, misfit = weighted @ rest, float(rest @ rest)
    least, step = _least(gram, right, misfit, prior)
    effective = len(observed.x) / points
    nats, strayed = np.zeros(count), np.zeros(count)
    for n in range(count):
        keep = owner != n
        without, _ = _least(
            gram[np.ix_(keep, keep)], (right + gram[n])[keep], misfit + 2 * right[n] + gram[n, n], prior[keep]
        )
        nats[n] = effective / 2 * np.log(max(without / max(least, 1e-12), 1.0))
        lines = step[(owner == n) & (spreads == INTENSITY_SD)]
        strayed[n] = float(np.sqrt(np.mean(lines**2))) if len(lines) else 0.0
    return Evidence(
        least / len(observed.x),
        effective,
        nats,
        np.array([len(g) // 3 for g in groups], int),
        strayed,
        fit.calculated + step @ columns,
    )


def counting(observed: Observed) -> Array:
    """Counting noise alone, ``(n,)`` counts."""
    net = np.maximum(observed.net, 0)
    top = float(net.max())
    rest = observed.sigma**2 - (MODEL_ERROR * net) ** 2 - (SMALLEST_ERROR * top) ** 2
    return np.sqrt(np.maximum(rest, 1e-12 * top**2))


def tolerated(observed: Observed, floor: float) -> Array:
    """How far calculated patterns may be off whose lines stray already, ``(n,)`` counts.

    Args:
        observed: the pattern.
        floor: share of the strongest line by which they are wrong anywhere.
    """
    net = np.maximum(observed.net, 0)
    return np.sqrt(counting(observed) ** 2 + (LEFT_ERROR * net) ** 2 + (floor * float(net.max())) ** 2)


def _least(gram: Array, right: Array, misfit: float, prior: Array) -> tuple[float, Array]:
    """Smallest penalised sum of squares, and where: a ridge regression with a prior for each column."""
    scale = 1 / np.sqrt(np.diag(gram) + prior + 1e-300)
    matrix = (gram + np.diag(prior)) * scale[:, None] * scale
    matrix[np.diag_indices_from(matrix)] += 1e-9
    step = np.linalg.solve(matrix, right * scale) * scale
    return misfit - float(right @ step), step


def typical_width(fit: Fit) -> float:
    """Full width in degrees of the narrower phases' lines."""
    if not fit.states:
        return 0.1
    return float(np.median([fit.width + s.size + 0.3 * s.strain for s in fit.states]))


def _line_groups(fit: Fit, observed: Observed, index: int, least_height: Array) -> Array:
    """Intensity, shift by a width and relative widening of each line of a phase, ``(3 lines, n)`` counts."""
    trial, state = fit.trials[index], fit.states[index]
    q = trial.design @ state.metric
    lines = [_placed(fit, observed, index, q, wavelength, share) for wavelength, share in observed.lines]
    where, width, area = lines[0]
    shown = np.flatnonzero((area > 0) & (where > observed.x[0] - 0.5) & (where < observed.x[-1] + 0.5))
    if not len(shown):
        return np.zeros((0, len(observed.x)))
    shown = shown[np.argsort(where[shown], kind="stable")]
    apart = np.diff(where[shown]) > TOGETHER * width[shown][:-1]
    number = np.concatenate([[0], np.cumsum(apart)])
    heights = np.bincount(number, 0.8 * area[shown] / width[shown])
    strongest = np.argsort(-heights, kind="stable")[:MOST_LINES]
    centre = np.bincount(number, where[shown]) / np.bincount(number)
    kept = np.sort(strongest[(heights > np.interp(centre, observed.x, least_height))[strongest]])
    new = np.full(len(heights), -1)
    new[kept] = np.arange(len(kept))
    group = new[number]
    shown, group = shown[group >= 0], group[group >= 0]
    position, widths, areas = (np.concatenate([line[k][shown] for line in lines]) for k in range(3))
    return _columns(observed.x, position, widths, areas, np.tile(group, len(lines)), len(kept), fit.mixing)


def _placed(
    fit: Fit, observed: Observed, index: int, q: Array, wavelength: float, share: float
) -> tuple[Array, Array, Array]:
    """Positions and widths in degrees and areas of the lines of a phase for one wavelength; area 0 out of reach."""
    trial, state = fit.trials[index], fit.states[index]
    s = wavelength * np.sqrt(np.maximum(q, 1e-9)) / 2
    theta = np.arcsin(np.minimum(s, 0.999))
    two_theta = np.degrees(2 * theta)
    width = np.maximum(fit.width + state.size / np.cos(theta) + state.strain * np.tan(theta), LOWEST_WIDTH)
    area = fit.scales[index] * share * trial.sticks.strength * lorentz_polarisation(two_theta, observed.monochromator)
    return fit.places(theta), width, np.where(s < 0.999, area, 0.0)


@compiled(fastmath=True)
def _columns(x: Array, position: Array, width: Array, area: Array, group: Array, count: int, mixing: float) -> Array:
    """Three rows for each group of lines: profile, its derivative by shift over width, its derivative by log width."""
    n = len(x)
    step = (x[n - 1] - x[0]) / (n - 1)
    rows = np.zeros((3 * count, n))
    for peak in range(len(position)):
        w, p, a, g = width[peak], position[peak], area[peak], 3 * group[peak]
        low, high = max(int((p - 8 * w - x[0]) / step), 0), min(int((p + 8 * w - x[0]) / step) + 2, n)
        for i in range(low, high):
            u = (x[i] - p) / w
            gauss = 0.9394372786996513 / w * a * np.exp(-2.772588722239781 * u * u)
            slope = 1.0 / (1.0 + 4.0 * u * u)
            lorentz = 0.6366197723675814 / w * a * slope
            here = (1.0 - mixing) * gauss + mixing * lorentz
            by_u = (1.0 - mixing) * 5.545177444479562 * u * gauss + mixing * 8.0 * u * slope * lorentz
            rows[g, i] += here
            rows[g + 1, i] += by_u
            rows[g + 2, i] += by_u * u - here
    return rows
