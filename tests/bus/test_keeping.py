"""A server that dies is started again, and whoever waits for one that cannot be is told."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from bus import keeping
from bus.blobs import BlobStore
from bus.errors import ServerStartError
from bus.jetstream import JetStreamBus
from bus.keeping import kept_alive
from bus.server import EmbeddedServer
from tests.contracts.examples import envelope
from tests.promises.bus_promises import lost


async def test_a_killed_server_comes_back_by_itself(tmp_path: Path) -> None:
    """Killed twice, from the first moment on: the publisher goes on without a word and the log is whole."""
    server, revivals = await EmbeddedServer.start(tmp_path / "store"), []
    async with kept_alive(server, lambda: revivals.append(server.pid)):
        os.kill(server.pid, signal.SIGKILL)
        bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "blobs"))
        for n in range(20):
            if n == 7:
                os.kill(server.pid, signal.SIGKILL)
            receipt = await bus.publish(envelope(lost(n), n=n))
            assert (receipt.sequence, receipt.duplicate) == (n + 1, False)
        assert [r.envelope.data async for r in bus.read()] == [lost(n) for n in range(20)]
        await bus.close()
    assert len(revivals) == 2
    await server.stop()


async def test_a_server_that_cannot_come_back_ends_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits inside is cancelled, and the reason comes out instead of a wait for ever."""
    monkeypatch.setattr(keeping, "REVIVALS", 2)
    server, revivals = await EmbeddedServer.start(tmp_path / "store"), []
    with pytest.raises(ServerStartError, match="Expected nats-server to run, got exit code"):
        async with kept_alive(server, lambda: revivals.append(server.pid)):
            monkeypatch.setattr("bus.server._configuration", lambda *_: "no such setting {")
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.Event().wait()
    assert revivals == []
    await server.stop()  # awaits: the cancellation is used up


async def test_cancelling_from_outside_stays_a_cancellation(tmp_path: Path) -> None:
    """Ctrl-C is no failure of the server."""
    server = await EmbeddedServer.start(tmp_path / "store")

    async def wait() -> None:
        async with kept_alive(server, lambda: None):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert server.alive
    await server.stop()


async def test_without_a_server_nothing_is_kept() -> None:
    """A server of one's own is its owner's affair."""
    before = asyncio.all_tasks()
    async with kept_alive(None, lambda: pytest.fail("it was told of a revival")):
        assert asyncio.all_tasks() == before
