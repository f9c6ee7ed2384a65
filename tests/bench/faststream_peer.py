"""An agent on FastStream, as its users would write it. Imported only where FastStream is installed."""

# no `from __future__ import annotations`: FastStream reads the annotations of a function within a function

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.js.api import ConsumerConfig

from bus.codec import decode, encode
from bus.subjects import subject_of
from contracts.envelope import Envelope
from contracts.synthesis import SampleLost


@asynccontextmanager
async def agent(
    url: str, campaign: str, answer: Callable[[Envelope], Envelope], *, workers: int, pull: int = 0
) -> AsyncIterator[Callable[[Envelope], Awaitable[object]]]:
    """Answers every lost sample, and yields what a driver publishes with.

    Args:
        url: the server.
        campaign: whose events it hears.
        answer: what it says because of an event.
        workers: how many events it works on at once.
        pull: how many it asks for at once; it is pushed to by default.
    """
    broker = NatsBroker(url, logger=None)

    async def store(said: Envelope) -> object:
        return await broker.publish(
            encode(said), subject_of(campaign, said.type), stream="LEDGER", headers={"Nats-Msg-Id": str(said.id)}
        )

    @broker.subscriber(
        subject_of(campaign, SampleLost.kind),
        stream=JStream(name="LEDGER", declare=False),
        durable=f"fast-{campaign}",
        max_workers=workers,
        pull_sub=PullSub(batch_size=pull, timeout=1.0) if pull else False,
        config=ConsumerConfig(max_ack_pending=2000),
        pending_msgs_limit=-1,
        pending_bytes_limit=-1,
    )
    async def work(message: NatsMessage) -> None:
        await store(answer(decode(message.body)))

    await broker.start()
    try:
        yield store
    finally:
        await broker.stop()
