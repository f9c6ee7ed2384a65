"""A design: a composition in whole parts and a recipe, as numbers that a model can take."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.chemistry.perovskite.families import family
from science.chemistry.perovskite.ions import A_ORDER, B_ORDER, expected_lattice, tolerance_factor

Array = NDArray[np.float64]
Parts = tuple[tuple[str, int], ...]
FEATURES = (
    *(f"A {e}" for e in A_ORDER),
    *(f"B {e}" for e in B_ORDER),
    "tolerance factor",
    "temperature",
    "log dwell",
    "regrinds",
    "A excess",
    "vessel is platinum",
    "atmosphere is reducing",
    "contact is a sacrificial bed",
)
"""Names of the numbers of a design, in order."""


def _celsius(value: float) -> float:
    return (value - 1275.0) / 320.0 + 0.5


def _hours(value: float) -> float:
    return math.log(value / 12.0) / 1.6 + 0.5


_IONS = len(A_ORDER) + len(B_ORDER)
BOUNDS: Array = np.array(
    [
        [*[0.0] * _IONS, -1.0, _celsius(900.0), _hours(1.0), 0.0, -0.2, 0.0, 0.0, 0.0],
        [*[1.0] * _IONS, 1.0, _celsius(1600.0), _hours(48.0), 1.5, 1.0, 1.0, 1.0, 1.0],
    ]
)
"""Usual range of each number, ``(2, len(FEATURES))``: tolerance factor 0.95 to 1.05, 900 to 1600 °C, 1 to 48 h,
up to three regrinds, -1 to 5 % excess. A design may lie outside."""


@dataclass(frozen=True, slots=True)
class Design:
    """What would be made, and how. Shares are whole parts of a common divisor."""

    a_site: Parts
    b_site: Parts
    celsius: float
    dwell_h: float
    ramp: float
    regrinds: int
    a_excess: float
    milling_h: float
    vessel: str
    atmosphere: str
    contact: str
    form: str
    cooling: str

    @property
    def a_fractions(self) -> dict[str, float]:
        """Element → share of the A site."""
        total = sum(n for _, n in self.a_site)
        return {e: n / total for e, n in self.a_site}

    @property
    def b_fractions(self) -> dict[str, float]:
        """Element → share of the B site."""
        total = sum(n for _, n in self.b_site)
        return {e: n / total for e, n in self.b_site}

    @property
    def sites(self) -> dict[str, dict[str, float]]:
        """Site → element → share of that site."""
        return {"A": self.a_fractions, "B": self.b_fractions}

    @property
    def family(self) -> str:
        """Chemistry family."""
        return family(self.a_fractions, self.b_fractions)

    @property
    def elements(self) -> frozenset[str]:
        """Cations in it."""
        return frozenset(self.a_fractions) | frozenset(self.b_fractions)

    def features(self) -> Array:
        """The design as numbers of order one, ``(len(FEATURES),)``."""
        a, b = self.a_fractions, self.b_fractions
        return np.array(
            [
                *(a.get(e, 0.0) for e in A_ORDER),
                *(b.get(e, 0.0) for e in B_ORDER),
                (tolerance_factor(a, b) - 1.0) / 0.05,
                _celsius(self.celsius),
                _hours(self.dwell_h),
                self.regrinds / 2.0,
                self.a_excess / 0.05,
                float(self.vessel == "Pt"),
                float(self.atmosphere == "5%H2/N2"),
                float(self.contact == "sacrificial bed"),
            ]
        )

    def radius_lattice(self) -> float:
        """Lattice parameter in Å that the ionic radii suggest."""
        return expected_lattice(self.a_fractions, self.b_fractions)
