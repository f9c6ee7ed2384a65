"""What a consumer delivers after its server was killed at the wrong moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bus.blobs import MemoryBlobs
from bus.errors import BusError
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from bus.subscription import JetStreamDelivery
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
    async with asyncio.timeout(120):
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
    async with asyncio.timeout(120):
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


async def filled(bus: JetStreamBus, count: int) -> list[JetStreamDelivery]:
    """So many deliveries that wait to be acknowledged, of a durable consumer `d`."""
    await bus.publish_all([envelope(lost(n), n=n) for n in range(count)])
    came: list[JetStreamDelivery] = []
    async with asyncio.timeout(120):
        async for deliveries in (await bus.subscribe("d", "test", [SampleLost])).together():
            came += deliveries
            if len(came) == count:
                break
    return came


async def test_a_batch_asks_for_one_confirmation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is acknowledged together goes with one write to the server, and waits for one answer."""
    server = await EmbeddedServer.start(tmp_path / "store")
    bus = await JetStreamBus.connect(server.url, MemoryBlobs())
    came = await filled(bus, 120)
    written, write = list[bytes](), bus.wire.correlator.write

    def noted(frames: bytes) -> None:
        written.append(frames)
        write(frames)

    monkeypatch.setattr(bus.wire.correlator, "write", noted)
    await came[0]._subscription.acknowledge(came[:60])
    await asyncio.gather(*(delivery.ack() for delivery in came[60:]))
    assert [frames.count(b"+ACK") for frames in written] == [60, 60]
    assert [frames.count(b"_INBOX") for frames in written] == [1, 1]
    assert await bus.acknowledged("d") == 120
    await bus.close()
    await server.stop()


async def test_a_batch_of_acknowledgements_meets_a_killed_server(tmp_path: Path) -> None:
    """Whoever acknowledges many while the server dies gets an end, and each comes again that the server forgot."""
    server = await EmbeddedServer.start(tmp_path / "store")
    bus = await JetStreamBus.connect(server.url, MemoryBlobs())
    came = await filled(bus, 150)
    acknowledging = asyncio.create_task(came[0]._subscription.acknowledge(came[:100]))
    await asyncio.sleep(0)
    assert server._process is not None
    server._process.kill()
    server._process.wait()
    await server.revive()
    await asyncio.wait_for(acknowledging, 120)
    floor, again = await bus.acknowledged("d"), list[int]()
    async with asyncio.timeout(120):
        async for delivery in await bus.subscribe("d", "test", [SampleLost]):
            again.append(delivery.recorded.sequence)
            if again[-1] == 150:
                break
    assert floor <= 100
    assert again == list(range(floor + 1, 151))
    await bus.close()
    await server.stop()


async def test_a_batch_that_the_connection_cut_comes_whole(tmp_path: Path) -> None:
    """Deliveries that come together come for the first time in the order of the log, over broken connections, too."""
    server = await EmbeddedServer.start(tmp_path / "store")
    bus = await JetStreamBus.connect(server.url, MemoryBlobs())
    writer = await JetStreamBus.connect(server.url, MemoryBlobs())
    subscription, first_times = await bus.subscribe("d", "test", [SampleLost]), list[int]()

    async def consume() -> None:
        async for deliveries in subscription.together():
            first_times.extend(
                d.recorded.sequence for d in deliveries if d.recorded.sequence > max(first_times, default=0)
            )
            await subscription.acknowledge(deliveries)

    consuming = asyncio.create_task(consume())
    for n in range(0, 1200, 100):
        await writer.publish_all([envelope(lost(k), n=k) for k in range(n, n + 100)])
        bus.wire.client._transport._io_writer.transport.abort()
    async with asyncio.timeout(40):
        while len(first_times) < 1200:
            await asyncio.sleep(0.05)
    consuming.cancel()
    assert first_times == list(range(1, 1201))
    await bus.close()
    await writer.close()
    await server.stop()
