"""Somebody with one agent's key and nothing else, in a lab at work: he speaks for nobody but himself."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from agents.envelopes import Saying, seal
from bus.blobs import BlobStore
from bus.codec import encode
from bus.errors import PermissionDeniedError
from bus.identities import KeyFolder
from bus.jetstream import JetStreamBus
from bus.protocol import MAX_EVENT, Recorded
from bus.reading import readable
from bus.server import EmbeddedServer
from bus.subjects import subject_of
from contracts.presence import AgentStarted, EventRefused, SpeakersListed
from contracts.review import ReviewDecided
from contracts.scheduling import RunScheduled
from contracts.trust import CandidateCleared, Outcome, ReviewRequested
from tests.system.console import athanor, small
from tests.system.test_daemon import daemon, status, until

pytestmark = pytest.mark.slow
DESK = "review_desk"


@asynccontextmanager
async def thief(out: Path) -> AsyncIterator[JetStreamBus]:
    """A connection with the keys of the desk and of whoever reads, as if somebody had copied them."""
    loot = out.parent / f"loot-{uuid4()}"
    loot.mkdir(mode=0o700)
    for name in (DESK, "reader"):
        (loot / f"{name}.nk").write_bytes((out / "keys" / f"{name}.nk").read_bytes())
        (loot / f"{name}.nk").chmod(0o600)
    url = json.loads((out / "daemon.json").read_text())["nats"]
    bus = await JetStreamBus.connect(url, BlobStore(out / "blobs"), keys=KeyFolder(loot))
    try:
        yield bus
    finally:
        await bus.close()


async def say(bus: JetStreamBus, subject: str, body: bytes) -> int:
    """Publishes bytes under a subject with the desk's key, signed with it; where they stand."""
    signer = bus.board.signer(DESK)
    assert signer is not None
    payload = signer.sign(subject, body) if body.endswith(b"}") else body
    wire = await bus.board.of(DESK)
    receipt, _ = await wire.publisher.publish(subject, payload, {"Nats-Msg-Id": str(uuid4())})
    return receipt.sequence


async def _speak_for_others(out: Path) -> list[int]:
    """All that a thief of the desk's key may try under the desk's own subject; where it stands."""
    async with thief(out) as bus:
        asked: Recorded | None = None
        while asked is None:
            async for recorded in bus.read():
                if isinstance(recorded.envelope.data, ReviewRequested):
                    asked = recorded
        question, campaign = asked.envelope.data, asked.envelope.campaign
        own = subject_of(campaign, ReviewDecided.kind)
        cleared = CandidateCleared(
            candidate_id=question.candidate_id,
            decision=question.decision.model_copy(update={"outcome": Outcome.CLEARED}),
        )
        spoof = encode(seal(cleared, uuid4(), Saying(campaign, "trust_auditor", asked.envelope.time, asked.envelope)))
        answer = ReviewDecided(
            review_id="q-c-9999", candidate_id="c-9999", approved=True, reviewer="x", simulated=True, reason="x"
        )
        mine = encode(seal(answer, uuid4(), Saying(campaign, DESK, asked.envelope.time, asked.envelope)))
        places = [
            await say(bus, own, spoof),
            await say(bus, own, mine.replace(b"review.decided:1", b"review.decided:9")),
            await say(bus, own, mine.replace(b"/agents/review_desk", b"/agents/planner")),
            await say(bus, own, b"\xff\xfe{"),
            await say(bus, own, b"{" + b" " * (MAX_EVENT - 400)),
        ]
        usurper = AgentStarted(agent="planner", start=99, code_version="0", folded=0, memory_sha256="0" * 64)
        taken = seal(usurper, uuid4(), Saying(campaign, "planner", asked.envelope.time, None))
        places.append(await say(bus, subject_of(campaign, AgentStarted.kind), encode(taken)))
        for kind in (CandidateCleared.kind, SpeakersListed.kind):
            with pytest.raises(PermissionDeniedError):
                await say(bus, subject_of(campaign, kind), spoof)
        return places


def test_one_key_speaks_for_nobody_else(tmp_path: Path) -> None:
    """Forged, future, garbled and oversized words are set aside by place, acted on by nobody, and end nothing."""
    campaign, out = small(tmp_path), tmp_path / "lab"
    with daemon(campaign, out) as process:
        until(lambda: status(out)["counts"].get(ReviewRequested.kind, 0) >= 1, process)
        places = asyncio.run(_speak_for_others(out))
        until(lambda: {p["sequence"] for p in status(out)["set_aside"]} == set(places), process)
        until(lambda: status(out)["finished"], process)
        assert status(out)["ready"], status(out)["not_ready_because"]
        assert athanor("stop", out).returncode == 0
    with daemon(campaign, out) as process:
        assert {p["sequence"] for p in status(out)["set_aside"]} == set(places)
        assert athanor("stop", out).returncode == 0
    (tmp_path / "copy").mkdir()
    log = asyncio.run(_log(out, tmp_path / "copy"))
    refused = [r.envelope.data.sequence for r in log if isinstance(r.envelope.data, EventRefused)]
    assert sorted(refused) == sorted(places), "told once for ever, over two lives"
    approved = {r.envelope.data.candidate_id for r in log if isinstance(r.envelope.data, ReviewDecided)}
    booked = {s.candidate_id for r in log if isinstance(r.envelope.data, RunScheduled) for s in r.envelope.data.samples}
    assert booked <= approved
    assert all(r.signed for r in log)
    replayed = athanor("replay", out)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    asked = athanor("query", out, "SELECT seq FROM unreadable ORDER BY seq", "--csv")
    assert asked.returncode == 1
    assert [int(n) for n in asked.stdout.split()[1:]] == sorted(places)
    reported = athanor("report", out)
    assert reported.returncode == 1, "what nobody may take for an event is told beside the page"
    assert all(f"Sequence {n} " in reported.stdout + reported.stderr for n in places)


async def _log(out: Path, scratch: Path) -> list[Recorded]:
    """The events that nobody has to doubt."""
    shutil.copytree(out / "store" / "jetstream", scratch / "jetstream")
    server = await EmbeddedServer.start(scratch)
    bus = await JetStreamBus.connect(server.url, BlobStore(out / "blobs"))
    try:
        return [recorded async for recorded in readable(bus)]
    finally:
        await bus.close()
        await server.stop()


def test_a_lab_without_its_keys_says_nothing(tmp_path: Path) -> None:
    """A console's key that was lost is told before anything is written; an agent's is exchanged by a new roll."""
    campaign, out = small(tmp_path), tmp_path / "lab"
    with daemon(campaign, out):
        assert athanor("stop", out).returncode == 0
    (out / "keys" / "console.nk").rename(tmp_path / "console.nk")
    again = athanor("up", "--campaign", campaign, "--out", out, "--http-port", 0)
    assert again.returncode == 2
    assert "Put the keys of this lab back" in again.stderr
    (tmp_path / "console.nk").replace(out / "keys" / "console.nk")
    (out / "keys" / "planner.nk").unlink()
    with daemon(campaign, out):
        assert athanor("stop", out).returncode == 0
    (tmp_path / "copy").mkdir()
    log = asyncio.run(_log(out, tmp_path / "copy"))
    rolls = [r for r in log if isinstance(r.envelope.data, SpeakersListed)]
    assert [r.sequence for r in rolls][:1] == [1]
    keys = [{s.name: s.public_key for s in r.envelope.data.speakers} for r in rolls]
    assert {name for name in keys[0] if keys[0][name] != keys[1][name]} == {"planner"}
    assert not any(isinstance(r.envelope.data, EventRefused) for r in log)
