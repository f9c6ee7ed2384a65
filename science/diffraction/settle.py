"""From the phases that a search came up with to those that may be claimed, each with its probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.diffraction.belief import Calibration, Claim, Suspicion, missing_features, phase_features
from science.diffraction.evidence import Evidence, typical_width, weigh
from science.diffraction.fit import MODEL_ERROR, Fit, Observed, Trial
from science.diffraction.intensities import adjusted
from science.diffraction.refine import refine
from science.diffraction.rivals import Place
from science.diffraction.search import Presence, presence, without
from science.diffraction.unexplained import (
    UnexplainedLine,
    calculated_lines,
    clearness,
    far_residual,
    line_positions,
    unexplained_lines,
)

Array = NDArray[np.float64]

FAINT = 0.008
"""Unexplained lines above this share of the strongest are looked at when it is asked whether a phase is missing."""
LAST = 0.1
"""The last phase of a fit is only given up below this probability."""
USUAL_STRAIN = 0.015
"""Relative length by which the cells of a library may differ from those of a powder."""
LIKELY = 0.3
"""Phases from this probability on may show texture and temperature. Texture itself makes a phase look doubtful."""


@dataclass(frozen=True)
class Settled:
    """What may be said about a pattern.

    Attributes:
        fit: the phases that are claimed.
        evidence: for them.
        there: how each is borne out by its own lines.
        claims: what speaks for each.
        chances: probability that each phase is there, as this or another of its class.
        places: who else could stand in the place of each.
        dropped: phases that were found but are not claimed, each with its probability.
        faint: unexplained lines, however faint.
        suspicion: features by which a missing phase is judged.
        missing: probability that a phase is missing.
    """

    fit: Fit
    evidence: Evidence
    there: list[Presence]
    claims: list[Claim]
    chances: list[float]
    places: list[Place]
    dropped: tuple[tuple[Trial, float], ...]
    faint: tuple[UnexplainedLine, ...]
    suspicion: tuple[float, ...]
    missing: float


def settle(
    fit: Fit, observed: Observed, contests: Sequence[Place], calibration: Calibration, *, prune: bool = True
) -> Settled:
    """The claims that stand.

    Args:
        fit: a refined fit.
        observed: the pattern.
        contests: who else could stand in the place of each phase, see `rivals.contested`.
        calibration: turns evidence into probabilities.
        prune: whether doubtful phases are dropped; calibrations are made with all of them.
    """
    places = {t.crystal.name: p for t, p in zip(fit.trials, contests, strict=True)}
    dropped: list[tuple[Trial, float]] = []

    def judged(fit: Fit) -> tuple[Evidence, list[Presence], list[Claim], list[float]]:
        evidence = weigh(fit, observed)
        there = [presence(fit, observed, n, with_gain=False) for n in range(len(fit.trials))]
        claims = [_claim(fit, evidence, there[n], n) for n in range(len(fit.trials))]
        chances = [
            calibration.phase.probability(phase_features(c)) * places[t.crystal.name].class_share
            for c, t in zip(claims, fit.trials, strict=True)
        ]
        return evidence, there, claims, chances

    def adapted(fit: Fit) -> Fit:
        evidence, _, _, chances = judged(fit)
        return adjusted(fit, observed, evidence.strayed, [n for n, c in enumerate(chances) if c >= LIKELY])

    fit = adapted(fit)  # first, so that others need not make up for it
    while True:
        evidence, there, claims, chances = judged(fit)
        double = _doubles(fit, evidence)
        if double is not None:
            fit = refine(without(fit, double), observed, iterations=6)
            continue
        worst = int(np.argmin(chances)) if chances else 0
        limit = calibration.keep if len(chances) > 1 else LAST
        if not prune or not chances or chances[worst] >= limit:
            break
        dropped.append((fit.trials[worst], chances[worst]))
        fit = refine(without(fit, worst), observed, iterations=6)
    if dropped and fit.trials:
        fit = adapted(fit)
        evidence, there, claims, chances = judged(fit)
    faint = unexplained_lines(
        observed,
        evidence.calculated,
        known=calculated_lines(fit, observed) if fit.trials else (),
        positions=line_positions(fit, observed),
        line_height=FAINT,
    )
    suspicion = missing_features(_suspicion(fit, observed, evidence, chances, faint))
    return Settled(
        fit,
        evidence,
        there,
        claims,
        chances,
        [places[t.crystal.name] for t in fit.trials],
        tuple(dropped),
        faint,
        suspicion,
        calibration.missing.probability(suspicion),
    )


def _suspicion(
    fit: Fit, observed: Observed, evidence: Evidence, chances: Sequence[float], faint: Sequence[UnexplainedLine]
) -> Suspicion:
    """What speaks for a phase that is missing."""
    positions = line_positions(fit, observed)
    strains = [
        abs(1 - s.metric[0] / t.start[0]) / 2 / USUAL_STRAIN for t, s in zip(fit.trials, fit.states, strict=True)
    ]
    widths = [s.size + 0.3 * s.strain for s in fit.states]
    lines = clearness(observed, evidence.calculated, positions, typical_width(fit))
    return Suspicion(
        clearest=far_residual(observed, evidence.calculated, positions),
        second=float(lines[1]),
        height=faint[1].relative_intensity if len(faint) > 1 else 0.0,
        strain=max(strains, default=0.0),
        widths=max(widths, default=0.0) - min(widths, default=0.0),
        doubt=1 - min(chances, default=0.0),
    )


def _doubles(fit: Fit, evidence: Evidence) -> int | None:
    """The weaker of two entries of one substance in one structure; none if all differ."""
    seen: dict[tuple[str, int], int] = {}
    for n, trial in enumerate(fit.trials):
        named = (trial.crystal.formula, trial.crystal.space_group)
        if trial.origin == "library" and (other := seen.setdefault(named, n)) != n:
            return n if evidence.nats[n] < evidence.nats[other] else other
    return None


def _bent(fit: Fit, n: int) -> float:
    """Mean strain of the parameters of a cell as a share of what entries of a library may differ by."""
    trial = fit.trials[n]
    return float(np.mean(np.abs(fit.states[n].metric - trial.start) / trial.room(USUAL_STRAIN)))


def _claim(fit: Fit, evidence: Evidence, there: Presence, n: int) -> Claim:
    state = fit.states[n]
    return Claim(
        nats=float(evidence.nats[n]),
        lines=int(evidence.lines[n]),
        strayed=float(evidence.strayed[n]),
        seen=there.seen,
        own=there.own,
        width=state.size + 0.3 * state.strain,
        bent=_bent(fit, n),
        chi2=evidence.chi2,
    )


def left_over(observed: Observed, calculated: Array) -> float:
    """Share of the net intensity by which a calculated pattern misses, noise allowed for."""
    net = np.maximum(observed.net, 0)
    noise = 0.8 * np.sqrt(np.maximum(observed.sigma**2 - (MODEL_ERROR * net) ** 2, 0))
    rest = np.maximum(np.abs(observed.y - calculated) - noise, 0)
    return float(np.clip(rest.sum() / max(net.sum(), 1e-9), 0, 1))
