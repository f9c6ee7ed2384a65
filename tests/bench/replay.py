"""Replay: every event hash-verified, validated and folded, beside the replay of an aggregate in `eventsourcing`.

Ours reads the bundles of a ledger, rebuilds the Merkle tree and compares it with the signed root, decodes and
validates each envelope, and folds it into a state that counts. The peer rebuilds an aggregate from as many events
that carry the same bytes, from SQLite, with neither hashes nor types. Over the broker stands beside it.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from bus.blobs import MemoryBlobs
from bus.jetstream import JetStreamBus
from bus.ledger.keys import LEDGER
from bus.ledger.verify import verify
from bus.replay import LedgerSource
from bus.server import EmbeddedServer
from tests.bench import ledger
from tests.bench.publishing import event

ROUNDS, EVENTS = 3, 20_000
FROM_BROKER = 8_000


async def ours(folder: Path) -> float:
    """Events per second from a ledger."""
    state: Counter[str] = Counter()
    began = time.process_time()
    async for recorded in LedgerSource(folder, MemoryBlobs(), authentic=True).events():
        state[recorded.envelope.type] += 1
    took = time.process_time() - began
    if state.total() != EVENTS:
        raise RuntimeError(f"Expected {EVENTS} events, got {state.total()}.")
    return EVENTS / took


async def from_broker(bus: JetStreamBus) -> float:
    """Events per second of wall time from the stream, validated."""
    began, count = time.perf_counter(), 0
    async for _ in bus.read():
        count += 1
    return count / (time.perf_counter() - began)


def peer(folder: Path, payloads: list[str]) -> float:
    """Events per second from `eventsourcing` over SQLite."""
    from tests.bench.eventsourcing_peer import App, Samples

    app = App(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / "peer.db")})
    samples = Samples()
    for payload in payloads:
        samples.told(payload)
    app.save(samples)
    began = time.process_time()
    found: Samples = app.repository.get(samples.id)
    took = time.process_time() - began
    if found.count != len(payloads):
        raise RuntimeError(f"Expected {len(payloads)} events, got {found.count}.")
    app.close()
    return len(payloads) / took


async def main() -> None:
    """Prints events per second of processor time: medians over rounds in which both take turns."""
    rates: dict[str, list[float]] = {"athanor, hash-verified and typed": [], "eventsourcing aggregate": []}
    absent, broker = "", list[float]()
    payloads = [payload.decode() for _, _, _, _, payload in ledger.messages(EVENTS)]
    with tempfile.TemporaryDirectory() as scratch:
        ledger.make(Path(scratch), EVENTS)
        server = await EmbeddedServer.start(Path(scratch) / "store")
        bus = await JetStreamBus.connect(server.url, MemoryBlobs())
        said = [event(n) for n in range(FROM_BROKER)]
        for start in range(0, FROM_BROKER, 2000):
            await asyncio.gather(*(bus.publish(one) for one in said[start : start + 2000]))
        for r in range(ROUNDS):
            rates["athanor, hash-verified and typed"].append(await ours(Path(scratch) / LEDGER))
            broker.append(await from_broker(bus))
            (Path(scratch) / str(r)).mkdir()
            try:
                rates["eventsourcing aggregate"].append(peer(Path(scratch) / str(r), payloads))
            except ImportError as error:
                absent = str(error)
        await bus.close()
        await server.stop()
    mine = statistics.median(rates["athanor, hash-verified and typed"])
    print(f"replay of {EVENTS} events of {sum(map(len, payloads)) / EVENTS:.0f} B per second of processor time, "
          f"median of {ROUNDS} rounds (aim: 7 of the peer)")  # fmt: skip
    for name, values in rates.items():
        if not values:
            print(f"  {name:34} not installed: {absent}")
            continue
        rate = statistics.median(values)
        print(f"  {name:34} {rate:8.0f} /s   ours is {mine / rate:6.2f} of it")
    print(f"  {'athanor, from the broker, typed':34} {statistics.median(broker):8.0f} /s of wall time")


if __name__ == "__main__":
    asyncio.run(main())
