"""The answer to a pattern: phases with their chances, a verdict, and what must be known beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.crystals.crystal import Lattice
from science.diffraction.belief import Calibration
from science.diffraction.fit import Observed, PhaseState, Trial
from science.diffraction.flags import RADIUS, flags_of
from science.diffraction.observing import r_wp
from science.diffraction.quantities import GRAIN, Uncertainties, uncertainties, weight_fractions
from science.diffraction.rivals import Place
from science.diffraction.settle import Settled, left_over
from science.diffraction.unexplained import LINE_HEIGHT, UnexplainedLine

Array = NDArray[np.float64]

LISTED = 0.1
"""Posterior share from which a rival is told."""


@dataclass(frozen=True)
class IdentifySettings:
    """How strict the verdicts are."""

    line_height: float = LINE_HEIGHT
    """Unexplained lines above this share of the strongest are clear."""
    max_unexplained: float = 0.45
    """Share of the net intensity that may stay unexplained at most, however the lines of the phases stray."""
    doubtful_unexplained: float = 0.22
    """Share that may stay unexplained by the lines as calculated before the answer is ambiguous."""
    confident: float = 0.75
    """Phases below this confidence make the answer ambiguous."""
    hypothesis_strain: float = 0.025
    """How far the cells of hypotheses may stray, relative length."""
    prune: bool = True
    """Whether doubtful phases are left out of the answer."""
    grain: float = GRAIN
    """Diameter in µm of the grains of the powder, by which weight fractions are corrected for microabsorption; 0 if
    grains are so fine that there is none."""


@dataclass(frozen=True)
class IdentifiedPhase:
    """One phase of the answer.

    Attributes:
        name: the library entry or the model that was tried.
        formula: its formula.
        space_group: number of its space group.
        weight_fraction: share of the crystalline mass that was explained.
        lattice: its refined cell.
        confidence: calibrated probability that this phase, or another of its class, is there.
        alternatives: other substances that fit about as well in its place.
        microstrain: relative spread of the lattice.
        origin: ``library`` or ``hypothesis``.
        members: other candidates that a powder pattern cannot tell from it.
        weight_fraction_su: standard uncertainty of the weight fraction.
        lattice_su: of the cell: three lengths in Å, three angles in degrees; 0 where symmetry fixes them.
        size_nm: crystallite size by Scherrer's equation; none where the instrument's width hides it.
        size_su_nm: its standard uncertainty.
        texture: root mean square by which line intensities deviate beside texture and temperature, relative.
        texture_axis: normal of the plane that crystallites lie on; none where their lines speak for no texture.
        march: March's r about it: below 1 for plates, above 1 for needles.
        warmth: what temperature factors were found to have more than the library says, Å².
        in_prediction_set: whether it belongs to the set that holds nine of ten true phases.
    """

    name: str
    formula: str
    space_group: int
    weight_fraction: float
    lattice: Lattice
    confidence: float
    alternatives: tuple[str, ...]
    microstrain: float
    origin: str
    members: tuple[str, ...] = ()
    weight_fraction_su: float = 0.0
    lattice_su: tuple[float, ...] = ()
    size_nm: float | None = None
    size_su_nm: float | None = None
    texture: float = 0.0
    texture_axis: tuple[int, int, int] | None = None
    march: float = 1.0
    warmth: float = 0.0
    in_prediction_set: bool = True


@dataclass(frozen=True)
class Identification:
    """The answer.

    Attributes:
        verdict: ``identified``, ``ambiguous`` or ``unknown``.
        phases: largest weight fraction first.
        unexplained_fraction: share of the net intensity that nothing accounts for.
        unexplained_lines: lines that no phase accounts for, strongest first.
        r_wp: weighted profile residual.
        zero: refined zero error in degrees.
        displacement: of the sample in mm.
        wavelength: that was used, in Å.
        flags: what else was noticed.
        missing: calibrated probability that a phase is missing from the answer.
        doubtful: phases that would explain something but are not claimed, each with its probability.
        stretch: share by which angles are farther from the first than the file says, see `science.diffraction.stretch`.
        axial: refined axial divergence in degrees, see `science.diffraction.fit.Fit`.
    """

    verdict: str
    phases: tuple[IdentifiedPhase, ...]
    unexplained_fraction: float
    unexplained_lines: tuple[UnexplainedLine, ...]
    r_wp: float
    zero: float
    displacement: float
    wavelength: float
    flags: tuple[str, ...]
    missing: float = 0.0
    doubtful: tuple[tuple[str, float], ...] = ()
    stretch: float = 0.0
    axial: float = 0.0


def nothing(observed: Observed, lines: tuple[UnexplainedLine, ...], flags: list[str]) -> Identification:
    """The answer when no phase is claimed."""
    wavelength = observed.lines[0][0]
    return Identification("unknown", (), 1.0, lines, 1.0, 0.0, 0.0, wavelength, tuple(dict.fromkeys(flags)), 1.0)


def answer(
    settled: Settled, observed: Observed, settings: IdentifySettings, flags: list[str], known: Calibration
) -> Identification:
    """The answer when at least one phase is claimed.

    Args:
        settled: the claims.
        observed: the pattern.
        settings: how strict the verdict is.
        flags: what was noticed before.
        known: the probabilities from which something is said.
    """
    fit = settled.fit
    fractions = weight_fractions(fit, observed.lines[0][0], settings.grain)
    errors = uncertainties(fit, observed, settled.evidence, settings.grain)
    phases = _phases(settled, fractions, errors, known.cover)
    unexplained = left_over(observed, fit.calculated)
    left = left_over(observed, settled.evidence.calculated)
    missing = settled.missing >= known.alarm or left > settings.max_unexplained
    clear = tuple(line for line in settled.faint if missing or line.relative_intensity > settings.line_height)
    flags = [*flags, *flags_of(settled, observed)]
    if missing:
        verdict = "unknown"
        flags.append("unexplained-lines" if clear else "poor-fit")
    elif (
        any(p.alternatives for p in phases)
        or any(p.confidence < settings.confident for p in phases)
        or settled.missing > known.alarm / 2
        or unexplained > settings.doubtful_unexplained
        or clear
    ):
        verdict = "ambiguous"
    else:
        verdict = "identified"
    return Identification(
        verdict,
        phases,
        unexplained,
        clear,
        r_wp(observed, fit.calculated),
        fit.zero,
        -np.radians(fit.displacement) * RADIUS / 2,
        observed.lines[0][0],
        tuple(dict.fromkeys(flags)),
        settled.missing,
        tuple((_named(trial), round(chance, 4)) for trial, chance in settled.dropped),
        axial=fit.axial,
    )


def _phases(settled: Settled, fractions: Array, errors: Uncertainties, cover: float) -> tuple[IdentifiedPhase, ...]:
    fit = settled.fit
    found = [
        IdentifiedPhase(
            name=trial.crystal.name,
            formula=trial.crystal.formula,
            space_group=trial.crystal.space_group,
            weight_fraction=float(fractions[n]),
            lattice=fit.lattice(n),
            confidence=settled.chances[n],
            alternatives=_alternatives(trial, settled.places[n]),
            microstrain=_microstrain(fit.states[n]),
            origin=trial.origin,
            members=_members(trial, settled.places[n]),
            weight_fraction_su=errors.fractions[n],
            lattice_su=errors.lattices[n],
            size_nm=errors.sizes[n],
            size_su_nm=errors.size_errors[n],
            texture=float(settled.evidence.strayed[n]),
            texture_axis=march.axis if (march := fit.states[n].march) else None,
            march=march.r if march else 1.0,
            warmth=fit.states[n].warmth,
            in_prediction_set=settled.chances[n] >= cover,
        )
        for n, trial in enumerate(fit.trials)
        if fractions[n] > 0
    ]
    return tuple(sorted(found, key=lambda p: -p.weight_fraction))


def _named(trial: Trial) -> str:
    return f"{trial.crystal.name} ({trial.crystal.space_group})"


def _alternatives(trial: Trial, place: Place) -> tuple[str, ...]:
    """Rivals of another substance or structure that are about as likely."""
    return tuple(_named(r.trial) for r in place.rivals if r.share >= LISTED and not _same(trial, r.trial))


def _members(trial: Trial, place: Place) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_named(t) for t in place.members if not _same(trial, t)))


def _same(one: Trial, other: Trial) -> bool:
    """Whether two are one substance in one structure, from two sources."""
    a, b = one.crystal, other.crystal
    return a.formula == b.formula and a.space_group == b.space_group


def _microstrain(state: PhaseState) -> float:
    """Relative spread of the lattice, from the width that grows as tan θ (Stokes & Wilson 1944): β = 4 ε tan θ."""
    return float(np.radians(state.strain) / 4)
