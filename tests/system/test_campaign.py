"""The loop closes: whole campaigns through a real server, from the command line."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from contracts.campaigns import CampaignFinished, CampaignStarted
from contracts.learning import ModelReleased
from contracts.planning import BatchClosed, CandidateProposed
from contracts.synthesis import SampleLost, SampleSynthesised
from contracts.trust import CandidateCleared, CandidateRefused, ReviewRequested
from tests.system.console import athanor, read_log, summary, without_walls
from tests.system.kept import kept

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The shipped campaign of twelve samples, and its folder."""
    out = tmp_path_factory.mktemp("quick") / "out"
    ran = kept(tmp_path_factory, "quick", 5)
    return ran.summary, ran.copy(out)


def test_the_summary_says_what_was_asked_for(quick: tuple[dict[str, Any], Path]) -> None:
    """Twelve vials, each accounted for; a best sample with lattice, fraction and utility; a folder to look into."""
    told, out = quick
    assert told["samples"] == told["synthesised"] + told["lost"] == 12
    assert told["proposed"] == told["cleared"] + told["refused"] + told["escalated"]
    assert told["learnt"] + told["withheld"] == told["synthesised"]
    assert told["models"] >= 1
    assert told["agent_faults"] == 0
    assert told["broker_troubles"] == []
    assert 3.7 < told["best"]["a_pc_angstrom"] < 4.4
    assert 0 <= told["best"]["utility"] <= 1
    assert told["virtual_days"] > 3
    assert {p.name for p in out.iterdir()} >= {"store", "blobs", "report"}
    assert json.loads((out / "report" / "summary.json").read_text())["events"] == told["events"]


def test_another_process_makes_the_same_decisions(quick: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Campaign, seed and code decide; hash seed, time zone and locale do not."""
    again = summary(
        athanor(
            "run", "quick", "--seed", 5, "--out", tmp_path / "out", "--json",
            PYTHONHASHSEED="77", TZ="Pacific/Kiritimati", LC_ALL="C",
        )
    )  # fmt: skip
    assert without_walls(again) == without_walls(quick[0])


async def test_the_log_tells_the_whole_ring(quick: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Each proposal has one decision and one end, each cause stands before its effect, and no sequence is missing."""
    log = await read_log(quick[1], tmp_path)
    assert [r.sequence for r in log] == list(range(1, len(log) + 1))
    events = [r.envelope.data for r in log]
    assert sum(isinstance(e, CampaignStarted) for e in events) == 1
    assert sum(isinstance(e, CampaignFinished) for e in events) == 1
    assert any(isinstance(e, ModelReleased) for e in events)
    proposed = [e.candidate_id for e in events if isinstance(e, CandidateProposed)]
    decided = [e.candidate_id for e in events if isinstance(e, CandidateCleared | CandidateRefused | ReviewRequested)]
    assert Counter(proposed) == Counter(decided) == Counter(set(proposed))
    for closed in (e for e in events if isinstance(e, BatchClosed)):
        ends = closed.refused + closed.declined + closed.lost + closed.observed + closed.withheld
        assert ends == closed.proposed
    vials = [e.sample_id for e in events if isinstance(e, SampleSynthesised | SampleLost)]
    assert len(vials) == len(set(vials)) == 12
    place = {r.envelope.id: r.sequence for r in log}
    for recorded in log:
        if (cause := recorded.envelope.causationid) is not None:
            assert place[cause] < recorded.sequence


def test_replay_finds_every_memory_as_it_was(quick: tuple[dict[str, Any], Path]) -> None:
    """Folding the log again gives the state that the run ended with, and leaves the evidence untouched."""
    told, out = quick
    before = {p: p.stat().st_mtime_ns for p in (out / "store" / "jetstream").rglob("*")}
    replayed = summary(athanor("replay", out, "--json"))
    assert replayed["events"] == told["events"]
    assert replayed["state"] == told["state"]
    assert replayed["differences"] == []
    assert {p: p.stat().st_mtime_ns for p in (out / "store" / "jetstream").rglob("*")} == before


def test_a_changed_expectation_is_found_wanting(quick: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Replay exits with 1 when a memory is not what the summary says."""
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(quick[1], copy)
    path = copy / "report" / "summary.json"
    document = json.loads(path.read_text())
    document["state"]["planner"] = "0" * 64
    path.write_text(json.dumps(document))
    answer = athanor("replay", copy, "--json")
    assert answer.returncode == 1
    assert [d["agent"] for d in json.loads(answer.stdout.splitlines()[-1])["differences"]] == ["planner"]


def test_a_finished_campaign_is_not_run_again(quick: tuple[dict[str, Any], Path]) -> None:
    """The same command on the same folder tells the same summary and adds no event."""
    again = summary(athanor("run", "quick", "--seed", 5, "--out", quick[1], "--json"))
    assert again["events"] == quick[0]["events"]
    assert again["state"] == quick[0]["state"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["bso-match", "--seed", 5], 'is "quick'),
        (["quick", "--seed", 6], "quick-5"),
        (["quick", "--seed", 5, "--max-samples", 13], "budget.max_samples"),
    ],
)
def test_a_folder_of_another_campaign_is_refused(
    quick: tuple[dict[str, Any], Path], arguments: list[object], told: str
) -> None:
    """Another name, seed or plan on a folder that is in use: exit 2, what differs, and nothing is touched."""
    answer = athanor("run", *arguments, "--out", quick[1])
    assert answer.returncode == 2
    assert told in answer.stderr
