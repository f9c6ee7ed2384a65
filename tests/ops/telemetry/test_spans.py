"""Ids are given, not rolled, and no dice of anybody else are thrown."""

from __future__ import annotations

import json
import random
from pathlib import Path

from bus.telemetry import TracePlace
from ops.telemetry.lines import Lines
from ops.telemetry.spans import GivenIds, named, provider


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
    """Everything that was finished is one JSON object a line with hexadecimal ids, more than the queue's one batch."""
    traces = provider(Lines(tmp_path / "spans.jsonl"), {"service.name": "athanor"})
    tracer = traces.get_tracer("test")
    with tracer.start_as_current_span("outer", attributes={"agent": "planner"}) as outer:
        for n in range(2000):
            with tracer.start_as_current_span(f"inner {n}"):
                pass
        outer.add_event("half time", {"n": 1})
    traces.shutdown()
    told = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    assert [s["name"] for s in told] == [*(f"inner {n}" for n in range(2000)), "outer"]
    last = told[-1]
    assert len(last["trace_id"]) == 32
    assert len(last["span_id"]) == 16
    assert int(last["span_id"], 16) == outer.get_span_context().span_id
    assert {s["parent_id"] for s in told[:-1]} == {last["span_id"]}
    assert last["attributes"] == {"agent": "planner"}
    assert last["events"][0]["name"] == "half time"
    assert last["process"] == {"service.name": "athanor"}
