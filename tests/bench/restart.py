"""How long a restart takes over a long log, with and without snapshots, in one run."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pydantic import Field

from agents.agent import Agent, folds
from agents.memory import Memory
from agents.runtime import Lab, Runtime
from agents.runtime.snapshots import Snapshots
from agents.workers import Workers
from bus.blobs import BlobStore
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from bus.subjects import filters
from contracts.synthesis import SampleLost
from ops.clock import VirtualClock
from tests.agents.toys import lost
from tests.contracts.examples import EPOCH, envelope

EVENTS = 20_000
CAMPAIGN = "test"
AT_ONCE = 200
"""Events that are on their way to the broker at one time."""


class Losses(Memory):
    """What was lost, by run, and the last hundred."""

    by_run: dict[str, int] = Field(default_factory=dict)
    last: list[str] = Field(default_factory=list)


class Mourner(Agent[Losses]):
    """Remembers losses and does nothing about them."""

    name = "mourner"

    def __init__(self) -> None:
        super().__init__(Losses())

    @folds(SampleLost)
    def mourn(self, event: SampleLost) -> None:
        """Counts."""
        self.memory.by_run[event.run_id] = self.memory.by_run.get(event.run_id, 0) + 1
        self.memory.last = [*self.memory.last[-99:], event.sample_id]


async def _restart(bus: JetStreamBus, snapshots: Snapshots | None) -> tuple[float, int, str]:
    """One start: seconds, events read from the log, digest of the memory."""
    clock, read, count = VirtualClock(EPOCH), bus.read, 0

    async def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        async for recorded in read(*args, **kwargs):
            count += 1
            yield recorded

    bus.read = counted  # type: ignore[method-assign]
    try:
        runtime = Runtime(Lab(bus, clock, clock, Workers(0), CAMPAIGN, 0, "0"), [Mourner()], snapshots)
        began = time.perf_counter()
        await runtime.start()
        seconds = time.perf_counter() - began
        digest = runtime.seats[0].agent.memory.digest()
        await runtime.stop("measured")
    finally:
        bus.read = read  # type: ignore[method-assign]
    return seconds, count, digest


async def main(events: int = EVENTS) -> None:
    """Prints seconds and events read of a start over the whole log, and over a snapshot and the tail."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        server = await EmbeddedServer.start(folder / "store")
        bus = await JetStreamBus.connect(server.url, BlobStore(folder / "blobs"))
        for first in range(0, events, AT_ONCE):
            batch = range(first, min(first + AT_ONCE, events))
            await asyncio.gather(*(bus.publish(envelope(lost(n), n=n, campaign=CAMPAIGN)) for n in batch))
        await bus.consumers.make(f"{CAMPAIGN}-mourner", filters(CAMPAIGN, [SampleLost]), events)
        whole, whole_read, memory = await _restart(bus, None)
        first, first_read, _ = await _restart(bus, Snapshots(folder / "snapshots"))
        tail, tail_read, same = await _restart(bus, Snapshots(folder / "snapshots"))
        assert same == memory, "a fast start with another memory is worth nothing"
        await bus.close()
        await server.stop()
    print(f"restart over a log of {events} events, one agent, JetStream")
    print(f"  whole log                {whole:7.2f} s   {whole_read:6d} events read")
    print(f"  whole log, and kept      {first:7.2f} s   {first_read:6d} events read")
    print(f"  snapshot and tail        {tail:7.2f} s   {tail_read:6d} events read   {whole / tail:.0f} times as fast")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS))
