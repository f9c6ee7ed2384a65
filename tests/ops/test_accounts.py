"""The users of the embedded server, and the same ones for a server of one's own."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import ops
from bus.blobs import MemoryBlobs
from bus.errors import IdentityError, PermissionDeniedError
from bus.identities import Identity, KeyFolder
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer, binary
from ops.accounts import accounts_of, example, keys_at, keys_of, users_of
from ops.lab import run
from ops.order import Order
from ops.settings import load_campaign

CONF = Path(ops.__file__).parent / "deploy" / "nats.conf"


def test_the_example_is_what_the_embedded_server_gets() -> None:
    """The configuration that is shipped grants what the code grants; write it anew after a change."""
    assert CONF.read_text(encoding="utf-8") == example()


def test_the_example_is_understood_by_the_server(tmp_path: Path) -> None:
    """With keys in place of the blanks the server accepts it."""
    text = example().replace("/var/lib/nats", str(tmp_path / "store"))
    names = accounts_of("CAMPAIGN-1").leaves()
    for name, public in KeyFolder(tmp_path / "keys").make(*names).items():
        text = text.replace(f"PUBLIC_KEY_OF_{name.upper()}", public)
    assert "PUBLIC_KEY_OF" not in text.partition("authorization")[2]
    (tmp_path / "nats.conf").write_text(text, encoding="utf-8")
    looked = subprocess.run([binary(), "-t", "-c", tmp_path / "nats.conf"], capture_output=True, text=True, check=False)
    assert looked.returncode == 0, looked.stderr


def test_no_two_who_speak_share_a_subject_but_for_presence() -> None:
    """What one agent may say no other agent may; only that they come, go and stumble do all of them say."""
    leaves = accounts_of("c-1").leaves()
    owners: dict[str, set[str]] = {}
    for name, leave in leaves.items():
        for subject in leave.publish:
            if subject.startswith("lab.") and ".presence." not in subject:
                owners.setdefault(subject, set()).add(name)
    assert len(owners) > 25
    assert {subject: names for subject, names in owners.items() if len(names) > 1} == {}
    assert [
        n for n, leave in leaves.items() if any("STREAM.UPDATE" in s or s == "$JS.API.>" for s in leave.publish)
    ] == ["provisioner"]


def test_keys_lie_in_the_folder_of_the_run(tmp_path: Path) -> None:
    """The embedded server's users are those whose private keys are made there, and the same ones the next time."""
    users = users_of("c-1", tmp_path)
    assert users == users_of("c-1", tmp_path)
    assert "planner" in keys_of(tmp_path)
    assert json.dumps("lab.c-1.planning.candidate_proposed") in users
    assert isinstance(keys_at(tmp_path / "keys"), KeyFolder)
    assert keys_at(tmp_path / "keys" / "planner.nk") == Identity("planner", tmp_path / "keys" / "planner.nk")


async def test_a_guarded_server_of_ones_own_is_used_with_keys(tmp_path: Path) -> None:
    """A run over a server with the same users needs their keys: without them it is told what it may not do."""
    order = Order(load_campaign("quick"), 3, virtual=True, out=tmp_path / "out", nats="", telemetry=False)
    names = accounts_of("quick-3")
    server = await EmbeddedServer.start(tmp_path / "store", users=names.configuration(keys_of(tmp_path)))
    with pytest.raises(PermissionDeniedError, match="STREAM.CREATE"):
        await run(replace(order, nats=server.url), lambda _: None)
    made = await JetStreamBus.connect(server.url, MemoryBlobs(), keys=keys_at(tmp_path / "keys"))
    await made.close()
    with pytest.raises(IdentityError, match="Expected a key reader.nk"):
        await run(replace(order, nats=server.url, keys=tmp_path), lambda _: None)
    await server.stop()
