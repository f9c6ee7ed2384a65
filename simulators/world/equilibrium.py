"""Which phases are stable: Gibbs minimisation by linear programming over pseudo-compounds.

Minimise Σ nₚ Gₚ(T) under conservation of each cation; solid solutions enter as a grid of pseudo-compounds
and the exact composition (Connolly 1990, doi:10.2475/ajs.290.6.666). Miscibility gaps and by-products come
out of it by themselves.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import linprog

from simulators.world.thermochemistry import (
    CHARGES,
    COMPETITORS,
    GAS,
    MISFIT_A,
    MISFIT_B,
    RADII,
    perovskite_enthalpy,
)

A_SITE = ("Ca", "Sr", "Ba", "La")
B_SITE = ("Ti", "Zr", "Sn", "Hf", "Al", "Sc", "In")
CATIONS = A_SITE + B_SITE
GRID = 6
"""Site fractions of pseudo-compounds are multiples of one over this."""


@dataclass(frozen=True, slots=True)
class Perovskite:
    """A perovskite pseudo-compound by its site fractions."""

    a_site: tuple[tuple[str, float], ...]
    b_site: tuple[tuple[str, float], ...]


Stable = dict[str | Perovskite, float]
"""Phase → moles of formula units; oxides are named by their cation with ``-oxide``."""


def _mixing(fractions: Mapping[str, float], misfit: float) -> tuple[float, float]:
    """Misfit enthalpy in kJ/mol and ideal entropy in units of R."""
    pairs = itertools.combinations(fractions.items(), 2)
    enthalpy = sum(x * y * misfit * (RADII[a] - RADII[b]) ** 2 for (a, x), (b, y) in pairs)
    entropy = -sum(x * math.log(x) for x in fractions.values() if x > 1e-9)
    return enthalpy, entropy


def perovskite_energy(a_site: Mapping[str, float], b_site: Mapping[str, float], kelvin: float) -> float:
    """Gibbs energy of formation from the oxides of one ABO3, kJ/mol."""
    ends = sum(x * y * perovskite_enthalpy(a, b) for a, x in a_site.items() for b, y in b_site.items())
    ha, sa = _mixing(a_site, MISFIT_A)
    hb, sb = _mixing(b_site, MISFIT_B)
    return ends + ha + hb - GAS * kelvin * (sa + sb)


@cache
def _shares(elements: tuple[str, ...]) -> tuple[dict[str, float], ...]:
    """All compositions of a site in steps of one over `GRID`."""
    cuts = itertools.product(range(GRID + 1), repeat=len(elements))
    return tuple({e: n / GRID for e, n in zip(elements, c, strict=True) if n} for c in cuts if sum(c) == GRID)


def _charge(fractions: Mapping[str, float]) -> float:
    return sum(x * CHARGES[e] for e, x in fractions.items())


def equilibrium(amounts: Mapping[str, float], kelvin: float, targets: tuple[Perovskite, ...] = ()) -> Stable:
    """The assemblage of lowest Gibbs energy.

    Args:
        amounts: moles of each cation.
        kelvin: temperature.
        targets: exact compositions offered beside the grid.
    """
    present = {e: n for e, n in amounts.items() if n > 1e-9}
    if not present:
        return {}
    names: list[str | Perovskite] = []
    contents: list[Mapping[str, float]] = []
    energies: list[float] = []
    names += [f"{element}-oxide" for element in present]
    contents += [{element: 1.0} for element in present]
    energies += [0.0] * len(present)
    for name, (cations, enthalpy, entropy) in COMPETITORS.items():
        if cations.keys() <= present.keys():
            names.append(name)
            contents.append(cations)
            energies.append(enthalpy.value - kelvin * entropy)
    # a target that lacks a cation cannot form: it would make that cation out of nothing
    offered = [t for t in targets if {e for site in (t.a_site, t.b_site) for e, _ in site} <= present.keys()]
    a_there = tuple(e for e in A_SITE if e in present)
    b_there = tuple(e for e in B_SITE if e in present)
    offered += [
        Perovskite(tuple(x.items()), tuple(y.items()))
        for x in (_shares(a_there) if a_there else ())
        for y in (_shares(b_there) if b_there else ())
        if abs(_charge(x) + _charge(y) - 6) < 1e-9
    ]
    for compound in offered:
        x, y = dict(compound.a_site), dict(compound.b_site)
        names.append(compound)
        contents.append(x | y)
        energies.append(perovskite_energy(x, y, kelvin))
    matrix = np.array([[content.get(e, 0.0) for content in contents] for e in present])
    solved = linprog(energies, A_eq=matrix, b_eq=list(present.values()), method="highs")
    if not solved.success:
        raise ArithmeticError(f"Expected an equilibrium of {present}, got: {solved.message}")
    return {name: float(v) for name, v in zip(names, np.asarray(solved.x), strict=True) if v > 1e-6}
