"""The real bus keeps the promises on a real nats-server, over crashes and against tampering."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from bus import publishing
from bus.blobs import BlobStore
from bus.errors import BusConnectionError, StreamConfigurationError, StreamFullError
from bus.jetstream import JetStreamBus, JetStreamSubscription
from bus.server import EmbeddedServer
from contracts.synthesis import SampleLost
from tests.contracts.examples import envelope
from tests.promises.bus_promises import BusPromises, lost, take


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    started = await EmbeddedServer.start(tmp_path / "store")
    yield started
    await started.stop()


@pytest.fixture
def troubles() -> list[Exception]:
    return []


@pytest.fixture
async def bus(server: EmbeddedServer, tmp_path: Path, troubles: list[Exception]) -> AsyncIterator[JetStreamBus]:
    connected = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "blobs"), on_trouble=troubles.append)
    yield connected
    await connected.close()


class TestJetStreamBus(BusPromises):
    """Promises, kept by JetStream."""

    async def put_garbage(self, bus: JetStreamBus, subject: str, payload: bytes) -> None:
        """A stranger publishes with a plain client."""
        await bus.wire.client.request(subject, payload)


async def test_a_killed_server_loses_nothing_that_was_acknowledged(server: EmbeddedServer, tmp_path: Path) -> None:
    """Publisher and consumer go on by themselves when a killed server is started again."""
    port = int(server.url.rpartition(":")[2])
    bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "blobs"))
    consuming = asyncio.create_task(take(bus, "d", [SampleLost], 40))

    async def publish() -> None:
        for n in range(40):
            await bus.publish(envelope(lost(n), n=n))

    publishing = asyncio.create_task(publish())
    await asyncio.sleep(0.05)
    server.kill()
    await asyncio.sleep(0.3)
    second = await EmbeddedServer.start(tmp_path / "store", port=port)
    await asyncio.wait_for(publishing, 120)
    got = await asyncio.wait_for(consuming, 120)
    seen = {d.recorded.sequence for d in got}
    assert [r.envelope.data async for r in bus.read()] == [lost(n) for n in range(40)]
    floor = await bus.acknowledged("d")
    assert set(range(1, floor + 1)) <= seen, "the server may forget acknowledgements, never invent them"
    if floor < 40:
        seen |= {d.recorded.sequence for d in await take(bus, "d", [SampleLost], 40 - floor)}
    assert seen == set(range(1, 41))
    await bus.close()
    await second.stop()


@pytest.mark.parametrize("change", [{"max_msgs": 10}, {"max_age": 3600 * 1_000_000_000}, {"discard": "old"}])
async def test_a_changed_stream_is_noticed(bus: JetStreamBus, change: dict[str, object]) -> None:
    """A lowered limit is named before anything goes on."""
    for n in range(3):
        await bus.publish(envelope(lost(n), n=n))
    told = await bus.wire.api("STREAM.INFO.LEDGER")
    await bus.wire.client.request("$JS.API.STREAM.UPDATE.LEDGER", json.dumps(told["config"] | change).encode())
    with pytest.raises(StreamConfigurationError, match=next(iter(change))):
        await bus.check()


async def test_a_full_log_refuses_and_drops_nothing(server: EmbeddedServer, tmp_path: Path) -> None:
    """At the size limit publishing fails loudly and the old events stay."""
    bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "b"), max_bytes=20_000)
    stored = 0
    with pytest.raises(StreamFullError, match="Nothing was dropped"):
        for n in range(200):
            await bus.publish(envelope(lost(n), n=n))
            stored += 1
    assert [r.sequence async for r in bus.read()] == list(range(1, stored + 1))
    await bus.close()


async def test_an_answer_that_was_lost_is_not_taken_for_a_duplicate(
    bus: JetStreamBus, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever publishes learns whether it was he who said it, though the server died before it could tell him."""
    monkeypatch.setattr(publishing, "ANSWER_WITHIN", 0.2)
    told, answers = bus.wire.publisher.correlator.client._subs[1]._pending_queue, []
    take = told.take

    def lose_the_first_answer(message: Msg) -> None:
        answers.append(json.loads(message.data))
        if len(answers) > 1:
            take(message)

    told.take = lose_the_first_answer
    first = await bus.publish(envelope(lost(0)))
    told.take = take
    assert [a.get("duplicate", False) for a in answers[:2]] == [False, True]
    assert (first.sequence, first.duplicate) == (1, False)
    other = await JetStreamBus.connect(server.url, bus.blobs)
    again = await other.publish(envelope(lost(0)))
    assert (again.sequence, again.duplicate) == (1, True)
    await other.close()


async def test_a_connection_to_a_dead_server_can_be_closed(bus: JetStreamBus, server: EmbeddedServer) -> None:
    """What was never sent is let go, and closing neither fails nor waits for a server that is gone."""
    server.kill()
    waiting = asyncio.create_task(bus.publish(envelope(lost(0))))
    await asyncio.sleep(0.3)
    assert not bus.connected
    await bus.close()
    with pytest.raises(BusConnectionError, match="got a closed one"):
        await waiting


async def test_nobody_answers(tmp_path: Path) -> None:
    """A wrong address is a clear error and not an endless wait."""
    with pytest.raises(BusConnectionError, match="Expected a NATS server at nats://127.0.0.1:1"):
        await JetStreamBus.connect("nats://127.0.0.1:1", BlobStore(tmp_path), within=0.5)


async def test_a_cancelled_consumer_ends_even_when_a_message_meets_the_cancellation(bus: JetStreamBus) -> None:
    """Whoever is told to stop in the very moment in which something arrives stops, and waits for nothing more."""
    for n in range(60):
        subscription = await bus.subscribe(f"d{n}", "test", [SampleLost])

        async def consume(subscription: JetStreamSubscription = subscription) -> None:
            """Takes whatever comes."""
            async for delivery in subscription:
                await delivery.ack()

        consuming = asyncio.create_task(consume())
        await bus.publish(envelope(lost(n), n=n))
        for _ in range(n % 12):
            await asyncio.sleep(0)
        consuming.cancel()
        await asyncio.wait({consuming}, timeout=2)
        assert consuming.done()
        await subscription.close()


async def test_broken_connections_change_neither_order_nor_number(server: EmbeddedServer, tmp_path: Path) -> None:
    """Deliveries that are lost on the way come before anything later comes for the first time."""
    bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "blobs"))
    writer = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "blobs"))
    subscription = await bus.subscribe("d", "test", [SampleLost])
    first_times: list[int] = []

    async def consume() -> None:
        """Takes everything, and acknowledges every other delivery late."""
        async for delivery in subscription:
            if delivery.recorded.sequence not in first_times:
                first_times.append(delivery.recorded.sequence)
            await delivery.ack()

    consuming = asyncio.create_task(consume())
    for n in range(150):
        await writer.publish(envelope(lost(n), n=n))
        if n % 30 == 29:
            bus.wire.client._transport._io_writer.transport.abort()
    async with asyncio.timeout(40):
        while len(first_times) < 150:
            await asyncio.sleep(0.05)
    consuming.cancel()
    assert first_times == list(range(1, 151))
    await subscription.close()
    await bus.close()
    await writer.close()
