"""Reads a chemical formula: which elements, and how much of each."""

from __future__ import annotations

import re

import gemmi

from science.crystals.errors import FormulaError

_TOKEN = re.compile(r"([A-Z][a-z]?|[()])(\d+(?:\.\d+)?)?")


def amounts(formula: str) -> dict[str, float]:
    """Element → amount in a formula such as ``La(OH)3`` or ``BaZr0.6Ti0.4O3``.

    Raises:
        FormulaError: it is no formula, or names an element that does not exist.
    """
    open_groups: list[dict[str, float]] = [{}]
    at = 0
    while at < len(formula):
        token = _TOKEN.match(formula, at)
        if token is None or (token[1] == "(" and token[2]) or (token[1] == ")" and len(open_groups) == 1):
            raise FormulaError(f"Expected a formula such as La(OH)3, got {formula!r}, which stops being one at {at}.")
        at = token.end()
        number = float(token[2] or 1)
        if token[1] == "(":
            open_groups.append({})
            continue
        added = open_groups.pop() if token[1] == ")" else {_element(token[1], formula): 1.0}
        for element, amount in added.items():
            open_groups[-1][element] = open_groups[-1].get(element, 0.0) + amount * number
    if len(open_groups) != 1 or not sum(open_groups[0].values()):
        raise FormulaError(f"Expected a formula such as La(OH)3, got {formula!r}, which is empty or not closed.")
    return open_groups[0]


def _element(symbol: str, formula: str) -> str:
    if gemmi.Element(symbol).atomic_number == 0:
        raise FormulaError(f"Expected chemical elements in the formula {formula}, got {symbol}.")
    return symbol


def molar_mass(formula: str) -> float:
    """Molar mass in g/mol."""
    return float(sum(gemmi.Element(element).weight * amount for element, amount in amounts(formula).items()))
