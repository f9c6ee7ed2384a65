"""Makes spans and numbers of what a runtime does.

The span of a publication *is* the event: its ids are those of the event's ``traceparent``. A reaction's span is a
child of the event that it reacts to, a publication's a child of the reaction. A trace is one candidate's chain; where
a cause lies in another trace (a batch is proposed because of the last one), the span hangs on the root of its own
trace, which is the span ``candidate``, or ``standard`` where a reference powder is scanned, and links to its cause.
What is done for several candidates at once, such as a firing, has a span in the trace of each of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
    use_span,
)

from bus.protocol import Receipt
from bus.telemetry import Attempt, PublicationSpan, ReactionSpan, Telemetry, TracePlace, place_in_trace
from contracts.diffraction import MeasurementFailed, MeasurementStarted, PatternMeasured
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.identifiers import STANDARD_SCAN, candidate_of, chain_id
from contracts.planning import CandidateProposed
from contracts.scheduling import RunScheduled
from contracts.synthesis import StepCompleted, StepFailed, StepStarted
from ops.telemetry.spans import named

if TYPE_CHECKING:
    from ops.telemetry.numbers import Numbers

Attributes = Mapping[str, str | int | bool]


def _remote(place: TracePlace) -> SpanContext:
    return SpanContext(place.trace, place.span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _chain_root(campaign: str, candidate: str) -> TracePlace:
    chain = chain_id(campaign, candidate)
    return TracePlace(chain.int, chain.int >> 64)


@dataclass(frozen=True)
class Action:
    """Something that was done, perhaps for several candidates at once."""

    name: str
    """Name of its spans."""
    because: Span
    """The span within which it was done."""
    attributes: Attributes
    """What to say about it."""
    start: int | None = None
    """When it began, ns since 1970; now by default."""
    failed: str = ""
    """Why it failed, if it did."""


@dataclass(frozen=True)
class _Begun:
    """An intent whose fact is awaited."""

    intent: StepStarted | MeasurementStarted
    start: int
    resumed: bool
    """Whether the intent was written in an earlier life or try."""


class Recorder(Telemetry):
    """Spans by a tracer, numbers by a meter."""

    def __init__(self, tracer: Tracer, numbers: Numbers) -> None:
        self.tracer, self.numbers = tracer, numbers

    @contextmanager
    def reaction(self, attempt: Attempt) -> Iterator[ReactionSpan]:
        """A span under the event that is reacted to."""
        recorded = attempt.recorded
        cause = recorded.envelope
        place = place_in_trace(cause)
        span = self._begin(
            f"{attempt.agent}.{attempt.reaction}",
            TracePlace(place.trace, 0),
            place.span,
            kind=SpanKind.CONSUMER,
            attributes={
                "agent": attempt.agent,
                "event.kind": cause.type,
                "event.id": str(cause.id),
                "event.sequence": recorded.sequence,
                "attempt": attempt.number,
                "lab_time": cause.time.isoformat(),
                **_about(cause.data),
            },
        )
        outcome, began = _Reaction(self, span, attempt.agent, cause.campaign), time.perf_counter()
        try:
            with use_span(span, end_on_exit=True):
                try:
                    yield outcome
                except asyncio.CancelledError:
                    outcome.outcome = "cancelled"
                    span.set_attribute("cancelled", True)
                    raise
                except Exception:
                    outcome.outcome = "failed"
                    raise
                finally:
                    outcome.end()
        finally:
            self.numbers.reacted(attempt.agent, outcome.outcome, time.perf_counter() - began)

    @contextmanager
    def publication(self, envelope: Envelope) -> Iterator[PublicationSpan]:
        """The span that is the event."""
        place, around, event = place_in_trace(envelope), get_current_span().get_span_context(), envelope.data
        root = TracePlace(place.trace, envelope.correlationid.int >> 64)
        within = around.is_valid and around.trace_id == place.trace
        parent = around.span_id if within else root.span
        agent = envelope.source.removeprefix("/agents/")
        links = [Link(around)] if around.is_valid and not within else []
        if (opened := _opens(event)) is not None:
            self._begin(opened, root, 0, links=links, attributes={"agent": agent, **_about(event)}).end()
        span = self._begin(
            f"publish {envelope.type}",
            place,
            parent if within or (envelope.causationid and root != place) else 0,
            kind=SpanKind.PRODUCER,
            links=links,
            attributes={
                "agent": agent,
                "event.kind": envelope.type,
                "event.id": str(envelope.id),
                "lab_time": envelope.time.isoformat(),
                **_about(event),
            },
        )
        began = time.perf_counter()
        with use_span(span, end_on_exit=True):
            yield _Publication(span)
        self.numbers.published(time.perf_counter() - began)
        if isinstance(event, RunScheduled):
            scheduled = Action("scheduled", span, {"agent": agent, **_about(event)})
            for candidate in dict.fromkeys(s.candidate_id for s in event.samples):
                self.mirrored(candidate, envelope.campaign, scheduled)

    @contextmanager
    def computation(self, task: str) -> Iterator[None]:
        """A span under the reaction that wants the result."""
        began = time.perf_counter()
        with self.tracer.start_as_current_span(f"compute {task}", attributes={"task": task}):
            yield
        self.numbers.computed(task, time.perf_counter() - began)

    def _begin(self, name: str, place: TracePlace, parent: int, **rest: Any) -> Span:
        """A span at a place of a trace, under the span of that number, 0 for none; the rest is OpenTelemetry's."""
        context = Context()
        if parent:
            context = set_span_in_context(NonRecordingSpan(_remote(TracePlace(place.trace, parent))), context)
        with named(place):
            return self.tracer.start_span(name, context, **rest)

    def mirrored(self, candidate: str | None, campaign: str, action: Action) -> None:
        """A finished span in the trace of a candidate for something that was done for several, or for none."""
        there = action.because.get_span_context()
        root = _chain_root(campaign, candidate) if candidate else TracePlace(there.trace_id, there.span_id)
        here = root.trace == there.trace_id
        span = self._begin(
            action.name,
            TracePlace(root.trace, 0),
            there.span_id if here else root.span,
            links=[] if here else [Link(there)],
            attributes=action.attributes,
            start_time=action.start,
        )
        if action.failed:
            span.set_status(Status(StatusCode.ERROR, action.failed))
        span.end()


class _Publication(PublicationSpan):
    """A publication under way."""

    def __init__(self, span: Span) -> None:
        self.span = span

    def stored(self, receipt: Receipt) -> None:
        """Where it stands in the log."""
        self.span.set_attributes({"event.sequence": receipt.sequence, "duplicate": receipt.duplicate})


class _Reaction(ReactionSpan):
    """A try under way, and the actions of instruments that have begun in it."""

    def __init__(self, recorder: Recorder, span: Span, agent: str, campaign: str) -> None:
        self.recorder, self.span, self.agent, self.campaign = recorder, span, agent, campaign
        self.outcome = "done"
        self._open: dict[str, _Begun] = {}

    def said(self, event: Event, *, before: bool) -> None:
        """An intent opens the span of an action, its fact closes it."""
        if isinstance(event, StepStarted | MeasurementStarted):
            self._open[_key(event)] = _Begun(event, time.time_ns(), before)
        elif isinstance(event, StepCompleted | StepFailed | PatternMeasured | MeasurementFailed):
            begun = self._open.pop(_key(event), None)
            if begun is not None and not before:
                failed = event.reason if isinstance(event, StepFailed | MeasurementFailed) else ""
                self._action(begun, failed)

    def faulted(self, error: Exception) -> None:
        """The exception, with its traceback."""
        self.outcome = "faulted"
        self.span.record_exception(error)
        self.span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))

    def end(self) -> None:
        """Actions without a fact: nobody has told yet what became of them."""
        for begun in self._open.values():
            self._action(begun, "the reaction ended before the instrument had reported")
        self._open.clear()

    def _action(self, begun: _Begun, failed: str) -> None:
        intent = begun.intent
        step = intent.step.value if isinstance(intent, StepStarted) else "scan"
        vials = intent.sample_ids if isinstance(intent, StepStarted) else (intent.sample_id,)
        attributes: Attributes = {
            "agent": self.agent,
            "instrument": intent.instrument,
            "key": _key(intent),
            "resumed": begun.resumed,
            **_about(intent),
        }
        action = Action(f"{intent.instrument}.{step}", self.span, attributes, begun.start, failed)
        for candidate in dict.fromkeys(map(candidate_of, vials)) or (None,):  # none: the furnace itself, calibrated
            self.recorder.mirrored(candidate, self.campaign, action)


def _opens(event: Event) -> str | None:
    """Name of the root span of the chain that an event begins; none if it begins none."""
    if isinstance(event, CandidateProposed):
        return "candidate"
    if isinstance(event, MeasurementStarted) and event.measurement_id.startswith(STANDARD_SCAN):
        return "standard"
    return None


def _key(event: Event) -> str:
    key: str = getattr(event, "key", "") or getattr(event, "measurement_id", "")
    return key


def _about(event: Event) -> dict[str, str]:
    """What an event is about."""
    names = ("candidate_id", "sample_id", "run_id", "batch_id")
    return {n.removesuffix("_id"): str(v) for n in names if (v := getattr(event, n, None)) is not None}
