"""Programs that have nothing of Athanor take each of the seven seats of a lab, and the desks of the how-to answer."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents.crew import reactions
from agents.speakers import AGENTS
from bus.protocol import Recorded
from contracts.presence import AgentStarted, EventRefused
from contracts.review import ReviewDecided
from ops.seat_book import Seat
from ops.seats.making import skeleton
from tests.ops.seats.page import ENDINGS, WITHOUT, placed
from tests.system.console import environment, read_log, small
from tests.system.kept import kept
from tests.system.test_daemon import daemon, until

pytestmark = pytest.mark.slow
PARROT = """
RECORDED = json.load(open(sys.argv[4]))


def answers(cause):
    for kind, version, _, data in RECORDED.get(cause["id"], []):
        yield kind, version, data


def event_id(cause, n):
    return uuid.UUID(RECORDED[cause["id"]][n][2])


if __name__"""
"""Makes the program of the how-to say what an agent of the lab said once: ids follow from causes, so they recur."""
FOLLOWS = {
    "planner": "scheduling.run_scheduled",
    "trust_auditor": "scheduling.run_scheduled",
    "review_desk": "scheduling.run_scheduled",
    "scheduler": "synthesis.step_completed",
    "synthesis_robot": "diffraction.pattern_measured",
    "xrd_analyser": "learning.observation_recorded",
    "retrainer": "learning.model_rejected",
}
"""Seat → what another agent says because of it; of the last one, what it says itself."""


@dataclass(frozen=True)
class Past:
    """A campaign that ran to its end, as its log tells."""

    campaign: Path
    folder: Path
    log: list[Recorded]

    def said_by(self, name: str) -> dict[str, list[list[Any]]]:
        """Cause → what somebody said because of it."""
        answers: dict[str, list[list[Any]]] = {}
        for recorded in self.log:
            e = recorded.envelope
            if e.source == f"/agents/{name}" and e.causationid is not None:
                said = [e.type, e.data.version, str(e.id), e.data.model_dump(mode="json")]
                answers.setdefault(str(e.causationid), []).append(said)
        return answers


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """The campaign that parrots know by heart."""
    ran = kept(tmp_path_factory, seed=0)
    return Past(Path(ran.campaign), ran.out, asyncio.run(read_log(ran.out, tmp_path_factory.mktemp("copy"))))


@contextmanager
def program(words: Sequence[object], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A foreign program at work."""
    with log.open("wb") as told:
        process = subprocess.Popen(list(map(str, words)), stdout=told, stderr=told, env=environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def stored(broker: str) -> dict[str, int]:
    """How many messages each subject of the log holds, as somebody without a key sees them."""
    script = (
        "import asyncio, json, sys, nats\n"
        "async def main():\n"
        "    client = await nats.connect(sys.argv[1])\n"
        "    ask = json.dumps({'subjects_filter': '>'}).encode()\n"
        "    told = await client.request('$JS.API.STREAM.INFO.LEDGER', ask, timeout=5)\n"
        "    print(json.dumps(json.loads(told.data)['state'].get('subjects', {})))\n"
        "asyncio.run(main())\n"
    )
    told = subprocess.run([sys.executable, "-c", script, broker], capture_output=True, text=True, check=False)
    return {s.partition(".")[2].partition(".")[2]: n for s, n in json.loads(told.stdout or "{}").items()}


def _broker(out: Path) -> str:
    return str(json.loads((out / "daemon.json").read_text())["nats"])


@pytest.mark.parametrize("name", AGENTS)
async def test_each_seat_can_be_taken_over(past: Past, tmp_path: Path, name: str) -> None:
    """A lab without one of its agents goes on when a plain program plays it, and believes what it signs."""
    out = tmp_path / "lab"
    shutil.copytree(past.folder / "blobs", out / "blobs")  # what the agent would have computed
    (tmp_path / "answers.json").write_text(json.dumps(past.said_by(name)))
    seat = Seat(name=name, says=tuple(k.kind for k in AGENTS[name]), hears=reactions()[name])
    text = skeleton(seat, "python")
    (tmp_path / "seat.py").write_text(text.replace("\nif __name__", PARROT, 1))
    others = ",".join(other for other in AGENTS if other != name)
    with daemon(past.campaign, out, ["--agents", others, "--no-telemetry"]) as lab:
        words = [sys.executable, tmp_path / "seat.py", _broker(out), out / "keys" / f"{name}.nk", "small-0"]
        with program([*words, tmp_path / "answers.json"], tmp_path / "seat.log") as parrot:
            until(lambda: stored(_broker(out)).get(FOLLOWS[name], 0) >= 1, lab)
            parrot.send_signal(signal.SIGTERM)
            assert parrot.wait(timeout=30) == 0, (tmp_path / "seat.log").read_text()
    (tmp_path / "copy").mkdir()
    events = [r.envelope for r in await read_log(out, tmp_path / "copy")]
    assert [e.data.start for e in events if isinstance(e.data, AgentStarted) and e.data.agent == name] == [1]
    assert not [e.data for e in events if isinstance(e.data, EventRefused)]
    assert {e.type for e in events if e.source == f"/agents/{name}" and e.causationid}


@pytest.mark.parametrize("language", ENDINGS)
async def test_the_desks_of_the_how_to_answer_in_a_real_lab(tmp_path: Path, language: str) -> None:
    """Real questions of a real lab are answered by each, over a kill -9, and the samples are made because of it."""
    if WITHOUT[language]:
        pytest.skip(WITHOUT[language])
    campaign, out = small(tmp_path), tmp_path / "lab"
    others = ",".join(other for other in AGENTS if other != "review_desk")
    with daemon(campaign, out, ["--agents", others, "--no-telemetry"]) as lab:
        desk = [*placed(language, tmp_path), _broker(out), out / "keys" / "review_desk.nk", "small-0"]
        with program(desk, tmp_path / "first.log"):
            until(lambda: stored(_broker(out)).get("review.decided", 0) >= 1, lab)
        with program(desk, tmp_path / "second.log") as second:
            until(lambda: stored(_broker(out)).get("synthesis.sample_synthesised", 0) >= 2, lab)
            second.send_signal(signal.SIGTERM)
            assert second.wait(timeout=30) == 0, (tmp_path / "second.log").read_text()
    (tmp_path / "copy").mkdir()
    events = [r.envelope for r in await read_log(out, tmp_path / "copy")]
    decided = [e for e in events if isinstance(e.data, ReviewDecided)]
    assert decided
    assert {e.data.reviewer for e in decided if isinstance(e.data, ReviewDecided)} == {"Jane Doe"}
    assert len({e.causationid for e in decided}) == len(decided)
    starts = [e.data.start for e in events if isinstance(e.data, AgentStarted) and e.data.agent == "review_desk"]
    assert starts == [1, 2]
    assert not [e for e in events if isinstance(e.data, EventRefused)]
