"""What the broker's memory consists of: the same events with its window for repeated ids of ten minutes and of seconds.

``python -m tests.bench.broker_memory [--events 60000] [--size 400]``

The server knows repeated messages by their ids for ten minutes of real time, so that in time-lapse it knows those of a
whole run. With a window of seconds nothing is left that grows once its first two blocks of 8 MB are full.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

import numpy as np

from bus import topology
from bus.blobs import MemoryBlobs
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from contracts.review import ReviewDecided
from tests.agents.toys import decided
from tests.bench.slopes import is_flat, slope_of
from tests.contracts.examples import envelope

SHORT = 5
"""Seconds of a window that holds next to nothing."""
PRODUCERS = 24
LOOKS = 60


async def grown(folder: Path, window: int, events: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Publishes and consumes.

    Args:
        folder: for the store.
        window: seconds in which repeated ids are known.
        events: how many.
        size: characters of each one's reason.

    Returns:
        ``(n,)`` tens of thousands of events so far, and ``(n,)`` MB that the broker holds.
    """
    topology.DUPLICATE_WINDOW = window
    server = await EmbeddedServer.start(folder)
    bus = await JetStreamBus.connect(server.url, MemoryBlobs())
    subscription = await bus.subscribe("test-all", "test", (ReviewDecided,))
    x: list[float] = []
    y: list[float] = []

    async def consume() -> None:
        async for delivery in subscription:
            await delivery.ack()

    async def produce(first: int) -> None:
        for n in range(first, events, PRODUCERS):
            await bus.publish(envelope(decided(n, "x" * size), n=n))
            if n % (events // LOOKS) == 0:
                x.append(n / 10_000)
                words = Path(f"/proc/{server.pid}/status").read_text().partition("VmRSS:")[2].split()
                y.append(int(words[0]) * 1024 / 1e6)

    consuming = asyncio.create_task(consume())
    await asyncio.gather(*map(produce, range(PRODUCERS)))
    consuming.cancel()
    await bus.close()
    await server.stop()
    return np.array(x), np.array(y)


def main() -> None:
    """Reads the command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=60_000)
    arguments.add_argument("--size", type=int, default=400)
    given = arguments.parse_args()
    print(f"{given.events:,} events; the first half is not judged")
    print(f"{'window, s':>9} {'MB at half':>11} {'at the end':>11}   slope per 10,000 events")
    for window in (topology.DUPLICATE_WINDOW, SHORT):
        with tempfile.TemporaryDirectory(prefix="athanor-broker-") as folder:
            x, y = asyncio.run(grown(Path(folder), window, given.events, given.size))
        late = x > x[-1] / 2
        slope, error = slope_of(x[late], y[late])
        flat = "flat" if is_flat(x[late], y[late], exact=False) else "NOT FLAT"
        print(f"{window:9} {y[late][0]:11.1f} {y[-1]:11.1f}   {slope:+9.3f} ± {error:.3f}  {flat}")


if __name__ == "__main__":
    main()
