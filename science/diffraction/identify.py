"""Names the phases in a pattern, or says that it cannot.

``identified`` when the found phases account for the pattern, ``ambiguous`` when other substances fit as
well or a claim is weak, ``unknown`` when a phase seems to be missing, or nothing matches at all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from science.crystals.crystal import Crystal
from science.diffraction.anodes import other_radiation
from science.diffraction.answer import Identification, IdentifiedPhase, IdentifySettings, answer, nothing
from science.diffraction.belief import Calibration, shipped
from science.diffraction.combinations import among, explore
from science.diffraction.errors import LibraryError
from science.diffraction.fit import Fit, Observed, Trial
from science.diffraction.instrument import Instrument
from science.diffraction.library import PhaseLibrary
from science.diffraction.observing import FEW_COUNTS, LEAST_PEAK, observe, peak_heights
from science.diffraction.pattern import Pattern
from science.diffraction.radiation import CU_K_ALPHA1, second_line
from science.diffraction.refine import refine
from science.diffraction.rivals import Place, contested
from science.diffraction.settle import settle
from science.diffraction.sticks import calculate
from science.diffraction.stretch import odds, stretched, suggested
from science.diffraction.twins import untwinned
from science.diffraction.unexplained import UnexplainedLine, unexplained_lines

__all__ = ["Identification", "IdentifiedPhase", "IdentifySettings", "UnexplainedLine", "identify"]

Array = NDArray[np.float64]

LIBRARY_STRAIN = 0.015
"""How far the cells of phases of the library may stray, relative length."""
SHORT_RANGE = 20.0
"""Degrees below which a pattern is too short to be sure of."""
AS_SHIPPED = IdentifySettings()


def _radiation(pattern: Pattern, wavelength: float | None) -> tuple[tuple[tuple[float, float], ...], list[str]]:
    """The lines of the tube as (wavelength, share), and what had to be assumed."""
    flags = []
    first = wavelength or pattern.wavelength
    if first is None:
        first = CU_K_ALPHA1
        flags.append("assumed-wavelength")
    if wavelength is None and pattern.k_alpha2 is not None:
        second, ratio = pattern.k_alpha2
        return ((first, 1 / (1 + ratio)), (second, ratio / (1 + ratio))), flags
    if (two := second_line(first)) is not None:
        return ((first, 2 / 3), (two, 1 / 3)), flags
    return ((first, 1.0),), flags


def identify(
    pattern: Pattern,
    library: PhaseLibrary,
    elements: Collection[str],
    *,
    hypotheses: Sequence[Crystal] = (),
    wavelength: float | None = None,
    settings: IdentifySettings = AS_SHIPPED,
    calibration: Calibration | None = None,
    instrument: Instrument | None = None,
) -> Identification:
    """The phases in a pattern.

    Args:
        pattern: what was measured.
        library: known phases.
        elements: elements that the sample may contain.
        hypotheses: further structures to try, such as solid solutions of the nominal composition.
        wavelength: Kα1 in Å, if better known than in the file.
        settings: how strict the verdicts are.
        calibration: turns evidence into probabilities; the shipped one by default.
        instrument: what standards have shown of the diffractometer; tells the displacement of the sample, and so its
            cell, better than the sample alone can. Its angles are not stretched.

    Raises:
        LibraryError: no phase is made of these elements.
    """
    ready = searched(
        pattern,
        library,
        elements,
        hypotheses=hypotheses,
        wavelength=wavelength,
        settings=settings,
        instrument=instrument,
    )
    return concluded(ready, settings, calibration)


@dataclass(frozen=True)
class Searched:
    """A pattern with the phases that a search came up with, before anything is believed.

    Attributes:
        observed: the pattern made ready.
        trials: all candidates.
        first: the phases as the search found them.
        fit: of the phases that hold their places; none where there is nothing to be seen.
        places: who else could stand in the place of each.
        flags: what was noticed.
        stretch: share by which angles are farther from the first than the file says.
    """

    observed: Observed
    trials: list[Trial]
    first: tuple[Trial, ...]
    fit: Fit | None
    places: tuple[Place, ...]
    flags: tuple[str, ...]
    stretch: float = 0.0


def searched(
    pattern: Pattern,
    library: PhaseLibrary,
    elements: Collection[str],
    *,
    hypotheses: Sequence[Crystal] = (),
    wavelength: float | None = None,
    settings: IdentifySettings = AS_SHIPPED,
    instrument: Instrument | None = None,
) -> Searched:
    """The first half of `identify`, with its arguments: which phases explain most, one after another."""
    lines, flags = _radiation(pattern, wavelength)
    observed = observe(pattern, lines)
    if instrument is not None:
        observed = instrument.behind(observed)
    trials = _trials(observed, library, elements, hypotheses, settings)
    if pattern.two_theta[-1] - pattern.two_theta[0] < SHORT_RANGE:
        flags.append("short-range")
    peak = peak_heights(observed)
    if peak < LEAST_PEAK:
        return Searched(observed, trials, (), None, (), (*flags, "no-peaks"))
    if peak < FEW_COUNTS:
        flags.append("low-counts")
    found = explore(trials, observed)
    if not found[0].fit.trials:
        return Searched(observed, trials, (), found[0].fit, (), tuple(flags))
    fit = refine(found[0].fit, observed, iterations=10)
    stretch = 0.0
    if instrument is None and (by := suggested(fit, observed)):  # a standard would have shown it
        corrected = stretched(observed, by)
        again = explore(trials, corrected)
        other = refine(again[0].fit, corrected, iterations=10)
        if odds(fit, other, corrected) > 0:
            observed, found, fit, stretch = corrected, again, other, by
            flags.append("stretched-axis")
    held, places = contested(untwinned(fit, observed), observed, trials)
    places = among(held, places, found, observed)
    return Searched(observed, trials, fit.trials, held, tuple(places), tuple(flags), stretch)


def concluded(ready: Searched, settings: IdentifySettings, calibration: Calibration | None = None) -> Identification:
    """The second half of `identify`: what stands of the phases that were found."""
    known, observed, flags = calibration or shipped(), ready.observed, list(ready.flags)
    if ready.fit is None:
        return nothing(observed, (), flags)
    if not ready.fit.trials:
        clear = unexplained_lines(observed, observed.background, line_height=settings.line_height)
        return nothing(observed, clear, [*flags, "no-match", *_wrong_wavelength(ready, ready.fit.chi2)])
    settled = settle(ready.fit, observed, ready.places, known, prune=settings.prune)
    if not settled.fit.trials:
        return nothing(observed, settled.faint, [*flags, "no-match", *_wrong_wavelength(ready, settled.fit.chi2)])
    told = replace(answer(settled, observed, settings, flags, known), stretch=ready.stretch)
    if told.verdict != "unknown":
        return told
    return replace(told, flags=(*told.flags, *_wrong_wavelength(ready, settled.fit.chi2)))


def _wrong_wavelength(ready: Searched, chi2: float) -> list[str]:
    anode = other_radiation(ready.observed, ready.trials, chi2)
    return [] if anode is None else ["wrong-wavelength", f"looks-like-{anode}"]


def _trials(
    observed: Observed,
    library: PhaseLibrary,
    elements: Collection[str],
    hypotheses: Sequence[Crystal],
    settings: IdentifySettings,
) -> list[Trial]:
    wavelength = observed.lines[0][0]
    d_min = wavelength / 2 / np.sin(np.radians(min(observed.x[-1] + 1, 178) / 2))
    candidates = _distinct(library.within(elements))
    if not candidates and not hypotheses:
        raise LibraryError(
            f"Expected phases made of {', '.join(sorted(elements))} in the library, got none among "
            f"{len(library.crystals)} entries. Name all elements of the sample, or give another --library."
        )
    trials = [Trial(c, library.sticks(c, wavelength, float(d_min)), _room(c, hypotheses, settings)) for c in candidates]
    trials += [
        Trial(c, calculate(c, wavelength, d_min=float(d_min)), settings.hypothesis_strain, "hypothesis")
        for c in hypotheses
    ]
    return [t for t in trials if len(t.sticks.q)]


def _room(crystal: Crystal, hypotheses: Sequence[Crystal], settings: IdentifySettings) -> float:
    """How far a cell may stray: where a solid solution was meant to be made, its ends take up each other's atoms."""
    ends = any(crystal.space_group == h.space_group and crystal.elements <= h.elements for h in hypotheses)
    return settings.hypothesis_strain if ends else LIBRARY_STRAIN


def _distinct(crystals: Sequence[Crystal]) -> list[Crystal]:
    """Without entries of the same formula, space group and (within 1 %) volume per formula."""
    kept: dict[tuple[str, int, int], Crystal] = {}
    for crystal in crystals:
        kept.setdefault((crystal.formula, crystal.space_group, round(np.log(crystal.density) / 0.012)), crystal)
    return list(kept.values())
