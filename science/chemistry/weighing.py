"""From a composition to grams on the balance, and what is left of them as oxide."""

from __future__ import annotations

from collections.abc import Mapping

import gemmi

from science.chemistry.elements import CHARGE
from science.chemistry.errors import UnknownIonError
from science.crystals.formula import amounts as amounts_in
from science.crystals.formula import molar_mass


def _cations(powder: str, element: str) -> float:
    count = amounts_in(powder).get(element, 0.0)
    if count == 0:
        raise UnknownIonError(f"Expected a powder that brings {element}, got {powder}.")
    return count


def _oxide_mass(element: str) -> float:
    """Mass of oxide that one mole of a cation becomes, g/mol."""
    if element not in CHARGE:
        raise UnknownIonError(f"Expected a cation of known charge ({', '.join(CHARGE)}), got {element}.")
    return float(gemmi.Element(element).weight + CHARGE[element] / 2 * gemmi.Element("O").weight)


def oxide_yield(powder: str, element: str) -> float:
    """Grams of oxide that a gram of powder becomes when CO2 and water have left.

    Raises:
        UnknownIonError: the powder does not bring that element, or its charge is not known here.
        FormulaError: the powder is no formula.
    """
    return _cations(powder, element) * _oxide_mass(element) / molar_mass(powder)


def weigh_out(
    amounts: Mapping[str, float], excess: Mapping[str, float], mass: float, powders: Mapping[str, str]
) -> dict[str, float]:
    """Grams of each cation's powder for a given mass of oxide product.

    Conserves cations: moles in the powders equal moles in the product, with the excess added.

    Args:
        amounts: element → moles per formula unit; the oxygen among them comes with the oxides.
        excess: cation → relative excess; those that are not named get none.
        mass: oxide product in g.
        powders: cation → the powder that brings it.

    Raises:
        UnknownIonError: there is an element for which the laboratory has no powder, or no cation at all.
    """
    if unknown := sorted(set(amounts) - set(powders) - {"O"}):
        raise UnknownIonError(f"Expected cations with a powder ({', '.join(powders)}), got {', '.join(unknown)}.")
    cations = {e: n * (1 + excess.get(e, 0.0)) for e, n in amounts.items() if e != "O"}
    if sum(cations.values()) <= 0:
        raise UnknownIonError(f"Expected an amount of at least one cation, got {dict(amounts)}.")
    units = mass / sum(n * _oxide_mass(e) for e, n in cations.items())
    return {e: units * n * molar_mass(powders[e]) / _cations(powders[e], e) for e, n in cations.items()}
