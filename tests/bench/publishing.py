"""Durable publishing beside the client library's own publisher and the raw limits, in one run.

One at a time: each event is on disk before the next is said. From many producers: each waits for its own event, all
work at once. The raw limit is a socket that sends atomic batches of a thousand prepared messages and reads answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import nats

from bus.blobs import BlobStore
from bus.codec import encode
from bus.correlating import frame
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from contracts.envelope import Envelope
from contracts.synthesis import SampleLost
from tests.contracts.examples import envelope

ROUNDS = 5
EVENTS = 300
PRODUCERS = 2000
EACH = 4
"""Events of each producer in a round."""
BATCH = 1000


def event(n: int) -> Envelope:
    """The n-th event, about a kilobyte."""
    return envelope(SampleLost(sample_id=f"s-{n}", candidate_id=f"c-{n}", run_id="r-1", reason="x" * 560), n=n)


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


async def _many(publish: Callable[[int], Awaitable[object]], first: int) -> float:
    """Events per second of many producers, each of which waits for its own."""

    async def produce(start: int) -> None:
        for n in range(start, start + EACH):
            await publish(n)

    began = time.perf_counter()
    await asyncio.gather(*(produce(first + p * EACH) for p in range(PRODUCERS)))
    return PRODUCERS * EACH / (time.perf_counter() - began)


def _raw(url: str, payload: bytes, batches: int) -> float:
    """Messages per second over a bare socket: prepared atomic batches, one after the other."""
    host, port = url.removeprefix("nats://").split(":")
    with socket.create_connection((host, int(port))) as wire:
        answers = wire.makefile("rb")
        answers.readline()  # INFO
        wire.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB answer 1\r\nPING\r\n')
        while not answers.readline().startswith(b"PONG"):
            pass
        prepared = []
        for _ in range(batches):
            name, frames = uuid4().hex, []
            for n in range(1, BATCH + 1):
                commit = "Nats-Batch-Commit: 1\r\n" if n == BATCH else ""
                headers = f"Nats-Batch-Id: {name}\r\nNats-Batch-Sequence: {n}\r\nNats-Msg-Id: {name}-{n}\r\n{commit}"
                frames.append(frame(b"lab.bench.a.b", b"answer" if commit else b"", headers.encode(), payload))
            prepared.append(b"".join(frames))
        began = time.perf_counter()
        for batch in prepared:
            wire.sendall(batch)
            size = int(answers.readline().split()[-1])
            answer = json.loads(answers.read(size + 2))
            if "error" in answer:
                raise RuntimeError(f"Expected a stored batch, got {answer['error']}.")
        return batches * BATCH / (time.perf_counter() - began)


def _print(title: str, rates: dict[str, list[float]]) -> None:
    ours = statistics.median(next(iter(rates.values())))
    print(title)
    for name, values in rates.items():
        rate = statistics.median(values)
        print(f"  {name:34} {rate:8.0f} /s   ours is {ours / rate:6.2f} of it")


async def main() -> None:
    """Prints events per second: medians over rounds in which ours and the peers take turns."""
    one: dict[str, list[float]] = {"athanor, typed": [], "nats-py js.publish": [], "fsync alone": []}
    many: dict[str, list[float]] = {"athanor, typed": [], "nats-py js.publish": [], "raw socket, batches of 1000": []}
    with tempfile.TemporaryDirectory() as folder:
        server = await EmbeddedServer.start(Path(folder) / "store")
        bus = await JetStreamBus.connect(server.url, BlobStore(Path(folder) / "blobs"))
        plain = await nats.connect(server.url)
        stream = plain.jetstream(timeout=30)
        payload = encode(event(0))

        async def publish_plain(_: int) -> object:
            return await stream.publish("lab.bench.a.b", payload, headers={"Nats-Msg-Id": str(uuid4())})

        said: list[Envelope] = []

        async def publish_ours(n: int) -> object:
            return await bus.publish(said[n])

        for r in range(ROUNDS):
            first = r * (EVENTS + PRODUCERS * EACH)
            said = [event(first + n) for n in range(EVENTS)]
            one["athanor, typed"].append(await _rate(publish_ours, EVENTS))
            said = [event(first + EVENTS + n) for n in range(PRODUCERS * EACH)]
            one["nats-py js.publish"].append(await _rate(publish_plain, EVENTS))
            one["fsync alone"].append(_fsyncs(Path(folder), payload, EVENTS))
            many["athanor, typed"].append(await _many(publish_ours, 0))
            many["nats-py js.publish"].append(await _rate(publish_plain, EVENTS))
            many["raw socket, batches of 1000"].append(_raw(server.url, payload, 8))
        sent = bus.wire.publisher.tally
        await plain.close()
        await bus.close()
        await server.stop()
    _print(f"durable publishing, one at a time, {len(payload)} B, median of {ROUNDS} rounds of {EVENTS}", one)
    _print(
        f"durable publishing, {PRODUCERS} producers, median of {ROUNDS} rounds of {PRODUCERS * EACH} "
        f"(aims: 10 of nats-py one by one, 0.45 of the raw limit); mean batch {sent.batched / sent.batches:.0f}",
        many,
    )


if __name__ == "__main__":
    asyncio.run(main())
