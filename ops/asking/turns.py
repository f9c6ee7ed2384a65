"""The turns of a sample's life in words that need no schema: proposed, judged, made, identified, learnt or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from contracts.diffraction import Analysis, AnalysisFlagged, PhasesIdentified, Verdict
from contracts.event import Event
from contracts.learning import ModelReleased, ObservationRecorded, ObservationWithheld
from contracts.planning import CandidateProposed, ComponentPrediction, ConstraintCheck, Origin
from contracts.review import ReviewDecided
from contracts.scheduling import RunScheduled
from contracts.synthesis import SampleLost, SampleSynthesised
from contracts.trust import (
    CandidateCleared,
    CandidateRefused,
    ConformalRecord,
    DecisionRecord,
    OodScore,
    ReviewRequested,
)
from ops.asking.moment import Heard, Moment, Tone
from ops.asking.wording import few
from ops.wording import fixed, percent, plural

_DECIDED = CandidateCleared | CandidateRefused | ReviewRequested
_QUANTITIES = {
    "lattice": ("lattice", 4, " Å"),
    "phase_fraction": ("phase fraction", 2, ""),
    "cubicity": ("cubicity", 2, ""),
    "heterogeneity": ("heterogeneity", 3, ""),
}
"""Component → its name, decimals and unit for people."""


def turn(one: Heard) -> Moment:
    """An event as a turn of the life that it belongs to."""
    return _TELLERS.get(type(one.event), _whatever)(one, one.event)


def _proposed(one: Heard, event: CandidateProposed) -> Moment:
    origin = {
        Origin.INITIAL: "space-filling first design",
        Origin.ACQUISITION: "chosen by acquisition",
        Origin.RANDOM: "chosen at random",
    }[event.origin]
    told = f"number {event.rank} of {event.batch_size} in {event.batch_id}, {origin}"
    told += f", out of {plural(event.pool_size, 'feasible design')}" if event.pool_size else ""
    details = [f"score {event.score:.3g}, by {event.model.model_id}"] if event.score is not None and event.model else []
    if event.predictions:
        details.append("expected " + ", ".join(map(_expectation, event.predictions)))
    details.append(f"{plural(len(event.constraints), 'constraint')} checked{_broken(event.constraints)}")
    return Moment(one.seq, one.time, None, "proposed", told, tuple(details))


def _broken(checks: Iterable[ConstraintCheck]) -> str:
    broken = [f"{c.name}: {c.reason}" for c in checks if not c.satisfied]
    return f", broken: {'; '.join(broken)}" if broken else ", all hold"


def _expectation(expected: ComponentPrediction) -> str:
    name, digits, unit = _named(expected.component)
    return f"{name} {fixed(expected.mean, digits)} ± {fixed(expected.sd, digits)}{unit}"


def _judged(one: Heard, event: _DECIDED) -> Moment:
    record = event.decision
    what, tone = record.outcome.value, Tone.GOOD
    if isinstance(event, CandidateRefused):
        what, tone = ("refused for good" if event.hard else "refused"), Tone.BAD
    elif isinstance(event, ReviewRequested):
        tone = Tone.DOUBT
    return Moment(one.seq, one.time, None, what, "; ".join(record.reasons), tuple(_grounds(record)), tone)


def _grounds(record: DecisionRecord) -> list[str]:
    """The trust numbers that a decision rested on."""
    told = []
    if record.surrogate is not None:
        known = plural(record.surrogate.n_observations, "observation")
        told.append(f"by {record.surrogate.model.model_id}, fitted on {known}")
    told += map(_interval, (c for c in record.conformal if c.lower is not None and c.upper is not None))
    for basis in dict.fromkeys(c.basis for c in record.conformal if c.lower is None or c.upper is None):
        without = [_named(c.component)[0] for c in record.conformal if c.basis == basis]
        told.append(f"no interval of {few(without, 4)}: {basis}")
    if record.ood:
        scores = ", ".join(map(_score, record.ood))
        told.append(f"out of distribution {record.votes} of 3 votes: {scores}")
    return told


def _interval(record: ConformalRecord) -> str:
    name, digits, unit = _named(record.component)
    low, high = record.lower or 0.0, record.upper or 0.0
    width = f"width {fixed(high - low, digits)}, at most {fixed(record.max_width, digits)}"
    certainty = f"with {percent(1 - record.alpha)} from {plural(record.n_calibration, 'score')} of {record.family}"
    return f"{name} {fixed(low, digits)} to {fixed(high, digits)}{unit} {certainty} ({width})"


def _named(component: str) -> tuple[str, int, str]:
    return _QUANTITIES.get(component, (component, 3, ""))


def _score(score: OodScore) -> str:
    name = score.name.replace("_", " ")
    if score.value is None:
        return f"{name} not known"
    limit = "" if score.threshold is None else f" {'>' if score.exceeded else '≤'} {score.threshold:.3g}"
    return f"{name} {score.value:.3g}{limit}"


def _reviewed(one: Heard, event: ReviewDecided) -> Moment:
    stand_in = ", a policy that stands in for a person" if event.simulated else ""
    what, tone = ("approved", Tone.GOOD) if event.approved else ("declined", Tone.BAD)
    return Moment(one.seq, one.time, None, what, f"by {event.reviewer}{stand_in}", (event.reason,), tone)


def _scheduled(one: Heard, event: RunScheduled) -> Moment:
    begins, ends = event.reservations[0].start, max(r.end for r in event.reservations)
    told = f"{event.run_id} on {event.furnace}, {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M}"
    if len(event.samples) > 1:
        told += f", {plural(len(event.samples), 'vial')} at once"
    return Moment(one.seq, one.time, None, "scheduled", told)


def _made(one: Heard, event: SampleSynthesised) -> Moment:
    told = f"{event.product_mass:.4f} g, {event.expected_mass:.4f} g expected"
    return Moment(
        one.seq, one.time, None, "made", told, event.doubts, Tone.GOOD if event.steps_ok else Tone.DOUBT,
    )  # fmt: skip


def _lost(one: Heard, event: SampleLost) -> Moment:
    return Moment(one.seq, one.time, None, "lost", event.reason, (), Tone.BAD)


def _identified(one: Heard, event: PhasesIdentified) -> Moment:
    tone = Tone.GOOD if event.analysis.verdict is Verdict.IDENTIFIED else Tone.DOUBT
    return Moment(
        one.seq, one.time, None, event.analysis.verdict.value, _fit(event.analysis), _phases(event.analysis), tone
    )


def _flagged(one: Heard, event: AnalysisFlagged) -> Moment:
    details = () if event.analysis is None else (_fit(event.analysis), *_phases(event.analysis))
    return Moment(one.seq, one.time, None, "flagged", event.reason, details, Tone.DOUBT)


def _fit(analysis: Analysis) -> str:
    return f"R_wp {percent(analysis.r_wp, 1)}, {percent(analysis.unexplained_fraction, 1)} of the intensity unexplained"


def _phases(analysis: Analysis) -> tuple[str, ...]:
    told = []
    for phase in analysis.phases:
        cell = "" if phase.pseudo_cubic is None else f", a_pc {phase.pseudo_cubic:.4f} Å"
        others = f", or {few(phase.alternatives, 3)}" if phase.alternatives else ""
        certain = f", {percent(phase.confidence)} sure"
        alike = f" (a powder cannot tell it from {few(phase.members, 3)})" if phase.members else ""
        told.append(f"{percent(phase.weight_fraction, 1)} {phase.name}{cell}{certain}{others}{alike}")
    return (*told, *(f"noticed: {flag}" for flag in analysis.flags))


def _learnt(one: Heard, event: ObservationRecorded) -> Moment:
    lattice = "" if event.lattice is None else f"lattice {event.lattice:.4f} Å, "
    told = f"{lattice}{percent(event.phase_fraction, 1)} of the wanted phase, utility {event.utility:.3g}"
    return Moment(
        one.seq, one.time, None, "success" if event.success else "learnt", told,
        ("it meets the goal" if event.success else "it does not meet the goal",), Tone.GOOD,
    )  # fmt: skip


def _withheld(one: Heard, event: ObservationWithheld) -> Moment:
    return Moment(one.seq, one.time, None, "withheld", event.reason, (), Tone.DOUBT)


def _released(one: Heard, event: ModelReleased) -> Moment:
    quality = ", ".join(
        f"{m.name.replace('_', ' ')} {m.value:.3g}{'' if m.unit == '1' else ' ' + m.unit}" for m in event.metrics
    )
    told = f"{event.model.model_id} is the first to know of it, fitted on {plural(event.n_observations, 'observation')}"
    return Moment(one.seq, one.time, None, "model", told, (quality,) if quality else ())


def _whatever(one: Heard, event: Event) -> Moment:
    """An event that nobody has found words for yet: its name, and why, or what it counts."""
    told = str(getattr(event, "reason", ""))
    if not told:
        numbers = {n: v for n, v in event.model_dump(mode="json").items() if isinstance(v, float) and n[-3:] != "_id"}
        told = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in numbers.items())
    what = event.kind.partition(".")[2].replace("_", " ")
    return Moment(one.seq, one.time, None, what, told, (), Tone.DOUBT if hasattr(event, "reason") else Tone.PLAIN)


_TELLERS: Mapping[type[Event], Callable[[Heard, Any], Moment]] = {
    CandidateProposed: _proposed,
    CandidateCleared: _judged,
    CandidateRefused: _judged,
    ReviewRequested: _judged,
    ReviewDecided: _reviewed,
    RunScheduled: _scheduled,
    SampleSynthesised: _made,
    SampleLost: _lost,
    PhasesIdentified: _identified,
    AnalysisFlagged: _flagged,
    ObservationRecorded: _learnt,
    ObservationWithheld: _withheld,
    ModelReleased: _released,
}
