"""What a reference powder says of a diffractometer: its zero error, and how far off its surface the sample stood.

The lattice of a reference is certified, so that each of its lines has one right place. How the lines are off over
the angle tells the two errors apart: the zero moves all alike, the displacement goes with cos θ (Klug & Alexander
1974, ISBN 0-471-49369-4). A sample's own displacement is its own; the zero belongs to the instrument. So does axial
divergence, which draws low lines out towards the beam and looks like a zero and a displacement of opposite sign. The
zero that is told here holds it; how much of it there is, the shape of the standard's sharp lines tells better than a
sample's, and `refine` takes the two apart again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.diffraction.errors import PatternError
from science.diffraction.fit import AXIAL_FAR, AXIAL_MEAN, AXIAL_SD, AXIAL_SHARE
from science.diffraction.instrument import COARSE, Instrument
from science.diffraction.pattern import Pattern
from science.diffraction.radiation import CU_K_ALPHA1, second_line
from science.diffraction.readers import read_pattern_bytes
from science.diffraction.refine import LEAN, LEAN_SHIFT

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
FEWEST_POINTS = 15
"""Counts below which no line is fitted."""
LEANINGS, FARTHER = np.linspace(0, 0.15, 16), np.linspace(0, 0.3, 31)
"""Axial divergences in degrees that are tried; up to those without any slits where the first do not suffice."""
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
        axial: axial divergence in degrees, see `science.diffraction.fit.Fit`; the shape of the lines tells it.
        axial_su: its standard uncertainty.
        lines: ``(k,)`` degrees at which lines should be.
        offsets: ``(k,)`` degrees by which they were found higher.
        residual: root mean square in degrees of what the two errors leave.
    """

    zero: float
    zero_su: float
    displacement: float
    displacement_su: float
    axial: float
    axial_su: float
    lines: Array
    offsets: Array
    residual: float

    @property
    def instrument(self) -> Instrument:
        """The instrument as this scan alone shows it."""
        return Instrument(self.zero, self.zero_su, self.axial, self.axial_su)


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
    sine = first / (2 * standard.spacings)
    places = np.degrees(2 * np.arcsin(sine[sine < 0.99]))
    inside = (places > pattern.two_theta[0] + REACH) & (places < pattern.two_theta[-1] - REACH)
    gaps = np.diff(places, prepend=-np.inf, append=np.inf)
    alone = places[inside & (gaps[:-1] > APART) & (gaps[1:] > APART)]
    found = min(
        (_clear(pattern, alone, first, second) for second in _seconds(pattern, first)),
        key=lambda lines: (len(lines) < FEWEST, float(np.mean([shape.misfit for _, shape in lines] or [np.inf]))),
    )
    if len(found) < FEWEST:
        raise PatternError(
            f"Expected {FEWEST} clear lines of {standard.name} within {REACH:g} degrees of their places in "
            f"{pattern.source or 'the scan'}, got {len(found)}. Is it {standard.name}, and the wavelength right?"
        )
    lines = np.array([line.at for line, _ in found])
    offsets, errors = np.array([(shape.place, shape.su) for _, shape in found]).T
    axial = _axial([line for line, _ in found])
    return _told(pattern, lines, offsets, np.hypot(errors, FLOOR), axial)


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


@dataclass(frozen=True)
class _Shape:
    """A line as it was fitted: degrees that it is found too high, with their uncertainty, and χ² a point."""

    place: float
    su: float
    misfit: float


@dataclass(frozen=True)
class _Line:
    """A line that stands alone: where it should be, the counts around it, and where its Kα2 is from it and how strong.

    Angles are in degrees; those of the counts ``(n,)`` are from the place where it should be.
    """

    at: float
    x: Array
    y: Array
    split: float
    ratio: float

    @classmethod
    def of(cls, pattern: Pattern, at: float, first: float, second: tuple[float, float] | None) -> _Line:
        """The line of a pattern at an angle."""
        near = np.abs(pattern.two_theta - at) < REACH + 0.4
        if second is None:
            return cls(at, pattern.two_theta[near] - at, pattern.intensity[near], 0.0, 0.0)
        split = float(np.degrees(2 * np.arcsin(np.sin(np.radians(at / 2)) * second[0] / first))) - at
        return cls(at, pattern.two_theta[near] - at, pattern.intensity[near], split, second[1])

    def fitted(self, axial: float = 0.0) -> _Shape | None:
        """How it lies if axial divergence draws it out by so many degrees (see `Fit`); none if it is not clear."""
        from scipy.optimize import curve_fit

        x, y = self.x, self.y
        if len(x) < FEWEST_POINTS:
            return None
        floor = float(np.percentile(y, 20))
        noise = 1.48 * float(np.median(np.abs(y[y <= np.median(y)] - floor))) + 1e-9 * float(y.max())
        top = int(np.argmax(y))
        height = float(y[top]) - floor
        if height < CLEAR * noise or abs(x[top]) > REACH:
            return None
        far = AXIAL_FAR * axial / np.tan(np.radians(self.at))

        def drawn(x: Array, width: float, mixing: float) -> Array:
            if far == 0:
                return _voigt(x, width, mixing)
            near = (1 - AXIAL_SHARE) * _voigt(x, width, mixing)
            return np.asarray(near + AXIAL_SHARE * _voigt(x + far, width, mixing), float)

        def model(x: Array, place: float, width: float, mixing: float, high: float, low: float, slope: float) -> Array:
            both = drawn(x - place, width, mixing) + self.ratio * drawn(x - place - self.split, width, mixing)
            return np.asarray(low + slope * x + high * both, float)

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
        return _Shape(float(best[0]), error, float(np.mean(((y - model(x, *best)) / sigma) ** 2)))


def _clear(
    pattern: Pattern, places: Array, first: float, second: tuple[float, float] | None
) -> list[tuple[_Line, _Shape]]:
    """The clear ones of the lines that should be at some places."""
    lines = (_Line.of(pattern, float(at), first, second) for at in places)
    return [(line, shape) for line in lines if (shape := line.fitted()) is not None]


def _axial(lines: list[_Line], tried: Array = LEANINGS) -> tuple[float, float]:
    """The axial divergence in degrees that the shapes of some lines speak for most, and its standard uncertainty.

    What is known of instruments (`AXIAL_SD`) counts, so that shapes that tell nothing leave it at that.
    """
    misfits = []
    for axial in tried:
        shapes = [line.fitted(axial) for line in lines]
        misfits.append([np.inf if s is None else len(line.x) * s.misfit for line, s in zip(lines, shapes, strict=True)])
    chi2 = np.sum(misfits, axis=1)
    scale = max(float(chi2.min()) / sum(len(line.x) - 6 for line in lines), 1.0)
    likely = np.exp(-(chi2 - chi2.min()) / scale / 2 - (tried / AXIAL_SD) ** 2 / 2)
    best = float(tried[int(np.argmax(likely))])
    if best == tried[-1] and tried is not FARTHER:
        return _axial(lines, FARTHER)
    spread = float(np.sqrt((likely * (tried - best) ** 2).sum() / likely.sum()))
    return best, float(np.hypot(spread, COARSE * best))


def _voigt(x: Array, width: float, mixing: float) -> Array:
    """Pseudo-Voigt of height 1 (Wertheim et al. 1974, doi:10.1063/1.1686503)."""
    u = (2 * x / width) ** 2
    return np.asarray(mixing / (1 + u) + (1 - mixing) * np.exp(-np.log(2) * u), float)


def _told(pattern: Pattern, lines: Array, offsets: Array, errors: Array, axial: tuple[float, float]) -> Alignment:
    """Weighted least squares of offset = zero + displacement · cos θ − axial · cot 2θ / 6.

    Zero and axial divergence cannot be told apart by the places of lines, but what a fit of a sample needs of them can:
    the zero at which a fit without axial divergence would be least off. Uncertainties grow with what is left.
    """
    theta = np.radians(lines / 2)
    design = np.column_stack([np.ones_like(lines), np.cos(theta), -AXIAL_MEAN / np.tan(2 * theta)])
    weights = 1 / errors**2
    known = np.diag([0.0, 0.0, 1 / axial[1] ** 2])
    normal = np.linalg.inv(design.T @ (design * weights[:, None]) + known)
    values = normal @ (design.T @ (weights * offsets) + known @ np.array([0.0, 0.0, axial[0]]))
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
        *axial,
        lines,
        offsets,
        float(np.sqrt(np.mean(left**2))),
    )
