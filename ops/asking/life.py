"""The life of a sample: its events in the order of the log become moments in the order of time."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.diffraction import MeasurementFailed, MeasurementStarted, PatternMeasured
from contracts.event import Event
from contracts.instruments import Reading
from contracts.synthesis import StepCompleted, StepFailed, StepStarted
from ops.asking.moment import Heard, Moment, Tone
from ops.asking.turns import turn
from ops.asking.wording import few


def moments(heard: Iterable[Heard], vials: Iterable[str]) -> list[Moment]:
    """A life as moments in the order in which they began.

    Args:
        heard: its events in the order of the log.
        vials: the samples whose life it is.
    """
    mine = frozenset(vials)
    told: list[Moment] = []
    open_steps: dict[str, Heard] = {}
    for one in heard:
        event = one.event
        if isinstance(event, StepStarted | MeasurementStarted):
            open_steps[_key(event)] = one
            continue
        if isinstance(event, StepCompleted | StepFailed | PatternMeasured | MeasurementFailed):
            told.append(_ended(one, open_steps.pop(_key(event), None), mine))
        else:
            told.append(turn(one))
    told += [_under_way(one) for one in open_steps.values()]
    return sorted(told, key=lambda m: (m.began if m.step else m.ended or m.began, m.seq))


def _key(event: Event) -> str:
    return str(getattr(event, "key", None) or getattr(event, "measurement_id", ""))


def _under_way(one: Heard) -> Moment:
    event = one.event
    step = event.step.value if isinstance(event, StepStarted) else "scan"
    return Moment(one.seq, one.time, None, step, "under way", tone=Tone.DOUBT, step=True)


def _ended(one: Heard, start: Heard | None, mine: frozenset[str]) -> Moment:
    """A step that has ended, well or not."""
    event = one.event
    began = start.time if start is not None else one.time
    if isinstance(event, StepCompleted):
        troubles = [t for t in event.troubles if t.sample_id in mine]
        words = tuple(f"{t.reason}{' (lost)' if t.lost else ''}" for t in troubles)
        tone = Tone.BAD if any(t.lost for t in troubles) else Tone.DOUBT if troubles else Tone.PLAIN
        with_others = [name for name in event.sample_ids if name not in mine]
        told = f"on {event.instrument}" + (f" with {few(with_others, 3)}" if with_others else "")
        told += "".join(f", {reading}" for reading in _readings(event.readings))
        return Moment(one.seq, event.started_at, event.ended_at, event.step.value, told, words, tone, step=True)
    if isinstance(event, PatternMeasured):
        told = f"on {event.instrument}, {event.pattern.name} ({event.pattern.size / 1000:.0f} kB)"
        details = () if event.asked else ("nobody asked for it: the file was handed in",)
        tone = Tone.PLAIN if event.asked else Tone.DOUBT
        return Moment(one.seq, event.started_at, event.ended_at, "scan", told, details, tone, step=True)
    if isinstance(event, StepFailed | MeasurementFailed):
        what = event.step.value if isinstance(event, StepFailed) else "scan"
        again = "it may be tried again" if event.retryable else "it may not be tried again"
        words = (event.reason, again)
        return Moment(one.seq, began, one.time, what, f"failed on {event.instrument}", words, Tone.BAD, step=True)
    raise TypeError(f"Expected the end of a step, got {type(event).__name__}.")


def _readings(readings: Iterable[Reading]) -> list[str]:
    """What an instrument logged, but for the single weighings of a recipe."""
    units = {"Cel": "°C", "Angstrom": "Å"}
    return [f"{r.name} {r.value:g} {units.get(r.unit, r.unit)}" for r in readings if not r.name.startswith("mass of ")]
