"""From a question to an agent's answer and back, on disk each time: ours, the bare client library, FastStream.

A driver publishes an event and waits until it sees what an agent published because of it. One is on its way at a
time. Both facts are on disk before they are acknowledged, and the agent acknowledges when its answer is stored. All
speak pydantic models; FastStream and the client library get the settings with which they are quickest here.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid5

import nats
from nats.js.api import AckPolicy, ConsumerConfig

from bus.blobs import MemoryBlobs
from bus.codec import decode, encode
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from bus.subjects import subject_of
from contracts.envelope import Envelope, schema_uri
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from tests.bench.publishing import event

ROUNDS, HOPS = 4, 150

Ask = Callable[[Envelope], Awaitable[object]]


def answer(asked: Envelope) -> Envelope:
    """What the agent says because of an event."""
    fact = ReviewDecided(review_id="q", candidate_id="c", approved=True, reviewer="r", simulated=True, reason="y" * 500)
    update = {
        "id": uuid5(asked.id, "answer"),
        "type": fact.kind,
        "dataschema": schema_uri(fact.kind, fact.version),
        "causationid": asked.id,
        "data": fact,
    }
    return asked.model_copy(update=update)


@asynccontextmanager
async def ours(url: str, campaign: str) -> AsyncIterator[Ask]:
    """An agent on our bus."""
    bus = await JetStreamBus.connect(url, MemoryBlobs())
    heard = await bus.subscribe("agent", campaign, [SampleLost])

    async def work() -> None:
        async for delivery in heard:
            await bus.publish(answer(delivery.recorded.envelope))
            await delivery.ack()

    working = asyncio.create_task(work())
    try:
        yield bus.publish
    finally:
        working.cancel()
        await heard.close()
        await bus.close()


@asynccontextmanager
async def bare(url: str, campaign: str) -> AsyncIterator[Ask]:
    """An agent on the bare client library: fetch one, publish, acknowledge."""
    client = await nats.connect(url)
    stream = client.jetstream()
    config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT)
    pulled = await stream.pull_subscribe(
        subject_of(campaign, SampleLost.kind), durable=f"bare-{campaign}", stream="LEDGER", config=config
    )

    async def store(said: Envelope) -> object:
        return await stream.publish(
            subject_of(campaign, said.type), encode(said), headers={"Nats-Msg-Id": str(said.id)}
        )

    async def work() -> None:
        while True:
            with suppress(TimeoutError):
                for message in await pulled.fetch(1, timeout=5):
                    await store(answer(decode(message.data)))
                    await message.ack_sync()

    working = asyncio.create_task(work())
    try:
        yield store
    finally:
        working.cancel()
        await client.close()


@asynccontextmanager
async def faststream(url: str, campaign: str) -> AsyncIterator[Ask]:
    """An agent on FastStream: a push subscriber, its quickest."""
    from tests.bench import faststream_peer

    async with faststream_peer.agent(url, campaign, answer, workers=1) as store:
        yield store


async def _hops(url: str, campaign: str, ask: Ask) -> list[float]:
    """Seconds from before a publication until its answer is seen."""
    client = await nats.connect(url)
    seen: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: nats.aio.msg.Msg) -> None:
        seen.put_nowait(message.data)

    await client.subscribe(subject_of(campaign, ReviewDecided.kind), cb=hear)
    await client.flush()
    took = []
    for n in range(HOPS):
        said = event(n).model_copy(update={"campaign": campaign, "id": uuid5(event(n).id, campaign)})
        began = time.perf_counter()
        await ask(said)
        await asyncio.wait_for(seen.get(), 30)
        took.append(time.perf_counter() - began)
    await client.close()
    return took[10:]


async def main() -> None:
    """Prints the time of a hop: medians over rounds in which ours and the peers take turns."""
    ways = {"athanor bus, typed": ours, "nats-py fetch, publish, ack_sync": bare, "FastStream push": faststream}
    took: dict[str, list[list[float]]] = {name: [] for name in ways}
    absent: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        server = await EmbeddedServer.start(Path(folder) / "store")
        await (await JetStreamBus.connect(server.url, MemoryBlobs())).close()  # makes the stream
        for r in range(ROUNDS):
            for w, (name, way) in enumerate(ways.items()):
                try:
                    async with AsyncExitStack() as stack:
                        ask = await stack.enter_async_context(way(server.url, f"hop-{r}-{w}"))
                        took[name].append(await _hops(server.url, f"hop-{r}-{w}", ask))
                except ImportError as error:
                    absent[name] = str(error)
        await server.stop()
    print(f"one hop there and back, 1 in flight, both on disk, median of {ROUNDS} rounds of {HOPS}")
    mine = statistics.median(statistics.median(t) for t in took["athanor bus, typed"])
    for name, rounds in took.items():
        if name in absent:
            print(f"  {name:34} not installed: {absent[name]}")
            continue
        p50 = statistics.median(statistics.median(t) for t in rounds)
        p99 = statistics.median(sorted(t)[int(len(t) * 0.99)] for t in rounds)
        print(f"  {name:34} p50 {p50 * 1e3:6.2f} ms  p99 {p99 * 1e3:7.2f} ms   ours is {mine / p50:5.2f} of its p50")


if __name__ == "__main__":
    asyncio.run(main())
