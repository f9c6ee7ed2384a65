"""What a broker does to a connection reaches whoever runs the lab: refusals, slowness, breaks."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from agents.runtime import Lab, Runtime
from agents.workers import Workers
from bus import wire
from bus.blobs import BlobStore
from bus.errors import BusConnectionError, BusError, PermissionDeniedError
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer, binary
from bus.subjects import subject_of
from bus.telemetry import TracePlace, place_in_trace
from contracts.campaigns import CampaignPaused
from contracts.identifiers import trace_parent
from contracts.presence import AgentFaulted
from contracts.synthesis import SampleLost
from ops.clock import VirtualClock
from tests.agents.toys import Splitter
from tests.contracts.examples import EPOCH, envelope
from tests.promises.bus_promises import lost

CAMPAIGN = "Ti-7"
"""A name with a capital, as people give them."""
FORBIDDEN = subject_of(CAMPAIGN, SampleLost.kind)


@pytest.fixture
async def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A server with a user who may do everything but say that a sample is lost; where that user connects."""
    monkeypatch.setattr(wire, "ANSWER_WITHIN", 0.4)
    configuration = tmp_path / "nats.conf"
    configuration.write_text(
        f'listen: "127.0.0.1:-1"\nports_file_dir: "{tmp_path}"\njetstream {{ store_dir: "{tmp_path}/store" }}\n'
        f'authorization {{ users: [ {{ user: robot, password: pw, permissions: {{ publish: {{ deny: "{FORBIDDEN}" }} }}'
        " } ] }\n"
    )
    with subprocess.Popen([binary(), "-c", configuration], stderr=subprocess.DEVNULL) as server:  # noqa: ASYNC220  returns at once
        try:
            while not (told := [p for p in tmp_path.glob("*.ports") if p.stat().st_size]):
                assert server.poll() is None
                await asyncio.sleep(0.02)
            url = json.loads(told[0].read_text())["nats"][0]
            yield url.replace("nats://", "nats://robot:pw@")
        finally:
            server.terminate()


async def test_a_refused_publication_is_an_error(strict: str, tmp_path: Path) -> None:
    """It names the subject and what to look at, is told beside, and what is allowed goes on."""
    troubles: list[BusError] = []
    bus = await JetStreamBus.connect(strict, BlobStore(tmp_path / "b"), on_trouble=troubles.append)
    paused = envelope(CampaignPaused(reason="x"), n=1).model_copy(update={"campaign": CAMPAIGN})
    assert (await bus.publish(paused)).sequence == 1
    with pytest.raises(PermissionDeniedError, match=f"{FORBIDDEN}.*Check the permissions"):
        await asyncio.wait_for(bus.publish(envelope(lost(1), n=2).model_copy(update={"campaign": CAMPAIGN})), 120)
    assert [type(t) for t in troubles] == [PermissionDeniedError]
    assert await bus.last_sequence() == 1
    await bus.close()


async def test_an_agent_that_may_not_speak_is_on_record(strict: str, tmp_path: Path) -> None:
    """A refusal within a reaction becomes facts in the log, with the broker's reason, and the event is set aside."""
    bus = await JetStreamBus.connect(strict, BlobStore(tmp_path / "b"))
    clock = VirtualClock(EPOCH)
    runtime = Runtime(Lab(bus, clock, clock, Workers(0), CAMPAIGN, 7, "0"), [Splitter()])
    await runtime.start()
    await runtime.say(CampaignPaused(reason="x"), "root", "test")
    await asyncio.wait_for(clock.rest(), 120)
    faults = [r.envelope.data async for r in bus.read() if isinstance(r.envelope.data, AgentFaulted)]
    assert [(f.attempt, f.parked) for f in faults] == [(1, False), (2, False), (3, True)]
    assert all(f.error.startswith(f"PermissionDeniedError: Expected leave to publish on {FORBIDDEN}") for f in faults)
    for seat in runtime.seats:
        await seat.leave()
    await bus.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    started = await EmbeddedServer.start(tmp_path / "store")
    yield started
    await started.stop()


async def test_a_slow_reader_is_told(server: EmbeddedServer, tmp_path: Path) -> None:
    """When messages pile up beyond the limit and are dropped, whoever runs the lab hears of it."""
    troubles: list[BusError] = []
    bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "b"), on_trouble=troubles.append)
    free = asyncio.Event()

    async def slowly(_message: object) -> None:
        await free.wait()

    await bus.wire.client.subscribe("gossip", cb=slowly, pending_msgs_limit=3)
    for _ in range(50):
        await bus.wire.client.publish("gossip", b"x")
    await bus.wire.client.flush()
    free.set()
    async with asyncio.timeout(120):
        while not troubles:
            await asyncio.sleep(0.01)
    assert all("reads too slowly and messages are being dropped" in str(t) for t in troubles)
    await bus.close()


async def test_a_break_and_its_end_are_told(server: EmbeddedServer, tmp_path: Path) -> None:
    """A server that dies and comes back is told twice; a wanted end is not told at all."""
    troubles: list[BusError] = []
    bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "b"), on_trouble=troubles.append)
    assert server._process is not None
    server._process.kill()
    server._process.wait()
    await server.revive()
    await bus.publish(envelope(lost(1), n=1))
    assert [type(t) for t in troubles] == [BusConnectionError, BusConnectionError]
    assert "broke" in str(troubles[0])
    assert "holds again" in str(troubles[1])
    await bus.close()
    assert len(troubles) == 2


async def test_other_programs_find_the_trace_in_the_header(server: EmbeddedServer, tmp_path: Path) -> None:
    """A plain NATS client with OpenTelemetry's own propagator gets the span that the event is."""
    bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "b"))
    heard: asyncio.Queue = asyncio.Queue()
    await bus.wire.client.subscribe(">", cb=heard.put)
    await bus.wire.client.flush()
    sealed = envelope(lost(1), n=1)
    sealed = sealed.model_copy(update={"traceparent": trace_parent(sealed.correlationid, sealed.id)})
    await bus.publish(sealed)
    while (message := await asyncio.wait_for(heard.get(), 120)).subject != subject_of(sealed.campaign, sealed.type):
        pass
    read = get_current_span(TraceContextTextMapPropagator().extract(message.headers)).get_span_context()
    assert TracePlace(read.trace_id, read.span_id) == place_in_trace(sealed)
    await bus.close()


async def comes_to(bus: JetStreamBus, durable: str, expected: int) -> None:
    """Returns when so many wait; the server counts an event as sent before it counts it as unacknowledged."""
    async with asyncio.timeout(120):
        while (waiting := await bus.consumers.pending(durable)) != expected:
            assert waiting < 6
            await asyncio.sleep(0.01)


async def test_what_waits_for_a_consumer_is_counted(server: EmbeddedServer, tmp_path: Path) -> None:
    """Nothing for a consumer that is not there; what is neither acknowledged nor sent for one that is."""
    bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "b"))
    assert await bus.consumers.pending("d") == 0
    subscription = await bus.subscribe("d", "test", [SampleLost])
    for n in range(5):
        await bus.publish(envelope(lost(n), n=n))
    await comes_to(bus, "d", 5)
    async for delivery in subscription:
        await delivery.ack()
        break
    await comes_to(bus, "d", 4)
    await subscription.close()
    await bus.close()
