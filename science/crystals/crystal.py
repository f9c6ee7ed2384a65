"""A crystal: cell, space group, and every atom of the cell.

Structures come from CIF files (`cif`) or from typed facts (`phase_facts`); both end here, expanded by the
symmetry operations of the International Tables, so that diffraction needs to know nothing of settings and origins.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from math import gcd

import gemmi
import numpy as np
from numpy.typing import NDArray

from science.crystals.errors import CrystalError

Array = NDArray[np.float64]

AVOGADRO = 0.602214076
"""Avogadro's number in units of 1e24 / mol: converts g/mol/Å³ to g/cm³."""
SAME_PLACE = 5e-3
"""Fractional distance along each axis within which two positions are one."""
DEFAULT_B_ISO = 0.5


@dataclass(frozen=True, slots=True)
class Lattice:
    """A unit cell: lengths in Å, angles in degrees."""

    a: float
    b: float
    c: float
    alpha: float = 90.0
    beta: float = 90.0
    gamma: float = 90.0

    @property
    def parameters(self) -> tuple[float, float, float, float, float, float]:
        """(a, b, c, alpha, beta, gamma)."""
        return (self.a, self.b, self.c, self.alpha, self.beta, self.gamma)

    def matrix(self) -> Array:
        """Cell vectors as rows, ``(3, 3)`` Å, a along x, b in the xy plane."""
        ca, cb, cg = (np.cos(np.radians(v)) for v in (self.alpha, self.beta, self.gamma))
        sg = np.sin(np.radians(self.gamma))
        cy = (ca - cb * cg) / sg
        cz = np.sqrt(max(1 - cb**2 - cy**2, 0.0))
        return np.array([[self.a, 0, 0], [self.b * cg, self.b * sg, 0], [self.c * cb, self.c * cy, self.c * cz]])

    def reciprocal(self) -> Array:
        """Reciprocal vectors as rows, ``(3, 3)`` 1/Å, without the factor 2π."""
        return np.asarray(np.linalg.inv(self.matrix()).T, float)

    @property
    def volume(self) -> float:
        """Volume in Å³."""
        return float(abs(np.linalg.det(self.matrix())))


@dataclass(frozen=True, slots=True)
class Site:
    """One atom position: fractional coordinates, occupancy, isotropic B in Å²."""

    element: str
    x: float
    y: float
    z: float
    occupancy: float = 1.0
    b_iso: float = DEFAULT_B_ISO


@dataclass(frozen=True)
class Crystal:
    """A crystal structure with the full content of its cell.

    Attributes:
        name: what it is called where it comes from.
        formula: what chemists call it.
        written_group: number of the space group that it was written down in.
        lattice: its cell.
        sites: every atom of the cell.
        source: where it comes from.
    """

    name: str
    formula: str
    written_group: int
    lattice: Lattice
    sites: tuple[Site, ...]
    source: str = ""

    @cached_property
    def space_group(self) -> int:
        """Number of its space group; searched for when it was written in P1, as programs write out whole cells.

        Only when somebody asks: in a large library most structures never meet a pattern of their elements.
        """
        return self.written_group if self.written_group > 1 else find_symmetry(self.lattice, self.sites)

    @property
    def elements(self) -> frozenset[str]:
        """Symbols of all elements in it."""
        return frozenset(site.element for site in self.sites)

    @cached_property
    def mass_per_cell(self) -> float:
        """Molar mass of the cell's content in g/mol."""
        return sum(gemmi.Element(s.element).weight * s.occupancy for s in self.sites)

    @property
    def density(self) -> float:
        """X-ray density in g/cm³."""
        return self.mass_per_cell / self.lattice.volume / AVOGADRO

    @property
    def crystal_system(self) -> str:
        """``triclinic`` … ``cubic``."""
        return crystal_system(self.space_group)


def crystal_system(space_group: int) -> str:
    """The crystal system of a space group number; trigonal and hexagonal share a cell shape."""
    limits = ((2, "triclinic"), (15, "monoclinic"), (74, "orthorhombic"), (142, "tetragonal"))
    for last, system in (*limits, (167, "trigonal"), (194, "hexagonal"), (230, "cubic")):
        if space_group <= last:
            return system
    raise CrystalError(f"Expected a space group number from 1 to 230, got {space_group}.")


def find_space_group(name: str, *, where: str = "") -> gemmi.SpaceGroup:
    """The space group of a Hermann–Mauguin symbol with setting, such as ``F d -3 m:2``.

    Raises:
        CrystalError: no table knows the symbol.
    """
    found = gemmi.find_spacegroup_by_name(name)
    if found is None:
        raise CrystalError(f"Expected a Hermann-Mauguin symbol with its setting, got {name!r}{where}.")
    return found


def expand(group: gemmi.SpaceGroup, asymmetric: Iterable[Site]) -> tuple[Site, ...]:
    """Every atom of the cell: the asymmetric unit under all operations, coincident positions merged.

    Args:
        group: space group in its setting.
        asymmetric: one site of each orbit.
    """
    return under(_operations(group.xhm()), asymmetric)


@cache
def _operations(setting: str) -> tuple[gemmi.Op, ...]:
    return tuple(find_space_group(setting).operations())


def under(operations: Sequence[gemmi.Op], asymmetric: Iterable[Site]) -> tuple[Site, ...]:
    """The orbits of some sites under symmetry operations, coincident positions merged."""
    if len(operations) == 1:
        return tuple(Site(s.element, s.x % 1.0, s.y % 1.0, s.z % 1.0, s.occupancy, s.b_iso) for s in asymmetric)
    rotations = np.array([o.rot for o in operations], float) / gemmi.Op.DEN
    translations = np.array([o.tran for o in operations], float) / gemmi.Op.DEN
    sites: list[Site] = []
    for site in asymmetric:
        orbit = np.mod(rotations @ np.array([site.x, site.y, site.z]) + translations, 1.0)
        together = _same_place(orbit)
        taken = np.zeros(len(orbit), bool)
        for n, (x, y, z) in enumerate(orbit.tolist()):
            if not taken[n]:
                taken |= together[n]
                sites.append(Site(site.element, x, y, z, site.occupancy, site.b_iso))
    return tuple(sites)


def _same_place(at: Array) -> NDArray[np.bool_]:
    """Which of the fractional positions ``(n, 3)`` coincide, ``(n, n)``."""
    difference = at[:, None, :] - at[None, :, :]
    return np.asarray((np.abs(difference - np.round(difference)) <= SAME_PLACE).all(-1))


@cache
def _electronegativity(element: str) -> tuple[float, str]:
    from pymatgen.core.periodic_table import Element

    return (float(Element(element).X), element)


def reduced_formula(sites: Iterable[Site]) -> str:
    """Formula of the cell's content, least electronegative element first, as chemists write it."""
    amounts: dict[str, float] = {}
    for site in sites:
        amounts[site.element] = amounts.get(site.element, 0.0) + site.occupancy
    order = sorted(amounts, key=_electronegativity)
    counts = [round(amounts[e], 3) for e in order]
    if all(abs(n - round(n)) < 2e-2 and round(n) > 0 for n in counts):
        divisor = reduce(gcd, [round(n) for n in counts])
        return "".join(f"{e}{_tidy(round(n) // divisor)}" for e, n in zip(order, counts, strict=True))
    least = min(counts)
    for factor in range(1, 13):
        whole = [n / least * factor for n in counts]
        if all(abs(n - round(n)) < 0.015 * n for n in whole):
            return "".join(f"{e}{_tidy(round(n))}" for e, n in zip(order, whole, strict=True))
    return "".join(f"{e}{_tidy(n / least)}" for e, n in zip(order, counts, strict=True))


def _tidy(number: float) -> str:
    return "" if abs(number - 1) < 5e-3 else f"{number:.2f}".rstrip("0").rstrip(".")


def find_symmetry(lattice: Lattice, sites: tuple[Site, ...], tolerance: float = 0.02) -> int:
    """Space group number of a cell that was written out in P1; 1 if no symmetry is found.

    Args:
        lattice: the cell.
        sites: all atoms; those sharing a place count as one mixed atom.
        tolerance: distance in Å within which atoms coincide.
    """
    import spglib

    at = np.array([(s.x, s.y, s.z) for s in sites])
    mixtures: dict[int, list[tuple[str, float]]] = {}
    for site, first in zip(sites, _same_place(at).argmax(1).tolist(), strict=True):
        mixtures.setdefault(first, []).append((site.element, round(site.occupancy, 3)))
    kinds: dict[tuple[tuple[str, float], ...], int] = {}
    numbers = [kinds.setdefault(tuple(sorted(mix)), len(kinds) + 1) for mix in mixtures.values()]
    cell = (lattice.matrix().tolist(), at[list(mixtures)].tolist(), numbers)
    with _quiet_spglib():
        try:
            found = spglib.get_symmetry_dataset(cell, symprec=tolerance)
        except Exception:  # noqa: BLE001  whatever it trips over in a strange cell, no symmetry found is P1
            return 1
    return int(found.number) if found is not None else 1


@contextmanager
def _quiet_spglib() -> Iterator[None]:
    """Without spglib's remarks on stderr about searches that fail; it raises an error for them instead."""
    switches = {"SPGLIB_WARNING": "OFF", "SPGLIB_OLD_ERROR_HANDLING": "0"}
    before = {name: os.environ.get(name) for name in switches}
    os.environ.update(switches)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
