"""Which phases together: a beam search over combinations of up to five, weighed with the evidence that decides later.

One phase after another joins what explains most so far. Where a second candidate would do about as well, both ways are
followed, and the few best combinations of each size stand side by side, each refined, ordered by tempered evidence and
priors. What can grow no further is an explanation of the whole pattern; these share the belief.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from science.diffraction.classes import ALIKE, alike
from science.diffraction.evidence import weigh
from science.diffraction.fit import Fit, Observed, Trial
from science.diffraction.refine import refine
from science.diffraction.rivals import TEMPERATURE, Place, log_evidence, log_prior, same_model
from science.diffraction.search import MAX_PHASES, MIN_GAIN, freed, presence, pruned, shortlisted

BEAM = 2
"""Combinations of one size that are followed."""
CLOSE = 1.5
"""Log odds behind the best candidate up to which a second one is followed, too."""
LEAST_SHARE = 0.02
"""Share of the belief below which a combination says nothing."""
MOST_BARRED = 2 * MAX_PHASES
"""Candidates that may turn out not to be borne out before a combination counts as complete."""


@dataclass(frozen=True)
class Combination:
    """A set of phases that explains the pattern, and its posterior share among those that were visited."""

    fit: Fit
    share: float = 1.0

    @property
    def names(self) -> frozenset[str]:
        """Of its phases."""
        return frozenset(t.crystal.name for t in self.fit.trials)


@dataclass(frozen=True)
class _Path:
    fit: Fit
    barred: frozenset[str]


def explore(trials: Sequence[Trial], observed: Observed) -> list[Combination]:
    """The combinations that can grow no further, most likely first; at least one, which may be empty."""
    beam = [_Path(refine(observed.start(), observed, iterations=0), frozenset())]
    complete: dict[frozenset[str], Fit] = {}
    visited: set[frozenset[str]] = set()
    for _ in range(2 * MAX_PHASES):
        grown: list[_Path] = []
        for path in beam:
            for longer in _longer(path, trials, observed) if len(path.fit.trials) < MAX_PHASES else []:
                names = _names(longer.fit)
                if names not in visited:
                    visited.add(names)
                    grown.append(longer)
            if not any(_names(path.fit) <= _names(g.fit) for g in grown):
                complete.setdefault(_names(path.fit), path.fit)
        if not grown:
            break
        beam = [grown[n] for n in np.argsort([-w for w in _weights([g.fit for g in grown], observed)])[:BEAM]]
    complete |= {_names(p.fit): p.fit for p in beam if _names(p.fit) not in complete}
    fits = list(complete.values())
    odds = np.exp((weights := np.array(_weights(fits, observed))) - weights.max())
    return [Combination(fits[n], float(odds[n] / odds.sum())) for n in np.argsort(-odds, kind="stable")]


def _names(fit: Fit) -> frozenset[str]:
    return frozenset(t.crystal.name for t in fit.trials)


def _weights(fits: Sequence[Fit], observed: Observed) -> list[float]:
    """Log posterior odds of fits of one pattern."""
    if len(fits) == 1:
        return [0.0]
    evidence = [weigh(f, observed) for f in fits]
    effective = min(e.effective for e in evidence)
    return [
        log_evidence(e, effective) + sum(log_prior(f, n) for n in range(len(f.trials)))
        for f, e in zip(fits, evidence, strict=True)
    ]


def _longer(path: _Path, trials: Sequence[Trial], observed: Observed) -> list[_Path]:
    """The path with one phase more, in one or, where two candidates are close, in two ways."""
    barred = set(path.barred)
    while len(barred) <= MOST_BARRED:
        tries = shortlisted(path.fit, trials, observed, barred)
        if not tries:
            return []
        best = refine(tries[0], observed, iterations=6)
        if _gain(path.fit, best) < MIN_GAIN:
            return []
        name = best.trials[-1].crystal.name
        if not _borne_out(best, observed):
            barred.add(name)
            continue
        ways = [_settled(best, observed, barred)]
        for other in tries[1:]:
            if log_odds(tries[0], other, observed) > CLOSE:
                break
            if _same(best.trials[-1], other.trials[-1], observed):
                continue  # `rivals` tells such phases apart, or names them all
            second = refine(other, observed, iterations=6)
            if _gain(path.fit, second) >= MIN_GAIN and _borne_out(second, observed):
                ways.append(_settled(second, observed, barred))
                break
        return ways
    return []


def log_odds(better: Fit, worse: Fit, observed: Observed) -> float:
    """Tempered log odds of two fits by their misfits alone."""
    effective = 2 * (observed.x[-1] - observed.x[0]) / 0.1
    return float(effective / 2 * np.log(worse.chi2 / max(better.chi2, 1e-9)) / TEMPERATURE)


def _alike(one: Trial, other: Trial, observed: Observed) -> bool:
    return bool(alike(one.sticks, [other.sticks], observed.lines[0][0])[0] >= ALIKE)


def _gain(before: Fit, after: Fit) -> float:
    return (before.chi2 - after.chi2) / max(after.chi2, 1e-9)


def _borne_out(fit: Fit, observed: Observed) -> bool:
    return len(fit.trials) == 1 or presence(fit, observed, len(fit.trials) - 1).borne_out


def _settled(fit: Fit, observed: Observed, barred: set[str]) -> _Path:
    """The longer path, without phases that have become needless; those are not tried again."""
    kept = freed(pruned(fit, observed), observed)
    return _Path(kept, frozenset(barred | (_names(fit) - _names(kept))))


def among(fit: Fit, places: Sequence[Place], combinations: Sequence[Combination], observed: Observed) -> list[Place]:
    """The places of a fit with what other combinations say of them.

    Where another combination does without a phase, and without all of its class, its share speaks against that
    phase, and what it holds instead is told as its rival.

    Args:
        fit: grown from the first combination, its phases in their best places.
        places: who else could stand in the place of each phase alone.
        combinations: of `explore`.
        observed: the pattern.
    """
    found = []
    for trial, alone in zip(fit.trials, places, strict=True):
        place = alone
        for other in combinations[1:]:
            if other.share < LEAST_SHARE or any(_same(trial, t, observed) for t in other.fit.trials):
                continue
            instead = [t for t in other.fit.trials if not any(_same(t, mine, observed) for mine in fit.trials)]
            place = place.beside(instead, other.share)
        found.append(place)
    return found


def _same(one: Trial, other: Trial, observed: Observed) -> bool:
    """Whether two are one class, or one solid solution in two symmetries that differ by less than a powder shows."""
    return one.crystal.name == other.crystal.name or same_model(one, other) or _alike(one, other, observed)
