"""`[space.composition]`: a formula with sites, shares of components, or a table that somebody made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from contracts.spaces import Compositions, Simplex, Sites
from ops.questions.pages import Page, as_number, brief
from ops.questions.tables import read_table

KINDS = ("formula", "simplex", "table")
"""The key that says what candidates consist of."""
_PART = re.compile(r"(?P<name>[A-Z][A-Za-z]*)(?P<count>\d+(?:\.\d+)?|\.\d+)?")


def composition_in(page: Page, folder: Path) -> Compositions | None:
    """What candidates consist of; none where only settings are chosen.

    Args:
        page: the table.
        folder: where the file lies.
    """
    written = [kind for kind in KINDS if kind in page]
    if len(written) != 1:
        page.wrong("", f"expected one of {', '.join(KINDS)}, got {' and '.join(written) or 'none of them'}")
        return None
    if written == ["simplex"]:
        return _simplex(page)
    return _sites(page) if written == ["formula"] else read_table(page, folder)


def _simplex(page: Page) -> Simplex | None:
    components, divisor = page.words("simplex"), page.whole("parts", 0)
    basis, sums = page.text("basis", "atoms"), page.flag("sum_to_one", default=True)
    page.done()
    document = {"components": components, "divisor": divisor or None, "basis": basis, "sum_to_one": sums}
    return page.made("", lambda: Simplex.model_validate(document))


def _sites(page: Page) -> Sites | None:
    formula, parts = page.text("formula"), page.whole("parts", 1)
    most = page.take("max_species", 1)
    lines = dict(page.rest())
    named = _named(formula, lines, page)
    for stray in sorted(set(lines) - {name for name, _ in named}):
        page.wrong(stray, f"an unknown key (known here: the names in the formula {formula!r}, parts, max_species)")
    sites = [_site(page, name, count, lines.get(name), _most(page, most, name)) for name, count in named]
    if not named or None in sites:
        return None
    return page.made("", lambda: Sites.model_validate({"sites": sites, "divisor": parts}))


def _named(formula: str, lines: dict[str, Any], page: Page) -> list[tuple[str, float]]:
    """Names and counts in a formula whose parts stand apart: ``A B O3``, ``Li1.2 M0.8 O2``."""
    named = []
    for part in formula.split():
        found = _PART.fullmatch(part)
        if part in lines:
            named.append((part, 1.0))
        elif found is None or float(found["count"] or 1) == 0:
            page.wrong("formula", f"expected names and counts apart from each other, such as A B O3, got {part!r}")
        else:
            named.append((found["name"], float(found["count"] or 1)))
    if not formula.split():
        page.wrong("formula", "expected a formula such as A B O3, got an empty one")
    return named


def _most(page: Page, told: Any, site: str) -> int:
    """How many elements may share a site."""
    value = told.get(site, 1) if isinstance(told, dict) else told
    if type(value) is not int or not 1 <= value <= 8:
        page.wrong("max_species", f"expected a number from 1 to 8, or a table such as {{ A = 2 }}, got {brief(value)}")
        return 1
    return value


def _site(page: Page, name: str, count: float, line: Any, most: int) -> dict[str, Any] | None:
    """A site, from the line that its name has: a table of ions, the charge of an atom, or none."""
    if isinstance(line, dict):
        ions = {element: _charges(page, f"{name}.{element}", charges) for element, charges in line.items()}
        if not ions or None in ions.values():
            if not ions:
                page.wrong(name, "expected ions and their charges, such as { Ca = 2, Sr = 2 }, got none")
            return None
        return {"label": name, "multiplicity": count, "ions": ions, "max_species": min(most, len(ions))}
    charges = (0,) if line is None else _charges(page, name, line)
    return None if charges is None else {"label": name, "multiplicity": count, "ions": {name: charges}}


def _charges(page: Page, key: str, told: Any) -> tuple[int, ...] | None:
    """A charge, or several for mixed valence."""
    several = told if isinstance(told, list) else [told]
    numbers = [as_number(value) for value in several]
    if not numbers or any(n is None or n != int(n) for n in numbers):
        page.wrong(key, f"expected a charge such as 2, or several such as [3, 4], got {brief(told)}")
        return None
    return tuple(sorted({int(n) for n in numbers if n is not None}))
