"""Other phases in the place of one that was found: tried one by one, weighed with the same evidence.

The greedy search takes what explains most at that moment; here its choice has to stand beside every phase
whose lines are alike. A rival that fares better takes the place; those that fare about as well are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.diffraction.classes import ALIKE, alike
from science.diffraction.evidence import Evidence, weigh
from science.diffraction.fit import Fit, Observed, PhaseState, Trial
from science.diffraction.refine import refine
from science.diffraction.search import match, smoothed

Array = NDArray[np.float64]

TEMPERATURE = 12.0
"""Log evidence is divided by this: real profiles deviate in more ways than the error model knows."""
SIMILAR = 0.78
"""Share of a phase's matching score from which a rival is tried."""
MOST_RIVALS = 4
CLEARLY = 0.5
"""Log odds by which a rival must be ahead to take the place."""
DISORDER_COST = 2.0
"""Log odds that a structure with unfilled or mixed sites costs beside an ordered one."""
ELEMENT_COST = 0.7
"""The same for each chemical element, and"""
CELL_COST = 0.4
"""for each free parameter of the cell."""
STRAIN_COST = 1.0
"""The same for a cell at the end of the strain that is allowed; quadratic in the strain."""


@dataclass(frozen=True)
class Rival:
    """A phase that could stand in the place of one that was found.

    Attributes:
        trial: the phase.
        share: its posterior share of the place, 0 to 1.
        same_class: whether a powder pattern cannot tell the two apart.
    """

    trial: Trial
    share: float
    same_class: bool


@dataclass(frozen=True)
class Place:
    """A phase of the answer and who else could be it.

    Attributes:
        share: posterior share of the phase that was found.
        rivals: the others, most likely first.
        members: all candidates of the class of the phase, tried or not.
    """

    share: float
    rivals: tuple[Rival, ...]
    members: tuple[Trial, ...]

    @property
    def class_share(self) -> float:
        """Posterior share of the whole class."""
        return self.share + sum(r.share for r in self.rivals if r.same_class)

    def beside(self, instead: Sequence[Trial], share: float) -> Place:
        """The place where another combination has a share of the belief, and holds other phases or none instead."""
        mine = [Rival(r.trial, r.share * (1 - share), r.same_class) for r in self.rivals]
        known = {r.trial.crystal.name for r in mine}
        mine += [Rival(t, share, same_class=False) for t in instead if t.crystal.name not in known]
        return Place(self.share * (1 - share), tuple(sorted(mine, key=lambda r: -r.share)), self.members)


def log_evidence(evidence: Evidence, effective: float) -> float:
    """Log evidence of a fit but for a constant, with the scale of the noise integrated out, tempered.

    Args:
        evidence: for the fit.
        effective: number of effective data, the same for all fits that are compared.
    """
    return -effective / 2 * float(np.log(max(evidence.chi2, 1e-12))) / TEMPERATURE


def disorder(trial: Trial) -> float:
    """Share of the atoms on sites that are not wholly of one kind."""
    sites = trial.crystal.sites
    return sum(s.occupancy < 0.98 for s in sites) / max(len(sites), 1)


def log_prior(fit: Fit, index: int) -> float:
    """Log prior of a phase in its place: ordered, and with the cell that the library says, unless shown otherwise."""
    trial, state = fit.trials[index], fit.states[index]
    strain = float(state.metric[0] / trial.start[0] - 1) / 2
    cost = STRAIN_COST * (strain / trial.max_strain) ** 2
    cost += CELL_COST * len(trial.start)
    if trial.origin == "library":  # what was meant to be made costs nothing for being complicated
        cost += ELEMENT_COST * len(trial.crystal.elements) + DISORDER_COST * (disorder(trial) > 0)
    return -cost


def same_model(one: Trial, other: Trial) -> bool:
    """Whether two are the same solid solution in several symmetries; the search has chosen between those."""
    return one.origin == other.origin == "hypothesis" and one.crystal.formula == other.crystal.formula


def contested(fit: Fit, observed: Observed, trials: Sequence[Trial]) -> tuple[Fit, list[Place]]:
    """The fit with each phase in the place where it fares best, and who else could stand there.

    Args:
        fit: a refined fit; it is not changed.
        observed: the pattern.
        trials: all candidates.
    """
    fit = refine(fit, observed, iterations=8)  # as its rivals will be
    places: list[Place] = []
    index = 0
    swaps = 0
    while index < len(fit.trials):
        better, place = _contest(fit, observed, trials, index)
        if better is not None and swaps < len(fit.trials):
            fit, swaps = better, swaps + 1
            places, index = [], 0
            continue
        places.append(place)
        index += 1
    return fit, places


def _contest(fit: Fit, observed: Observed, trials: Sequence[Trial], index: int) -> tuple[Fit | None, Place]:
    """A better fit by one swap, if there is one, and the state of the place."""
    mine = fit.trials[index]
    part = smoothed(fit.parts[index], observed)
    own_score, _ = match(mine, observed, part)
    taken = {t.crystal.name for t in fit.trials}
    others = [t for t in trials if t.crystal.name not in taken and not same_model(t, mine)]
    likeness = alike(mine.sticks, [t.sticks for t in others], observed.lines[0][0], mine.max_strain)
    members = tuple(t for t, s in zip(others, likeness, strict=True) if s >= ALIKE)
    scored = []
    for trial, like in zip(others, likeness, strict=True):
        if like < 0.2:
            continue  # not a line in common
        score, strain = match(trial, observed, part)
        if score > SIMILAR * own_score:
            scored.append((score, strain, trial))
    scored.sort(key=lambda s: -s[0])
    tried = [(trial, swapped(fit, observed, index, trial, strain)) for _, strain, trial in scored[:MOST_RIVALS]]
    now = weigh(fit, observed)
    weights = [log_evidence(now, now.effective) + log_prior(fit, index)]
    weights += [log_evidence(weigh(f, observed), now.effective) + log_prior(f, index) for _, f in tried]
    odds = np.exp(np.array(weights) - max(weights))
    shares = odds / odds.sum()
    rivals = [Rival(trial, float(share), trial in members) for (trial, _), share in zip(tried, shares[1:], strict=True)]
    place = Place(float(shares[0]), tuple(sorted(rivals, key=lambda r: -r.share)), members)
    best = int(np.argmax(weights))
    if weights[best] > weights[0] + CLEARLY:
        better = refine(tried[best - 1][1], observed, iterations=8)
        found = log_evidence(weigh(better, observed), now.effective) + log_prior(better, index)
        if found > weights[0] + CLEARLY:
            return better, place
    return None, place


def swapped(fit: Fit, observed: Observed, index: int, trial: Trial, strain: float) -> Fit:
    """The fit with another phase in the place of one, refined a little."""
    states = list(fit.states)
    states[index] = PhaseState(trial.start * (1 - 2 * strain), fit.states[index].size, fit.states[index].strain)
    trials = [trial if n == index else t for n, t in enumerate(fit.trials)]
    return refine(fit.holding(trials, states), observed, iterations=5)
