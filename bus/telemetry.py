"""How work joins the trace of the event that it follows; silent here, spoken by whoever runs the lab.

An event carries a ``traceparent`` whose trace is its chain (one candidate, from proposal to label) and whose span is
the event itself; both are derived (`contracts.identifiers.trace_parent`), so the log is the same in every byte whether
anybody listens or not. The same text travels as a NATS header, where any OpenTelemetry consumer finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bus.protocol import Receipt, Recorded
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.identifiers import trace_parent


@dataclass(frozen=True, slots=True)
class TracePlace:
    """A span by its numbers."""

    trace: int
    """128 bits: the chain."""
    span: int
    """64 bits: the event."""


def place_in_trace(envelope: Envelope) -> TracePlace:
    """The span that an event is; an old event that names none has the one that follows from its ids."""
    _, trace, span, _ = (envelope.traceparent or trace_parent(envelope.correlationid, envelope.id)).split("-")
    return TracePlace(int(trace, 16), int(span, 16))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one reaction to one delivery."""

    agent: str
    """Who reacts."""
    reaction: str
    """The reaction's name."""
    recorded: Recorded
    """What it reacts to."""
    number: int
    """Which try this is, from 1."""


class ReactionSpan:
    """A try under way. This one keeps nothing."""

    def said(self, event: Event, *, before: bool) -> None:
        """The reaction has yielded an event.

        Args:
            event: what it said.
            before: whether the log had it already, from an earlier life or try.
        """

    def faulted(self, error: Exception) -> None:
        """The reaction has raised."""


class PublicationSpan:
    """A publication under way. This one keeps nothing."""

    def stored(self, receipt: Receipt) -> None:
        """The log has answered."""


class Telemetry:
    """What a runtime tells about its work while it does it. This one keeps nothing.

    Nothing that it is told may come back to an agent: decisions do not depend on whether anybody listens.
    """

    @contextmanager
    def reaction(self, attempt: Attempt) -> Iterator[ReactionSpan]:  # noqa: ARG002  for those who keep it
        """Around one try of a reaction."""
        yield ReactionSpan()

    @contextmanager
    def publication(self, envelope: Envelope) -> Iterator[PublicationSpan]:  # noqa: ARG002  for those who keep it
        """Around storing one event."""
        yield PublicationSpan()

    @contextmanager
    def computation(self, task: str) -> Iterator[None]:  # noqa: ARG002  for those who keep it
        """Around heavy science in a worker."""
        yield


SILENT = Telemetry()
"""For a lab to which nobody listens."""
