"""What is in a powder: moles of cation in a gram of precursor, and the oxide that it leaves behind.

The world believes what lies on the balance, not what the plan says it means: grams weighed out by a wrong
sum make a wrong sample here, as in any lab.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import gemmi

from contracts.recipe import Precursor
from simulators.world.thermochemistry import CHARGES

_MARK = re.compile(r"([A-Z][a-z]?|\(|\))(\d*\.?\d*)")


def atoms_in(formula: str) -> dict[str, float]:
    """Element → atoms in a formula such as ``La(OH)3``; empty for what is no formula."""
    levels: list[dict[str, float]] = [{}]
    for mark, number in _MARK.findall(formula):
        times = float(number or 1)
        if mark == "(":
            levels.append({})
        elif mark == ")":
            if len(levels) == 1:
                return {}
            for element, n in levels.pop().items():
                levels[-1][element] = levels[-1].get(element, 0.0) + n * times
        elif gemmi.Element(mark).atomic_number == 0:
            return {}
        else:
            levels[-1][mark] = levels[-1].get(mark, 0.0) + times
    return levels[0] if len(levels) == 1 else {}


@cache
def mass_per_cation(formula: str, element: str) -> float:
    """Mass of the powder that brings one mole of its cation, g/mol."""
    atoms = atoms_in(formula)
    return float(sum(gemmi.Element(e).weight * n for e, n in atoms.items()) / atoms[element])


@cache
def oxide_mass(element: str) -> float:
    """Mass of one mole of a cation with the oxygen that balances it, g/mol."""
    return float(gemmi.Element(element).weight + CHARGES[element] / 2 * gemmi.Element("O").weight)


def moles_weighed(precursors: Sequence[Precursor]) -> dict[str, float]:
    """Cation → moles in what the recipe puts on the balance."""
    return {p.element: p.mass / mass_per_cation(p.formula, p.element) for p in precursors}
