"""The log says what happened, how bad it is, and in which trace."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from contracts.campaigns import CampaignFinished, CampaignPaused
from contracts.learning import ModelReleased
from contracts.presence import AgentFaulted, AgentStarted, AgentStopped
from contracts.synthesis import StepFailed
from tests.agents.lab import House
from tests.agents.toys import Splitter, Stumbling
from tests.ops.telemetry.observed import lines, listening, live, lucky


async def test_the_log_tells_what_people_want_to_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts, failures, models and the end are there, each with its level, its agent and the trace of its event."""
    house = lucky(3, instrument={"fails": 0.03})
    await live(house, tmp_path, monkeypatch, stop=True)
    told = lines(tmp_path, "log")
    kinds = (AgentStarted, AgentStopped, StepFailed, ModelReleased, CampaignFinished)
    noted = Counter(t["event"] for t in told)
    for kind in kinds:
        assert noted[kind.kind] == len(await house.events(kind)) > 0, kind
    parents = {sequence: envelope.traceparent for sequence, envelope in house.past()}
    for line in told:
        assert parents[line["sequence"]] == f"00-{line['trace_id']}-{line['span_id']}-01"
        assert line["agent"]
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() is not None
    levels = {t["event"]: t["level"] for t in told}
    assert levels[StepFailed.kind] == "warning"
    assert levels[ModelReleased.kind] == levels[CampaignFinished.kind] == "info"
    failures = [t["reason"] for t in told if t["event"] == StepFailed.kind]
    assert failures == [e.reason for e in await house.events(StepFailed)]  # type: ignore[attr-defined]


async def test_a_mistake_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that stumbled is told with where and why, at the level error."""
    raises = Counter({"c-1-v1": 1})
    house = House(lambda _: [Splitter(), Stumbling(raises)], CampaignPaused(reason="x"))
    await live(house, tmp_path, monkeypatch)
    (told,) = [t for t in lines(tmp_path, "log") if t["level"] == "error"]
    assert told["event"] == AgentFaulted.kind
    assert (told["agent"], told["error"], told["attempt"]) == ("stumbling", "ValueError: no good: c-1-v1", 1)


def test_trouble_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the broker notices is in the log and counted before any event of it can be written."""
    with listening(tmp_path, monkeypatch) as observatory:
        observatory.trouble("broker", "it went away")
        (told,) = lines(tmp_path, "log")
    assert (told["level"], told["trouble"], told["reason"]) == ("warning", "broker", "it went away")
