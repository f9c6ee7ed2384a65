"""Durable publishing beside the client library's own publisher and the raw limits, in one run.

One at a time: each event is on disk before the next is said. Ours, the library and a bare socket take turns in slices
of fifty, each as often first as any other, and before anything else is measured: for a second after a burst of batches
the server answers whoever comes first at half its speed. From many producers: each waits for its own event, all work
at once; here the raw limit is a socket that sends atomic batches of a thousand prepared messages and reads answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import nats
from nats.js import JetStreamContext

from bus.blobs import BlobStore
from bus.codec import encode
from bus.correlating import frame
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from contracts.envelope import Envelope
from contracts.synthesis import SampleLost
from tests.contracts.examples import envelope

ROUNDS = 5
SLICES = 36
EVENTS = 50
"""Events of a slice, one at a time."""
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


@contextmanager
def _socket(url: str) -> Iterator[tuple[socket.socket, BinaryIO]]:
    """A bare connection, and what it hears, the first answer next."""
    host, port = url.removeprefix("nats://").split(":")
    with socket.create_connection((host, int(port))) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = wire.makefile("rb")
        answers.readline()  # INFO
        wire.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB answer 1\r\nPING\r\n')
        while not answers.readline().startswith(b"PONG"):
            pass
        yield wire, answers


def _stored(answers: BinaryIO) -> None:
    size = int(answers.readline().split()[-1])
    answer = json.loads(answers.read(size + 2))
    if "error" in answer:
        raise RuntimeError(f"Expected it to be stored, got {answer['error']}.")


def _raw_one(url: str, payload: bytes, count: int) -> float:
    """Messages per second over a bare socket, one after the other."""
    with _socket(url) as (wire, answers):
        prepared = [
            frame(b"lab.bench.a.b", b"answer", f"Nats-Msg-Id: {uuid4()}\r\n".encode(), payload) for _ in range(count)
        ]
        began = time.perf_counter()
        for message in prepared:
            wire.sendall(message)
            _stored(answers)
        return count / (time.perf_counter() - began)


def _raw_batches(url: str, payload: bytes, batches: int) -> float:
    """Messages per second over a bare socket: prepared atomic batches, one after the other."""
    with _socket(url) as (wire, answers):
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
            _stored(answers)
        return batches * BATCH / (time.perf_counter() - began)


def _print(title: str, rates: dict[str, list[float]]) -> None:
    ours = statistics.median(next(iter(rates.values())))
    print(title)
    for name, values in rates.items():
        rate = statistics.median(values)
        print(f"  {name:34} {rate:8.0f} /s   ours is {ours / rate:6.2f} of it")


@dataclass
class Bench:
    """One server, and those who publish to it."""

    folder: Path
    url: str
    bus: JetStreamBus
    stream: JetStreamContext
    payload: bytes = field(default_factory=lambda: encode(event(0)))
    said: int = 0
    """Events of ours so far."""

    def _next(self, count: int) -> list[Envelope]:
        self.said += count
        return [event(n) for n in range(self.said - count, self.said)]

    async def ours_one(self) -> float:
        """Ours, one at a time."""
        events = self._next(EVENTS)
        return await _rate(lambda n: self.bus.publish(events[n]), EVENTS)

    async def plain_one(self) -> float:
        """The client library, one at a time."""
        return await _rate(
            lambda _: self.stream.publish("lab.bench.a.b", self.payload, headers={"Nats-Msg-Id": str(uuid4())}), EVENTS
        )

    async def raw_one(self) -> float:
        """A bare socket, one at a time."""
        return _raw_one(self.url, self.payload, EVENTS)

    async def fsyncs(self) -> float:
        """A file that is appended to."""
        return _fsyncs(self.folder, self.payload, EVENTS)

    async def ours_many(self) -> float:
        """Ours, from many producers."""
        events = self._next(PRODUCERS * EACH)
        return await _many(lambda n: self.bus.publish(events[n]), 0)

    async def raw_many(self) -> float:
        """A bare socket, in batches."""
        return _raw_batches(self.url, self.payload, 8)


async def _take_turns(ways: dict[str, Callable[[], Awaitable[float]]], rounds: int) -> dict[str, list[float]]:
    """Rates of ways that are tried in turn, each as often first as any other."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for r in range(rounds):
        names = list(ways)
        for name in names[r % len(names) :] + names[: r % len(names)]:
            rates[name].append(await ways[name]())
    return rates


async def main() -> None:
    """Prints events per second: medians over rounds in which ours and the peers take turns."""
    with tempfile.TemporaryDirectory() as folder:
        server = await EmbeddedServer.start(Path(folder) / "store")
        bus = await JetStreamBus.connect(server.url, BlobStore(Path(folder) / "blobs"))
        plain = await nats.connect(server.url)
        bench = Bench(Path(folder), server.url, bus, plain.jetstream(timeout=30))
        one = await _take_turns(
            {
                "athanor, typed": bench.ours_one,
                "nats-py js.publish": bench.plain_one,
                "raw socket, one by one": bench.raw_one,
                "fsync alone": bench.fsyncs,
            },
            SLICES,
        )
        many = await _take_turns(
            {
                "athanor, typed": bench.ours_many,
                "nats-py js.publish, one by one": bench.plain_one,
                "raw socket, batches of 1000": bench.raw_many,
            },
            ROUNDS,
        )
        sent = bus.wire.publisher.tally
        await plain.close()
        await bus.close()
        await server.stop()
    size = len(bench.payload)
    _print(f"durable publishing, one at a time, {size} B, median of {SLICES} slices of {EVENTS} (aim: 0.9)", one)
    _print(
        f"durable publishing, {PRODUCERS} producers, median of {ROUNDS} rounds of {PRODUCERS * EACH} "
        f"(aims: 20 of nats-py one by one, 0.6 of the raw limit); mean batch {sent.batched / sent.batches:.0f}",
        many,
    )


if __name__ == "__main__":
    asyncio.run(main())
