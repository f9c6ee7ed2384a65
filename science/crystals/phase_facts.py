"""The phase library as typed facts, and its file format.

A file holds ``[[phase]]`` tables with the symbol of the setting, the cell, the asymmetric unit with site
multiplicities, reference density and lines, and a source. Whoever reads one gets an error for every
contradiction: a multiplicity that the position does not have, charges that do not cancel, a wrong number,
a content of the cell that is not the formula or does not weigh what it should.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from math import isclose, isfinite
from pathlib import Path
from typing import Any

from science.crystals.crystal import Crystal, Lattice, Site, expand, find_space_group
from science.crystals.errors import CrystalError, FormulaError, PhaseFactError
from science.crystals.formula import amounts

KEYS = frozenset(
    "id formula space_group number cell density strongest_d role source certainty sites note".split()  # noqa: SIM905
)
REQUIRED = KEYS - {"note"}
DENSITY_TOLERANCE = 0.02
"""Relative difference between the stated density and that of the cell; room temperatures and rounding differ."""
SITE_KEYS = frozenset({"element", "charge", "multiplicity", "at", "occupancy", "b_iso"})


@dataclass(frozen=True, slots=True)
class AsymmetricSite:
    """One orbit of atoms: element, charge, multiplicity, a representative position, occupancy, B in Å²."""

    element: str
    charge: int
    multiplicity: int
    at: tuple[float, float, float]
    occupancy: float
    b_iso: float


@dataclass(frozen=True)
class PhaseFact:
    """One known phase."""

    id: str
    formula: str
    space_group: str
    number: int
    lattice: Lattice
    density: float
    strongest_d: tuple[float, ...]
    role: str
    source: str
    certainty: str
    sites: tuple[AsymmetricSite, ...]
    note: str = ""

    @cached_property
    def crystal(self) -> Crystal:
        """The structure with the full content of its cell."""
        group = find_space_group(self.space_group)
        asymmetric = [Site(s.element, *s.at, s.occupancy, s.b_iso) for s in self.sites]
        return Crystal(self.id, self.formula, self.number, self.lattice, expand(group, asymmetric), self.source)

    @property
    def content(self) -> dict[str, float]:
        """Element → atoms in the cell."""
        content: dict[str, float] = {}
        for site in self.sites:
            content[site.element] = content.get(site.element, 0.0) + site.multiplicity * site.occupancy
        return content

    @property
    def charge(self) -> float:
        """Sum of all charges in the cell."""
        return sum(s.charge * s.multiplicity * s.occupancy for s in self.sites)


def load_phase_facts(path: Path | None = None) -> tuple[PhaseFact, ...]:
    """The facts in a TOML file; the shipped library by default.

    Raises:
        PhaseFactError: the file cannot be read, or an entry contradicts itself.
    """
    where = str(path) if path else "the shipped phase library"
    try:
        text = (
            path.read_text(encoding="utf-8")
            if path
            else resources.files("science.crystals").joinpath("phases.toml").read_text(encoding="utf-8")
        )
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PhaseFactError(f"Expected a phase library in TOML at {where}, got: {error}") from error
    entries = document.get("phase")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise PhaseFactError(f"Expected [[phase]] entries in {where}, got {sorted(document)}.")
    facts = tuple(_fact(entry, f"{where}, phase {n}") for n, entry in enumerate(entries, 1))
    if len({fact.id for fact in facts}) != len(facts):
        raise PhaseFactError(f"Expected each id once in {where}, got some twice.")
    return facts


def _fact(entry: dict[str, Any], where: str) -> PhaseFact:
    where = f"{where} ({entry.get('id', 'without id')})"
    if stray := set(entry) - KEYS:
        raise PhaseFactError(f"Expected the keys {sorted(KEYS)} in {where}, got {sorted(stray)} as well.")
    if missing := REQUIRED - set(entry):
        raise PhaseFactError(f"Expected the keys {sorted(REQUIRED)} in {where}, got none of {sorted(missing)}.")
    try:
        fact = PhaseFact(
            id=str(entry["id"]),
            formula=str(entry["formula"]),
            space_group=str(entry["space_group"]),
            number=int(entry["number"]),
            lattice=_lattice(entry["cell"]),
            density=float(entry["density"]),
            strongest_d=tuple(map(float, entry["strongest_d"])),
            role=str(entry["role"]),
            source=str(entry["source"]),
            certainty=str(entry["certainty"]),
            sites=tuple(_site(site, where) for site in entry["sites"]),
            note=str(entry.get("note", "")),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise PhaseFactError(f"Expected numbers and texts of the right kind in {where}, got: {error}") from error
    _check(fact, where)
    return fact


def _lattice(cell: list[float]) -> Lattice:
    a, b, c, alpha, beta, gamma = map(float, cell)
    lattice = Lattice(a, b, c, alpha, beta, gamma)
    if not all(map(isfinite, lattice.parameters)) or min(lattice.parameters) <= 0 or not lattice.volume > 1:
        raise ValueError(f"no cell: {cell}")
    return lattice


def _site(entry: dict[str, Any], where: str) -> AsymmetricSite:
    if stray := set(entry) - SITE_KEYS:
        raise PhaseFactError(f"Expected the site keys {sorted(SITE_KEYS)} in {where}, got {sorted(stray)} as well.")
    if missing := SITE_KEYS - {"b_iso", "occupancy"} - set(entry):
        raise PhaseFactError(f"Expected {sorted(missing)} of each site in {where}, got none.")
    x, y, z = map(float, entry["at"])
    occupancy, b_iso = float(entry.get("occupancy", 1.0)), float(entry.get("b_iso", 0.5))
    if not 0 < occupancy <= 1:
        raise PhaseFactError(f"Expected an occupancy above 0 and up to 1 in {where}, got {occupancy}.")
    return AsymmetricSite(
        str(entry["element"]), int(entry["charge"]), int(entry["multiplicity"]), (x, y, z), occupancy, b_iso
    )


def _check(fact: PhaseFact, where: str) -> None:
    try:
        group = find_space_group(fact.space_group)
    except CrystalError as error:
        raise PhaseFactError(f"{error} ({where})") from error
    if group.number != fact.number:
        raise PhaseFactError(f"Expected the number {group.number} of {fact.space_group} in {where}, got {fact.number}.")
    for site in fact.sites:
        found = len(expand(group, [Site(site.element, *site.at)]))
        if found != site.multiplicity:
            raise PhaseFactError(
                f"Expected the multiplicity {found} that {site.element} at {site.at} has in {fact.space_group} "
                f"({where}), got {site.multiplicity}."
            )
    if abs(fact.charge) > 1e-6:
        raise PhaseFactError(f"Expected charges that cancel in {where}, got {fact.charge:+g} e per cell.")
    try:
        wanted = amounts(fact.formula)
    except FormulaError as error:
        raise PhaseFactError(f"{error} ({where})") from error
    content = fact.content
    units = sum(content.values()) / sum(wanted.values())
    if any(not isclose(content.get(e, 0), wanted.get(e, 0) * units, abs_tol=1e-6) for e in wanted | content):
        raise PhaseFactError(f"Expected {units:g} units of {fact.formula} in the cell in {where}, got {content}.")
    density = fact.crystal.density
    if not abs(fact.density / density - 1) <= DENSITY_TOLERANCE:
        raise PhaseFactError(
            f"Expected the density {density:.3f} g/cm3 of its cell, within {DENSITY_TOLERANCE:.0%}, in {where}, "
            f"got {fact.density:g}."
        )
