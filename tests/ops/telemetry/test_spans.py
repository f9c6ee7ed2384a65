"""Ids are given, not rolled, and no dice of anybody else are thrown."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, Parse, ParseDict, ParseError
from opentelemetry.proto.trace.v1.trace_pb2 import SpanFlags, TracesData
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer, use_span

from bus.telemetry import TracePlace
from ops.telemetry.lines import Lines
from ops.telemetry.spans import GivenIds, named, provider
from tests.ops.telemetry.observed import short


def test_ids_are_those_that_are_given() -> None:
    """Within a name the ids are given, a span number of 0 is left open, and outside there are others."""
    ids = GivenIds()
    with named(TracePlace(2**127 + 1, 2**63 + 1)):
        assert (ids.generate_trace_id(), ids.generate_span_id()) == (2**127 + 1, 2**63 + 1)
        with named(TracePlace(7, 0)):
            assert ids.generate_trace_id() == 7
            assert ids.generate_span_id() not in (0, 2**63 + 1)
    rolled = {ids.generate_trace_id() for _ in range(100)} | {ids.generate_span_id() for _ in range(100)}
    assert len(rolled) == 200


def test_the_dice_of_others_are_left_alone() -> None:
    """Making ids does not move `random`, with which a library may draw."""
    state = random.getstate()
    GivenIds().generate_span_id()
    GivenIds().generate_trace_id()
    assert random.getstate() == state


def test_spans_are_on_disk_when_the_provider_ends(tmp_path: Path) -> None:
    """Everything that was finished is a line with hexadecimal ids, more than the queue's one batch."""
    traces = provider(Lines(tmp_path / "spans.jsonl"), {"service.name": "athanor"})
    tracer = traces.get_tracer("test")
    with tracer.start_as_current_span("outer", attributes={"agent": "planner"}) as outer:
        for n in range(2000):
            with tracer.start_as_current_span(f"inner {n}"):
                pass
        outer.add_event("half time", {"n": 1})
    traces.shutdown()
    told = [short(json.loads(line)) for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    assert [s["name"] for s in told] == [*(f"inner {n}" for n in range(2000)), "outer"]
    last = told[-1]
    assert len(last["trace_id"]) == 32
    assert len(last["span_id"]) == 16
    assert int(last["span_id"], 16) == outer.get_span_context().span_id
    assert {s["parent_id"] for s in told[:-1]} == {last["span_id"]}
    assert last["attributes"] == {"agent": "planner"}
    assert last["events"][0]["name"] == "half time"
    assert last["process"] == {"service.name": "athanor"}


# what a reader of OTLP makes of it ---------------------------------------------------------------

IDS = ("traceId", "spanId", "parentSpanId")
"""Bytes, which OTLP writes in hexadecimal where protobuf's JSON has base64: the one difference between the two."""


def _other_ids(value: Any, write: Callable[[str], str]) -> Any:
    """The same JSON with each id written otherwise."""
    if isinstance(value, list):
        return [_other_ids(each, write) for each in value]
    if not isinstance(value, dict):
        return value
    return {k: write(v) if k in IDS else _other_ids(v, write) for k, v in value.items()}


def _hexadecimal(text: str) -> str:
    return base64.b64decode(text).hex()


def _base64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


def read_otlp(line: str) -> TracesData:
    """A line as a reader of OTLP/JSON has it: structure by protobuf, which refuses unknown fields, ids from hex."""
    return ParseDict(_other_ids(json.loads(line), _base64), TracesData())


def _work(tracer: Tracer) -> SpanContext:
    """Spans with everything that a span may have; the context of the outer one."""
    before = SpanContext(7, 9, is_remote=True, trace_flags=TraceFlags(1))
    outer = tracer.start_span("outer", kind=SpanKind.CONSUMER, links=[Link(before, {"why": "it led here"})])
    outer.set_attributes({"n": 2**53 + 1, "yes": True, "no": False, "share": 0.25, "nothing": float("nan")})
    outer.set_attributes({"words": "5%H₂/N₂ „gas“", "list": ["a", "b"], "numbers": (1, 2), "tiny": -5e-324})
    outer.add_event("half time", {"n": 1})
    outer.set_status(Status(StatusCode.ERROR, "the door is open"))
    with use_span(outer), tracer.start_as_current_span("inner", kind=SpanKind.PRODUCER):
        pass
    outer.end()
    return outer.get_span_context()


def test_each_line_is_read_by_opentelemetry_proto(tmp_path: Path) -> None:
    """Protobuf parses each line as TracesData and knows each field; read by OTLP's rules, ids are the spans'."""
    traces = provider(Lines(tmp_path / "spans.jsonl"), {"service.name": "athanor", "process.pid": 17})
    context = _work(traces.get_tracer("test"))
    traces.shutdown()
    lines = (tmp_path / "spans.jsonl").read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        Parse(line, TracesData())  # hexadecimal ids happen to be base64, too, of other bytes
    inner, outer = (read_otlp(line).resource_spans[0].scope_spans[0].spans[0] for line in lines)
    assert int.from_bytes(outer.trace_id) == int.from_bytes(inner.trace_id) == context.trace_id
    assert int.from_bytes(outer.span_id) == int.from_bytes(inner.parent_span_id) == context.span_id
    assert (len(outer.trace_id), len(outer.span_id), outer.parent_span_id) == (16, 8, b"")
    assert (outer.kind, inner.kind) == (outer.SPAN_KIND_CONSUMER, inner.SPAN_KIND_PRODUCER)
    assert (outer.status.code, outer.status.message) == (outer.status.STATUS_CODE_ERROR, "the door is open")
    assert outer.start_time_unix_nano <= inner.start_time_unix_nano <= inner.end_time_unix_nano
    assert outer.events[0].name == "half time"
    linked = outer.links[0]
    assert (int.from_bytes(linked.trace_id), int.from_bytes(linked.span_id)) == (7, 9)
    assert linked.flags & SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
    told = {a.key: a.value for a in outer.attributes}
    assert (told["n"].int_value, told["yes"].bool_value, told["no"].bool_value) == (2**53 + 1, True, False)
    assert (told["share"].double_value, told["tiny"].double_value) == (0.25, -5e-324)
    assert told["nothing"].double_value != told["nothing"].double_value
    assert [v.string_value for v in told["list"].array_value.values] == ["a", "b"]
    assert told["words"].string_value == "5%H₂/N₂ „gas“"


def test_a_line_says_nothing_that_protobuf_would_say_otherwise(tmp_path: Path) -> None:
    """Written again by protobuf with numbers for enumerations, what was read is the same line but for empty fields."""
    traces = provider(Lines(tmp_path / "spans.jsonl"), {"service.name": "athanor"})
    _work(traces.get_tracer("test"))
    traces.shutdown()
    for line in (tmp_path / "spans.jsonl").read_text().splitlines():
        again = MessageToDict(read_otlp(line), use_integers_for_enums=True)
        assert _other_ids(again, _hexadecimal) == _without_empty(json.loads(line))


def _without_empty(value: Any) -> Any:
    """JSON without what protobuf leaves out: empty lists, and a status that is not set."""
    if isinstance(value, list):
        return [_without_empty(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {k: _without_empty(v) for k, v in value.items() if v != []}
    return kept | ({"status": {}} if kept.get("status") == {"code": 0} else {})


@pytest.mark.parametrize("wrong", ['{"name": "a"}', '{"resourceSpans": [{"spans": []}]}', '{"resourceSpans": 1}'])
def test_the_reader_reads_nothing_else(wrong: str) -> None:
    """The check is one: JSON that is not of that form is refused."""
    with pytest.raises(ParseError):
        read_otlp(wrong)
