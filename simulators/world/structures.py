"""The true crystals: perovskites built for their composition, and the other phases as typed.

Shares no code with the analyser. Every truth cell differs from the textbook by a small "lab offset", so
that a library entry never fits by construction.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import gemmi
import numpy as np

from simulators.dice import dice

Cell = tuple[float, float, float, float, float, float]
Atom = tuple[str, float, float, float, float]

PSEUDO_CUBIC: dict[str, float] = {
    "CaTi": 3.824, "SrTi": 3.905, "BaTi": 4.0075, "CaZr": 4.009, "SrZr": 4.104, "BaZr": 4.193, "CaSn": 3.950,
    "SrSn": 4.033, "BaSn": 4.116, "CaHf": 3.995, "SrHf": 4.070, "BaHf": 4.171, "LaAl": 3.790, "LaSc": 4.052,
    "LaIn": 4.119,
}  # fmt: skip
"""Cube root of the volume per formula unit of the end members, Å, from their measured cells."""
OFFSET = 0.001
"""Relative standard deviation of the lab offset of cells."""


@dataclass(frozen=True)
class TrueCrystal:
    """A crystal of the world: cell in Å and degrees, all atoms (element, x, y, z, occupancy)."""

    name: str
    cell: Cell
    atoms: tuple[Atom, ...]

    @property
    def volume(self) -> float:
        """Volume of the cell in Å³."""
        return float(gemmi.UnitCell(*self.cell).volume)

    @property
    def mass(self) -> float:
        """Molar mass of the cell's content, g/mol."""
        return sum(gemmi.Element(e).weight * occupancy for e, *_, occupancy in self.atoms)


def all_atoms(space_group: str, asymmetric: list[Atom]) -> tuple[Atom, ...]:
    """The atoms of the whole cell."""
    found: list[Atom] = []
    for element, x, y, z, occupancy in asymmetric:
        places: list[np.ndarray] = []
        for operation in gemmi.SpaceGroup(space_group).operations():
            at = np.array(operation.apply_to_xyz([x, y, z])) % 1.0
            if all(np.abs((at - p) - np.round(at - p)).max() > 0.005 for p in places):
                places.append(at)
        found += [(element, float(p[0]), float(p[1]), float(p[2]), occupancy) for p in places]
    return tuple(found)


@cache
def _typed() -> dict[str, tuple[Cell, tuple[Atom, ...], bool]]:
    text = resources.files("simulators.world").joinpath("structures.toml").read_text(encoding="utf-8")
    return {
        s["name"]: (tuple(s["cell"]), all_atoms(s["space_group"], [tuple(a) for a in s["atoms"]]), s["known"])
        for s in tomllib.loads(text)["structure"]
    }


def names() -> tuple[str, ...]:
    """All typed structures."""
    return tuple(_typed())


def unknown_to_analyser() -> tuple[str, ...]:
    """Phases that the analyser's library lacks on purpose."""
    return tuple(name for name, (_, _, known) in _typed().items() if not known)


def typed(name: str, seed: int) -> TrueCrystal:
    """A typed phase with its lab offset."""
    cell, atoms, _ = _typed()[name]
    factor = 1 + OFFSET * dice(seed, name, "offset").standard_normal()
    a, b, c, alpha, beta, gamma = cell
    return TrueCrystal(name, (a * factor, b * factor, c * factor, alpha, beta, gamma), atoms)


def pseudo_cubic(a_site: Mapping[str, float], b_site: Mapping[str, float]) -> float:
    """Lattice parameter of a mixed perovskite in Å: mean volume of the ends, and a little bowing."""
    volume = sum(x * y * _end(a, b) ** 3 for a, x in a_site.items() for b, y in b_site.items())
    get_a, get_b = a_site.get, b_site.get
    bowing = 0.006 * get_b("Ti", 0) * (get_b("Zr", 0) + get_b("Hf", 0)) - 0.005 * get_a("Ca", 0) * get_a("Ba", 0)
    return float(volume ** (1 / 3)) + bowing


def _end(a: str, b: str) -> float:
    if (known := PSEUDO_CUBIC.get(a + b)) is not None:
        return known
    from simulators.world.thermochemistry import OXYGEN, RADII

    return (2 * (RADII[b] + OXYGEN) + 2**0.5 * (RADII[a] + OXYGEN)) / 2 * 0.985


POLAR_FROM = 1.045
"""Tolerance factor from which the cell is polar at room temperature; estimate: BaTiO3 (1.062) is, and
Ba(Zr,Ti)O3 and (Ba,Sr)TiO3 stop being so near a fifth of zirconium and a third of strontium."""


def symmetry(tolerance: float) -> str:
    """The perovskite's symmetry at room temperature by its tolerance factor."""
    if tolerance >= POLAR_FROM:
        return "P4mm"
    if tolerance >= 0.985:
        return "Pm-3m"
    return "I4/mcm" if tolerance >= 0.968 else "Pnma"


def perovskite(
    a_site: Mapping[str, float], b_site: Mapping[str, float], tolerance: float, seed: int
) -> tuple[TrueCrystal, float, str]:
    """The cell of a perovskite, its true pseudo-cubic parameter in Å, and its symmetry."""
    lattice = pseudo_cubic(a_site, b_site)
    # of the end members, so that near compositions have near lattices
    off = sum(
        x * y * dice(seed, a + b, "offset").standard_normal() for a, x in a_site.items() for b, y in b_site.items()
    )
    lattice *= 1 + 0.3 * OFFSET * off
    group = symmetry(tolerance)
    tilt = math.sqrt(max(0.985 - tolerance, 0.0))
    cell, sites = _frame(group, lattice, tilt, tolerance)
    atoms: list[Atom] = []
    for kind, x, y, z in sites:
        mixed = {"A": a_site, "B": b_site, "O": {"O": 1.0}}[kind]
        atoms += [(e, x, y, z, f) for e, f in mixed.items() if f > 1e-4]
    return TrueCrystal(f"perovskite {group}", cell, tuple(atoms)), lattice, group


def _frame(group: str, a: float, tilt: float, tolerance: float) -> tuple[Cell, list[tuple[str, float, float, float]]]:
    """Cell and positions of one symmetry, of the volume a³ per formula unit."""
    if group == "Pm-3m":
        return (a, a, a, 90, 90, 90), _spread("P m -3 m", [("A", 0.5, 0.5, 0.5), ("B", 0, 0, 0), ("O", 0.5, 0, 0)])
    if group == "P4mm":
        ratio = 1 + 0.006 + 0.25 * (tolerance - POLAR_FROM)
        short = a / ratio ** (1 / 3)
        shift = 0.022
        sites = [("A", 0, 0, 0), ("B", 0.5, 0.5, 0.5 + shift), ("O", 0.5, 0.5, -0.024), ("O", 0.5, 0, 0.49)]
        return (short, short, short * ratio, 90, 90, 90), _spread("P 4 m m", sites)
    if group == "I4/mcm":
        angle = 1.1 * tilt
        ratio = 1 + 0.35 * tilt**2
        short = a / ratio ** (1 / 3)
        x = 0.25 * (1 - math.tan(angle))
        sites = [("A", 0, 0.5, 0.25), ("B", 0, 0, 0), ("O", 0, 0, 0.25), ("O", x, x + 0.5, 0)]
        return (2**0.5 * short, 2**0.5 * short, 2 * short * ratio, 90, 90, 90), _spread("I 4/m c m", sites)
    scale = tilt / 0.2  # CaTiO3-like positions at a tilt of 0.2
    da, dc = 1 + 0.012 * scale, 1 - 0.010 * scale
    long, middle, short = 2**0.5 * a * da, 2 * a / da / dc, 2**0.5 * a * dc
    sites = [
        ("A", 0.038 * scale, 0.25, -0.009 * scale),
        ("B", 0, 0, 0.5),
        ("O", 0.5 - 0.022 * scale, 0.25, 0.083 * scale),
        ("O", 0.25 + 0.042 * scale, 0.041 * scale, 0.75 - 0.042 * scale),
    ]
    return (long, middle, short, 90, 90, 90), _spread("P n m a", sites)


@cache
def _operations(space_group: str) -> tuple[gemmi.Op, ...]:
    return tuple(gemmi.SpaceGroup(space_group).operations())


def _spread(space_group: str, sites: list[tuple[str, float, float, float]]) -> list[tuple[str, float, float, float]]:
    """All positions of a kind of site."""
    found: list[tuple[str, float, float, float]] = []
    for kind, x, y, z in sites:
        places: list[np.ndarray] = []
        for operation in _operations(space_group):
            at = np.array(operation.apply_to_xyz([x, y, z])) % 1.0
            if all(np.abs((at - p) - np.round(at - p)).max() > 1e-4 for p in places):
                places.append(at)
        found += [(kind, float(p[0]), float(p[1]), float(p[2])) for p in places]
    return found
