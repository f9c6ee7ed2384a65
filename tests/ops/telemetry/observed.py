"""Lives in memory that are observed, and what was written about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.runtime import Lab, Runtime
from ops.telemetry.observatory import FOLDER, Observatory, observe
from tests.agents.lab import House, campaign
from tests.agents.test_ring import laboratory
from tests.agents.world import Dice, World

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
"""OTLP's numbers of kinds."""


def lucky(seed: int, **trouble: dict[str, float]) -> House:
    """A campaign of six vials in two furnaces in which nothing goes wrong but what is named."""
    world = World(Dice(seed, trouble), ("furnace-1", "furnace-2"))
    return campaign(world, laboratory=laboratory(2, 2), budget={"max_samples": 6, "max_weeks": 26})


@contextmanager
def listening(out: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Observatory]:
    """Within, every runtime that is made tells its work to an observatory over that folder."""
    observatory = observe(out, "test", "0.0.0")
    init: Callable[..., None] = Runtime.__init__

    def observed(self: Runtime, lab: Lab, *rest: Any) -> None:
        init(self, replace(lab, telemetry=observatory.telemetry), *rest)
        self.watchers.append(observatory.note)

    with monkeypatch.context() as patched:
        patched.setattr(Runtime, "__init__", observed)
        try:
            yield observatory
        finally:
            observatory.close()


async def live(house: House, out: Path, monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
    """One observed life."""
    with listening(out, monkeypatch):
        await house.live(**how)


def lines(out: Path, name: str) -> list[dict[str, Any]]:
    """The lines of a file, the parts that were turned over included."""
    found = sorted((out / FOLDER).glob(f"{name}*.jsonl"), key=lambda p: p.name)
    return [json.loads(line) for path in found for line in path.read_text().splitlines()]


def spans(out: Path) -> list[dict[str, Any]]:
    """All spans, each in short."""
    return [short(line) for line in lines(out, "spans")]


def short(line: dict[str, Any]) -> dict[str, Any]:
    """The span of a line of OTLP/JSON, under the names that the tests use."""
    (resource,) = line["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    (span,) = scope["spans"]
    return {
        "name": span["name"],
        "trace_id": span["traceId"],
        "span_id": span["spanId"],
        "parent_id": span.get("parentSpanId"),
        "kind": KINDS[span["kind"]],
        "start_ns": int(span["startTimeUnixNano"]),
        "end_ns": int(span["endTimeUnixNano"]),
        "status": ("unset", "ok", "error")[span["status"]["code"]],
        "status_text": span["status"].get("message"),
        "attributes": _plain(span["attributes"]),
        "events": [{"name": e["name"], "attributes": _plain(e["attributes"])} for e in span["events"]],
        "links": [{"trace_id": link["traceId"], "span_id": link["spanId"]} for link in span["links"]],
        "process": _plain(resource["resource"]["attributes"]),
    }


def _plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes as JSON would say them."""
    told = {}
    for attribute in attributes:
        ((kind, value),) = attribute["value"].items()
        told[attribute["key"]] = int(value) if kind == "intValue" else value
    return told


def unresolved(found: list[dict[str, Any]]) -> list[str]:
    """Names of spans whose parent was not written, or lies in another trace."""
    there = {(s["trace_id"], s["span_id"]) for s in found}
    return [s["name"] for s in found if s["parent_id"] and (s["trace_id"], s["parent_id"]) not in there]
