"""The ledger: what tamper evidence costs an event, and how long a stranger needs to verify a million of them.

``python -m tests.bench.ledger [EVENTS]``. Each cost stands beside the raw SHA-256 of the same bytes, measured in the
same run. Verification runs in a process of its own, whose peak memory is the kernel's word, on one processor and on
two; with signatures of speakers it stands apart, for each of them costs more than all the rest of an event.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from bus.codec import encode
from bus.identities import KeyFolder
from bus.ledger.checkpoint import Checkpoint
from bus.ledger.entry import encode_entry
from bus.ledger.growth import Growth
from bus.ledger.keys import KEYS, LEDGER, open_ring
from bus.ledger.note import Signer
from bus.ledger.tiles import WIDTH, TileStore
from bus.ledger.verify import Means, verify
from bus.subjects import subject_of
from contracts.event import Event
from contracts.presence import AgentStopped, Speaker, SpeakersListed
from contracts.scheduling import Reservation, RunScheduled, ScheduledSample
from contracts.synthesis import SampleLost
from tests.bus.ledger.growing import BEGIN, envelope
from tests.contracts.examples import perovskite, recipe

COUNT = 1_000_000


def facts() -> list[Event]:
    """Small and larger facts; with their envelopes about a kilobyte on average."""
    sample = ScheduledSample(
        sample_id="s-1", candidate_id="c-1", composition=perovskite({"Ba": 1}, {"Zr": 1, "Ti": 1}), recipe=recipe()
    )
    booked = Reservation(instrument="furnace-1", start=BEGIN, end=BEGIN + timedelta(hours=9))
    run = RunScheduled(run_id="r-1", furnace="furnace-1", samples=(sample,), reservations=(booked,))
    lost = SampleLost(sample_id="s-1", candidate_id="c-1", run_id="r-1", reason="the vial broke")
    return [run, lost, AgentStopped(agent="planner", start=1, reason="asked at the console"), lost]


def identity(n: int) -> bytes:
    """The id of the n-th event; as cheap as it can be made."""
    return str(UUID(bytes=hashlib.md5(n.to_bytes(8), usedforsecurity=False).digest())).encode()


def messages(count: int) -> Iterator[tuple[int, str, str, int, bytes]]:
    """Messages as they are stored, each the effect of the one before."""
    said = [envelope(1, fact, cause=0) for fact in facts()]
    own, cause = str(said[0].id).encode(), str(said[0].causationid).encode()
    texts = [(subject_of(e.campaign, e.type), encode(e)) for e in said]
    first = [t.replace(b',"causationid":"' + cause + b'"', b"").replace(own, identity(0)) for _, t in texts]
    before = identity(0)
    for n in range(count):
        subject, text = texts[n % len(texts)]
        name = identity(n)
        payload = text.replace(own, name).replace(cause, before, 1) if n else first[0]
        yield n + 1, subject, name.decode(), 1_700_000_000_000_000_000 + n, payload
        before = name


def cpu() -> float:
    """Seconds of this process on a processor."""
    return time.process_time()


def evidence(count: int = 40_000) -> None:
    """Prints what an event costs in the ledger's writer, disk aside and disk included."""
    said = list(messages(count))
    size = sum(len(m[4]) for m in said) / count
    costs: dict[str, list[float]] = {"SHA-256 of the payload": [], "frame, leaf and tree": [], "the same, signed": [],
                                     "the same, on disk": []}  # fmt: skip
    for _ in range(3):
        began = cpu()
        for message in said:
            hashlib.sha256(message[4]).digest()
        costs["SHA-256 of the payload"].append(cpu() - began)
        began, growth = cpu(), Growth()
        for message in said:
            growth.append(encode_entry(*message))
        growth.root()
        costs["frame, leaf and tree"].append(cpu() - began)
        began, growth, signer = cpu(), Growth(), Signer.generate("bench")
        for message in said:
            growth.append(encode_entry(*message))
            if growth.size % WIDTH == 0:
                growth.files()
                Checkpoint("bench", growth.size, growth.root()).signed([signer])
        costs["the same, signed"].append(cpu() - began)
        with tempfile.TemporaryDirectory() as folder:
            began, growth, store = cpu(), Growth(), TileStore(Path(folder))
            for message in said:
                growth.append(encode_entry(*message))
                if growth.size % WIDTH == 0:
                    store.write(growth.files())
                    store.write_checkpoint(Checkpoint("bench", growth.size, growth.root()).signed([signer]).encode())
            costs["the same, on disk"].append(cpu() - began)
    raw = min(costs["SHA-256 of the payload"])
    print(f"tamper evidence, {size:.0f} bytes an event, CPU time (best of 3), a checkpoint every {WIDTH}:")
    for name, seconds in costs.items():
        print(f"  {name:<24} {min(seconds) / count * 1e6:5.2f} µs an event, {min(seconds) / raw:4.1f} × raw SHA-256")


def signed(
    said: Iterable[tuple[int, str, str, int, bytes]], keys: KeyFolder
) -> Iterator[tuple[int, str, str, int, bytes]]:
    """The same messages behind a roll, each signed by its speaker."""
    keys.make("console", "test")
    kinds = tuple(f"{fact.kind}:{fact.version}" for fact in facts())
    says = {"console": (f"{SpeakersListed.kind}:1",), "test": tuple(dict.fromkeys(kinds))}
    people = tuple(Speaker(name=name, public_key=keys.public(name), says=kinds) for name, kinds in says.items())
    roll = envelope(0, SpeakersListed(speakers=people)).model_copy(update={"source": "/agents/console"})
    signers = {name: keys.identity(name).signer() for name in says}
    subject = subject_of(roll.campaign, roll.type)
    yield 1, subject, str(roll.id), 1, signers["console"].sign(subject, encode(roll))
    for number, where, name, time_, payload in said:
        yield number + 1, where, name, time_, signers["test"].sign(where, payload)


def make(folder: Path, count: int, *, sign: bool = False) -> None:
    """A ledger of that many events."""
    store = TileStore(folder / LEDGER)
    ring, growth = open_ring(folder / KEYS, store.folder), Growth()
    for message in signed(messages(count - 1), KeyFolder(folder / "people")) if sign else messages(count):
        growth.append(encode_entry(*message))
        if growth.size % (64 * WIDTH) == 0:
            store.write(growth.take_full())
    store.write(growth.files())
    store.write_checkpoint(Checkpoint(ring.origin, growth.size, growth.root()).signed(ring.signers).encode())


def measured(folder: Path, processes: int, *, read_events: bool) -> dict[str, float]:
    """Verifies in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.ledger", "--verify", str(folder), str(processes), str(int(read_events))],
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(done.stdout))


def verify_here(folder: Path, processes: int, *, read_events: bool) -> None:
    """Verifies, and prints what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    wall = time.perf_counter()
    verdict = verify(folder / LEDGER, means=Means(read_events=read_events, processes=processes))
    wall = time.perf_counter() - wall
    assert verdict.ok, verdict.problems[:3]
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    told = {
        "events": verdict.size,
        "wall": wall,
        "cpu": own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime - before.ru_utime - before.ru_stime,
        "peak": own.ru_maxrss / 1024,
        "other": others.ru_maxrss / 1024,
        "before": before.ru_maxrss / 1024,
    }
    print(json.dumps(told))


def verification(count: int, *, sign: bool = False) -> None:
    """Prints how long offline verification takes, and what memory."""
    ways = [
        (1, False, "hashes, tiles, root"),
        (1, True, "the same, schemas and causes"),
        (2, True, "the same, two processes"),
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, count, sign=sign)
        tiles = sum(p.stat().st_size for p in (folder / LEDGER).rglob("*") if p.is_file())
        signatures = (
            "each signed by its speaker" if sign else "unsigned (aim: 25 s of wall time on two processors for 10⁶)"
        )
        print(f"offline verification of {count} events, {tiles / 1e6:.0f} MB of ledger, {signatures}:")
        for processes, read_events, what in ways[1:] if sign else ways:
            told = measured(folder, processes, read_events=read_events)
            beside = f", another {told['other']:.0f} MB each" if processes > 1 else ""
            print(
                f"  {what:<32} {told['wall']:6.1f} s ({told['cpu']:.1f} s CPU, {told['cpu'] / count * 1e6:.1f} µs an "
                f"event), peak {told['peak']:.0f} MB ({told['before']:.0f} MB of it the program){beside}"
            )


def main(count: int = COUNT) -> None:
    """Prints everything."""
    evidence()
    verification(count)
    verification(count // 10, sign=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--verify"]:
        verify_here(Path(sys.argv[2]), int(sys.argv[3]), read_events=bool(int(sys.argv[4])))
    else:
        main(*map(int, sys.argv[1:2]))
