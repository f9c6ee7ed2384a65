"""OpenTelemetry spans under ids that are given and not rolled, written in the form of OTLP's JSON files.

Each line is one ``TracesData`` with one span, so that the collector's ``otlpjsonfile`` receiver and whatever else reads
OTLP/JSON reads it: https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/. That form is protobuf's JSON but
for ids, which are hexadecimal and not base64, and enumerations, which are numbers; 64-bit integers are texts.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from math import isfinite
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

_REMOTE_IS_KNOWN, _REMOTE = 0x100, 0x200
"""Bits of OTLP's flags above those of W3C."""
_NOT_FINITE = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
"""Numbers that JSON has no digits for, as protobuf spells them."""

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


def traces_data(span: ReadableSpan) -> dict[str, Any]:
    """A span as a line of an OTLP file: times in ns since 1970 by the wall clock."""
    scope = span.instrumentation_scope
    about = {"resource": {"attributes": _attributes(span.resource.attributes)}}
    within = {"scope": {"name": scope.name} if scope else {}, "spans": [_span(span)]}
    return {"resourceSpans": [about | {"scopeSpans": [within]}]}


def _span(span: ReadableSpan) -> dict[str, Any]:
    context = span.get_span_context()
    status = {"code": span.status.status_code.value}
    return {
        **_ids(context),
        **({"parentSpanId": format_span_id(span.parent.span_id)} if span.parent else {}),
        "flags": _flags(context, remote=span.parent is not None and span.parent.is_remote),
        "name": span.name,
        "kind": span.kind.value + 1,  # OTLP's 0 is unspecified
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes),
        "events": [
            {"timeUnixNano": str(e.timestamp), "name": e.name, "attributes": _attributes(e.attributes)}
            for e in span.events
        ],
        "links": [
            {
                **_ids(link.context),
                "attributes": _attributes(link.attributes),
                "flags": _flags(link.context, remote=link.context.is_remote),
            }
            for link in span.links
        ],
        "status": status | ({"message": span.status.description} if span.status.description else {}),
    }


def _ids(context: SpanContext | None) -> dict[str, str]:
    if context is None:
        return {}
    return {"traceId": format_trace_id(context.trace_id), "spanId": format_span_id(context.span_id)}


def _flags(context: SpanContext | None, *, remote: bool) -> int:
    """W3C's flags of the span, and whether its parent, or what is linked to, is known to be remote."""
    return (context.trace_flags if context else 0) | _REMOTE_IS_KNOWN | (_REMOTE if remote else 0)


def _attributes(attributes: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in (attributes or {}).items()]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if isfinite(value) else _NOT_FINITE.get(str(value), str(value))}
        case str():
            return {"stringValue": value}
        case bytes():
            return {"bytesValue": b64encode(value).decode()}
        case list() | tuple():
            return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": str(value)}


class LinesExporter(SpanExporter):
    """Writes spans to a file."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Appends a line a span."""
        return (
            SpanExportResult.SUCCESS if self.lines.write([traces_data(s) for s in spans]) else SpanExportResult.FAILURE
        )

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
