"""What a reference powder says of a diffractometer: its zero error, and how far off its surface the sample stood.

The lattice of a reference is certified, so that each of its lines has one right place. How the lines are off over
the angle tells the two errors apart: the zero moves all alike, the displacement goes with cos θ (Klug & Alexander
1974, ISBN 0-471-49369-4). A sample's own displacement is its own; the zero belongs to the instrument. So does axial
divergence, which draws low lines out towards the beam and looks like a zero and a displacement of opposite sign: the
zero that is told here holds it, and `refine` takes the two apart again by the shape of a sample's lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.diffraction.errors import PatternError
from science.diffraction.fit import AXIAL_MEAN
from science.diffraction.pattern import Pattern
from science.diffraction.radiation import CU_K_ALPHA1, second_line
from science.diffraction.readers import read_pattern_bytes
from science.diffraction.refine import AXIAL_SD, LEAN, LEAN_SHIFT

Array = NDArray[np.float64]

RADIUS = 240.0
"""Goniometer radius in mm where the file does not say."""
REACH = 0.6
"""Degrees by which a line may be off."""
APART = 0.9
"""Degrees to the next line from which one stands alone."""
CLEAR = 15.0
"""Height over the noise from which a line is used."""
FEWEST = 4
"""Lines below which two errors cannot be told apart."""
FLOOR = 1e-3
"""Standard uncertainty in degrees that no fitted place of a line goes below: shape and step."""


@dataclass(frozen=True)
class Standard:
    """A reference powder.

    Attributes:
        name: how it is asked for.
        certificate: whose lattice it is.
        spacings: ``(m,)`` Å of its lines, decreasing.
    """

    name: str
    certificate: str
    spacings: Array


@dataclass(frozen=True)
class Alignment:
    """What a scan of a standard says of the instrument.

    Attributes:
        zero: error of the circle in degrees 2θ, with what axial divergence adds to it (see `refine.LEAN`): where
            nothing is displaced, lines are found that much too high.
        zero_su: its standard uncertainty.
        displacement: of the sample in mm, away from the focusing circle negative, as `identify` tells it.
        displacement_su: its standard uncertainty.
        lines: ``(k,)`` degrees at which lines should be.
        offsets: ``(k,)`` degrees by which they were found higher.
        residual: root mean square in degrees of what the two errors leave.
    """

    zero: float
    zero_su: float
    displacement: float
    displacement_su: float
    lines: Array
    offsets: Array
    residual: float


def _cubic(a: float, centring: str) -> Array:
    """Spacings of a cubic lattice with the reflection conditions of its space group (International Tables A)."""
    h, k, l = np.meshgrid(*[np.arange(12)] * 3, indexing="ij")
    n = h**2 + k**2 + l**2
    seen = n > 0
    if centring == "diamond":
        odd = (h % 2 + k % 2 + l % 2) == 3
        even = ((h % 2 + k % 2 + l % 2) == 0) & ((h + k + l) % 4 == 0)
        seen &= odd | even
    return np.asarray(a / np.sqrt(np.unique(n[seen & (n < 100)])), float)


def _hexagonal(a: float, c: float, lines: tuple[tuple[int, int, int], ...]) -> Array:
    h, k, l = np.array(lines, float).T
    return np.sort(1 / np.sqrt(4 / 3 * (h**2 + h * k + k**2) / a**2 + l**2 / c**2))[::-1]


_CORUNDUM = ((0, 1, 2), (1, 0, 4), (1, 1, 0), (1, 1, 3), (0, 2, 4), (1, 1, 6), (0, 1, 8), (2, 1, 4), (3, 0, 0))
_CORUNDUM_HIGH = ((1, 0, 10), (1, 1, 9), (2, 2, 0), (0, 2, 10), (1, 3, 4), (2, 2, 6), (4, 1, 6))
STANDARDS = {
    s.name: s
    for s in (
        Standard("Si", "NIST SRM 640f, a = 5.431144 Å at 22.5 °C", _cubic(5.431144, "diamond")),
        Standard("LaB6", "NIST SRM 660c, a = 4.156826 Å at 22.5 °C", _cubic(4.156826, "primitive")),
        Standard(
            "Al2O3",
            "NIST SRM 676a, a = 4.759091 Å, c = 12.991779 Å at 22.5 °C",
            _hexagonal(4.759091, 12.991779, _CORUNDUM + _CORUNDUM_HIGH),
        ),
    )
}
"""Name → reference powder, with the lattice of its certificate.

640f and 660c are made for the positions of lines; 676a is a standard of quantity whose certificate has a lattice, too,
and whose lines are broader: take it where it is all there is. The numbers hold at 22.5 °C; silicon is 0.014 mÅ longer
a kelvin above that, which no laboratory diffractometer shows. Other batches (640d, 640e, 660b) differ by less than
0.1 mÅ.
"""


def aligned(pattern: Pattern, standard: Standard, *, wavelength: float | None = None) -> Alignment:
    """What a scan of a standard says of the instrument.

    Args:
        pattern: the scan.
        standard: what was in the holder.
        wavelength: Kα1 in Å, if better known than in the file.

    Raises:
        PatternError: too few of the standard's lines are there: it is another powder, or too short a scan.
    """
    first = wavelength or pattern.wavelength or CU_K_ALPHA1
    seconds = _seconds(pattern, first)
    sine = first / (2 * standard.spacings)
    places = np.degrees(2 * np.arcsin(sine[sine < 0.99]))
    inside = (places > pattern.two_theta[0] + REACH) & (places < pattern.two_theta[-1] - REACH)
    gaps = np.diff(places, prepend=-np.inf, append=np.inf)
    alone = (gaps[:-1] > APART) & (gaps[1:] > APART)
    found = min(
        ([(at, fit) for at in places[inside & alone] if (fit := _line(pattern, float(at), first, s))] for s in seconds),
        key=lambda lines: (len(lines) < FEWEST, float(np.mean([fit[2] for _, fit in lines])) if lines else np.inf),
    )
    if len(found) < FEWEST:
        raise PatternError(
            f"Expected {FEWEST} clear lines of {standard.name} within {REACH:g} degrees of their places in "
            f"{pattern.source or 'the scan'}, got {len(found)}. Is it {standard.name}, and the wavelength right?"
        )
    lines = np.array([at for at, _ in found])
    offsets, errors = np.array([fit[:2] for _, fit in found]).T
    return _told(pattern, lines, offsets, np.hypot(errors, FLOOR))


def aligned_bytes(name: str, content: bytes, standard: str, wavelength: float | None) -> Alignment:
    """What the file of a scan says of the instrument, as worker processes run it.

    Args:
        name: of the file, for its format.
        content: the bytes.
        standard: name of the reference powder.
        wavelength: Kα1 in Å as the instrument says; the file's own comes first.

    Raises:
        PatternError: the file cannot be read, or shows too little of the standard.
    """
    pattern = read_pattern_bytes(name, content)
    return aligned(pattern, STANDARDS[standard], wavelength=pattern.wavelength or wavelength)


def _seconds(pattern: Pattern, first: float) -> list[tuple[float, float] | None]:
    """What Kα2 may be, with its share of Kα1: as the file says, or else that of the anode, or stripped."""
    if pattern.k_alpha2 is not None:
        return [pattern.k_alpha2]
    two = second_line(first)
    return [None] if two is None else [(two, 0.5), None]


def _line(
    pattern: Pattern, at: float, first: float, second: tuple[float, float] | None
) -> tuple[float, float, float] | None:
    """By how much a line is found higher than expected in degrees, with its standard uncertainty and misfit.

    None if it is not clear.
    """
    from scipy.optimize import curve_fit

    near = np.abs(pattern.two_theta - at) < REACH + 0.4
    x, y = pattern.two_theta[near] - at, pattern.intensity[near]
    if len(x) < 15:
        return None
    floor = float(np.percentile(y, 20))
    noise = 1.48 * float(np.median(np.abs(y[y <= np.median(y)] - floor))) + 1e-9 * float(y.max())
    top = int(np.argmax(y))
    height = float(y[top]) - floor
    if height < CLEAR * noise or abs(x[top]) > REACH:
        return None
    split = 0.0
    if second is not None:
        split = float(np.degrees(2 * np.arcsin(np.sin(np.radians(at / 2)) * second[0] / first))) - at
    ratio = second[1] if second is not None else 0.0

    def model(x: Array, place: float, width: float, mixing: float, high: float, low: float, slope: float) -> Array:
        return np.asarray(
            low
            + slope * x
            + high * (_voigt(x - place, width, mixing) + ratio * _voigt(x - place - split, width, mixing)),
            float,
        )

    start = (float(x[top]), 0.12, 0.5, height, floor, 0.0)
    bounds = ([-REACH, 0.01, 0, 0, -np.inf, -np.inf], [REACH, 1.0, 1, np.inf, np.inf, np.inf])
    sigma = np.sqrt(np.maximum(y, 1.0))
    try:
        best, covariance = curve_fit(model, x, y, start, sigma, bounds=bounds, maxfev=400)
    except (RuntimeError, ValueError):
        return None
    error = float(np.sqrt(covariance[0, 0]))
    if not np.isfinite(error) or error > 0.1 or abs(best[0]) > 0.98 * REACH:
        return None
    return float(best[0]), error, float(np.mean(((y - model(x, *best)) / sigma) ** 2))


def _voigt(x: Array, width: float, mixing: float) -> Array:
    """Pseudo-Voigt of height 1 (Wertheim et al. 1974, doi:10.1063/1.1686503)."""
    u = (2 * x / width) ** 2
    return np.asarray(mixing / (1 + u) + (1 - mixing) * np.exp(-np.log(2) * u), float)


def _told(pattern: Pattern, lines: Array, offsets: Array, errors: Array) -> Alignment:
    """Weighted least squares of offset = zero + displacement · cos θ − axial · cot 2θ / 6.

    Zero and axial divergence cannot be told apart by the places of lines, but what a fit of a sample needs of them can:
    the zero at which a fit without axial divergence would be least off. Uncertainties grow with what is left.
    """
    theta = np.radians(lines / 2)
    design = np.column_stack([np.ones_like(lines), np.cos(theta), -AXIAL_MEAN / np.tan(2 * theta)])
    weights = 1 / errors**2
    known = np.diag([0.0, 0.0, 1 / AXIAL_SD**2])
    normal = np.linalg.inv(design.T @ (design * weights[:, None]) + known)
    values = normal @ (design.T @ (weights * offsets))
    left = offsets - design @ values
    scale = max(float((weights * left**2).sum()) / max(len(lines) - 3, 1), 1.0)
    # as much as lines that lean are taken for zero, and the other way for displacement
    told = np.array([[1.0, 0.0, LEAN], [0.0, 1.0, -LEAN_SHIFT]])
    (zero, shift), covariance = told @ values, scale * told @ normal @ told.T
    zero_su, shift_su = np.sqrt(np.diag(covariance))
    arm = np.radians(1.0) * (pattern.provenance.radius or RADIUS) / 2
    return Alignment(
        float(zero),
        float(zero_su),
        float(-shift * arm),
        float(shift_su * arm),
        lines,
        offsets,
        float(np.sqrt(np.mean(left**2))),
    )
