"""OpenTelemetry spans under ids that are given and not rolled, written as one JSON object a line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanContext, format_span_id, format_trace_id

from bus.telemetry import TracePlace
from ops.telemetry.lines import Lines

QUEUE = 16_384
"""Spans that wait for the writer; more are dropped and counted by the SDK's own warning."""
DELAY_MS = 1000
"""Time after which finished spans are written."""

_GIVEN: ContextVar[TracePlace | None] = ContextVar("given_place", default=None)


class GivenIds(IdGenerator):
    """Ids as `named` gives them.

    Others come from the operating system: the SDK's own generator would throw the dice of `random`, which are not ours.
    """

    def generate_span_id(self) -> int:
        """64 bits, not all zero."""
        given = _GIVEN.get()
        return given.span if given and given.span else int.from_bytes(os.urandom(8), "big") | 1

    def generate_trace_id(self) -> int:
        """128 bits, not all zero."""
        given = _GIVEN.get()
        return given.trace if given else int.from_bytes(os.urandom(16), "big") | 1


@contextmanager
def named(place: TracePlace) -> Iterator[None]:
    """Within, spans begin at this place; a span number of 0 leaves the number open."""
    token = _GIVEN.set(place)
    try:
        yield
    finally:
        _GIVEN.reset(token)


def plain(span: ReadableSpan) -> dict[str, Any]:
    """A span as JSON: ids in hexadecimal as W3C writes them, times in ns since 1970 by the wall clock."""
    context = span.get_span_context()
    return {
        "name": span.name,
        **_ids(context),
        "parent_id": format_span_id(span.parent.span_id) if span.parent else None,
        "kind": span.kind.name.lower(),
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "status": span.status.status_code.name.lower(),
        "status_text": span.status.description,
        "attributes": dict(span.attributes or {}),
        "events": [{"name": e.name, "at_ns": e.timestamp, "attributes": dict(e.attributes or {})} for e in span.events],
        "links": [_ids(link.context) for link in span.links],
        "process": dict(span.resource.attributes),
    }


def _ids(context: SpanContext | None) -> dict[str, str]:
    if context is None:
        return {}
    return {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}


class LinesExporter(SpanExporter):
    """Writes spans to a file."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Appends a line a span."""
        return SpanExportResult.SUCCESS if self.lines.write([plain(s) for s in spans]) else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Lets go of the file."""
        self.lines.close()


def provider(lines: Lines, about: dict[str, str | int]) -> TracerProvider:
    """A provider of our own; the process-wide one of OpenTelemetry is left to whoever embeds the lab.

    Args:
        lines: where spans are written.
        about: what every span says about the process.
    """
    traces = TracerProvider(resource=Resource(about), id_generator=GivenIds(), shutdown_on_exit=False)
    traces.add_span_processor(
        BatchSpanProcessor(LinesExporter(lines), max_queue_size=QUEUE, schedule_delay_millis=DELAY_MS)
    )
    return traces
