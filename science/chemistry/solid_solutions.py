"""What an analyst would try for a nominal solid solution: mixed-occupancy perovskites in four symmetries.

Cells follow Vegard's rule between end members that the phase library knows, or ionic radii where it knows
none; they are starting points that a refinement moves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

from science.chemistry.crystal import Crystal, Lattice, Site, expand, find_space_group
from science.chemistry.errors import FormulaError
from science.chemistry.formula import amounts
from science.chemistry.ions import expected_lattice, tolerance_factor
from science.chemistry.phase_facts import load_phase_facts

FORMULA_UNITS = {221: 1, 99: 1, 140: 4, 62: 4, 167: 6}
"""Space group of a perovskite → formula units in its conventional cell."""
CUBICITY = {221: 1.0, 140: 0.6, 99: 0.5, 62: 0.25, 167: 0.25}
"""How close to cubic each symmetry is, as the objective counts it."""
OXOANIONS = frozenset({"B", "C", "N", "P", "S", "Se", "Cl", "Br", "I"})
"""Elements that form an anion with three oxygens, as in aragonite and calcite: and share groups with perovskites."""
STOICHIOMETRIC = 0.1
"""Cations per three oxygens may depart from two by so much: vacancies, and shares rounded to three places."""


def is_perovskite(formula: str, space_group: int) -> bool:
    """Whether a phase is an oxide perovskite, by its group and by what it is made of.

    Corundum has three oxygens and the group of a rhombohedral perovskite, as have calcite and soda nitre; what tells
    them apart is two kinds of metals on two kinds of places.

    Args:
        formula: per three oxygens, with fractions where sites are shared: ``BaTi0.5Zr0.5O3``. What is no formula is
            no perovskite.
        space_group: its number.
    """
    try:
        parts = amounts(formula)
    except FormulaError:
        return False
    metals = {element: n for element, n in parts.items() if element != "O"}
    return (
        space_group in FORMULA_UNITS
        and abs(parts.get("O", 0.0) - 3) < 1e-6
        and len(metals) > 1
        and abs(sum(metals.values()) - 2) < STOICHIOMETRIC
        and not OXOANIONS & metals.keys()
    )


def pseudo_cubic(lattice: Lattice, space_group: int) -> float:
    """Cube root of the volume per ABO3, Å."""
    return float((lattice.volume / FORMULA_UNITS[space_group]) ** (1 / 3))


@cache
def _end_members() -> dict[str, float]:
    known: dict[str, float] = {}
    for fact in load_phase_facts():
        if fact.role == "target" and fact.number in FORMULA_UNITS and fact.id != "BaTiO3_c":
            known[fact.formula.removesuffix("O3")] = pseudo_cubic(fact.lattice, fact.number)
    return known


def vegard(a_site: Mapping[str, float], b_site: Mapping[str, float]) -> float:
    """Expected pseudo-cubic parameter in Å: mean volume of the end members."""
    ends = _end_members()
    volume = sum(
        x * y * ends.get(a + b, expected_lattice({a: 1.0}, {b: 1.0})) ** 3
        for a, x in a_site.items()
        for b, y in b_site.items()
    )
    return float(volume ** (1 / 3))


def formula_of(a_site: Mapping[str, float], b_site: Mapping[str, float]) -> str:
    """Readable formula such as ``BaZr0.583Ti0.417O3``."""

    def part(element: str, share: float) -> str:
        return element if abs(share - 1) < 1e-6 else f"{element}{share:.3f}".rstrip("0").rstrip(".")

    return "".join(part(e, s) for e, s in [*a_site.items(), *b_site.items()]) + "O3"


def perovskite_models(a_site: Mapping[str, float], b_site: Mapping[str, float]) -> tuple[Crystal, ...]:
    """Cubic, tetragonal (polar), tetragonal (tilted) and orthorhombic models of a nominal composition.

    Args:
        a_site: element → share of the A site.
        b_site: element → share of the B site.
    """
    a, formula = vegard(a_site, b_site), formula_of(a_site, b_site)
    tilt = math.sqrt(max(0.99 - tolerance_factor(a_site, b_site), 0.0025))
    angle = 1.0 * tilt
    x = 0.25 * (1 - math.tan(angle))
    s = tilt / 0.2
    root = 2**0.5
    return (
        _model(formula, "P m -3 m", Lattice(a, a, a), a_site, b_site, [(0.5, 0.5, 0.5)], (0, 0, 0), [(0.5, 0, 0)]),
        _model(
            formula, "P 4 m m", Lattice(a * 0.997, a * 0.997, a * 1.006), a_site, b_site,
            [(0, 0, 0)], (0.5, 0.5, 0.52), [(0.5, 0.5, -0.02), (0.5, 0, 0.49)],
        ),
        _model(
            formula, "I 4/m c m", Lattice(root * a * 0.998, root * a * 0.998, 2 * a * 1.003), a_site, b_site,
            [(0, 0.5, 0.25)], (0, 0, 0), [(0, 0, 0.25), (x, x + 0.5, 0)],
        ),
        _model(
            formula, "P n m a", Lattice(root * a * (1 + 0.01 * s), 2 * a, root * a * (1 - 0.01 * s)), a_site, b_site,
            [(0.036 * s, 0.25, -0.008 * s)], (0, 0, 0.5),
            [(0.5 - 0.02 * s, 0.25, 0.08 * s), (0.25 + 0.04 * s, 0.04 * s, 0.75 - 0.04 * s)],
        ),
    )  # fmt: skip


def _model(
    formula: str,
    symbol: str,
    lattice: Lattice,
    a_site: Mapping[str, float],
    b_site: Mapping[str, float],
    a_at: list[tuple[float, float, float]],
    b_at: tuple[float, float, float],
    oxygen_at: list[tuple[float, float, float]],
) -> Crystal:
    group = find_space_group(symbol)
    sites = [Site(e, *at, share, 0.5) for at in a_at for e, share in a_site.items()]
    sites += [Site(e, *b_at, share, 0.4) for e, share in b_site.items()]
    sites += [Site("O", *at, 1.0, 0.8) for at in oxygen_at]
    name = f"{formula} ({symbol.replace(' ', '')})"
    return Crystal(name, formula, int(group.number), lattice, expand(group, sites), "solid-solution model")
