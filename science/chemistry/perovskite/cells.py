"""Cells of perovskites: which phase is one, its pseudo-cubic lattice, and that which mixtures should have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from science.chemistry.perovskite.ions import expected_lattice
from science.crystals.errors import FormulaError
from science.crystals.formula import amounts

if TYPE_CHECKING:
    from science.crystals.crystal import Lattice

FORMULA_UNITS = {221: 1, 99: 1, 140: 4, 62: 4, 167: 6}
"""Space group of a perovskite → formula units in its conventional cell."""
CUBICITY = {221: 1.0, 140: 0.6, 99: 0.5, 62: 0.25, 167: 0.25}
"""How close to cubic each symmetry is, as the objective counts it."""
OXOANIONS = frozenset({"B", "C", "N", "P", "S", "Se", "Cl", "Br", "I"})
"""Elements that form an anion with three oxygens; such salts have groups of perovskites, too."""
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


def relative_error(lattice: Lattice, errors: Sequence[float]) -> float:
    """Standard uncertainty of the cube root of a cell's volume, relative to it.

    Lengths that symmetry makes equal have one error together, others are taken as independent of each other, and
    angles as fixed, as they are in all perovskites that are looked for.

    Args:
        lattice: the cell.
        errors: standard uncertainties of its lengths in Å; what follows is not looked at.
    """
    pairs = list(zip((lattice.a, lattice.b, lattice.c), errors[:3], strict=True))
    groups = {pair: pairs.count(pair) for pair in pairs}
    return math.sqrt(sum((n * error / length) ** 2 for (length, error), n in groups.items())) / 3


@cache
def _end_members() -> dict[str, float]:
    from science.crystals.phase_facts import load_phase_facts  # only now: names are told without numerics

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
