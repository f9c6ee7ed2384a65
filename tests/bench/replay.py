"""Replay: every event hash-verified, validated and folded, beside the replay of an aggregate in `eventsourcing`.

Ours opens the signed checkpoint of a ledger, authenticates each bundle against its root, decodes and validates each
envelope and the fact in it, judges who may have said it, and folds it into a state that counts. Nothing is left for
later: an event that is handed out is typed through and through. The peer rebuilds an aggregate from as many events that
carry the same bytes, from SQLite, with neither hashes nor types. Two processes fold stretches of the same ledger, and
their counts are put together; there wall time counts, and what both have used of processors stands beside it.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bus.blobs import MemoryBlobs
from bus.codec import decode
from bus.jetstream import JetStreamBus
from bus.ledger.keys import LEDGER
from bus.protocol import Recorded
from bus.replay import LedgerSource
from bus.server import EmbeddedServer
from tests.bench import ledger
from tests.bench.publishing import event

ROUNDS, EVENTS = 3, 20_000
LARGE, PROCESSES = 163_840, 2
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


def counted(told: Iterable[Recorded]) -> Counter[str]:
    """Events of each kind."""
    return Counter(recorded.envelope.type for recorded in told)


def in_processes(folder: Path, processes: int) -> tuple[float, float]:
    """Events per second of wall time and of all processors, folded by some processes."""
    before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    began = time.perf_counter()
    parts = LedgerSource(folder, MemoryBlobs(), authentic=True).folded(counted, processes)
    wall = time.perf_counter() - began
    after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(a.ru_utime + a.ru_stime - b.ru_utime - b.ru_stime for a, b in zip(after, before, strict=True))
    if sum(parts, Counter()).total() != LARGE:
        raise RuntimeError(f"Expected {LARGE} events, got {sum(parts, Counter()).total()}.")
    return LARGE / wall, LARGE / cpu


def typing_alone() -> float:
    """Events per second of nothing but decoding and validating them; no replay of typed events can be faster."""
    payloads = [payload for _, _, _, _, payload in ledger.messages(EVENTS)]
    began = time.process_time()
    for payload in payloads:
        decode(payload)
    return EVENTS / (time.process_time() - began)


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
    rates: dict[str, list[float]] = {
        "athanor, hash-verified and typed": [],
        "athanor, decoding alone": [],
        "eventsourcing aggregate": [],
    }
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
            rates["athanor, decoding alone"].append(typing_alone())
            broker.append(await from_broker(bus))
            (Path(scratch) / str(r)).mkdir()
            try:
                rates["eventsourcing aggregate"].append(peer(Path(scratch) / str(r), payloads))
            except ImportError as error:
                absent = str(error)
        await bus.close()
        await server.stop()
        ledger.make(Path(scratch) / "large", LARGE)
        large = [in_processes(Path(scratch) / "large" / LEDGER, PROCESSES) for _ in range(ROUNDS)]
    mine = statistics.median(rates["athanor, hash-verified and typed"])
    print(f"replay of {EVENTS} events of {sum(map(len, payloads)) / EVENTS:.0f} B a second of processor, "
          f"median of {ROUNDS} (aim: 3.5 of the peer on one core, 6 on two)")  # fmt: skip
    for name, values in rates.items():
        if not values:
            print(f"  {name:34} not installed: {absent}")
            continue
        rate = statistics.median(values)
        print(f"  {name:34} {rate:8.0f} /s   ours is {mine / rate:6.2f} of it")
    wall, cpu = (statistics.median(rate[at] for rate in large) for at in (0, 1))
    theirs = statistics.median(rates["eventsourcing aggregate"] or [float("nan")])
    print(f"  {f'athanor, {PROCESSES} processes':34} {wall:8.0f} /s of wall time: {wall / theirs:.2f} of the peer, "
          f"{PROCESSES * cpu / theirs:.2f} if it had {PROCESSES} processors to itself")  # fmt: skip
    print(f"  {'athanor, from the broker, typed':34} {statistics.median(broker):8.0f} /s of wall time")


if __name__ == "__main__":
    asyncio.run(main())
