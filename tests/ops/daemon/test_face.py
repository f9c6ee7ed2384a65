"""The daemon's face shows the numbers of the work beside those of the campaign."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ops.daemon.face import Face, Facts
from ops.telemetry.observatory import Observatory, observe

STATUS = {
    "counts": {"planning.candidate_proposed": 3}, "samples": 2, "successes": 1, "failed_steps": 0, "withheld": 0,
    "agent_faults": 0, "best": {"utility": 0.5}, "troubles": 4, "parked_events": {"planner": 2}, "waiting": ["room"],
}  # fmt: skip


async def numbers(observatory: Observatory) -> dict[tuple[str, ...], float]:
    """What ``/metrics`` answers: name and labels → value."""

    async def nothing(_reason: str) -> None:
        """A switch that is not pressed here."""

    face = Face(Facts(lambda: STATUS, lambda: "", nothing, nothing, lambda: None, observatory.families), 0)
    face.open()
    while not face._server.started:
        await asyncio.sleep(0.01)

    def ask() -> str:
        with urllib.request.urlopen(f"{face.url}/metrics", timeout=10) as answer:  # noqa: S310  loopback
            text: str = answer.read().decode()
            return text

    try:
        text = await asyncio.to_thread(ask)
    finally:
        await face.close()
    families = text_string_to_metric_families(text)
    return {(s.name, *s.labels.values()): s.value for f in families for s in f.samples}


async def test_metrics_have_the_work_and_the_campaign(tmp_path: Path) -> None:
    """One page has events, queue, durations and troubles, and Prometheus can read it twice."""
    observatory = observe(tmp_path, "c-1", "0")
    observatory.queued("planner", 7)
    observatory.trouble("broker", "it went away")
    with observatory.telemetry.computation("train"):
        pass
    for _ in range(2):
        told = await numbers(observatory)
        assert told["athanor_events_total", "planning.candidate_proposed"] == 3
        assert told["athanor_queue", "planner"] == 7
        assert told["athanor_troubles_total", "broker"] == 1
        assert told["athanor_compute_seconds_count", "train"] == 1
        assert told["athanor_ready",] == 1
        assert told["athanor_parked", "planner"] == 2
        assert told["athanor_waiting",] == 1
    observatory.close()


async def test_metrics_without_telemetry_have_the_campaign() -> None:
    """Whoever wants no telemetry still sees the numbers of the log."""
    told = await numbers(Observatory())
    assert told["athanor_events_total", "planning.candidate_proposed"] == 3
    assert not [name for name, *_ in told if name.startswith("athanor_queue")]
