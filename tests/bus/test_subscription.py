"""What a consumer delivers after its server was killed at the wrong moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bus.blobs import MemoryBlobs
from bus.errors import BusError
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from contracts.synthesis import SampleLost
from tests.bus.test_wire import envelope, lost


async def test_a_forgotten_consumer_hands_its_memory_to_nobody(tmp_path: Path) -> None:
    """A consumer whose server was killed before it had signed for it: the next of its name begins at the beginning."""
    server = await EmbeddedServer.start(tmp_path / "store")
    bus = await JetStreamBus.connect(server.url, MemoryBlobs())
    subscription = await bus.subscribe("forgotten", "test", [SampleLost])
    for n in range(6):
        await bus.publish(envelope(lost(n), n=n))
    async for delivery in subscription:
        await delivery.ack()
        if delivery.recorded.sequence == 4:
            break
    await subscription.close()
    (signed,) = server.folder.rglob("obs/forgotten/meta.sum")
    async with asyncio.timeout(20):
        while not (signed.parent / "o.dat").exists():  # the server writes it in the background
            await asyncio.sleep(0.05)
    await bus.close()
    assert server._process is not None
    server._process.kill()
    server._process.wait()
    signed.unlink()
    await server.revive()
    bus = await JetStreamBus.connect(server.url, MemoryBlobs())
    assert await bus.acknowledged("forgotten") == 0
    came = []
    async with asyncio.timeout(20):
        async for delivery in await bus.subscribe("forgotten", "test", [SampleLost]):
            came.append(delivery.recorded.sequence)
            if len(came) == 6:
                break
    assert came == [1, 2, 3, 4, 5, 6]
    await bus.close()
    await server.stop()


async def test_a_log_that_is_gone_is_said_in_a_paragraph(tmp_path: Path) -> None:
    """Somebody has deleted the stream: an error of the bus with what to do, and not one of the wire."""
    server = await EmbeddedServer.start(tmp_path / "store")
    bus = await JetStreamBus.connect(server.url, MemoryBlobs())
    await bus.wire.api("STREAM.DELETE.LEDGER")
    with pytest.raises(BusError, match=r"Expected the broker to deliver the log to gone, got: .*athanor ledger repair"):
        await bus.subscribe("gone", "test", [SampleLost])
    await bus.close()
    await server.stop()
