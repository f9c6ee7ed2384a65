"""The silent side of telemetry: where an event stands in its trace, and that silence changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bus.telemetry import TracePlace, place_in_trace
from contracts.identifiers import trace_parent
from tests.contracts.examples import envelope
from tests.promises.bus_promises import lost


def test_an_event_stands_where_opentelemetry_reads_it() -> None:
    """The place in the trace is the one that the W3C propagator makes of the same header."""
    sealed = envelope(lost(1), n=1)
    parent = trace_parent(sealed.correlationid, sealed.id)
    sealed = sealed.model_copy(update={"traceparent": parent})
    read = get_current_span(TraceContextTextMapPropagator().extract({"traceparent": parent})).get_span_context()
    assert place_in_trace(sealed) == TracePlace(read.trace_id, read.span_id)
    assert read.trace_flags.sampled


def test_an_event_of_before_has_the_place_that_follows_from_its_ids() -> None:
    """Without a header the ids say the same as with one."""
    sealed = envelope(lost(1), n=1).model_copy(update={"traceparent": None})
    assert place_in_trace(sealed) == TracePlace(sealed.correlationid.int, sealed.id.int >> 64)


def test_silence_costs_no_library() -> None:
    """A runtime to which nobody listens imports neither OpenTelemetry nor structlog."""
    program = (
        "import agents.runtime, bus.telemetry, ops.telemetry.observatory, sys\n"
        "sys.exit(sorted(set(sys.modules) & {'opentelemetry', 'structlog'}) != [])"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=root).returncode == 0
