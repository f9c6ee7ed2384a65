"""`athanor ledger verify` and `fsck`: checks a ledger, and the stream beside it, and tells what is wrong."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bus.errors import BusError
from bus.ledger.crew import Progress
from bus.ledger.findings import Findings, Kind, Verdict, in_order
from bus.ledger.matching import look_beyond, match
from bus.ledger.reaching import connected, live_url, over_copy, reader
from bus.ledger.stream import Stream
from bus.ledger.tiles import TileStore
from bus.ledger.verify import Means, Trust, fsck, verify
from bus.wire import Wire
from ops.exits import FOUND_WANTING, UNUSABLE
from ops.ledgering.places import Place, answered, find, origin_of, say, trust_of

MOST = 8
"""Processes that look at a ledger at once, at most."""
EVERY = 0.2
"""Seconds between two words on a terminal on how far it is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to check, and what the reader brings along."""

    folder: Path
    keys: list[str] | None = None
    witnesses: list[str] | None = None
    seen: list[Path] | None = None
    nats: str | None = None
    stream: bool = True
    artefacts: bool = True


def verify_folder(asked: Asked, *, as_json: bool) -> int:
    """Verifies; 0 when nothing is wrong, 1 when something is, 2 when it cannot be judged."""

    def work() -> int:
        place, trust = find(asked.folder), trust_of(asked.keys, asked.witnesses, asked.seen)
        artefacts = place.artefacts if asked.artefacts else None
        with told_progress() as progress:
            means = Means(artefacts=artefacts, processes=processors(), progress=progress)
            verdict = _verified(place, trust, means)
        source = _stream(place, asked.nats) if asked.stream else None
        if source is not None:
            live = asked.nats is not None or (place.store is not None and live_url(place.store) is not None)
            verdict = asyncio.run(_matched(verdict, TileStore(place.ledger), source, live=live))
        return _tell(verdict, as_json=as_json)

    return answered(work)


def fsck_folder(asked: Asked, *, as_json: bool) -> int:
    """Compares every file with what follows from the entries; exit codes as those of `verify_folder`."""
    return answered(
        lambda: _tell(fsck(find(asked.folder).ledger, trust_of(asked.keys, asked.witnesses)), as_json=as_json)
    )


def _verified(place: Place, trust: Trust, means: Means) -> Verdict:
    """The verdict, with what a witness beside the lab has seen."""
    return verify(place.ledger, replace(trust, seen=(*trust.seen, *place.witnessed(origin_of(place)))), means)


def processors() -> int:
    """How many processes look at a large ledger at once."""
    return min(os.cpu_count() or 1, MOST)


@contextmanager
def told_progress() -> Iterator[Progress]:
    """Tells on a terminal how far it is."""
    terminal, told_at = sys.stderr.isatty(), time.monotonic()

    def tell(done: int, size: int) -> None:
        nonlocal told_at
        if terminal and time.monotonic() - told_at > EVERY:
            told_at = time.monotonic()
            sys.stderr.write(f"\r\x1b[K{done} of {size} entries")
            sys.stderr.flush()

    try:
        yield tell
    finally:
        if terminal:
            sys.stderr.write("\r\x1b[K")


def _stream(place: Place, nats: str | None) -> AbstractAsyncContextManager[Wire] | None:
    """Where the stream is read; none when there is none beside the ledger."""
    who = reader(place.run) if place.run else None
    if nats is not None:
        return connected(nats, who)
    if place.store is None:
        return None
    url = live_url(place.store)
    return connected(url, who) if url else over_copy(place.store)


async def _matched(
    verdict: Verdict, store: TileStore, source: AbstractAsyncContextManager[Wire], *, live: bool
) -> Verdict:
    """The verdict, with what is different in the stream."""
    findings = Findings()
    try:
        async with source as wire:
            stream = Stream(wire)
            compared = await match(stream, store, verdict.size, findings)
            await look_beyond(stream, store, verdict.size, findings, live=live)
    except BusError as error:
        findings.add(None, Kind.STREAM, f"The stream cannot be compared. {error}")
        compared = 0
    return replace(
        verdict,
        problems=in_order([*verdict.problems, *findings.problems]),
        untold=verdict.untold + findings.untold,
        compared=compared,
        notes=(*verdict.notes, *findings.notes),
    )


def _tell(verdict: Verdict, *, as_json: bool) -> int:
    say(verdict.document(), lines_of(verdict), as_json=as_json)
    if verdict.ok:
        return 0
    return FOUND_WANTING if verdict.judged else UNUSABLE


def lines_of(verdict: Verdict) -> list[str]:
    """A verdict for people."""
    lines = [f"{verdict.origin or 'a ledger'}: {verdict.size} entries, root {verdict.root.hex() or 'unknown'}"]
    lines += [f"signed by     {key}" for key in verdict.signers]
    lines += [f"cosigned by   {key}, {datetime.fromtimestamp(time, UTC):%F %T} UTC" for key, time in verdict.witnesses]
    lines += _speakers(verdict)
    if verdict.artefacts:
        lines.append(f"compared with {verdict.artefacts} artefacts")
    if verdict.compared:
        lines.append(f"compared with {verdict.compared} messages of the stream")
    lines += [f"note: {note}" for note in verdict.notes]
    for problem in verdict.problems:
        where = "the whole" if problem.index is None else f"index {problem.index}"
        lines.append(f"{where}: {problem.kind}: {problem.detail}")
    if verdict.untold:
        lines.append(f"and {verdict.untold} more")
    lines.append("nothing is wrong" if verdict.ok else "found wanting" if verdict.judged else "cannot be judged")
    return lines


def _speakers(verdict: Verdict) -> list[str]:
    """Who has said how much, and whether that is known by a signature."""
    lines = []
    for at, what in ((1, "events, signed by"), (2, "events, unsigned (no key on a roll then), said by")):
        counts = {speaker[0]: int(speaker[at]) for speaker in verdict.said if speaker[at]}
        if counts:
            lines.append(f"{sum(counts.values())} {what} " + ", ".join(f"{name} {n}" for name, n in counts.items()))
    return lines
