"""Durable publishing beside the client library's own publisher and the raw fsync limit, in one run."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import nats

from bus.blobs import BlobStore
from bus.codec import encode
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from tests.promises.bus_promises import envelope, lost

ROUNDS = 5
EVENTS = 300


def _fsyncs(folder: Path, payload: bytes, count: int) -> float:
    """Appends that reach the disk, per second."""
    with (folder / "raw").open("ab") as file:
        began = time.perf_counter()
        for _ in range(count):
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        return count / (time.perf_counter() - began)


async def _rate(publish: Callable[[int], Awaitable[object]], count: int) -> float:
    began = time.perf_counter()
    for n in range(count):
        await publish(n)
    return count / (time.perf_counter() - began)


async def main() -> None:
    """Prints events per second, one at a time, each on disk before the next: medians over rounds."""
    rates: dict[str, list[float]] = {"athanor, typed": [], "nats-py js.publish": [], "fsync alone": []}
    with tempfile.TemporaryDirectory() as folder:
        server = await EmbeddedServer.start(Path(folder) / "store")
        bus = await JetStreamBus.connect(server.url, BlobStore(Path(folder) / "blobs"))
        plain = await nats.connect(server.url)
        stream = plain.jetstream()
        payload = encode(envelope(lost(0), n=0))
        for r in range(ROUNDS):
            start = r * EVENTS
            rates["athanor, typed"].append(
                await _rate(lambda n, start=start: bus.publish(envelope(lost(start + n), n=start + n)), EVENTS)
            )
            rates["nats-py js.publish"].append(
                await _rate(
                    lambda _: stream.publish("lab.bench.a.b", payload, headers={"Nats-Msg-Id": str(uuid4())}), EVENTS
                )
            )
            rates["fsync alone"].append(_fsyncs(Path(folder), payload, EVENTS))
        await plain.close()
        await bus.close()
        await server.stop()
    ours = statistics.median(rates["athanor, typed"])
    print(f"durable publishing, one at a time, {len(payload)} B, median of {ROUNDS} rounds of {EVENTS}")
    for name, values in rates.items():
        rate = statistics.median(values)
        print(f"  {name:22} {rate:8.0f} /s   ours is {ours / rate:5.2f} of it")


if __name__ == "__main__":
    asyncio.run(main())
