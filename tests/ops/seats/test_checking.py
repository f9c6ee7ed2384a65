"""The check of a foreign agent passes those of the how-to and finds each broken promise in others."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.seats.conduct import Promise
from tests.ops.seats.page import ENDINGS, WITHOUT, code, placed
from tests.system.console import athanor

pytestmark = pytest.mark.slow
DESK = code("python")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the key of a review desk."""
    folder = tmp_path_factory.mktemp("lab")
    assert athanor("agent", "new", "review_desk", "--for", folder).returncode == 0
    return folder


def look(lab: Path, run: str, patience: float = 30) -> tuple[int, dict[Promise, dict[str, Any]]]:
    """The exit code of a check, and what it found of each promise."""
    done = athanor("agent", "check", "review_desk", lab, "--run", run, "--patience", patience, "--json")
    told = json.loads(done.stdout)
    return done.returncode, {Promise(p["promise"]): p for p in told["promises"]}


@pytest.mark.parametrize("language", ENDINGS)
def test_the_desks_of_the_how_to_keep_every_promise(lab: Path, tmp_path: Path, language: str) -> None:
    """Over noise, a killed broker, a full log, kill -9 and repeated deliveries each answers once and in order."""
    if WITHOUT[language]:
        pytest.skip(WITHOUT[language])
    left, found = look(lab, shlex.join(placed(language, tmp_path)))
    assert {p: f["words"] for p, f in found.items() if f["kept"] is not True} == {}
    assert left == 0


BROKEN: dict[str, tuple[str, str, Promise]] = {
    "rolls dice for ids": (
        'return uuid.uuid5(uuid.UUID(cause["id"]), f"{NAME}/0/{n}")',
        "return uuid.uuid4()",
        Promise.IDS,
    ),
    "leaves Nats-Msg-Id out": ('"Nats-Msg-Id": str(identity), ', "", Promise.IDS),
    "begins a chain of its own": ('"correlationid": str(chain)', '"correlationid": str(uuid.uuid4())', Promise.CAUSES),
    "names no cause": ('**({"causationid": cause["id"]} if cause else {})', "**{}", Promise.CAUSES),
    "is older than its cause": ('cause["time"] if cause else now', '"2020-01-01T00:00:00Z"', Promise.CAUSES),
    "signs without the subject": (
        '{CAMPAIGN}.{kind}\\n".encode() + body',
        '{CAMPAIGN}\\n".encode() + body',
        Promise.EVENTS,
    ),
    "speaks for another": ('"source": f"/agents/{NAME}"', '"source": "/agents/planner"', Promise.EVENTS),
    "has a field too many": ('"simulated": False,', '"simulated": False, "mood": "good",', Promise.EVENTS),
    "acknowledges first": (
        "            for identity, kind, payload in said:\n",
        "            await self.acknowledged(message)\n            for identity, kind, payload in said:\n",
        Promise.STORED,
    ),
    "forgets what it said": ('self.said |= {e["id"] async for e in self.past(kind)}', "pass", Promise.ONCE),
    "dies of noise": ("await self.set_aside(message, error)", "raise", Promise.POISON),
    "believes everything": ("        speaker, newest = HEARS[kind]\n", "        return\n", Promise.POISON),
    "does not say that it is there": (
        "identity, kind = uuid",
        "if what == 'started':\n            return\n        identity, kind = uuid",
        Promise.SEAT,
    ),
    "never counts its starts": (
        'start = max((e["data"]["start"] for e in mine), default=0) + 1',
        "start = 1",
        Promise.SEAT,
    ),
    "goes without a word": ('await desk.presence("stopped"', '0 and await desk.presence("stopped"', Promise.STOPPED),
    "dies with the broker": ("max_reconnect_attempts=-1", "allow_reconnect=False", Promise.BROKER),
    "sets aside what it should answer": ('question = cause["data"]', 'raise ValueError("no")', Promise.NOTHING_ELSE),
    "tries what it may not": (
        "    start = await desk.take_seat()\n",
        "    start = await desk.take_seat()\n    await client.publish(f'lab.{CAMPAIGN}.planning.batch_closed', b'')\n",
        Promise.NOTHING_ELSE,
    ),
    "acknowledges nothing by itself": ("AckPolicy.EXPLICIT", "AckPolicy.ALL", Promise.CONSUMER),
    # what it passes over counts as acknowledged, and was never answered
    "begins with what is new": ("opt_start_seq=after + 1", "opt_start_seq=after + 1000", Promise.KILLED),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_promise_is_found(lab: Path, tmp_path: Path, mistake: str) -> None:
    """An agent with one mistake is found wanting in that promise, with a sentence and exit 1."""
    old, new, promise = BROKEN[mistake]
    assert DESK.count(old) == 1, old
    program = tmp_path / "desk.py"
    program.write_text(DESK.replace(old, new), encoding="utf-8")
    left, found = look(lab, f"{sys.executable} {program}", 8)
    assert left == 1
    assert found[promise]["kept"] is False, {p.name: f for p, f in found.items() if f["kept"] is not True}
    assert "Expected" in found[promise]["words"]


def test_what_cannot_be_checked_is_said(lab: Path, tmp_path: Path) -> None:
    """No seat, no key, no program: a sentence, and exit 2."""
    for words, told in (
        (["nobody_here", lab], "Expected the key nobody_here.nk"),
        (["review_desk", tmp_path], "Make the seat with athanor agent new review_desk"),
        (["no name", lab], "Expected a name of 1 to 64 letters"),
        (["review_desk", lab, "--run", "/no/such/program"], "Expected to start /no/such/program"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ops.cli", "agent", "check", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert told in " ".join(done.stderr.split())
