"""What a powder does to the beam: the lines of a true crystal, and their shapes on a grid of angles.

Structure factors with dispersion and thermal motion; widths by Caglioti, Scherrer and strain, combined after
Thompson, Cox & Hastings (doi:10.1107/S0021889887087090). Lines of one spacing are drawn once, in a compiled
loop: a scan takes milliseconds. It shares no formula with the analyser, only the way in which functions
are compiled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import gemmi
import numpy as np
from numpy.typing import NDArray

from science.compiled import compiled
from simulators.world.structures import TrueCrystal
from simulators.world.vial import TruePhase

Array = NDArray[np.float64]

K_ALPHA1, K_ALPHA2, K_BETA, W_L_ALPHA = 1.5405929, 1.5444274, 1.39222, 1.4764
"""Å; copper after Hölzer et al. 1997 (doi:10.1103/PhysRevA.56.4554), tungsten after Bearden 1967."""
RADIUS = 240.0
"""Goniometer radius, mm."""
CAGLIOTI = (0.010, -0.006, 0.005)
"""U, V, W in degrees squared."""
FINEST = 0.98
"""Smallest spacing that is followed, Å."""
WEAK = 0.05
"""Of Kβ and tungsten only lines above this share of the strongest are drawn; the others drown in the background."""


@dataclass(frozen=True)
class Lines:
    """Reflections of a crystal, one of each pair h and −h: spacing in Å, intensity, cosine to the c* axis.

    Attributes:
        d: ``(n,)`` Å, falling.
        intensity: ``(n,)`` squared structure factors, both of the pair.
        tilt: ``(n,)`` cosine of the angle to the preferred axis.
        starts: ``(k,)`` where each group of equal spacings begins.
    """

    d: Array
    intensity: Array
    tilt: Array
    starts: NDArray[np.intp]


@dataclass(frozen=True)
class Setting:
    """How the instrument stands during a scan.

    Attributes:
        displacement: of the sample surface, mm.
        zero: error of the circle, degrees 2θ.
        weeks: age of the tube; tungsten grows with it.
        texture: March's parameter about c*, 1 for none.
    """

    displacement: float
    zero: float
    weeks: float
    texture: float


@lru_cache(maxsize=512)
def lines(crystal: TrueCrystal) -> Lines:
    """Structure factors of the true crystal, with dispersion and thermal motion."""
    cell = gemmi.UnitCell(*crystal.cell)
    reciprocal = np.array(cell.frac.mat.tolist())  # rows a*, b*, c* of an orthogonal frame
    reach = [int(length / FINEST) + 1 for length in crystal.cell[:3]]
    grid = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), -1).reshape(-1, 3)
    half = (grid[:, 0] > 0) | ((grid[:, 0] == 0) & ((grid[:, 1] > 0) | ((grid[:, 1] == 0) & (grid[:, 2] > 0))))
    hkl = grid[half].astype(float)
    vectors = hkl @ reciprocal
    length = np.linalg.norm(vectors, axis=1)
    keep = (length > 1 / 12) & (length < 1 / FINEST)
    hkl, vectors, length = hkl[keep], vectors[keep], length[keep]
    s2 = (length / 2) ** 2
    total = np.zeros(len(hkl), complex)
    by_element: dict[str, list[tuple[float, float, float, float]]] = {}
    for element, x, y, z, occupancy in crystal.atoms:
        by_element.setdefault(element, []).append((x, y, z, occupancy))
    energy = gemmi.hc / K_ALPHA1
    for element, atoms in by_element.items():
        table = gemmi.Element(element).it92
        curve = table.c + sum(a * np.exp(-b * s2) for a, b in zip(table.a, table.b, strict=True))
        real, imaginary = gemmi.cromer_liberman(gemmi.Element(element).atomic_number, energy)
        places = np.array(atoms)
        b_iso = 0.9 if element == "O" else 0.45
        waves = np.exp(2j * np.pi * (hkl @ places[:, :3].T)) @ places[:, 3]
        total += (curve + real + 1j * imaginary) * np.exp(-b_iso * s2) * waves
    strength = 2 * np.abs(total) ** 2
    strong = np.flatnonzero(strength > 2e-4 * strength.max())
    order = strong[np.argsort(length[strong], kind="stable")]
    d = 1 / length[order]
    starts = np.flatnonzero(np.append(True, d[1:] < d[:-1] * (1 - 1e-10)))
    return Lines(d, strength[order], np.abs(vectors[order, 2]) / length[order], starts)


def pattern(two_theta: Array, phases: tuple[TruePhase, ...], setting: Setting) -> Array:
    """Counts ``(n,)`` of a mixture on an arbitrary common scale, at evenly spaced angles ``(n,)`` in degrees."""
    total = np.zeros(len(two_theta))
    tube = {K_ALPHA1: 1.0, K_ALPHA2: 0.5, K_BETA: 0.004, W_L_ALPHA: 0.001 * setting.weeks}
    for phase in phases:
        known = lines(phase.crystal)
        scale = phase.weight_fraction / (phase.crystal.mass * phase.crystal.volume)
        # March (1932), Dollase (1986, doi:10.1107/S0021889886089458), about the c axis
        cos2 = known.tilt**2
        preferred = (setting.texture**2 * cos2 + (1 - cos2) / setting.texture) ** -1.5
        bright = known.intensity * preferred * scale
        faint = np.where(bright < WEAK * scale * known.intensity.max(), 0.0, bright)
        d = known.d[known.starts]
        for wavelength, share in tube.items():
            area = share * np.add.reduceat(faint if share < 0.01 else bright, known.starts)
            sine = wavelength / 2 / d
            seen = (sine < 0.999) & (area > 0)
            _draw(
                total,
                two_theta,
                np.arcsin(sine[seen]),
                area[seen],
                np.array([wavelength / phase.size, phase.strain, setting.displacement / RADIUS, setting.zero]),
            )
    return total


@compiled()
def _draw(total: Array, two_theta: Array, thetas: Array, areas: Array, sample: Array) -> None:
    """Adds lines to a pattern; axial divergence draws low-angle lines out to the left.

    Args:
        total: ``(n,)`` counts, added to.
        two_theta: ``(n,)`` degrees, evenly spaced.
        thetas: ``(k,)`` Bragg angles in radians.
        areas: ``(k,)`` intensities before the Lorentz and polarisation factors.
        sample: wavelength over crystallite size, strain, displacement over radius, zero error in degrees.
    """
    broad, strain, off, zero = sample
    u, v, w = CAGLIOTI
    step = two_theta[1] - two_theta[0]
    for k in range(len(thetas)):
        theta = thetas[k]
        tan, sin, cos = math.tan(theta), math.sin(theta), math.cos(theta)
        centre = math.degrees(2 * theta) + zero - 2 * math.degrees(off) * cos
        gauss = math.sqrt(max(u * tan**2 + v * tan + w, 1e-4))
        lorentz = math.degrees(0.9 * broad / cos) + math.degrees(4 * strain) * tan
        reach = 12 * gauss + 25 * lorentz
        low = max(int((centre - reach - two_theta[0]) / step), 0)
        high = min(int((centre + reach - two_theta[0]) / step) + 2, len(two_theta))
        area = areas[k] * (1 + math.cos(2 * theta) ** 2) / (sin**2 * cos)
        tail = 0.02 / math.tan(2 * theta) if theta < math.pi / 4 else 0.0
        width, mixing = _combined(gauss, lorentz)
        high_lorentz = area * mixing * 2 / math.pi / width
        high_gauss = area * (1 - mixing) * 2 * math.sqrt(math.log(2) / math.pi) / width
        for i in range(low, high):
            x = two_theta[i] - centre
            total[i] += 0.7 * _shape(x / width, high_lorentz, high_gauss)
            total[i] += 0.3 * _shape((x + tail) / width, high_lorentz, high_gauss)


@compiled(inline="always")
def _combined(g: float, l: float) -> tuple[float, float]:
    """Width and Lorentzian share of a Gaussian and a Lorentzian together (Thompson et al. 1987)."""
    width = (
        g**5 + 2.69269 * g**4 * l + 2.42843 * g**3 * l**2 + 4.47163 * g**2 * l**3 + 0.07842 * g * l**4 + l**5
    ) ** 0.2
    ratio = l / width
    return width, 1.36603 * ratio - 0.47719 * ratio**2 + 0.11116 * ratio**3


@compiled(inline="always")
def _shape(offset: float, high_lorentz: float, high_gauss: float) -> float:
    """A pseudo-Voigt at an offset in widths; the Gaussian is below the last digit where it is left out."""
    u2 = offset * offset
    far = 4 * math.log(2) * u2
    return high_lorentz / (1 + 4 * u2) + (high_gauss * math.exp(-far) if far < 46 else 0.0)
