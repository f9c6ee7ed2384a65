"""What is known of a diffractometer before a sample is put into it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from science.diffraction.fit import AXIAL_SD, Observed
from science.diffraction.refine import LEAN

SUREST_ZERO, SUREST_AXIAL = 1e-4, 1e-3
"""Degrees below which no uncertainty of a zero and of an axial divergence is believed."""

COARSE = 0.2
"""Share by which axial divergences are told wrong, however often: two points stand for the tail of a line."""


@dataclass(frozen=True)
class Instrument:
    """What standards have shown of a diffractometer.

    Attributes:
        zero: error of the circle in degrees 2θ, with what axial divergence adds to it, see `refine.LEAN`.
        zero_su: its standard uncertainty.
        axial: degrees by which rays farthest off the equator come early where cot 2θ = 1; 0 where nothing is known.
        axial_su: its standard uncertainty.
    """

    zero: float
    zero_su: float
    axial: float = 0.0
    axial_su: float = AXIAL_SD

    def behind(self, observed: Observed) -> Observed:
        """A pattern that this instrument has measured."""
        zero = (self.zero, max(self.zero_su, SUREST_ZERO))
        return replace(observed, zero=zero, lean=LEAN, axial=(self.axial, max(self.axial_su, SUREST_AXIAL)))
