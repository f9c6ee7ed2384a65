"""Powder patterns made without any code of the analyser: pymatgen's structure factors, true Voigt profiles.

Everything that an answer is compared with comes from the numbers typed here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pymatgen.analysis.diffraction.xrd import XRDCalculator
from pymatgen.core import Composition, Lattice, Structure
from scipy.special import voigt_profile

from science.diffraction.pattern import Pattern

Array = NDArray[np.float64]
K_ALPHA1, K_ALPHA2 = 1.540593, 1.544427
"""Copper, Å."""
SECOND = {0.70932: 0.713607, 1.78897: 1.792850, 1.93604: 1.939980}
"""Kα1 → Kα2 of Mo, Co and Fe, Å."""
RADIUS = 240.0
"""Of the goniometer, mm."""

STRUCTURES = {
    "BaZrO3": ("Pm-3m", (4.193,), {"Ba": [0.5, 0.5, 0.5], "Zr": [0, 0, 0], "O": [0.5, 0, 0]}),
    "SrTiO3": ("Pm-3m", (3.905,), {"Sr": [0.5, 0.5, 0.5], "Ti": [0, 0, 0], "O": [0.5, 0, 0]}),
    "MgO": ("Fm-3m", (4.2117,), {"Mg": [0, 0, 0], "O": [0.5, 0.5, 0.5]}),
    "TiO2": ("P4_2/mnm", (4.5937, 4.5937, 2.9587), {"Ti": [0, 0, 0], "O": [0.3048, 0.3048, 0]}),
    "ZrO2": (
        "P2_1/c",
        (5.1505, 5.2116, 5.3173, 90, 99.23, 90),
        {"Zr": [0.2754, 0.0395, 0.2083], "O": [0.07, 0.3317, 0.3447], "O1 ": [0.4496, 0.7569, 0.4792]},
    ),
    "BaZr0.6Ti0.4O3": ("Pm-3m", (4.12,), {"Ba": [0.5, 0.5, 0.5], "Zr0.6 Ti0.4": [0, 0, 0], "O": [0.5, 0, 0]}),
    "KCl": ("Fm-3m", (6.2931,), {"K": [0, 0, 0], "Cl": [0.5, 0.5, 0.5]}),
}
"""Name → space group, cell in Å and degrees, positions; KCl is in no library of oxides."""


@cache
def structure(name: str, strain: float = 0.0) -> Structure:
    """A structure, its cell lengthened by a relative strain."""
    group, cell, sites = STRUCTURES[name]
    lattice = Lattice.cubic(*cell) if len(cell) == 1 else Lattice.from_parameters(*(*cell, 90, 90, 90)[:6])
    lengths = [length * (1 + strain) for length in lattice.abc]
    lattice = Lattice.from_parameters(*lengths, *lattice.angles)
    return Structure.from_spacegroup(
        group, lattice, [Composition(occupants) for occupants in sites], list(sites.values())
    )


@cache
def lines(name: str, strain: float = 0.0) -> tuple[Array, Array]:
    """Spacings in Å and multiplicity × |F|² of a structure, without Lorentz-polarisation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = XRDCalculator(wavelength=K_ALPHA1).get_pattern(
            structure(name, strain), scaled=False, two_theta_range=(5, 120)
        )
    theta = np.radians(np.asarray(found.x) / 2)
    factor = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    return np.asarray(found.d_hkls, float), np.asarray(found.y, float) / factor


def simulated(
    weights: Mapping[str, float],
    *,
    strain: float = 0.0,
    zero: float = 0.0,
    displacement: float = 0.0,
    wavelength: float = K_ALPHA1,
    counts: float = 20_000.0,
    width: float = 0.08,
    x: tuple[float, float, float] = (15.0, 90.0, 0.04),
    seed: int = 1,
) -> Pattern:
    """A pattern of a mixture with background and counting noise.

    Args:
        weights: name of a structure → weight fraction.
        strain: relative lengthening of all cells.
        zero: shift in degrees.
        displacement: of the sample out of the focusing circle in mm; moves lines by −2 s cos θ / R.
        wavelength: Kα1 in Å; Kα2 is that of its anode, or in proportion to copper's.
        counts: height of the strongest line.
        width: of the lines in degrees, about.
        x: first angle, last angle, step in degrees.
        seed: of the noise.
    """
    angles = np.arange(*x)
    second = SECOND.get(wavelength, wavelength * K_ALPHA2 / K_ALPHA1)
    peaks = np.zeros_like(angles)
    for name, weight in weights.items():
        d, strength = lines(name, strain)
        cell = structure(name, strain)
        scale = weight / (float(cell.composition.weight) * cell.volume)
        for line, share in ((wavelength, 2 / 3), (second, 1 / 3)):
            s = line / 2 / d
            theta = np.arcsin(s[s < 0.99])
            at = np.degrees(2 * theta) + zero - np.degrees(2 * displacement / RADIUS) * np.cos(theta)
            factor = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
            area = scale * share * strength[s < 0.99] * factor
            for position, height in zip(at, area, strict=True):
                peaks += height * voigt_profile(angles - position, width / 2.8, width / 4)
    background = 120 + 400 * np.exp(-(angles - x[0]) / 15)
    expected = background + (counts * peaks / peaks.max() if weights else 0)
    noisy = np.random.default_rng(seed).poisson(expected).astype(float)
    return Pattern(angles, noisy, wavelength=K_ALPHA1, source="simulated")
