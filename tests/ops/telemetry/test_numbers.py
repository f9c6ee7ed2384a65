"""What is counted can be read as JSON and by Prometheus, and both say the same."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from ops.telemetry.numbers import SECONDS, Family, Numbers


@pytest.fixture
def numbers() -> Numbers:
    made = Numbers()
    for seconds in (0.002, 0.02, 0.02, 5000.0):
        made.reacted("planner", "done", seconds)
    made.reacted("retrainer", "faulted", 1.5)
    made.published(0.004)
    made.computed("train", 2.0)
    made.queued("planner", 7)
    made.queued("planner", 3)
    made.troubled("broker")
    made.lost(2)
    return made


def test_as_json(numbers: Numbers) -> None:
    """Counters add up by agent and outcome, a gauge has its last value, a histogram has its classes."""
    told = numbers.plain()
    assert {(p["agent"], p["outcome"]): p["value"] for p in told["athanor.reactions"]} == {
        ("planner", "done"): 4, ("retrainer", "faulted"): 1,
    }  # fmt: skip
    assert told["athanor.queue"] == [{"agent": "planner", "value": 3}]
    planner = next(p for p in told["athanor.reaction.seconds"] if p["agent"] == "planner")
    assert planner["count"] == sum(planner["buckets"].values()) == 4
    assert planner["sum"] == pytest.approx(5000.042)
    assert planner["buckets"]["0.03"] == 2
    assert planner["buckets"]["inf"] == 1
    assert len(planner["buckets"]) == len(SECONDS) + 1
    assert told["athanor.telemetry.lost"] == [{"value": 2}]


def test_as_prometheus_reads_it(numbers: Numbers) -> None:
    """The text is one that Prometheus' own parser takes, with cumulated classes and the same numbers."""

    class Told(Collector):
        def collect(self) -> Iterable[Family]:
            return numbers.families()

    registry = CollectorRegistry()
    registry.register(Told())
    text = generate_latest(registry).decode()
    samples = {
        (s.name, *sorted(s.labels.items())): s.value for f in text_string_to_metric_families(text) for s in f.samples
    }
    planner = ("agent", "planner")
    assert samples["athanor_reactions_total", planner, ("outcome", "done")] == 4
    assert samples["athanor_queue", planner] == 3
    assert samples["athanor_reaction_seconds_count", planner] == 4
    assert samples["athanor_reaction_seconds_bucket", planner, ("le", "0.03")] == 3
    assert samples["athanor_reaction_seconds_bucket", planner, ("le", "+Inf")] == 4
    assert samples["athanor_troubles_total", ("trouble", "broker")] == 1
    assert samples["athanor_publish_seconds_sum",] == pytest.approx(0.004)
    assert samples["athanor_compute_seconds_count", ("task", "train")] == 1
