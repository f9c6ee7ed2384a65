"""What an analyst would try for a nominal solid solution: mixed-occupancy perovskites in four symmetries.

Cells follow Vegard's rule between end members that the phase library knows, or ionic radii where it knows
none; they are starting points that a refinement moves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from science.chemistry.perovskite.cells import vegard
from science.chemistry.perovskite.ions import tolerance_factor
from science.crystals.crystal import Crystal, Lattice, Site, expand, find_space_group


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
