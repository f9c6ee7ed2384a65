"""What the phases that were found say of the perovskite that was meant: its lattice, share, symmetry and spread."""

from __future__ import annotations

from collections.abc import Sequence

from science.chemistry.chemistry import Doubt, Phase, Value
from science.chemistry.perovskite.cells import CUBICITY, is_perovskite, pseudo_cubic, relative_error

STRAIN_OF_EVEN_POWDER = 0.0007
STRAIN_PER_HETEROGENEITY = 0.012
"""Microstrain of a homogeneous powder, and its growth with the spread of compositions."""


def meant(phases: Sequence[Phase], wanted: str) -> Phase | Doubt:
    """The perovskite with the largest share, or the one that is named."""
    found = [p for p in phases if is_perovskite(p.formula, p.space_group)]
    mine = [p for p in found if not wanted or wanted in (p.name, p.formula)]
    if mine:
        return max(mine, key=lambda p: p.share)
    if not phases:
        return Doubt("no phase was found")
    return Doubt(f"no perovskite{f' {wanted}' if wanted else ''} was found, but {', '.join(p.name for p in phases)}")


def lattice(phases: Sequence[Phase], wanted: str = "") -> Value | Doubt:
    """Pseudo-cubic lattice parameter in Å."""
    phase = meant(phases, wanted)
    if isinstance(phase, Doubt):
        return phase
    edge = pseudo_cubic(phase.lattice, phase.space_group)
    return Value(edge, edge * relative_error(phase.lattice, phase.lattice_su) if phase.lattice_su else None)


def share(phases: Sequence[Phase], wanted: str = "") -> Value | Doubt:
    """Share of the crystalline mass; none of it where only other phases were found."""
    phase = meant(phases, wanted)
    if isinstance(phase, Doubt):
        return Value(0.0) if phases else phase
    return Value(phase.share, phase.share_su)


def cubicity(phases: Sequence[Phase], wanted: str = "") -> Value | Doubt:
    """How close to cubic its symmetry is, 0 to 1."""
    phase = meant(phases, wanted)
    return phase if isinstance(phase, Doubt) else Value(CUBICITY[phase.space_group])


def heterogeneity(phases: Sequence[Phase], wanted: str = "") -> Value | Doubt:
    """Spread of its composition, 0 to 1, as far as line widths tell."""
    phase = meant(phases, wanted)
    return phase if isinstance(phase, Doubt) else Value(unevenness(phase.microstrain or 0.0))


def unevenness(microstrain: float) -> float:
    """Spread of the composition that a relative spread of the lattice speaks of, 0 to 1."""
    return min(max((microstrain - STRAIN_OF_EVEN_POWDER) / STRAIN_PER_HETEROGENEITY, 0.0), 1.0)
