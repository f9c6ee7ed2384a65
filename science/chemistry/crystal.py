"""A crystal: cell, space group, and every atom of the cell.

Structures come from CIF files or from typed facts; both end here, expanded by the symmetry operations of
the International Tables, so that diffraction needs to know nothing of settings and origins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from math import gcd
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from science.chemistry.errors import CrystalError

Array = NDArray[np.float64]

AVOGADRO = 0.602214076
"""Avogadro's number in units of 1e24 / mol: converts g/mol/Å³ to g/cm³."""
SAME_PLACE = 1e-2
"""Fractional distance within which symmetry-equivalent positions are one."""
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
    """A crystal structure with the full content of its cell."""

    name: str
    formula: str
    space_group: int
    lattice: Lattice
    sites: tuple[Site, ...]
    source: str = ""

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
    operations = list(group.operations())
    sites: list[Site] = []
    for site in asymmetric:
        places: list[Array] = []
        for operation in operations:
            at = np.mod(np.array(operation.apply_to_xyz([site.x, site.y, site.z])), 1.0)
            if all(_apart(at, other) for other in places):
                places.append(at)
        sites += [Site(site.element, float(x), float(y), float(z), site.occupancy, site.b_iso) for x, y, z in places]
    return tuple(sites)


def _apart(one: Array, other: Array) -> bool:
    difference = one - other
    return bool(np.abs(difference - np.round(difference)).max() > SAME_PLACE / 2)


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


def read_cif(path: Path) -> Crystal:
    """The structure in a CIF file.

    Raises:
        CrystalError: the file cannot be read, or holds no structure.
    """
    try:
        document = gemmi.cif.read(str(path))
        structures = [s for block in document if (s := gemmi.make_small_structure_from_block(block)).sites]
    except (ValueError, RuntimeError, OSError, UnicodeDecodeError) as error:
        raise CrystalError(f"Expected a CIF file at {path}, got: {error}") from error
    if not structures:
        raise CrystalError(f"Expected atom sites in {path}, got none.")
    return _from_gemmi(structures[0], path)


def _from_gemmi(small: gemmi.SmallStructure, path: Path) -> Crystal:
    cell = small.cell
    lattice = Lattice(cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma)
    if not all(np.isfinite(lattice.parameters)) or min(lattice.parameters) <= 0 or lattice.volume < 1:
        raise CrystalError(f"Expected a unit cell in {path}, got {lattice.parameters}.")
    group = small.spacegroup or gemmi.find_spacegroup_by_name(small.spacegroup_hm or "")
    asymmetric = [
        Site(
            _element(site, path),
            site.fract.x,
            site.fract.y,
            site.fract.z,
            float(site.occ),
            float(site.u_iso) * 8 * np.pi**2 if 0 < site.u_iso < 0.2 else DEFAULT_B_ISO,
        )
        for site in small.sites
        if site.occ > 0
    ]
    if any(not np.isfinite([s.x, s.y, s.z, s.occupancy]).all() for s in asymmetric):
        raise CrystalError(f"Expected finite coordinates and occupancies in {path}, got others.")
    if group is None:
        operations = list(small.symops)
        if not operations:
            raise CrystalError(f"Expected a space group in {path}, got {small.spacegroup_hm!r}.")
        group = gemmi.find_spacegroup_by_ops(gemmi.GroupOps([gemmi.Op(o) for o in operations]))
        if group is None:
            raise CrystalError(f"Expected symmetry operations of a space group in {path}, got others.")
    sites = expand(group, asymmetric)
    number = int(group.number) if group.number > 1 else find_symmetry(lattice, sites)
    return Crystal(path.stem, reduced_formula(sites), number, lattice, sites, source=path.name)


def find_symmetry(lattice: Lattice, sites: tuple[Site, ...], tolerance: float = 0.02) -> int:
    """Space group number of a cell that was written out in P1.

    Args:
        lattice: the cell.
        sites: all atoms; those sharing a place count as one mixed atom.
        tolerance: distance in Å within which atoms coincide.
    """
    import spglib

    places: dict[tuple[float, ...], list[tuple[str, float]]] = {}
    for site in sites:
        at = tuple(round(v % 1.0, 3) % 1.0 for v in (site.x, site.y, site.z))
        places.setdefault(at, []).append((site.element, round(site.occupancy, 3)))
    kinds: dict[tuple[tuple[str, float], ...], int] = {}
    numbers = [kinds.setdefault(tuple(sorted(mix)), len(kinds) + 1) for mix in places.values()]
    try:
        found = spglib.get_symmetry_dataset((lattice.matrix().tolist(), list(places), numbers), symprec=tolerance)
    except Exception:  # noqa: BLE001  spglib has no error of its own; no symmetry found is P1
        return 1
    return int(found.number) if found is not None else 1


def _element(site: gemmi.SmallStructure.Site, path: Path) -> str:
    symbol = str(site.element.name)
    if symbol == "X":
        raise CrystalError(f"Expected elements in {path}, got the atom label {site.label!r}.")
    return "H" if symbol == "D" else symbol
