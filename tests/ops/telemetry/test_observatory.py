"""Telemetry of a run is in its folder, and there is none where none is wanted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.telemetry.observatory import FOLDER, observe
from tests.ops.telemetry.observed import live, lucky, spans


async def test_a_run_leaves_spans_a_log_and_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reactions of each agent, publications and computations are counted as often as they happened."""
    house = lucky(1)
    await live(house, tmp_path, monkeypatch)
    assert {p.name for p in (tmp_path / FOLDER).iterdir()} == {"spans.jsonl", "log.jsonl", "metrics.json"}
    told = json.loads((tmp_path / FOLDER / "metrics.json").read_text())
    assert told["athanor.publish.seconds"][0]["count"] == len(house.bus.log)
    found = spans(tmp_path)
    reactions = [s for s in found if s["kind"] == "consumer"]
    assert sum(p["value"] for p in told["athanor.reactions"]) == len(reactions) > 0
    assert sum(p["count"] for p in told["athanor.compute.seconds"]) == sum(
        s["name"].startswith("compute ") for s in found
    )
    assert told["athanor.telemetry.lost"] == [{"value": 0}]


def test_where_nobody_listens_nothing_is_written(tmp_path: Path) -> None:
    """Unwanted telemetry takes everything and leaves no file."""
    silent = observe(tmp_path, "c", "0", wanted=False)
    silent.trouble("broker", "it went away")
    silent.queued("planner", 3)
    silent.close()
    assert list(silent.families()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_in_the_numbers(tmp_path: Path) -> None:
    """Lines that could not be written are counted where the numbers can be read."""
    listening = observe(tmp_path, "c", "0")
    (tmp_path / FOLDER).write_text("in the way")
    listening.trouble("broker", "it went away")
    (lost,) = [f for f in listening.families() if f.name == "athanor_telemetry_lost"]
    assert [s.value for s in lost.samples] == [1.0]
    (tmp_path / FOLDER).unlink()
    listening.close()
    assert json.loads((tmp_path / FOLDER / "metrics.json").read_text())["athanor.telemetry.lost"] == [{"value": 1}]
