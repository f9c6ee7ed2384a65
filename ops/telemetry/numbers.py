"""Counters and histograms of a running lab, by the OpenTelemetry SDK; as JSON, and as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    Histogram,
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    NumberDataPoint,
    Sum,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
"""Upper bounds of the classes of a duration."""

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Numbers:
    """What is counted, and for how long things take, by the wall clock. No decision reads them."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider([self._reader], shutdown_on_exit=False)
        meter = self._provider.get_meter("athanor")

        def seconds(name: str, what: str) -> Any:
            return meter.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=SECONDS)

        self._reactions = meter.create_counter("athanor.reactions", "1", "Reactions of agents that have ended")
        self._reaction_seconds = seconds("athanor.reaction.seconds", "Wall time of a reaction, waiting included")
        self._publish_seconds = seconds("athanor.publish.seconds", "Wall time from an event to its receipt")
        self._compute_seconds = seconds("athanor.compute.seconds", "Wall time of work in a worker process")
        self._queue = meter.create_gauge("athanor.queue", "1", "Events that wait for an agent")
        self._troubles = meter.create_counter("athanor.troubles", "1", "Troubles beneath the agents")
        self._lost = meter.create_gauge("athanor.telemetry.lost", "1", "Lines of telemetry that could not be written")

    def reacted(self, agent: str, outcome: str, seconds: float) -> None:
        """A reaction has ended: done, faulted, failed or cancelled."""
        self._reactions.add(1, {"agent": agent, "outcome": outcome})
        self._reaction_seconds.record(seconds, {"agent": agent})

    def published(self, seconds: float) -> None:
        """An event is stored."""
        self._publish_seconds.record(seconds)

    def computed(self, task: str, seconds: float) -> None:
        """A worker has answered."""
        self._compute_seconds.record(seconds, {"task": task})

    def queued(self, agent: str, events: int) -> None:
        """How many events wait for an agent now."""
        self._queue.set(events, {"agent": agent})

    def troubled(self, kind: str) -> None:
        """Something beneath the agents is in trouble."""
        self._troubles.add(1, {"trouble": kind})

    def lost(self, lines: int) -> None:
        """How many lines of telemetry could not be written so far."""
        self._lost.set(lines)

    def _metrics(self) -> Iterator[Metric]:
        collected = self._reader.get_metrics_data()
        for resource in collected.resource_metrics if collected else ():
            for scope in resource.scope_metrics:
                yield from scope.metrics

    def plain(self) -> dict[str, list[dict[str, Any]]]:
        """Everything as JSON: metric → one object for each set of attributes."""
        return {m.name: [_plain(p) for p in m.data.data_points] for m in self._metrics()}

    def families(self) -> Iterator[Family]:
        """Everything as Prometheus reads it."""
        for metric in self._metrics():
            yield _family(metric)

    def close(self) -> None:
        """Counts no more."""
        self._provider.shutdown()


def _plain(point: Any) -> dict[str, Any]:
    told: dict[str, Any] = dict(point.attributes or {})
    if isinstance(point, HistogramDataPoint):
        counts = dict(zip([*map(str, point.explicit_bounds), "inf"], point.bucket_counts, strict=True))
        return told | {"count": point.count, "sum": point.sum, "max": point.max, "buckets": counts}
    return told | {"value": point.value}


def _family(metric: Metric) -> Family:
    name, what, points = metric.name.replace(".", "_"), metric.description or metric.name, metric.data.data_points
    labels = sorted({label for p in points for label in p.attributes or {}})
    family: Family
    if isinstance(metric.data, Histogram):
        family = HistogramMetricFamily(name, what, labels=labels)
        for filled in metric.data.data_points:
            family.add_metric(_values(filled, labels), _cumulated(filled), filled.sum)
        return family
    counted = isinstance(metric.data, Sum)
    family = CounterMetricFamily(name, what, labels=labels) if counted else GaugeMetricFamily(name, what, labels=labels)
    for point in points:
        if isinstance(point, NumberDataPoint):
            family.add_metric(_values(point, labels), point.value)
    return family


def _values(point: Any, labels: list[str]) -> list[str]:
    return [str((point.attributes or {}).get(label, "")) for label in labels]


def _cumulated(point: HistogramDataPoint) -> list[tuple[str, float]]:
    bounds, total, classes = [*map(str, point.explicit_bounds), "+Inf"], 0, []
    for bound, count in zip(bounds, point.bucket_counts, strict=True):
        total += count
        classes.append((bound, float(total)))
    return classes
