"""The decision: may this candidate be made, must it not, or must a human say?

Two of three out-of-distribution votes refuse for good; one vote, or a model that is sure of itself far
from everything measured, refuses until there is more data; too few labels or too wide an interval ask a
human; the rest is cleared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from science.designs import Design
from science.trust.conformal import Interval, interval

if TYPE_CHECKING:
    from science.problem import Problem
    from science.surrogate.components import ComponentModel
    from science.trust.model import TrustModel
    from science.trust.novelty import Score

VOTING = ("latent distance", "mahalanobis distance", "ensemble disagreement")
"""Scores that vote."""


@dataclass(frozen=True)
class Assessment:
    """The decision and every number that it rests on."""

    outcome: str  # cleared, refused, hard-refused, escalated
    intervals: dict[str, Interval]
    scores: tuple[Score, ...]
    votes: int
    silent: bool
    reasons: tuple[str, ...]


def decide(
    intervals: Mapping[str, Interval], widths: Mapping[str, float], *, votes: int, silent: bool, stranger: bool
) -> tuple[str, tuple[str, ...]]:
    """The decision table.

    Args:
        intervals: component → interval, or the statement that there is none.
        widths: component → widest interval that is believed, in its unit.
        votes: how many of the three voting scores are exceeded.
        silent: the ensemble agrees, yet the design is far from everything measured.
        stranger: the design holds an element that was never measured.

    Returns:
        the outcome, and the reasons in sentences.
    """
    short = [n for n, i in intervals.items() if i.width is None]
    wide = [n for n, i in intervals.items() if i.width is not None and i.width > widths[n]]
    reasons = [f"{votes} of three out-of-distribution scores are exceeded"] if votes else []
    if silent:
        reasons.append("the ensemble agrees although nothing like it was measured: silent extrapolation")
    if stranger:
        reasons.append("it holds an element that was never measured here")
    reasons += [f"{n}: {intervals[n].basis}" for n in short]
    reasons += [f"{n}: the interval is {intervals[n].width:.3g} wide, {widths[n]:.3g} would do" for n in wide]
    if stranger:
        return "escalated", tuple(reasons)
    if votes >= 2:
        return "hard-refused", tuple(reasons)
    if votes == 1 and (short or wide):
        return "escalated", tuple(reasons)
    if votes == 1 or silent:
        return "refused", tuple(reasons)
    if short or wide:
        return "escalated", tuple(reasons)
    return "cleared", ("all intervals are narrow enough and no score is exceeded",)


def assess(design: Design, model: ComponentModel, trust: TrustModel, problem: Problem, alpha: float) -> Assessment:
    """The decision about one design.

    Args:
        design: what would be made.
        model: predicts what comes of it.
        trust: knows how far such predictions were off.
        problem: that both were fitted for; says which intervals decide, and how wide they may be.
        alpha: nominal miscoverage.
    """
    predicted = model.predict((design,))
    family = problem.family_of(design.sites)
    intervals = {}
    for name in problem.gated:
        left_out, measured = trust.calibration(name, family)
        intervals[name] = interval(float(predicted[name][0][0]), left_out, measured, family, alpha)
    scores = trust.novelty.scores(design)
    by_name = {s.name: s for s in scores}
    votes = sum(by_name[name].exceeded for name in VOTING)
    calm = by_name["ensemble disagreement"].value < trust.novelty.typical_disagreement
    silent = bool(calm and by_name["design distance"].exceeded)
    stranger = by_name["element never seen"].exceeded
    outcome, reasons = decide(intervals, problem.widths, votes=votes, silent=silent, stranger=stranger)
    return Assessment(outcome, intervals, scores, votes, silent, reasons)
