"""What the science says of a pattern, in the words of the log."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from contracts.diffraction import (
    Analysis,
    Cell,
    CellErrors,
    DoubtfulPhase,
    MarchDollase,
    PhaseFound,
    UnexplainedLine,
    Verdict,
)

if TYPE_CHECKING:
    from science.chemistry.chemistry import Value
    from science.diffraction.identify import Identification, IdentifiedPhase


def analysis_of(answer: Identification, library_sha256: str) -> Analysis:
    """The answer to a pattern.

    Args:
        answer: of the science.
        library_sha256: digest of the library that was searched.
    """
    return Analysis(
        verdict=Verdict(answer.verdict),
        phases=tuple(_phase(p) for p in answer.phases),
        unexplained_fraction=answer.unexplained_fraction,
        unexplained_lines=tuple(
            UnexplainedLine(two_theta=u.two_theta, d=u.d, relative_intensity=u.relative_intensity)
            for u in answer.unexplained_lines
        ),
        r_wp=answer.r_wp,
        zero=answer.zero,
        displacement=answer.displacement,
        wavelength=answer.wavelength,
        flags=answer.flags,
        library_sha256=library_sha256,
        missing=_share(answer.missing),
        doubtful=tuple(
            DoubtfulPhase(name=name, probability=_share(chance))
            for name, chance in sorted(answer.doubtful, key=lambda d: -d[1])
        ),
    )


def why_unknown(analysis: Analysis) -> str:
    """Why a pattern is not accounted for, in one sentence."""
    if analysis.unexplained_lines:
        first, count = analysis.unexplained_lines[0], len(analysis.unexplained_lines)
        lines = "1 clear line belongs" if count == 1 else f"{count} clear lines belong"
        return f"{lines} to no known phase, the strongest at {first.two_theta:.2f} degrees (d = {first.d:.3f} angstrom)"
    return f"no known phase accounts for the pattern ({', '.join(analysis.flags) or 'poor fit'})"


def _phase(phase: IdentifiedPhase) -> PhaseFound:
    lattice = phase.lattice
    cell = Cell(a=lattice.a, b=lattice.b, c=lattice.c, alpha=lattice.alpha, beta=lattice.beta, gamma=lattice.gamma)
    errors = _cell_errors(phase.lattice_su)
    edge = _pseudo_cubic(phase, errors)
    return PhaseFound(
        name=phase.name,
        formula=phase.formula,
        space_group=phase.space_group,
        weight_fraction=_share(phase.weight_fraction),
        cell=cell,
        pseudo_cubic=edge.value if edge else None,
        confidence=phase.confidence,
        alternatives=phase.alternatives,
        microstrain=phase.microstrain,
        members=phase.members,
        weight_fraction_su=_known(phase.weight_fraction_su),
        cell_su=errors,
        pseudo_cubic_su=edge.su if edge else None,
        size_nm=_known(phase.size_nm),
        size_su_nm=_known(phase.size_su_nm),
        in_prediction_set=phase.in_prediction_set,
        texture=_known(phase.texture),
        march_dollase=None if phase.texture_axis is None else MarchDollase(axis=phase.texture_axis, r=phase.march),
    )


def _pseudo_cubic(phase: IdentifiedPhase, errors: CellErrors | None) -> Value | None:
    """What the chemistry reads off this phase alone: a lattice parameter, if it is of the kind that was meant."""
    from science.chemistry.chemistry import Phase, Value
    from science.chemistry.known import ASSUMED, chemistry

    su = () if errors is None else (errors.a, errors.b, errors.c, errors.alpha, errors.beta, errors.gamma)
    told = Phase(phase.name, phase.formula, phase.space_group, phase.weight_fraction, phase.lattice, lattice_su=su)
    read = chemistry(ASSUMED).readings["pseudo-cubic"]((told,))
    return read if isinstance(read, Value) else None


def _cell_errors(told: tuple[float, ...]) -> CellErrors | None:
    if len(told) != 6 or not all(math.isfinite(su) and 0 <= su <= 180 for su in told):
        return None
    a, b, c, alpha, beta, gamma = told
    return CellErrors(a=a, b=b, c=c, alpha=alpha, beta=beta, gamma=gamma)


def _known(value: float | None) -> float | None:
    """A number that means something; a fit that cannot tell says infinity, or nothing."""
    return value if value is not None and math.isfinite(value) and value >= 0 else None


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
