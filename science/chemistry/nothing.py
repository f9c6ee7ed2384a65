"""The chemistry that knows nothing: what can be read of any phase that is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from science.chemistry.chemistry import Chemistry, Doubt, Phase, Reading, Value

if TYPE_CHECKING:
    from science.crystals.crystal import Lattice


def named(phases: Sequence[Phase], wanted: str) -> Phase | Doubt:
    """The phase of that name or formula."""
    if not phases:
        return Doubt("no phase was found")
    found = ", ".join(p.name for p in phases)
    if not wanted:
        return Doubt(f"nobody said which phase to read; found: {found}")
    match [p for p in phases if wanted in (p.name, p.formula)]:
        case [phase]:
            return phase
        case []:
            return Doubt(f"{wanted} was not found; found: {found}")
        case several:
            return Doubt(f"{len(several)} phases are {wanted}: {', '.join(p.name for p in several)}")


def share(phases: Sequence[Phase], wanted: str = "") -> Value | Doubt:
    """Share of the crystalline mass; none of it where other phases were found."""
    if wanted and phases and not any(wanted in (p.name, p.formula) for p in phases):
        return Value(0.0)
    phase = named(phases, wanted)
    return phase if isinstance(phase, Doubt) else Value(phase.share, phase.share_su)


def size(phases: Sequence[Phase], wanted: str = "") -> Value | Doubt:
    """Crystallite size in nm."""
    phase = named(phases, wanted)
    if isinstance(phase, Doubt):
        return phase
    if phase.size_nm is None:
        return Doubt(f"the width of the instrument hides how large the crystallites of {phase.name} are")
    return Value(phase.size_nm, phase.size_su_nm)


def _of_the_cell(read: Callable[[Lattice], float]) -> Reading:
    """A reading that follows from the cell alone."""

    def reading(phases: Sequence[Phase], wanted: str = "") -> Value | Doubt:
        phase = named(phases, wanted)
        if isinstance(phase, Doubt):
            return phase
        return Value(read(phase.lattice), _spread(read, phase.lattice, phase.lattice_su) if phase.lattice_su else None)

    return reading


def _spread(read: Callable[[Lattice], float], lattice: Lattice, errors: tuple[float, ...]) -> float:
    """Standard uncertainty of what is read: lengths and angles that symmetry makes equal move together."""
    names = ("a", "b", "c", "alpha", "beta", "gamma")
    told = list(zip(names, lattice.parameters, errors, strict=True))
    moves: dict[tuple[bool, float, float], dict[str, float]] = {}
    for name, value, error in told:
        moves.setdefault((len(name) == 1, value, error), {})[name] = value + error
    return math.hypot(*(read(replace(lattice, **move)) - read(lattice) for move in moves.values()))


NOTHING = Chemistry(
    name="none",
    readings={
        "share": share,
        "a": _of_the_cell(lambda cell: cell.a),
        "b": _of_the_cell(lambda cell: cell.b),
        "c": _of_the_cell(lambda cell: cell.c),
        "volume": _of_the_cell(lambda cell: cell.volume),
        "size": size,
    },
)
"""What is known where nothing is."""
