"""Which phase next: a matched shortlist on what is unexplained, refined additions, and backward elimination.

Recall is easy; precision is the problem. A phase is kept only when lines of its own, not shared with
stronger phases, are seen where and as strong as they should be, and when leaving it out costs more than
its freedom is worth under an error model that admits imperfect profiles.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from science.compiled import compiled
from science.diffraction.fit import Fit, Observed, PhaseState, Trial
from science.diffraction.refine import refine
from science.diffraction.sticks import lorentz_polarisation

Array = NDArray[np.float64]

MAX_PHASES = 5
SHORTLIST = 5
STRONGEST = 24
"""Lines of a candidate that the shortlist looks at."""
SHIFTS = np.linspace(-0.16, 0.16, 5)
"""Zero errors in degrees that the shortlist tries."""
QUANTILES = (0.3, 0.6)
"""Weighted quantiles of seen over predicted intensity at which a phase is scaled: some lines are lent by others."""
TOTAL = 1 - 1e-12
"""Of shares that add up to one but for rounding."""
STRAIN_COST = 2e-3 / 0.015
"""Share of the score that a strained cell costs, for each unit of relative length."""
MIN_GAIN = 0.03
"""Relative drop of chi-squared that a further phase must bring."""
MIN_SEEN = 0.55
"""Share of its own lines' intensity that must be seen."""
AT_END = 0.95
"""Share of its room from which a cell has run into the end of it."""
WIDER = 1.7
"""Factor by which the room grows for a cell that does much better with it,"""
MUCH_BETTER = 0.8
"""that is, with at most such a share of chi-squared left."""
MIN_SIGNAL = 6.0
"""Signal-to-noise ratio of its own lines."""


@dataclass(frozen=True)
class Presence:
    """How well a phase of a fit is borne out by lines of its own.

    Attributes:
        seen: share of the predicted intensity of its own lines that is there, 0 to 1.
        signal: signal-to-noise ratio of its own lines.
        own: share of its intensity that lies in lines of its own.
        gain: relative rise of chi-squared when it is left out.
        spread: relative spread of observed over predicted intensity among its lines (texture).
    """

    seen: float
    signal: float
    own: float
    gain: float
    spread: float

    @property
    def borne_out(self) -> bool:
        """Whether the phase may be claimed."""
        if self.own < 0.12:
            return self.gain > 0.12
        return self.seen >= MIN_SEEN and self.signal >= MIN_SIGNAL and self.gain >= MIN_GAIN


def _strong_lines(trial: Trial, observed: Observed) -> tuple[Array, Array]:
    """Bragg angles θ in radians and relative intensities of the strongest lines in range."""
    wavelength = observed.lines[0][0]
    s = wavelength * np.sqrt(trial.sticks.q) / 2
    theta = np.arcsin(np.minimum(s, 0.9999))
    two_theta = np.degrees(2 * theta)
    inside = (s < 0.999) & (two_theta > observed.x[0] + 0.3) & (two_theta < observed.x[-1] - 0.3)
    inside[inside] = observed.measured[np.searchsorted(observed.x, two_theta[inside])]
    theta, strength = theta[inside], trial.sticks.strength[inside]
    if not len(theta):
        return theta, strength
    intensity = strength * lorentz_polarisation(np.degrees(2 * theta), observed.monochromator)
    best = np.argsort(-intensity)[:STRONGEST]
    return theta[best], intensity[best] / intensity[best].sum()


def match(trial: Trial, observed: Observed, smooth: Array) -> tuple[float, float]:
    """How much intensity a phase could explain, less what it predicts and is missing; and at which strain.

    Args:
        trial: the phase.
        observed: the pattern.
        smooth: ``(n,)`` unexplained net counts, smoothed over a peak width.

    Returns:
        the score in counts of peak height, and the isotropic strain of the cell.
    """
    theta, share = _strong_lines(trial, observed)
    if len(theta) == 0:
        return 0.0, 0.0
    strains = np.arange(-trial.max_strain, trial.max_strain + 1e-9, 0.0015)
    places, slopes = np.degrees(2 * theta) + observed.zero[0], 2 * np.degrees(np.tan(theta))
    score, best = _best_match(observed.x, smooth, places, slopes, share, strains, SHIFTS)
    return float(score), float(strains[best]) if score > 0 else 0.0


@compiled()
def _best_match(
    x: Array, smooth: Array, places: Array, slopes: Array, share: Array, strains: Array, shifts: Array
) -> tuple[float, int]:
    """Highest score over strains and shifts, and the index of its strain; 0 where none is above 0.

    Args:
        x: ``(n,)`` degrees, evenly spaced.
        smooth: ``(n,)`` counts.
        places: ``(k,)`` degrees of unstrained lines.
        slopes: ``(k,)`` degrees by which they move down with the strain.
        share: ``(k,)`` intensities, 1 in all.
        strains: ``(s,)`` relative lengths.
        shifts: ``(t,)`` degrees.
    """
    n, k = len(x), len(places)
    per_step = (n - 1) / (x[n - 1] - x[0])
    seen, ratio, order = np.empty(k), np.empty(k), np.empty(k, np.int64)
    best, best_strain = 0.0, 0
    for i in range(len(strains)):
        for shift in shifts:
            for line in range(k):
                at = (places[line] - slopes[line] * strains[i] + shift - x[0]) * per_step
                seen[line] = 0.0
                if 0.0 <= at <= n - 1:
                    low = min(int(at), n - 2)
                    seen[line] = smooth[low] + (smooth[low + 1] - smooth[low]) * (at - low)
                ratio[line] = seen[line] / share[line]
                m = line  # few lines: sorted as they come
                while m > 0 and ratio[order[m - 1]] > ratio[line]:
                    order[m] = order[m - 1]
                    m -= 1
                order[m] = line
            for quantile in QUANTILES:
                m, weight = 0, share[order[0]]
                while m < k - 1 and weight < quantile * TOTAL:
                    m += 1
                    weight += share[order[m]]
                scale = ratio[order[m]]
                there = missing = 0.0
                for line in range(k):
                    predicted = scale * share[line]
                    there += min(seen[line], predicted)
                    missing += max(predicted - seen[line], 0.0)
                score = there - missing - STRAIN_COST * there * abs(strains[i])
                if score > best:
                    best, best_strain = score, i
    return best, best_strain


def smoothed(values: Array, observed: Observed, width: float = 0.12) -> Array:
    """Positive part, averaged over a Gaussian of that full width in degrees."""
    step = (observed.x[-1] - observed.x[0]) / (len(observed.x) - 1)
    reach = max(int(2 * width / step), 1)
    kernel = np.exp(-2.77 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    return np.convolve(np.maximum(values, 0), kernel / kernel.sum(), mode="same")


def added(fit: Fit, trial: Trial, strain: float) -> Fit:
    """The fit with one more phase, its cell strained isotropically."""
    return fit.holding((*fit.trials, trial), (*fit.states, PhaseState(trial.start * (1 - 2 * strain))))


def without(fit: Fit, index: int) -> Fit:
    """The fit with one phase less."""
    keep = [n for n in range(len(fit.trials)) if n != index]
    return fit.holding([fit.trials[n] for n in keep], [fit.states[n] for n in keep])


def freed(fit: Fit, observed: Observed) -> Fit:
    """The fit with cells that ran into the end of their strain begun anew or let farther, if that is better.

    The cell of a phase with many lines has more than one minimum, and a strain guessed from a few lines may lead to
    the wrong one. Some entries of a library are wrong by more than others; that must be paid for by a much better fit.
    """
    for n, (trial, state) in enumerate(zip(fit.trials, fit.states, strict=True)):
        if (np.abs(state.metric - trial.start) < AT_END * trial.room(trial.max_strain)).all():
            continue
        states = [PhaseState(s.metric.copy(), s.size, s.strain) for s in fit.states]
        states[n] = PhaseState(trial.start.copy())
        again = refine(replace(fit, states=states), observed, iterations=8)
        if again.chi2 < fit.chi2:
            fit = again
        wider = replace(trial, max_strain=WIDER * trial.max_strain)
        trials = tuple(wider if k == n else t for k, t in enumerate(fit.trials))
        again = refine(replace(fit, trials=trials), observed, iterations=8)
        if again.chi2 < MUCH_BETTER * fit.chi2:
            fit = again
    return fit


def presence(fit: Fit, observed: Observed, index: int, *, with_gain: bool = True) -> Presence:
    """How well phase `index` is borne out.

    Args:
        fit: a refined fit.
        observed: the pattern.
        index: which phase.
        with_gain: whether it is fitted without the phase, too, which takes longest; the gain is 0 if not.
    """
    told: Presence = observed.verdicts.answer(
        (fit,), (index, with_gain), lambda: _presence(fit, observed, index, with_gain=with_gain)
    )
    return told


def _presence(fit: Fit, observed: Observed, index: int, *, with_gain: bool) -> Presence:
    part = fit.parts[index]
    if part.max() <= 0:
        return Presence(0, 0, 0, 0, 0)
    others = fit.parts.sum(0) - part
    left = observed.y - fit.background - others
    strong = (part > 0.12 * part.max()) & observed.measured
    own = strong & (others < 0.35 * part)
    total = part[strong].sum()
    share = float(part[own].sum() / total) if total > 0 else 0.0
    where = own if own.any() else strong
    noise = float(np.sqrt((observed.sigma[where] ** 2).sum() * 3))  # neighbours share their errors
    seen = float(np.clip(left[where], 0, part[where]).sum() / part[where].sum())
    signal = float(left[where].sum() / noise)
    gain = 0.0
    if with_gain:
        reduced = refine(without(fit, index), observed, iterations=3, widths=False)
        gain = max(0.0, (reduced.chi2 - fit.chi2) / max(fit.chi2, 1e-9))
    return Presence(seen, signal, share, gain, _spread(part, left, strong))


def _spread(part: Array, left: Array, strong: Array) -> float:
    """Relative spread of observed over predicted among separate groups of strong lines."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], strong.view(np.int8), [0]])))
    ratios, weights = [], []
    for low, high in zip(edges[::2], edges[1::2], strict=True):
        weight = part[low:high].sum()
        ratios.append(left[low:high].sum() / weight)
        weights.append(weight)
    if len(ratios) < 3:
        return 0.0
    mean = np.average(ratios, weights=weights)
    return float(np.sqrt(np.average((np.array(ratios) - mean) ** 2, weights=weights)) / max(abs(mean), 1e-9))


def shortlisted(fit: Fit, trials: Sequence[Trial], observed: Observed, barred: Collection[str]) -> list[Fit]:
    """The fit with each of the phases that match best what is unexplained, their cells refined, best first.

    Args:
        fit: a refined fit.
        trials: all candidates.
        observed: the pattern.
        barred: names of candidates that are not tried.
    """
    taken = {t.crystal.name for t in fit.trials} | set(barred)
    rest = smoothed(observed.y - fit.calculated, observed)
    scored = []
    substances = {_substance(t) for t in fit.trials} - {None}
    for trial in trials:
        if trial.crystal.name in taken or _substance(trial) in substances:
            continue
        score, strain = match(trial, observed, rest)
        if score > 0:
            scored.append((score, strain, trial))
    scored.sort(key=lambda s: -s[0])
    tries = [
        refine(added(fit, trial, strain), observed, iterations=4, only_newest=bool(fit.trials))
        for _, strain, trial in scored[: SHORTLIST if fit.trials else SHORTLIST + 3]
    ]
    return sorted(tries, key=lambda f: f.chi2 * (1 + 0.012 * sum(len(s.metric) for s in f.states)))


def _substance(trial: Trial) -> tuple[str, int] | None:
    """What an entry of the library is, whatever its source; a powder is not asked to hold it twice."""
    return (trial.crystal.formula, trial.crystal.space_group) if trial.origin == "library" else None


def pruned(fit: Fit, observed: Observed) -> Fit:
    """Without phases that a later addition has made needless."""
    while len(fit.trials) > 1:
        weak = [n for n in range(len(fit.trials)) if not presence(fit, observed, n).borne_out]
        if not weak:
            return fit
        worst = min(weak, key=lambda n: fit.parts[n].sum())
        fit = refine(without(fit, worst), observed, iterations=6)
    return fit
