"""From a composition to grams on the balance, and what is left of them as oxide."""

from __future__ import annotations

import re
from collections.abc import Mapping

import gemmi

from science.chemistry.errors import UnknownIonError
from science.chemistry.ions import CHARGE, POWDERS

_PART = re.compile(r"([A-Z][a-z]?)(\d*\.?\d*)")


def molar_mass(formula: str) -> float:
    """Molar mass of a formula without brackets, g/mol."""
    return sum(gemmi.Element(e).weight * float(n or 1) for e, n in _PART.findall(formula))


def _cations(formula: str, element: str) -> float:
    count = sum(float(n or 1) for e, n in _PART.findall(formula) if e == element)
    if count == 0:
        raise UnknownIonError(f"Expected a powder that brings {element}, got {formula}.")
    return count


def _oxide_mass(element: str) -> float:
    """Mass of oxide that one mole of a cation becomes, g/mol."""
    if element not in CHARGE:
        raise UnknownIonError(f"Expected a cation of known charge, got {element}.")
    return float(gemmi.Element(element).weight + CHARGE[element] / 2 * gemmi.Element("O").weight)


def oxide_yield(powder: str, element: str) -> float:
    """Grams of oxide that a gram of powder becomes when CO2 and water have left."""
    return _cations(powder, element) * _oxide_mass(element) / molar_mass(powder)


def weigh_out(
    amounts: Mapping[str, float], a_site: Mapping[str, float], a_excess: float, mass: float
) -> dict[str, float]:
    """Grams of each cation's powder for a given mass of oxide product.

    Conserves cations: moles in the powders equal moles in the product, with the A-site excess added.

    Args:
        amounts: cation → moles per formula unit.
        a_site: cations that get the excess.
        a_excess: relative excess.
        mass: oxide product in g.
    """
    cations = {e: n * (1 + a_excess if e in a_site else 1.0) for e, n in amounts.items() if e in CHARGE}
    units = mass / sum(n * _oxide_mass(e) for e, n in cations.items())
    return {e: units * n * molar_mass(POWDERS[e]) / _cations(POWDERS[e], e) for e, n in cations.items()}
