"""Peaks on a grid of angles, with their derivatives, summed by compiled loops."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CUT = 14.0
"""Half-width of the window of a peak in units of its width."""


@numba.njit(cache=True, fastmath=True)
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
    step = (x[n - 1] - x[0]) / (n - 1)
    for peak in range(k):
        w, p = width[peak], position[peak]
        low = int((p - CUT * w - x[0]) / step)
        high = int((p + CUT * w - x[0]) / step) + 2
        if high <= 0 or low >= n:
            continue
        low, high = max(low, 0), min(high, n)
        gauss = 0.9394372786996513 / w * area[peak]
        lorentz = 0.6366197723675814 / w * area[peak]
        for i in range(low, high):
            u = (x[i] - p) / w
            u2 = u * u
            g = gauss * math.exp(-2.772588722239781 * u2)
            l = lorentz / (1.0 + 4.0 * u2)
            profile[i] += (1.0 - mixing) * g + mixing * l
            by_mixing[i] += l - g
            lu = 8.0 * u / (1.0 + 4.0 * u2) * l
            gu = 5.545177444479562 * u * g
            by_u = (1.0 - mixing) * gu + mixing * lu  # minus the derivative by u
            by_p = by_u / w
            by_w = by_u * u / w - ((1.0 - mixing) * g + mixing * l) / w
            for j in range(m):
                jacobian[j, i] += by_p * d_position[peak, j] + by_w * d_width[peak, j]
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
