"""Which phases a powder pattern cannot tell apart: lines alike under a strain that the cell may have.

Libraries hold one substance from several sources, superstructures beside their disordered parents, and
solid solutions beside their end members. An answer therefore names a class, and lists its members.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from science.diffraction.sticks import Sticks, lorentz_polarisation

Array = NDArray[np.float64]

BLUR = 2.5e-3
"""Full width of a line in relative spacing; 0.1° at 2θ = 45°."""
STEP = 1e-3
"""Of the grid in ln d, and of the strains."""
D_RANGE = (0.9, 12.0)
"""Spacings in Å that are compared."""
ALIKE = 0.94
"""Similarity from which two patterns count as one."""


def fingerprint(sticks: Sticks, wavelength: float) -> Array:
    """A pattern as a unit vector over ln d, ``(bins,)``; all zero if no line is in range."""
    count = int(np.log(D_RANGE[1] / D_RANGE[0]) / STEP) + 1
    row = np.zeros(count)
    d = 1 / np.sqrt(sticks.q)
    s = wavelength / 2 / d
    inside = (d > D_RANGE[0]) & (d < D_RANGE[1]) & (s < 0.98)
    if not inside.any():
        return row
    d, s = d[inside], s[inside]
    intensity = sticks.strength[inside] * lorentz_polarisation(np.degrees(2 * np.arcsin(s)))
    place = np.log(d / D_RANGE[0]) / STEP
    low = place.astype(int)
    np.add.at(row, low, intensity * (1 - place + low))
    np.add.at(row, np.minimum(low + 1, count - 1), intensity * (place - low))
    reach = int(3 * BLUR / STEP)
    kernel = np.exp(-2.77 * (np.arange(-reach, reach + 1) * STEP / BLUR) ** 2)
    row = np.convolve(row, kernel, mode="same")
    return np.asarray(row / np.linalg.norm(row))


def similarity(one: Array, others: Array, max_strain: float = 0.015) -> Array:
    """Largest cosine similarity of one fingerprint ``(bins,)`` with others ``(m, bins)`` under isotropic strain.

    A strain of the cell moves all lines by the same step of ln d, so the comparison is a shift.
    """
    reach = round(max_strain / STEP)
    padded = np.pad(one, reach)
    shifted = np.lib.stride_tricks.sliding_window_view(padded, len(one))  # (2 reach + 1, bins)
    return np.asarray((others @ shifted.T).max(1)) if len(others) else np.zeros(0)


def classes(fingerprints: Array, max_strain: float = 0.015, alike: float = ALIKE) -> list[list[int]]:
    """Indices of phases that a pattern cannot tell apart; most classes hold one.

    Args:
        fingerprints: ``(m, bins)``.
        max_strain: relative length by which cells may differ.
        alike: similarity from which two count as one.

    Returns:
        the classes, each a list of increasing indices, in the order of their first members. A phase joins
        the first class whose first member it resembles: chains of small steps do not merge strangers.
    """
    found: list[list[int]] = []
    taken = np.zeros(len(fingerprints), bool)
    for first in range(len(fingerprints)):
        if taken[first]:
            continue
        rest = np.flatnonzero(~taken)
        near = similarity(fingerprints[first], fingerprints[rest], max_strain) >= alike
        members = sorted({first, *rest[near].tolist()})
        taken[members] = True
        found.append(members)
    return found


def alike(one: Sticks, others: Sequence[Sticks], wavelength: float, max_strain: float = 0.015) -> Array:
    """Similarity of one phase with others, ``(m,)``, 0 to 1."""
    rows = np.array([fingerprint(s, wavelength) for s in others])
    return similarity(fingerprint(one, wavelength), rows, max_strain)
