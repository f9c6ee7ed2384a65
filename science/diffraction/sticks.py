"""Structure factors: where a crystal diffracts, and how strongly.

Vectorised over reflections and atoms, with anomalous dispersion (gemmi's Cromer–Liberman f′ and f″) and
isotropic Debye–Waller factors. Intensities are absolute per cell, so that scale factors become weight
fractions (Hill & Howard 1987, doi:10.1107/S0021889887086199).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import gemmi
import numpy as np
from numpy.typing import NDArray

from science.crystals.crystal import Crystal, Lattice

Array = NDArray[np.float64]
WEAKEST = 2e-4
"""Lines weaker than this share of the strongest are left out."""
MAX_REFLECTIONS = 60_000


@dataclass(frozen=True)
class Sticks:
    """The lines of one crystal.

    Attributes:
        hkl: ``(k, 3)`` a representative of each line.
        q: ``(k,)`` 1/d² in 1/Å², increasing.
        strength: ``(k,)`` multiplicity × |F|², without Lorentz-polarisation.
    """

    hkl: Array
    q: Array
    strength: Array


@cache
def _form_factor(element: str) -> tuple[Array, Array, float]:
    table = gemmi.Element(element).it92
    return np.array(table.a), np.array(table.b), float(table.c)


@cache
def dispersion(element: str, wavelength: float) -> complex:
    """f′ + i f″ in electrons at that wavelength in Å."""
    real, imaginary = gemmi.cromer_liberman(gemmi.Element(element).atomic_number, gemmi.hc / wavelength)
    return complex(real, imaginary)


def form_factor(element: str, s2: Array) -> Array:
    """f₀ at ``(sin θ / λ)²``, ``(k,)`` 1/Å² (International Tables C, 6.1.1.4)."""
    a, b, c = _form_factor(element)
    return np.asarray(c + (a[:, None] * np.exp(-b[:, None] * s2[None, :])).sum(0))


def reflections(lattice: Lattice, d_min: float, d_max: float) -> tuple[Array, Array]:
    """Half of all reflections (Friedel) between two spacings: hkl ``(k, 3)`` and q ``(k,)``."""
    reach = np.floor(np.array([lattice.a, lattice.b, lattice.c]) / d_min + 1e-9).astype(int)
    h, k, l = (np.arange(-n, n + 1) for n in reach)
    hkl = np.stack(np.meshgrid(h[h >= 0], k, l, indexing="ij"), -1).reshape(-1, 3)
    first = (hkl[:, 0] > 0) | ((hkl[:, 0] == 0) & ((hkl[:, 1] > 0) | ((hkl[:, 1] == 0) & (hkl[:, 2] > 0))))
    hkl = hkl[first].astype(float)
    q = ((hkl @ lattice.reciprocal()) ** 2).sum(1)
    inside = (q <= 1 / d_min**2) & (q >= 1 / d_max**2)
    return hkl[inside], q[inside]


def calculate(
    crystal: Crystal, wavelength: float, *, d_min: float, d_max: float = 50.0, anomalous: bool = True
) -> Sticks:
    """The lines of a crystal between two spacings in Å, merged where symmetry makes them coincide."""
    if crystal.lattice.volume / d_min**3 * 2 > MAX_REFLECTIONS:
        d_min = (crystal.lattice.volume * 2 / MAX_REFLECTIONS) ** (1 / 3)
    hkl, q = reflections(crystal.lattice, d_min, d_max)
    if not len(q):
        return Sticks(np.zeros((0, 3)), np.zeros(0), np.zeros(0))
    return _merged(hkl, q, strengths(crystal, hkl, q, wavelength, anomalous=anomalous), crystal)


def strengths(crystal: Crystal, hkl: Array, q: Array, wavelength: float, *, anomalous: bool = True) -> Array:
    """|F|² of reflections and their Friedel mates together, ``(k,)``.

    Args:
        crystal: what diffracts.
        hkl: ``(k, 3)``.
        q: ``(k,)`` 1/d² in 1/Å².
        wavelength: Å.
        anomalous: whether inner electrons answer late.
    """
    s2 = q / 4
    amplitude, opposite = np.zeros(len(q), complex), np.zeros(len(q), complex)
    groups: dict[tuple[str, float], list[tuple[float, float, float, float]]] = {}
    for site in crystal.sites:
        groups.setdefault((site.element, site.b_iso), []).append((site.x, site.y, site.z, site.occupancy))
    for (element, b_iso), atoms in groups.items():
        factor = form_factor(element, s2) + (dispersion(element, wavelength) if anomalous else 0)
        table = np.array(atoms)
        for chunk in range(0, len(q), 20_000):
            part = slice(chunk, chunk + 20_000)
            phase = np.exp(2j * math.pi * (hkl[part] @ table[:, :3].T)) @ table[:, 3]
            damped = factor[part] * np.exp(-b_iso * s2[part])
            amplitude[part] += damped * phase
            opposite[part] += damped * phase.conj()  # Friedel's mate differs in acentric crystals that absorb
    return np.asarray(np.abs(amplitude) ** 2 + np.abs(opposite) ** 2)


def _merged(hkl: Array, q: Array, strength: Array, crystal: Crystal) -> Sticks:
    """Lines that stay together under every change of the cell that its shape allows."""
    design = np.round(metric_design(hkl, crystal), 6)
    rows, first, index = np.unique(design, axis=0, return_index=True, return_inverse=True)
    total = np.bincount(index.ravel(), strength, len(rows))
    keep = total > WEAKEST * total.max()
    first, total = first[keep], total[keep]
    order = np.argsort(q[first], kind="stable")
    return Sticks(hkl[first][order], q[first][order], total[order])


def metric_design(hkl: Array, crystal: Crystal) -> Array:
    """Matrix ``(k, m)`` by which ``1/d² = design @ parameters`` for the free reciprocal metric of the cell.

    The parameters follow from the shape of the cell: 1 for cubic, 2 for tetragonal, hexagonal and
    rhombohedral, 3 for orthorhombic, 4 for monoclinic, 6 for triclinic cells.
    """
    h, k, l = hkl.T
    return _DESIGNS[cell_shape(crystal)](h, k, l)


def cell_shape(crystal: Crystal) -> str:
    """How many parameters the cell has, by its crystal system and its axes."""
    cell, system = crystal.lattice, crystal.crystal_system
    right = [abs(angle - 90) < 0.02 for angle in (cell.alpha, cell.beta, cell.gamma)]
    ab, bc = abs(cell.a - cell.b) < 2e-3 * cell.a, abs(cell.b - cell.c) < 2e-3 * cell.b
    if system == "cubic" and all(right) and ab and bc:
        return "cubic"
    if system in ("cubic", "tetragonal") and all(right) and ab:
        return "tetragonal"
    if system in ("hexagonal", "trigonal") and ab and abs(cell.gamma - 120) < 0.05:
        return "hexagonal"
    if system == "trigonal" and ab and bc:
        return "rhombohedral"
    if all(right):
        return "orthorhombic"
    if sum(right) == 2:
        return f"monoclinic-{'abc'[right.index(False)]}"
    return "triclinic"


_DESIGNS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "cubic": lambda h, k, l: np.stack([h * h + k * k + l * l], 1),
    "tetragonal": lambda h, k, l: np.stack([h * h + k * k, l * l], 1),
    "hexagonal": lambda h, k, l: np.stack([h * h + k * k + h * k, l * l], 1),
    "rhombohedral": lambda h, k, l: np.stack([h * h + k * k + l * l, 2 * (h * k + k * l + l * h)], 1),
    "orthorhombic": lambda h, k, l: np.stack([h * h, k * k, l * l], 1),
    "monoclinic-a": lambda h, k, l: np.stack([h * h, k * k, l * l, 2 * k * l], 1),
    "monoclinic-b": lambda h, k, l: np.stack([h * h, k * k, l * l, 2 * h * l], 1),
    "monoclinic-c": lambda h, k, l: np.stack([h * h, k * k, l * l, 2 * h * k], 1),
    "triclinic": lambda h, k, l: np.stack([h * h, k * k, l * l, 2 * k * l, 2 * h * l, 2 * h * k], 1),
}


def metric_parameters(crystal: Crystal) -> Array:
    """The free elements of the reciprocal metric tensor, ``(m,)`` 1/Å², in the order of `metric_design`."""
    metric = _metric(crystal.lattice)
    a, b, c, d, e, f = metric[0, 0], metric[1, 1], metric[2, 2], metric[1, 2], metric[0, 2], metric[0, 1]
    return np.array(
        {
            "cubic": [a],
            "tetragonal": [a, c],
            "hexagonal": [a, c],
            "rhombohedral": [a, d],
            "orthorhombic": [a, b, c],
            "monoclinic-a": [a, b, c, d],
            "monoclinic-b": [a, b, c, e],
            "monoclinic-c": [a, b, c, f],
            "triclinic": [a, b, c, d, e, f],
        }[cell_shape(crystal)]
    )


def _metric(lattice: Lattice) -> Array:
    reciprocal = lattice.reciprocal()
    return np.asarray(reciprocal @ reciprocal.T)


def lattice_of(parameters: Array, crystal: Crystal) -> Lattice:
    """The cell that has these free elements of the reciprocal metric."""
    p = list(map(float, parameters))
    shape = cell_shape(crystal)
    # where each of a*², b*², c*², b*c*, a*c*, a*b* stands among the parameters; none is zero
    places: dict[str, tuple[int | None, ...]] = {
        "cubic": (0, 0, 0, None, None, None),
        "tetragonal": (0, 0, 1, None, None, None),
        "hexagonal": (0, 0, 1, None, None, 0),
        "rhombohedral": (0, 0, 0, 1, 1, 1),
        "orthorhombic": (0, 1, 2, None, None, None),
        "monoclinic-a": (0, 1, 2, 3, None, None),
        "monoclinic-b": (0, 1, 2, None, 3, None),
        "monoclinic-c": (0, 1, 2, None, None, 3),
        "triclinic": (0, 1, 2, 3, 4, 5),
    }
    a, b, c, d, e, f = (0.0 if at is None else p[at] for at in places[shape])
    if shape == "hexagonal":
        f /= 2
    metric = np.linalg.inv(np.array([[a, f, e], [f, b, d], [e, d, c]]))
    lengths = np.sqrt(np.diag(metric))
    angle = [math.degrees(math.acos(metric[i, j] / lengths[i] / lengths[j])) for i, j in ((1, 2), (0, 2), (0, 1))]
    return Lattice(*map(float, lengths), *angle)


def lorentz_polarisation(two_theta: Array, monochromator: float = 1.0) -> Array:
    """Lorentz-polarisation factor of Bragg–Brentano geometry.

    Args:
        two_theta: ``(k,)`` degrees.
        monochromator: cos²(2θ) of a diffracted-beam monochromator; 1 without one.
    """
    theta = np.radians(two_theta / 2)
    return np.asarray((1 + monochromator * np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta)))
