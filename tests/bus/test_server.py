"""The embedded server comes up, keeps others out, and dies with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiomqtt
import pytest

from bus.errors import ServerStartError
from bus.server import EmbeddedServer

PARENT = """
import asyncio, sys, time
from pathlib import Path
from bus.server import EmbeddedServer
server = asyncio.run(EmbeddedServer.start(Path(sys.argv[1])))
print(server.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Whether a process runs (zombies do not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def _parent(folder: Path) -> subprocess.Popen[str]:
    """A process that has started a server and tells its process id."""
    return subprocess.Popen([sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, text=True)


def test_the_server_dies_with_its_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the parent leaves no server behind."""
    parent = _parent(tmp_path)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    for _ in range(200):
        if not alive(pid):
            break
        time.sleep(0.05)
    assert not alive(pid)


async def test_it_tidies_up_early_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server holds at most half more than it needs; whoever wants something else says so in the environment."""
    monkeypatch.delenv("GOGC", raising=False)
    for wanted, given in (("50", {}), ("200", {"GOGC": "200"})):
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        server = await EmbeddedServer.start(tmp_path / wanted)
        try:
            words = Path(f"/proc/{server.pid}/environ").read_bytes().split(b"\0")
            assert f"GOGC={wanted}".encode() in words
        finally:
            server.kill()


async def test_a_store_has_one_owner(tmp_path: Path) -> None:
    """A second server on the same folder is refused and told by whom it is used."""
    first = await EmbeddedServer.start(tmp_path)
    with pytest.raises(ServerStartError, match=f"in use by process {os.getpid()}"):
        await EmbeddedServer.start(tmp_path)
    await first.stop()
    second = await EmbeddedServer.start(tmp_path)
    assert second.about()["jetstream"]["config"]["sync_always"] is True
    await second.stop()


async def test_the_store_is_not_free_before_an_orphan_has_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two servers never write one store: after SIGKILL of the parent the next one waits for the last one's end."""
    parent = _parent(tmp_path)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(pid, signal.SIGSTOP)  # an orphan that takes its time
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    with monkeypatch.context() as patience:
        patience.setattr("bus.server.ORPHAN_WITHIN", 0.2)
        with pytest.raises(ServerStartError, match=f"in use by process {parent.pid}"):
            await EmbeddedServer.start(tmp_path)
    asyncio.get_running_loop().call_later(0.2, os.kill, pid, signal.SIGCONT)
    second = await EmbeddedServer.start(tmp_path)
    assert not alive(pid)
    await second.stop()


async def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    """The message names the port and the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerStartError, match=rf"port {port} .*--nats URL"):
            await EmbeddedServer.start(tmp_path, port=port)


async def test_mqtt_is_spoken_where_it_is_said_to_be(tmp_path: Path) -> None:
    """The listener takes a free port, which is told; a fixed one stays what it was; nobody gets one unasked."""
    server = await EmbeddedServer.start(tmp_path, mqtt_port=-1)
    host, port = server.mqtt_url.removeprefix("mqtt://").split(":")
    async with aiomqtt.Client(host, int(port)) as client:
        await client.subscribe("a/b")
        await client.publish("a/b", b"heard")
        assert (await asyncio.wait_for(anext(client.messages), 120)).payload == b"heard"
    await server.stop()
    server = await EmbeddedServer.start(tmp_path, mqtt_port=int(port))
    assert server.mqtt_url == f"mqtt://{host}:{port}"
    await server.stop()
    server = await EmbeddedServer.start(tmp_path)
    assert server.mqtt_url == ""
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
    await server.stop()


async def test_an_mqtt_port_in_use_is_said(tmp_path: Path) -> None:
    """The message names the port, before a server is started that could only half listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerStartError, match=rf"port {port} of 127\.0\.0\.1 to be free"):
            await EmbeddedServer.start(tmp_path, mqtt_port=port)
