"""What an agent costs per event in processor time: ours, the bare client library with gather, FastStream.

Events wait in the stream. Each is pulled, decoded and validated; what follows from it is encoded and stored under its
own id; then it is acknowledged. Counted is the processor time of the agent's process, not the server's. The
acknowledgement is confirmed by the server here, and by nobody among the peers. Beside them stands what is left when
nobody carries anything: the least that any of them can cost.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid5

import nats
from nats.js.api import AckPolicy, ConsumerConfig

from bus.blobs import MemoryBlobs
from bus.codec import decode, encode
from bus.jetstream import JetStreamBus
from bus.protocol import Delivery
from bus.server import EmbeddedServer
from bus.subjects import subject_of
from contracts.envelope import Envelope
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from tests.bench.hops import answer
from tests.bench.publishing import event

ROUNDS, EVENTS, AT_ONCE = 3, 2000, 256


async def _until(bus: JetStreamBus, campaign: str, count: int, last: int) -> None:
    """Returns when so many answers are stored behind a place, and are the campaign's."""
    async with asyncio.timeout(120):
        while await bus.last_sequence() < last + count:
            await asyncio.sleep(0.05)
    assert sum([r.envelope.type == ReviewDecided.kind async for r in bus.read(campaign, last + 1)]) == count


async def together(url: str, campaign: str, done: Callable[[], Awaitable[None]]) -> float:
    """Our bus: what has come together is answered together and acknowledged with one confirmation."""
    bus = await JetStreamBus.connect(url, MemoryBlobs())

    async def work() -> None:
        subscription, count = await bus.subscribe("agent", campaign, [SampleLost]), 0
        async for deliveries in subscription.together():
            await bus.publish_all([answer(delivery.recorded.envelope) for delivery in deliveries])
            await subscription.acknowledge(deliveries)
            if (count := count + len(deliveries)) == EVENTS:
                return

    began = time.process_time()
    working = asyncio.create_task(work())
    await done()
    await working
    took = time.process_time() - began
    await bus.close()
    return took


async def singly(url: str, campaign: str, done: Callable[[], Awaitable[None]]) -> float:
    """Our bus: a task for each event, which says its answer and acknowledges when that is stored."""
    bus = await JetStreamBus.connect(url, MemoryBlobs())
    running = set[asyncio.Task[None]]()

    async def handle(delivery: Delivery) -> None:
        await bus.publish(answer(delivery.recorded.envelope))
        await delivery.ack()
        running.discard(asyncio.current_task())

    async def work() -> None:
        async for delivery in await bus.subscribe("agent", campaign, [SampleLost]):
            running.add(asyncio.create_task(handle(delivery)))  # the server delivers no more than 512 that are open

    began = time.process_time()
    working = asyncio.create_task(work())
    await done()
    await asyncio.gather(*running)
    took = time.process_time() - began
    working.cancel()
    await bus.close()
    return took


async def bare(url: str, campaign: str, done: Callable[[], Awaitable[None]]) -> float:
    """The bare client library: a batch fetched, all of it worked on with gather, acknowledged unconfirmed."""
    client = await nats.connect(url, pending_size=64 * 1024 * 1024)
    stream = client.jetstream(timeout=60)
    pulled = await stream.pull_subscribe(
        subject_of(campaign, SampleLost.kind),
        durable=f"bare-{campaign}",
        stream="LEDGER",
        config=ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, max_ack_pending=2000),
        pending_msgs_limit=-1,
        pending_bytes_limit=-1,
    )

    async def handle(message: nats.aio.msg.Msg) -> None:
        said = answer(decode(message.data))
        await stream.publish(subject_of(campaign, said.type), encode(said), headers={"Nats-Msg-Id": str(said.id)})
        await message.ack()

    async def work() -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.gather(*(handle(m) for m in await pulled.fetch(AT_ONCE, timeout=1)))

    began = time.process_time()
    working = asyncio.create_task(work())
    await done()
    took = time.process_time() - began
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await client.close()
    return took


async def faststream(url: str, campaign: str, done: Callable[[], Awaitable[None]]) -> float:
    """FastStream: pulls as many, as many workers as help."""
    from tests.bench import faststream_peer

    began = time.process_time()
    async with faststream_peer.agent(url, campaign, answer, workers=64, pull=AT_ONCE):
        await done()
        return time.process_time() - began


async def alone(_url: str, campaign: str, done: Callable[[], Awaitable[None]]) -> float:
    """What every agent does whoever carries its events: reads one, says something because of it, and writes that."""
    stored = [encode(event(n).model_copy(update={"campaign": campaign})) for n in range(EVENTS)]
    began = time.process_time()
    for payload in stored:
        encode(answer(decode(payload)))
    return time.process_time() - began


async def fill(bus: JetStreamBus, campaign: str) -> None:
    """Events that wait."""
    said: list[Envelope] = []
    for n in range(EVENTS):
        plain = event(n)
        said.append(plain.model_copy(update={"campaign": campaign, "id": uuid5(plain.id, campaign)}))
    await asyncio.gather(*(bus.publish(one) for one in said))


async def main() -> None:
    """Prints microseconds per event: medians over rounds in which ours and the peers take turns."""
    ways = {
        "athanor bus, typed, together": together,
        "athanor bus, typed, each its task": singly,
        "nats-py gather": bare,
        "FastStream pull": faststream,
        "decode, answer, encode alone": alone,
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    absent: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        server = await EmbeddedServer.start(Path(folder) / "store")
        bus = await JetStreamBus.connect(server.url, MemoryBlobs())
        for r in range(ROUNDS):
            for w, (name, way) in enumerate(ways.items()):
                campaign = f"cost-{r}-{w}"
                if way is not alone:
                    await fill(bus, campaign)
                last = await bus.last_sequence()

                async def done(last: int = last) -> None:
                    async with asyncio.timeout(120):
                        while await bus.last_sequence() < last + EVENTS:
                            await asyncio.sleep(0.05)

                gc.collect()
                try:
                    took[name].append(1e6 * await way(server.url, campaign, done) / EVENTS)
                except ImportError as error:
                    absent[name] = str(error)
                    continue
                if way is not alone:
                    await _until(bus, campaign, EVENTS, last)
        await bus.close()
        await server.stop()
    print(f"an agent's processor time per event, {AT_ONCE} at once, median of {ROUNDS} rounds of {EVENTS}")
    mine = statistics.median(took["athanor bus, typed, together"])
    for name, values in took.items():
        if name in absent:
            print(f"  {name:34} not installed: {absent[name]}")
        else:
            cost = statistics.median(values)
            print(f"  {name:34} {cost:7.0f} µs   ours is {mine / cost:5.2f} of it")


if __name__ == "__main__":
    asyncio.run(main())
