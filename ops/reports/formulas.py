"""Formulas and compositions on a page: numbers are set low."""

from __future__ import annotations

import re

from contracts.materials import Composition, Sublattice
from ops.reports.markup import Child, el
from ops.wording import fixed

_IN_PROSE = re.compile(r"(?:(?<=\))|\b)(?:[A-Z][a-z]?\d*(?:\.\d+)?){2,}\b|(?<=\))[A-Z][a-z]?\d+\b")


def formula(text: str) -> Child:
    """A chemical formula with its numbers set low, such as BaZr₀.₆Ti₀.₄O₃."""
    parts = re.split(r"(?<=[A-Za-z)])(\d+(?:\.\d+)?)", text)
    return [el("sub", part) if n % 2 else part for n, part in enumerate(parts) if part]


def prose(text: str) -> Child:
    """Free text in which whatever looks like a formula has its numbers set low."""
    parts: list[Child] = []
    at = 0
    for found in _IN_PROSE.finditer(text):
        parts += [text[at : found.start()], formula(found.group())]
        at = found.end()
    return [*parts, text[at:]]


def composition(what: Composition) -> Child:
    """A composition site by site: shared sites in brackets, numbers set low."""
    return [_site(site) for site in what.sublattices]


def _site(site: Sublattice) -> Child:
    written: list[Child] = []
    for species in site.species:
        share = species.parts / site.divisor
        low = None if share == 1 else el("sub", fixed(share, 3).rstrip("0"))
        written += [species.element, low]
    brackets = len(site.species) > 1
    times = el("sub", str(site.multiplicity)) if site.multiplicity > 1 else None
    return ["(", written, ")", times] if brackets else [written, times]
