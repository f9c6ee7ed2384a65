"""A recorded campaign makes all its decisions again, wherever its folder lies, and tells what another plan would do."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bus.blobs import BlobStore
from bus.identities import KeyFolder
from bus.jetstream import JetStreamBus
from bus.ledger.entry import encode_entry
from bus.ledger.tiles import WIDTH, TileStore, pack_bundle, tile_path
from bus.server import EmbeddedServer
from contracts.event import Event
from contracts.trust import ReviewRequested
from tests.system.console import athanor, read_log
from tests.system.kept import kept

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """A campaign of four vials, and its folder."""
    ran = kept(tmp_path_factory)
    return ran.summary, ran.copy(tmp_path_factory.mktemp("small") / "out")


@pytest.fixture
def elsewhere(told: tuple[dict[str, Any], Path], tmp_path: Path) -> Path:
    """Its folder, copied elsewhere."""
    return Path(shutil.copytree(told[1], tmp_path / "elsewhere"))


def digest(folder: Path) -> str:
    """Over the names and bytes of everything in it."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    parts = [f"{p.relative_to(folder)} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def replayed(*arguments: object, code: int = 0, **changes: str) -> dict[str, Any]:
    """What a replay says."""
    answer = athanor("replay", *arguments, "--json", **changes)
    assert answer.returncode == code, answer.stderr[-3000:]
    document: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return document


def test_every_decision_is_made_again(told: tuple[dict[str, Any], Path], elsewhere: Path) -> None:
    """In another place, time zone and hash seed all decisions come out byte for byte, and no file is touched."""
    before = digest(elsewhere)
    answer = replayed(elsewhere, PYTHONHASHSEED="77", TZ="Pacific/Kiritimati", LC_ALL="C")
    assert answer["differences"] == []
    causeless = 1 + 1 + 2 * 7  # the roll, the start of the campaign, and each agent's coming and going
    assert answer["decisions_compared"] == answer["decisions"] == answer["events"] - causeless
    assert answer["unfinished"] == 0
    assert answer["not_compared"] == {}
    assert answer["events"] == told[0]["events"]
    assert answer["state"] == told[0]["state"]
    assert answer["memories_compared"] >= 14
    assert digest(elsewhere) == before


async def rewritten(old: Path, new: Path, scratch: Path, change: Callable[[Event], Event]) -> None:
    """Writes the log of a folder anew, with other words, as somebody would who owns the broker and all keys."""
    log = await read_log(old, scratch)
    shutil.copytree(old, new, ignore=shutil.ignore_patterns("store", "ledger", "snapshots"))
    async with AsyncExitStack() as stack:
        server = await EmbeddedServer.start(new / "store")
        stack.push_async_callback(server.stop)
        bus = await JetStreamBus.connect(server.url, BlobStore(new / "blobs"), keys=KeyFolder(new / "keys"))
        stack.push_async_callback(bus.close)
        for recorded in log:
            envelope = recorded.envelope
            await bus.publish(envelope.model_copy(update={"data": change(envelope.data)}))


async def test_an_altered_decision_is_named(told: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """One word of one decision in a log that is whole otherwise: exit code 1, and that event is the difference."""
    altered: list[int] = []
    seen = 0

    def change(event: Event) -> Event:
        nonlocal seen
        seen += 1
        if isinstance(event, ReviewRequested) and not altered:
            altered.append(seen)
            decision = event.decision.model_copy(update={"reasons": ("somebody wished so",)})
            return event.model_copy(update={"decision": decision})
        return event

    await rewritten(told[1], tmp_path / "new", tmp_path, change)
    answer = replayed(tmp_path / "new", code=1)
    [difference] = answer["differences"]
    assert difference["seq"] == altered[0]
    assert (difference["agent"], difference["kind"]) == ("trust_auditor", "trust.review_requested")
    assert "somebody wished so" in difference["expected"]
    assert "nothing was measured yet" in difference["got"]
    assert difference["because_of"]["kind"] == "planning.candidate_proposed"
    shown = athanor("replay", tmp_path / "new", "--agent", "trust_auditor")
    assert shown.returncode == 1
    assert f"first difference #{altered[0]}: trust_auditor" in shown.stdout


def test_a_part_of_the_past_is_replayed(elsewhere: Path) -> None:
    """Up to a place, and for one agent: what was under way at the end is unfinished, not different."""
    answer = replayed(elsewhere, "--until", 40, "--agent", "synthesis_robot", "--agent", "scheduler")
    assert (answer["events"], answer["differences"]) == (40, [])
    assert list(answer["state"]) == ["scheduler", "synthesis_robot"]
    assert set(answer["compared"]) >= {"scheduling.run_scheduled", "synthesis.step_started", "synthesis.step_completed"}
    assert answer["unfinished"] > 0
    early = replayed(elsewhere, "--until", "2026-01-05T09:00:00Z", "--agent", "scheduler")
    assert 0 < early["events"] < 60


def test_a_ledger_is_enough(told: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Without a store the bundles of the ledger are read: the same decisions, the same state."""
    import asyncio

    log = asyncio.run(read_log(told[1], tmp_path))
    folder = tmp_path / "bundles"
    shutil.copytree(told[1], folder, ignore=shutil.ignore_patterns("store", "ledger"))
    entries = [
        encode_entry(
            r.sequence, r.subject, str(r.envelope.id), int(r.stored_at.timestamp() * 1_000_000) * 1000, r.payload
        )
        for r in log
    ]
    TileStore(folder / "ledger").write(
        {
            tile_path("entries", n // WIDTH, min(WIDTH, len(entries) - n)): pack_bundle(entries[n : n + WIDTH])
            for n in range(0, len(entries), WIDTH)
        }
    )
    answer = replayed(folder, "--agent", "planner", "--agent", "scheduler")
    assert answer["events"] == told[0]["events"]
    assert answer["differences"] == []
    assert answer["state"]["planner"] == told[0]["state"]["planner"]


def test_what_if_tells_what_another_plan_changes(elsewhere: Path) -> None:
    """A random planner would have proposed otherwise from the first candidate on; everything behind was led there."""
    before = digest(elsewhere)
    answer = replayed(elsewhere, "--what-if", "planner=random", "--what-if", "trust.alpha=0.05")
    assert answer["what_if"] == {
        "planner.strategy": {"from": "composite", "to": "random"},
        "trust.alpha": {"from": 0.1, "to": 0.05},
    }
    rows = {row["kind"]: row for row in answer["by_kind"]}
    assert rows["planning.candidate_proposed"]["changed"] == 2
    assert rows["trust.review_requested"]["led_other"] > 0
    assert answer["led_same"] + answer["led_other"] > answer["changed"]
    assert answer["first"][0]["then"] != answer["first"][0]["now"]
    assert digest(elsewhere) == before


@pytest.mark.parametrize(
    ("arguments", "told_why"),
    [
        (["--what-if", "trust.alpha=2"], "trust.alpha"),
        (["--what-if", "trust.alfa=0.1"], "unknown key trust.alfa"),
        (["--what-if", "trust"], "--what-if section.key=value"),
        (["--what-if", "nothing.at_all=1"], "Expected a section of the plan"),
        (["--until", "yesterday"], "Expected a sequence number or a time"),
        (["--agent", "janitor"], "Expected agents among"),
        (["--campaign", "another"], "Expected one campaign"),
    ],
)
def test_what_cannot_be_asked_is_told(elsewhere: Path, arguments: list[str], told_why: str) -> None:
    """A wrong wish is one paragraph and exit code 2."""
    answer = athanor("replay", elsewhere, *arguments)
    assert answer.returncode == 2
    assert told_why in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_missing_artefact_is_found_wanting(elsewhere: Path) -> None:
    """Decisions that rest on a pattern that is gone are named with the artefact."""
    pattern = next(p for p in (elsewhere / "blobs").rglob("*") if p.is_file() and p.read_bytes().startswith(b"<?xml"))
    pattern.unlink()
    answer = replayed(elsewhere, "--agent", "xrd_analyser", code=1)
    assert {difference["what"] for difference in answer["differences"]} == {"artefact"}
    assert pattern.name in answer["differences"][0]["got"]


async def test_a_live_server_is_read(told: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """By its URL, with and without the folder that holds the artefacts."""
    import asyncio

    shutil.copytree(told[1] / "store", tmp_path / "store")
    server = await EmbeddedServer.start(tmp_path / "store")
    try:
        answer = await asyncio.to_thread(replayed, server.url, "--agent", "scheduler", "--agent", "planner")
        assert (answer["events"], answer["differences"]) == (told[0]["events"], [])
        answer = await asyncio.to_thread(replayed, told[1], "--nats", server.url, "--agent", "review_desk")
        assert (answer["events"], answer["differences"]) == (told[0]["events"], [])
    finally:
        await server.stop()
