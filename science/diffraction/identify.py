"""Names the phases in a pattern, or says that it cannot.

``identified`` when the found phases account for the pattern, ``ambiguous`` when other substances fit as
well or a claim is weak, ``unknown`` when clear lines remain, or nothing matches at all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.chemistry.crystal import Crystal, Lattice
from science.diffraction.errors import LibraryError
from science.diffraction.library import PhaseLibrary
from science.diffraction.pattern import CU_K_ALPHA1, Pattern
from science.diffraction.profile import snip
from science.diffraction.refine import Fit, Observed, PhaseState, Trial, refine
from science.diffraction.search import Presence, match, presence, search, smoothed
from science.diffraction.sticks import calculate, metric_parameters
from science.diffraction.unexplained import (
    LINE_HEIGHT,
    UnexplainedLine,
    calculated_lines,
    line_positions,
    unexplained_lines,
)

Array = NDArray[np.float64]

GRID = 4200
"""Most points of a pattern that is fitted; finer ones are averaged."""
K_ALPHA2 = ((1.5406, 1.544427), (1.78897, 1.792850), (0.70932, 0.713607), (1.93604, 1.939980), (2.28970, 2.293606))
"""Kα1 and Kα2 of Cu, Co, Mo, Fe, Cr in Å (Bearden 1967, doi:10.1103/RevModPhys.39.78)."""
RADIUS = 240.0
"""Goniometer radius in mm by which the displacement is told."""


@dataclass(frozen=True)
class IdentifySettings:
    """How strict the verdicts are."""

    line_height: float = LINE_HEIGHT
    """Unexplained lines above this share of the strongest are clear."""
    max_unexplained: float = 0.22
    """Share of the net intensity that may stay unexplained."""
    confident: float = 0.5
    """Phases below this confidence make the answer ambiguous."""
    hypothesis_strain: float = 0.025
    """How far the cells of hypotheses may stray, relative length."""


@dataclass(frozen=True)
class IdentifiedPhase:
    """One phase of the answer."""

    name: str
    formula: str
    space_group: int
    weight_fraction: float
    lattice: Lattice
    confidence: float
    alternatives: tuple[str, ...]
    microstrain: float
    origin: str


@dataclass(frozen=True)
class Identification:
    """The answer."""

    verdict: str
    phases: tuple[IdentifiedPhase, ...]
    unexplained_fraction: float
    unexplained_lines: tuple[UnexplainedLine, ...]
    r_wp: float
    zero: float
    displacement: float
    wavelength: float
    flags: tuple[str, ...]


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
    for one, two in K_ALPHA2:
        if abs(first - one) < 6e-4:
            return ((first, 2 / 3), (two * first / one, 1 / 3)), flags
    return ((first, 1.0),), flags


def observe(pattern: Pattern, lines: tuple[tuple[float, float], ...]) -> Observed:
    """The pattern on an even grid with background estimate and errors."""
    x, y = pattern.two_theta, pattern.intensity
    if not 1e-3 < y.max() < 1e15:  # units in which squares would vanish or overflow
        y = y * (1e4 / y.max())
    rounding = float(np.diff(np.unique(np.round(y / y.max(), 9))).min() * y.max()) / 12**0.5
    count = min(GRID, max(int((x[-1] - x[0]) / pattern.step) + 1, 50))
    grid = np.linspace(x[0], x[-1], count)
    if count < 0.75 * len(x):
        index = np.clip(np.round((x - x[0]) / (grid[1] - grid[0])).astype(int), 0, count - 1)
        filled = np.bincount(index, minlength=count)
        mean = np.bincount(index, y, count) / np.maximum(filled, 1)
        y = np.interp(grid, grid[filled > 0], mean[filled > 0])
        rounding /= (len(x) / count) ** 0.5
    else:
        y = np.interp(grid, x, y)
    step = grid[1] - grid[0]
    background = snip(y, max(int(1.2 / step), 8))
    # counting noise in the file's own unit, from differences of neighbours on the background
    curvature = np.abs(y[:-2] - 2 * y[1:-1] + y[2:])
    level = np.maximum(background[1:-1], 1e-9)
    gain = float(np.median(curvature**2 / level)) / (6 * 0.4549)
    gain = float(np.clip(gain, 1e-6 * y.max(), 0.05 * y.max()))
    net = np.maximum(y - background, 0)
    sigma = np.sqrt(gain * np.maximum(y, 0.02 * y.max() / 100 + 1e-9) + (0.06 * net) ** 2 + (2e-3 * net.max()) ** 2)
    return Observed(grid, y, background, sigma, lines, rounding=rounding)


def identify(
    pattern: Pattern,
    library: PhaseLibrary,
    elements: Collection[str],
    *,
    hypotheses: Sequence[Crystal] = (),
    wavelength: float | None = None,
    settings: IdentifySettings = IdentifySettings(),
) -> Identification:
    """The phases in a pattern.

    Args:
        pattern: what was measured.
        library: known phases.
        elements: elements that the sample may contain.
        hypotheses: further structures to try, such as solid solutions of the nominal composition.
        wavelength: Kα1 in Å, if better known than in the file.
        settings: how strict the verdicts are.

    Raises:
        LibraryError: no phase is made of these elements.
    """
    lines, flags = _radiation(pattern, wavelength)
    observed = observe(pattern, lines)
    trials = _trials(observed, library, elements, hypotheses, settings)
    if pattern.two_theta[-1] - pattern.two_theta[0] < 20:
        flags.append("short-range")
    peaks = _peak_heights(observed)
    if peaks < 12:
        return _nothing(observed, (), [*flags, "no-peaks"])
    fit = search(trials, observed)
    if not fit.trials:
        clear = unexplained_lines(observed, observed.background, line_height=settings.line_height)
        return _nothing(observed, clear, [*flags, "no-match"])
    fit = refine(fit, observed, iterations=10)
    return _answer(fit, observed, trials, settings, flags)


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
    trials = [Trial(c, library.sticks(c, wavelength, float(d_min))) for c in candidates]
    trials += [
        Trial(c, calculate(c, wavelength, d_min=float(d_min)), settings.hypothesis_strain, "hypothesis")
        for c in hypotheses
    ]
    return [t for t in trials if len(t.sticks.q)]


def _distinct(crystals: Sequence[Crystal]) -> list[Crystal]:
    """Without entries of the same formula, space group and (within 1 %) volume per formula."""
    kept: dict[tuple[str, int, int], Crystal] = {}
    for crystal in crystals:
        kept.setdefault((crystal.formula, crystal.space_group, round(np.log(crystal.density) / 0.012)), crystal)
    return list(kept.values())


def _peak_heights(observed: Observed) -> float:
    """Height of the strongest line over the noise of the background, be it from counting or from rounding."""
    smooth = smoothed(observed.net, observed)
    scatter = float(np.median(np.abs(observed.net - np.median(observed.net)))) * 1.48
    return float(smooth.max() / max(scatter, observed.rounding, 1e-12 * observed.y.max()))


def _nothing(observed: Observed, lines: tuple[UnexplainedLine, ...], flags: list[str]) -> Identification:
    wavelength = observed.lines[0][0]
    return Identification("unknown", (), 1.0, lines, 1.0, 0.0, 0.0, wavelength, tuple(dict.fromkeys(flags)))


def _answer(
    fit: Fit, observed: Observed, trials: Sequence[Trial], settings: IdentifySettings, flags: list[str]
) -> Identification:
    lines = unexplained_lines(
        observed,
        fit.calculated,
        known=calculated_lines(fit, observed),
        positions=line_positions(fit, observed),
        line_height=settings.line_height,
    )
    net = np.maximum(observed.y - fit.background, 0)
    rest = np.abs(observed.y - fit.calculated)
    noise = 0.8 * np.sqrt(np.maximum(observed.sigma**2 - (0.06 * np.maximum(observed.net, 0)) ** 2, 0))
    unexplained = float(np.clip(np.maximum(rest - noise, 0).sum() / max(net.sum(), 1e-9), 0, 1))
    there = [presence(fit, observed, n) for n in range(len(fit.trials))]
    quality = float(np.clip(1.25 - 1.6 * unexplained, 0.1, 1))
    others = [_alternatives(fit, observed, trials, n) for n in range(len(fit.trials))]
    phases = _phases(fit, there, others, quality)
    flags += _flags(fit, there, observed)
    weights = 1 / np.maximum(observed.y, 1e-9 * observed.y.max() + 1e-12)
    r_wp = float(np.sqrt((weights * (observed.y - fit.calculated) ** 2).sum() / (weights * observed.y**2).sum()))
    if lines or unexplained > 2 * settings.max_unexplained:
        verdict = "unknown"
        flags.append("unexplained-lines" if lines else "poor-fit")
    elif (
        unexplained > settings.max_unexplained
        or any(p.alternatives for p in phases)
        or any(p.confidence < settings.confident for p in phases)
    ):
        verdict = "ambiguous"
    else:
        verdict = "identified"
    return Identification(
        verdict,
        phases,
        unexplained,
        lines,
        r_wp,
        fit.zero,
        -np.radians(fit.displacement) * RADIUS / 2,
        observed.lines[0][0],
        tuple(dict.fromkeys(flags)),
    )


def _phases(
    fit: Fit, there: Sequence[Presence], others: Sequence[tuple[str, ...]], quality: float
) -> tuple[IdentifiedPhase, ...]:
    fractions = fit.weight_fractions()
    found = [
        IdentifiedPhase(
            name=trial.crystal.name,
            formula=trial.crystal.formula,
            space_group=trial.crystal.space_group,
            weight_fraction=float(fractions[n]),
            lattice=fit.lattice(n),
            confidence=float(np.clip(there[n].confidence * quality, 0, 1)),
            alternatives=others[n],
            microstrain=_microstrain(fit.states[n]),
            origin=trial.origin,
        )
        for n, trial in enumerate(fit.trials)
        if fractions[n] > 0
    ]
    return tuple(sorted(found, key=lambda p: -p.weight_fraction))


def _microstrain(state: PhaseState) -> float:
    """Relative spread of the lattice, from the width that grows as tan θ (Stokes & Wilson 1944): β = 4 ε tan θ."""
    return float(np.radians(state.strain) / 4)


def _flags(fit: Fit, there: Sequence[Presence], observed: Observed) -> list[str]:
    flags = []
    if any(p.spread > 0.35 for p in there):
        flags.append("texture")
    if abs(np.radians(fit.displacement) * RADIUS / 2) > 0.25:
        flags.append("displaced")
    if any(p.own < 0.12 for p in there):
        flags.append("overlap")
    if any(p.signal < 10 for p in there):
        flags.append("weak-phase")
    if _peak_heights(observed) < 40:
        flags.append("low-counts")
    return flags


def _alternatives(fit: Fit, observed: Observed, trials: Sequence[Trial], index: int) -> tuple[str, ...]:
    """Other substances that would do as well in the place of phase `index`."""
    part = smoothed(fit.parts[index], observed)
    mine = fit.trials[index]
    own_score, _ = match(mine, observed, part)
    taken = {t.crystal.name for t in fit.trials}
    rivals = []
    for trial in trials:
        if trial.crystal.name in taken or trial.crystal.formula == mine.crystal.formula:
            continue
        score, strain = match(trial, observed, part)
        if score > 0.8 * own_score:
            rivals.append((score, strain, trial))
    found = []
    for _, strain, trial in sorted(rivals, key=lambda r: -r[0])[:3]:
        swapped = Fit(
            tuple(trial if n == index else t for n, t in enumerate(fit.trials)),
            [
                PhaseState(metric_parameters(trial.crystal) * (1 - 2 * strain), s.size, s.strain) if n == index else s
                for n, s in enumerate(fit.states)
            ],
            fit.zero,
            fit.displacement,
            fit.mixing,
            fit.width,
        )
        if refine(swapped, observed, iterations=6).chi2 < 1.06 * fit.chi2:
            found.append(f"{trial.crystal.name} ({trial.crystal.space_group})")
    return tuple(found)
