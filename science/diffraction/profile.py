"""Peaks on a grid of angles, with their derivatives, summed by compiled loops."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from science.compiled import compiled

Array = NDArray[np.float64]
CUT = 14.0
"""Half-width of the window of the highest peaks in units of their width."""
CLOSEST = 4.0
"""The same of the lowest."""
TAIL = 6.5e-4
"""A window ends where a Lorentzian falls below this share of the height of the highest peak."""
GAUSS_ENDS = 13.0
"""Square of the distance, in widths, beyond which a Gaussian is less than 1e-15 of its height."""


@compiled(fastmath=True)
def _add(row: Array, by_p: Array, dp: float, by_w: Array, dw: float, low: int, high: int) -> None:
    """One row of the Jacobian; its elements lie one after another, and a processor takes them in strides."""
    if dp != 0.0 and dw != 0.0:
        for i in range(low, high):
            row[i] += by_p[i] * dp + by_w[i] * dw
    elif dp != 0.0:
        for i in range(low, high):
            row[i] += by_p[i] * dp
    elif dw != 0.0:
        for i in range(low, high):
            row[i] += by_w[i] * dw


@compiled(fastmath=True)
def pseudo_voigt(
    x: Array, position: Array, width: Array, mixing: float, area: Array, d_position: Array, d_width: Array
) -> tuple[Array, Array, Array]:
    """Sum of pseudo-Voigt peaks and its derivatives.

    Args:
        x: ``(n,)`` degrees, evenly spaced.
        position: ``(k,)`` degrees.
        width: ``(k,)`` full widths at half maximum in degrees.
        mixing: Lorentzian share, 0 to 1.
        area: ``(k,)`` integrated intensities.
        d_position: ``(k, m)`` derivatives of the positions by m parameters.
        d_width: ``(k, m)`` derivatives of the widths.

    Returns:
        the profile ``(n,)``, its derivatives ``(m, n)``, and its derivative by the mixing ``(n,)``.
    """
    n, k, m = len(x), len(position), d_position.shape[1]
    profile, by_mixing = np.zeros(n), np.zeros(n)
    jacobian = np.zeros((m, n))
    by_p, by_w = np.empty(n), np.empty(n)  # by position and width of the peak at hand
    step = (x[n - 1] - x[0]) / (n - 1)
    highest = 0.0
    for peak in range(k):
        highest = max(highest, area[peak] / width[peak])
    for peak in range(k):
        w, p = width[peak], position[peak]
        cut = 0.5 * math.sqrt(area[peak] / w / (TAIL * highest)) if area[peak] > 0.0 else 0.0
        cut = min(max(cut, CLOSEST), CUT)
        low = int((p - cut * w - x[0]) / step)
        high = int((p + cut * w - x[0]) / step) + 2
        if high <= 0 or low >= n:
            continue
        low, high = max(low, 0), min(high, n)
        gauss = 0.9394372786996513 / w * area[peak]
        lorentz = 0.6366197723675814 / w * area[peak]
        per_width = 1.0 / w
        for i in range(low, high):
            u = (x[i] - p) * per_width
            u2 = u * u
            g = gauss * math.exp(-2.772588722239781 * u2) if u2 < GAUSS_ENDS else 0.0
            slope = 1.0 / (1.0 + 4.0 * u2)
            l = lorentz * slope
            here = (1.0 - mixing) * g + mixing * l
            profile[i] += here
            by_mixing[i] += l - g
            by_u = (
                1.0 - mixing
            ) * 5.545177444479562 * u * g + mixing * 8.0 * u * slope * l  # minus the derivative by u
            by_p[i] = by_u * per_width
            by_w[i] = (by_u * u - here) * per_width
        for j in range(m):
            _add(jacobian[j], by_p, d_position[peak, j], by_w, d_width[peak, j], low, high)
    return profile, jacobian, by_mixing


def snip(intensity: Array, window: int) -> Array:
    """Background under peaks by statistics-sensitive non-linear clipping.

    Morháč et al. 1997, doi:10.1016/S0168-9002(97)01023-1, on the log-log-sqrt scale.

    Args:
        intensity: ``(n,)`` counts.
        window: half-width in points; a few peak widths.
    """
    v = np.log(np.log(np.sqrt(np.maximum(intensity, 0) + 1) + 1) + 1)
    for p in range(min(window, (len(v) - 1) // 2), 0, -1):
        clipped = np.minimum(v[p:-p], (v[: -2 * p] + v[2 * p :]) / 2)
        v = np.concatenate([v[:p], clipped, v[-p:]])
    return np.asarray((np.exp(np.exp(v) - 1) - 1) ** 2 - 1)
