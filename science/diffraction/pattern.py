"""A measured powder pattern, checked once, so that nothing further on has to doubt it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from science.diffraction.errors import PatternError

Array = NDArray[np.float64]

MIN_POINTS = 50
GAP = 0.5
"""Degrees without a point that are a gap, if"""
GAP_STEPS = 10.0
"""steps are smaller by this factor."""


def gaps(two_theta: Array) -> list[tuple[float, float]]:
    """Where nothing was measured between two ranges, from and to which angle in degrees.

    Args:
        two_theta: ``(n,)`` degrees, increasing.
    """
    steps = np.diff(two_theta)
    if not len(steps):
        return []
    wide = np.flatnonzero(steps > max(GAP, GAP_STEPS * float(np.median(steps))))
    return [(float(two_theta[n]), float(two_theta[n + 1])) for n in wide]


@dataclass(frozen=True)
class Provenance:
    """Where a pattern comes from, as far as its file says; what it does not say is empty or none.

    Attributes:
        format: of the file, such as ``PANalytical XRDML``.
        version: of its schema.
        instrument: the diffractometer.
        anode: symbol of the element.
        geometry: such as ``reflection``.
        monochromator: crystal, mirror or filter in the beam.
        radius: of the goniometer in mm.
        seconds: counting time at each angle.
        unit: of the intensities as they were written.
        axis: what was scanned, as the file calls it.
        began: time stamp as it was written.
    """

    format: str = ""
    version: str = ""
    instrument: str = ""
    anode: str = ""
    geometry: str = ""
    monochromator: str = ""
    radius: float | None = None
    seconds: float | None = None
    unit: str = ""
    axis: str = ""
    began: str = ""


@dataclass(frozen=True)
class Pattern:
    """Counts over angles.

    Attributes:
        two_theta: ``(n,)`` degrees, positive and increasing.
        intensity: ``(n,)`` counts or any proportional unit, non-negative.
        wavelength: Kα1 in Å; none if the file does not say.
        k_alpha2: (wavelength in Å, ratio to Kα1); none behind a monochromator that removes it or if unknown.
        source: name of the file.
        notes: what the reader had to decide, in sentences.
        provenance: where it comes from.
        flags: the same as the notes in single words, for those who sort by them (`reading.flags`).
    """

    two_theta: Array
    intensity: Array
    wavelength: float | None = None
    k_alpha2: tuple[float, float] | None = None
    source: str = ""
    notes: tuple[str, ...] = field(default=())
    provenance: Provenance = field(default=Provenance())
    flags: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """Checks shape, order and content."""
        x, y = self.two_theta, self.intensity
        where = f" in {self.source}" if self.source else ""
        if x.ndim != 1 or x.shape != y.shape:
            raise PatternError(f"Expected as many intensities as angles{where}, got {y.shape} and {x.shape}.")
        if len(x) < MIN_POINTS:
            raise PatternError(f"Expected a pattern of {MIN_POINTS} points or more{where}, got {len(x)}.")
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise PatternError(f"Expected finite numbers{where}, got others.")
        if (np.diff(x) <= 0).any():
            raise PatternError(f"Expected angles that increase{where}, got ones that do not.")
        if x[0] <= 0 or x[-1] > 180 or x[-1] - x[0] < 1:
            raise PatternError(
                f"Expected 2-theta in degrees, above 0, up to 180 and over a degree or more{where}, got {x[0]:g} to "
                f"{x[-1]:g}. If these are q or d, say so with --axis, or convert them."
            )
        if y.min() < 0:
            raise PatternError(f"Expected counts{where}, got negative ones down to {y.min():g}.")
        if y.max() <= 0 or np.ptp(y) == 0:
            raise PatternError(f"Expected counts{where}, got a constant {y[0]:g}.")
        if self.wavelength is not None and not 0.1 < self.wavelength < 5:
            raise PatternError(f"Expected a wavelength between 0.1 and 5 angstrom{where}, got {self.wavelength:g}.")

    @property
    def step(self) -> float:
        """Median distance between angles in degrees."""
        return float(np.median(np.diff(self.two_theta)))
