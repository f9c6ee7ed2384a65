"""``python -m tests.chaos.echo``: a runtime with one agent that answers each event once, to be killed.

Events of a producer are numbered from 0, and the agent sees them in that order: it counts what comes twice and what
does not come, so that a restart that remembers too much or too little shows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from agents.agent import Agent, folds, on
from agents.memory import Memory
from agents.runtime import Lab, Runtime
from agents.runtime.snapshots import Snapshots
from agents.workers import Workers
from bus.blobs import BlobStore
from bus.jetstream import JetStreamBus
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from ops.clock import RealClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CAMPAIGN = "chaos-0"


class Seen(Memory):
    """How far each producer was heard."""

    last: dict[str, int] = Field(default_factory=dict)
    twice: int = 0
    skipped: int = 0


class Echo(Agent[Seen]):
    """Answers each lost sample."""

    name = "echo"

    def __init__(self) -> None:
        super().__init__(Seen())

    @folds(SampleLost)
    def note(self, event: SampleLost) -> None:
        """Counts."""
        producer, n = event.run_id, int(event.candidate_id.rpartition("-")[2])
        expected = self.memory.last.get(producer, -1) + 1
        self.memory.twice += n < expected
        self.memory.skipped += max(0, n - expected)
        self.memory.last[producer] = max(n, expected - 1)

    @on(SampleLost)
    async def answer(self, event: SampleLost) -> AsyncIterator[ReviewDecided]:
        """Once."""
        yield ReviewDecided(
            review_id=f"q-{event.candidate_id}", candidate_id=event.candidate_id, approved=False,
            reviewer="echo", simulated=True, reason="heard",
        )  # fmt: skip


def tell(**words: object) -> None:
    """A line for whoever started us."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


async def live(url: str, folder: Path) -> None:
    """Until SIGTERM or the end of the input."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    asyncio.ensure_future(reader.read()).add_done_callback(lambda _: stop.set())
    bus = await JetStreamBus.connect(url, BlobStore(folder / "blobs"), within=60)
    clock, agent = RealClock(), Echo()
    lab = Lab(bus, clock, clock, Workers(0), CAMPAIGN, 0, "chaos")
    runtime = Runtime(lab, [agent], Snapshots(folder / "snapshots"))
    await runtime.start()
    tell(said="listening", start=runtime.seats[0].starts + 1, twice=agent.memory.twice, skipped=agent.memory.skipped)
    stopped: asyncio.Future[object] = asyncio.ensure_future(stop.wait())
    await asyncio.wait({stopped, runtime.failure}, return_when=asyncio.FIRST_COMPLETED)
    if runtime.failure.done():
        runtime.failure.result()
    await runtime.stop("told to stop")
    memory = agent.memory
    tell(said="memory", heard=sum(n + 1 for n in memory.last.values()), twice=memory.twice, skipped=memory.skipped)
    await bus.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    asyncio.run(live(asked.url, asked.folder))
