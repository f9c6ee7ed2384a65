"""What waits for an agent is looked at, and a broker that is away is no reason to stop."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from bus.blobs import BlobStore
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from contracts.synthesis import SampleLost
from ops.telemetry import queues
from ops.telemetry.observatory import observe
from ops.telemetry.queues import keep_looking, look
from tests.contracts.examples import envelope
from tests.promises.bus_promises import lost


async def test_the_queue_of_each_agent_is_looked_at(tmp_path: Path, monkeypatch) -> None:
    """The number follows the consumer, keeps its last value when the broker is gone, and the looking goes on."""
    monkeypatch.setattr(queues, "LOOK", 0.01)
    server = await EmbeddedServer.start(tmp_path / "store")
    bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "b"))
    subscription = await bus.subscribe("d", "test", [SampleLost])
    for n in range(3):
        await bus.publish(envelope(lost(n), n=n))
    observatory = observe(tmp_path, "c-1", "0")
    await look(bus, {"robot": "d", "nobody": "none"}, observatory)
    async for delivery in subscription:
        await delivery.ack()
        break
    looking = asyncio.create_task(keep_looking(bus, {"robot": "d"}, observatory))
    await asyncio.sleep(0.1)
    await subscription.close()
    await bus.close()
    await asyncio.sleep(0.1)
    assert not looking.done()
    looking.cancel()
    await server.stop()
    observatory.close()
    told = json.loads((tmp_path / "telemetry" / "metrics.json").read_text())
    assert {p["agent"]: p["value"] for p in told["athanor.queue"]} == {"robot": 2, "nobody": 0}
