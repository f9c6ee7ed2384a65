"""A folder in which a newer Athanor has worked: this one says so, and touches nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from agents.envelopes import Saying, seal
from bus.blobs import BlobStore
from bus.identities import KeyFolder
from bus.jetstream import JetStreamBus
from bus.protocol import Recorded
from bus.server import EmbeddedServer
from contracts.presence import SpeakersListed
from tests.system.console import athanor, read_log, small

pytestmark = pytest.mark.slow


async def _say_as_a_newer_one(out: Path, event: Recorded, roll: SpeakersListed) -> None:
    """Calls the roll of a later version, and puts an event of that version behind it, both signed by their speakers."""
    speaker, later = event.envelope.source.rpartition("/")[2], f"{event.envelope.type}:99"
    speakers = tuple(s.model_copy(update={"says": (*s.says, later)}) if s.name == speaker else s for s in roll.speakers)
    document = json.loads(event.body)
    document["id"] = "00000000-0000-5000-8000-000000000001"
    document["dataschema"] = f"urn:athanor:event:{later}"
    server = await EmbeddedServer.start(out / "store")
    bus = await JetStreamBus.connect(server.url, BlobStore(out / "blobs"), keys=KeyFolder(out / "keys"))
    try:
        saying = Saying(event.envelope.campaign, "console", event.envelope.time, None)
        await bus.publish(seal(roll.model_copy(update={"speakers": speakers}), uuid4(), saying))
        signed = bus.board.signer(speaker).sign(event.subject, json.dumps(document).encode())
        await bus.wire.client.jetstream().publish(event.subject, signed, headers={"Nats-Msg-Id": document["id"]})
    finally:
        await bus.close()
        await server.stop()


async def test_a_newer_athanors_folder_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    """run, up and replay end with 2 and say which version they expected; the log has not grown."""
    campaign, out = small(tmp_path), tmp_path / "out"
    done = await asyncio.to_thread(athanor, "run", campaign, "--seed", 1, "--out", out)
    assert done.returncode == 0, done.stderr
    (tmp_path / "before").mkdir()
    events = await read_log(out, tmp_path / "before")
    roll = next(r.envelope.data for r in events if isinstance(r.envelope.data, SpeakersListed))
    await _say_as_a_newer_one(out, events[-1], roll)
    for words in (
        ("run", campaign, "--seed", 1, "--out", out),
        ("up", "--campaign", campaign, "--seed", 1, "--out", out, "--http-port", 0),
        ("replay", out),
    ):
        told = await asyncio.to_thread(athanor, *words)
        assert told.returncode == 2, (words, told.stdout[-2000:], told.stderr[-2000:])
        assert "newer" in told.stderr
        assert "Traceback" not in told.stderr
