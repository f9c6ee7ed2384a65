"""The command as a person uses it: processes, folders, and the log that they leave."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

from agents.envelopes import Saying, seal
from bus.blobs import BlobStore
from bus.identities import KeyFolder
from bus.jetstream import JetStreamBus
from bus.protocol import Recorded
from bus.server import EmbeddedServer
from contracts.presence import SpeakersListed
from ops.settings import shipped

ROOT = Path(__file__).parents[2]


def command(*arguments: object) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "ops.cli", *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    """What a person's shell gives, with changes."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **changes}


def athanor(*arguments: object, timeout: float = 700, **changes: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=timeout, check=False, env=environment(**changes)
    )


def summary(told: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON object in the last line."""
    assert told.returncode == 0, told.stderr[-3000:]
    document: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return document


def without_walls(told: dict[str, Any]) -> dict[str, Any]:
    """What a summary tells of the campaign alone: the ledger's root covers when the broker stored what."""
    kept = {k: v for k, v in told.items() if k not in ("wall_s", "out", "ledger")}
    return kept | {"ledger": told["ledger"]["size"]}


def small(folder: Path, name: str = "small", *, changes: dict[str, str] | None = None) -> Path:
    """A campaign of four vials, in a file: enough to close the loop once."""
    text = shipped()["quick"]
    for old, new in {
        'name = "quick"': f'name = "{name}"',
        "initial = 6": "initial = 2",
        "batch = 3": "batch = 2",
        "pool = 400": "pool = 100",
        "max_samples = 12": "max_samples = 4",
        "dwells_h = [4, 8, 12, 24, 48]": "dwells_h = [12]",
        **(changes or {}),
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


async def read_log(folder: Path, scratch: Path) -> list[Recorded]:
    """The events that a run left, read from a copy of its store."""
    shutil.copytree(folder / "store" / "jetstream", scratch / "jetstream")
    async with AsyncExitStack() as stack:
        server = await EmbeddedServer.start(scratch)
        stack.push_async_callback(server.stop)
        bus = await JetStreamBus.connect(server.url, BlobStore(folder / "blobs"))
        stack.push_async_callback(bus.close)
        return [recorded async for recorded in bus.read()]


async def say_as_a_newer_athanor(out: Path, event: Recorded, roll: SpeakersListed) -> None:
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
