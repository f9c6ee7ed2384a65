"""Reads a crystal from a CIF file."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np

from science.crystals.crystal import (
    DEFAULT_B_ISO,
    Crystal,
    Lattice,
    Site,
    expand,
    find_space_group,
    reduced_formula,
    under,
)
from science.crystals.errors import CrystalError

FULL = 1.01
"""Highest occupancy that rounding excuses."""


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
    small = structures[0]
    lattice = _lattice(small.cell, path)
    number, sites = _expanded(small, _asymmetric(small, path), path)
    return Crystal(path.stem, reduced_formula(sites), number, lattice, sites, source=path.name)


def _lattice(cell: gemmi.UnitCell, path: Path) -> Lattice:
    lattice = Lattice(cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma)
    if not all(np.isfinite(lattice.parameters)) or min(lattice.parameters) <= 0 or lattice.volume < 1:
        raise CrystalError(f"Expected a unit cell in {path}, got {lattice.parameters}.")
    return lattice


def _asymmetric(small: gemmi.SmallStructure, path: Path) -> list[Site]:
    """The sites as listed, without empty ones."""
    sites = [
        Site(
            _element(site, path),
            site.fract.x,
            site.fract.y,
            site.fract.z,
            float(site.occ),
            float(site.u_iso) * 8 * np.pi**2 if 0 < site.u_iso < 0.2 else DEFAULT_B_ISO,
        )
        for site in small.sites
    ]
    if any(not np.isfinite([s.x, s.y, s.z, s.occupancy]).all() for s in sites):
        raise CrystalError(f"Expected finite coordinates and occupancies in {path}, got others.")
    if stray := [s.occupancy for s in sites if not 0 <= s.occupancy <= FULL]:
        raise CrystalError(f"Expected occupancies from 0 to 1 in {path}, got {stray[0]:g}.")
    if all(s.occupancy == 0 for s in sites):
        raise CrystalError(f"Expected atom sites that are occupied in {path}, got none.")
    return [s for s in sites if s.occupancy > 0]


def _element(site: gemmi.SmallStructure.Site, path: Path) -> str:
    symbol = str(site.element.name)
    if symbol == "X":
        raise CrystalError(f"Expected elements in {path}, got the atom label {site.label!r}.")
    return "H" if symbol == "D" else symbol


def _expanded(small: gemmi.SmallStructure, asymmetric: list[Site], path: Path) -> tuple[int, tuple[Site, ...]]:
    """Number of the space group as written (1 if its setting has no name), and every atom of the cell."""
    group = small.spacegroup
    if group is None and small.symops:
        return 1, under([gemmi.Op(o) for o in small.symops], asymmetric)
    if group is None:
        raise CrystalError(f"Expected a space group in {path}, got {small.spacegroup_hm!r}.")
    settings = [group]
    if not small.symops and group.ext in ("1", "2"):
        # a symbol alone does not say from which origin the coordinates count; from the wrong one, atoms that
        # stand on symmetry elements leave them and multiply
        settings = [find_space_group(f"{group.hm}:{origin}") for origin in ("2", "1")]
    written = [(int(g.number), expand(g, asymmetric)) for g in settings]
    return min(written, key=lambda w: len(w[1]))
