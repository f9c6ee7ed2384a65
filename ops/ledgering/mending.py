"""`athanor ledger repair`: restores the broker's stream from the ledger; the damaged store is kept aside.

The new store is made beside the old one and takes its place only when all of it is there and compared. The broker's
other streams (retained messages of MQTT instruments) come along as they are.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

from bus.errors import BusError, ServerStartError
from bus.ledger.errors import RepairError
from bus.ledger.findings import Findings, Kind, Verdict
from bus.ledger.locking import FolderLock
from bus.ledger.matching import match
from bus.ledger.reaching import connected, over, over_copy
from bus.ledger.repair import NOTHING, Loose, Restored, drop_stream, restore, salvage
from bus.ledger.stream import Stream
from bus.ledger.tiles import TileStore, sync_folder
from bus.ledger.verify import Trust, verify
from bus.wire import Wire
from ops.errors import NoLedgerError
from ops.exits import FOUND_WANTING, complain
from ops.ledgering.checking import lines_of
from ops.ledgering.places import Place, answered, find, origin_of, say

NEW = "store.repairing"
"""Where the new store is made."""
ASIDE = "store.damaged"
"""Where the damaged one is kept, with a number behind it."""


def repair_folder(folder: Path, nats: str | None, *, keep_loose: bool, as_json: bool) -> int:
    """Repairs; 0 when the stream is as the ledger says, 1 when the ledger itself is not whole, 2 when it cannot be."""

    def work() -> int:
        place = find(folder)
        if place.run is None:
            raise NoLedgerError(f"Expected the folder of a run to repair, got {folder}, a ledger that was handed over.")
        seen = tuple(place.witnessed(origin_of(place)))
        verdict = verify(place.ledger, Trust(seen=seen), read_events=False)
        if not verdict.ok:
            complain("Expected a whole ledger to restore the log from, got one that is not; nothing was changed.")
            say(verdict.document(), lines_of(verdict), as_json=as_json)
            return FOUND_WANTING
        restored, aside = asyncio.run(_repair(place, place.run, verdict, nats, keep_loose=keep_loose))
        told = {
            "ok": True,
            "entries": restored.entries,
            "appended": list(restored.appended),
            "consumers": restored.consumers,
            "kept_aside": str(aside) if aside else None,
        }
        lines = [f"{restored.entries} messages restored from the ledger"]
        if restored.appended:
            lines.append(f"{len(restored.appended)} that it does not hold stored behind them: {told['appended']}")
        if aside:
            lines.append(f"the damaged store is kept in {aside}")
        say(told, lines, as_json=as_json)
        return 0

    return answered(work)


async def _repair(
    place: Place, run: Path, verdict: Verdict, nats: str | None, *, keep_loose: bool
) -> tuple[Restored, Path | None]:
    """Restores into a server, or into a new store that takes the place of the old one, which is returned."""
    store, ledger = run / "store", TileStore(place.ledger)
    lock = FolderLock(store)
    if store.is_dir() and (owner := lock.take()):
        raise RepairError(f"Expected a store that rests, got one that {owner} works on. Stop the lab first.")
    try:
        if nats is not None:
            loose = await _salvaged(place, ledger, verdict.size, keep=keep_loose)
            async with connected(nats) as wire:
                return await _restored(wire, ledger, verdict, loose), None
        new = run / NEW
        shutil.rmtree(new, ignore_errors=True)
        if place.store is not None:
            shutil.copytree(place.store / "jetstream", new / "jetstream")
        try:
            restored = await _remade(new, ledger, verdict, keep=keep_loose)
        except ServerStartError:  # so much is damaged that no server starts over it
            shutil.rmtree(new, ignore_errors=True)
            restored = await _remade(new, ledger, verdict, keep=keep_loose)
        aside = _exchange(store, new)
        return restored, aside
    finally:
        lock.release()


async def _salvaged(place: Place, ledger: TileStore, size: int, *, keep: bool) -> Loose:
    """What the store beside the ledger holds that the ledger does not."""
    if place.store is None:
        return NOTHING
    try:
        async with over_copy(place.store) as wire:
            loose = await salvage(wire, ledger, size)
    except BusError:
        return NOTHING
    return loose if keep else replace(loose, messages=())


async def _remade(new: Path, ledger: TileStore, verdict: Verdict, *, keep: bool) -> Restored:
    """Restores the stream in a copy of the damaged store."""
    async with over(new) as wire:
        loose = await salvage(wire, ledger, verdict.size)
        await drop_stream(wire)
        return await _restored(wire, ledger, verdict, loose if keep else replace(loose, messages=()))


async def _restored(wire: Wire, ledger: TileStore, verdict: Verdict, loose: Loose) -> Restored:
    """Restores, and compares what came of it."""
    restored = await restore(wire, ledger, verdict.size, loose)
    findings = Findings()
    await match(Stream(wire), ledger, verdict.size, findings)
    if findings.any(Kind.STREAM):
        raise RepairError(f"Expected the restored stream to be the ledger's, got: {findings.problems[0].detail}")
    return restored


def _exchange(store: Path, new: Path) -> Path | None:
    """Puts the new store in the place of the old one; where that one is now."""
    aside = None
    if store.is_dir():
        aside = next(p for n in count(1) if not (p := store.parent / f"{ASIDE}-{n}").exists())
        store.replace(aside)
    new.replace(store)
    sync_folder(store.parent)
    return aside
