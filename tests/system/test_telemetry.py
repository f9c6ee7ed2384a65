"""What a run tells about itself, read from its folder as a person would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.identifiers import chain_id
from contracts.learning import ModelRejected, ModelReleased, ObservationRecorded
from contracts.presence import AgentStarted
from tests.ops.telemetry.observed import lines, spans, unresolved
from tests.system.console import athanor, read_log, summary, without_walls
from tests.system.kept import kept

pytestmark = pytest.mark.slow
Observed = tuple[dict[str, Any], Path, Path]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """A small campaign: its summary, its folder, its file."""
    ran = kept(tmp_path_factory)
    return ran.summary, ran.out, Path(ran.campaign)


async def test_one_trace_from_proposal_to_retraining(observed: Observed, tmp_path: Path) -> None:
    """A candidate's trace has spans of everybody who dealt with it, the heavy science in workers included."""
    told, out, _ = observed
    found = spans(out)
    assert unresolved(found) == []
    log = await read_log(out, tmp_path)
    campaign = log[0].envelope.campaign
    published = {(s["trace_id"], s["span_id"]) for s in found if s["kind"] == "producer"}
    assert published == {tuple(r.envelope.traceparent.split("-")[1:3]) for r in log}
    learnt = [r.envelope.data for r in log if isinstance(r.envelope.data, ObservationRecorded)]
    assert len(learnt) == told["learnt"] > 0
    for observation in learnt:
        trace = chain_id(campaign, observation.candidate_id).hex
        mine = [s for s in found if s["trace_id"] == trace]
        assert {s["attributes"].get("agent") for s in mine} >= {
            "planner", "trust_auditor", "scheduler", "synthesis_robot", "xrd_analyser", "retrainer",
        }  # fmt: skip
        assert "compute identify_bytes" in {s["name"] for s in mine}
    (verdict, *_) = [r.envelope for r in log if isinstance(r.envelope.data, ModelReleased | ModelRejected)]
    retraining = {s["name"] for s in found if s["trace_id"] == verdict.correlationid.hex}
    assert retraining >= {"candidate", "retrainer.label", "retrainer.refit", "compute train"}


def test_the_log_and_the_numbers_of_a_run(observed: Observed) -> None:
    """All agents have come, nothing waits at the end, and every event was counted."""
    told, out, _ = observed
    noted = [line["agent"] for line in lines(out, "log") if line["event"] == AgentStarted.kind]
    numbers = json.loads((out / "telemetry" / "metrics.json").read_text())
    assert sorted(noted) == sorted(p["agent"] for p in numbers["athanor.queue"])
    assert {p["value"] for p in numbers["athanor.queue"]} == {0}
    assert numbers["athanor.publish.seconds"][0]["count"] == told["last_sequence"]
    assert numbers["athanor.telemetry.lost"] == [{"value": 0}]


def test_without_telemetry_the_campaign_is_the_same(observed: Observed, tmp_path: Path) -> None:
    """No file is made, and every number of the summary is the same: nothing that is told comes back."""
    told, _, campaign = observed
    silent = summary(athanor("run", campaign, "--seed", 4, "--out", tmp_path / "silent", "--json", "--no-telemetry"))
    assert not (tmp_path / "silent" / "telemetry").exists()
    assert without_walls(silent) == without_walls(told)
