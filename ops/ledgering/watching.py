"""`athanor ledger watch`: prints each new checkpoint, and whether stream, ledger and witness agree."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bus.errors import BusError
from bus.identities import READER, KeyFolder
from bus.ledger.book import DisagreementError
from bus.ledger.checkpoint import Checkpoint
from bus.ledger.errors import LedgerError, NoteError
from bus.ledger.keys import VERIFIERS, read_verifiers, trusted_by
from bus.ledger.note import COSIGNATURE, Note, Verifier
from bus.ledger.reaching import live_url
from bus.ledger.stream import Stream
from bus.ledger.tiles import TileStore
from bus.ledger.watch import FetchedStore, Sight, Watcher
from bus.wire import Wire
from ops.exits import FOUND_WANTING, INTERRUPTED
from ops.ledgering.places import Place, answered, find, read_keys

EVERY = 1.0
"""Seconds between two looks."""
PATIENCE = 10.0
"""Seconds for which a witness may have seen more than is published: the writer was killed in between."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to watch."""

    place: str
    """The folder of a run or of a ledger, or where one is served over HTTP."""
    keys: tuple[str, ...] = ()
    """Keys that are trusted; those that the ledger publishes without them."""
    nats: str | None = None
    """The server that keeps the log, if it is not the folder's."""
    once: bool = False
    """Whether one look is enough."""
    as_json: bool = False


def watch(asked: Asked) -> int:
    """Watches until something is wrong (1), or it is interrupted (130); 0 after one good look if one is enough."""

    def work() -> int:
        try:
            return asyncio.run(_watch(asked))
        except KeyboardInterrupt:
            return INTERRUPTED

    return answered(work)


async def _watch(asked: Asked) -> int:
    place = None if asked.place.startswith(("http://", "https://")) else find(Path(asked.place))
    store = TileStore(place.ledger) if place else FetchedStore(asked.place)
    keys = read_keys(asked.keys)
    telling = _Telling(asked.as_json)
    async with AsyncExitStack() as stack:
        url = asked.nats or (live_url(place.store) if place and place.store else None)
        wire = None
        if url:
            keys_of_server = KeyFolder(place.run / "keys") if place and place.run else None
            identity = keys_of_server.identity(READER) if keys_of_server and READER in keys_of_server else None
            wire = await Wire.connect(url, lambda _: None, identity=identity)
            stack.push_async_callback(wire.close)
        watcher = Watcher(
            store, lambda: _known(store, place, keys), Stream(wire) if wire else None, place.ledger if place else None
        )
        telling.begin(watcher, url)
        ahead_since: float | None = None
        while True:
            problem = await _problem(watcher, telling)
            if problem is None and place is not None and watcher.last is not None:
                seen = _seen_by_witness(place, watcher.last)
                ahead_since = (ahead_since or time.monotonic()) if seen else None
                if seen and (asked.once or time.monotonic() - (ahead_since or 0) > PATIENCE):
                    problem = {"index": watcher.last.size, "kind": "rollback", "detail": seen}
            if problem is not None:
                telling.problem(problem)
                return FOUND_WANTING
            if asked.once:
                return 0
            await asyncio.sleep(EVERY)


async def _problem(watcher: Watcher, telling: _Telling) -> dict[str, Any] | None:
    """One look; what is wrong."""
    try:
        sight = await watcher.look()
    except TimeoutError:
        telling.away()
        return None
    except DisagreementError as error:
        return {"index": error.index, "kind": error.kind, "detail": str(error)}
    except (LedgerError, BusError) as error:
        return {"index": None, "kind": "ledger", "detail": str(error)}
    if sight is not None:
        telling.sight(sight)
    alarms = watcher.alarms()
    return None if not alarms else {"index": alarms[0].index, "kind": alarms[0].kind, "detail": alarms[0].detail}


def _known(store: TileStore, place: Place | None, keys: tuple[Verifier, ...]) -> Collection[Verifier]:
    """The keys that are trusted at this moment: a witness may be met, and a key exchanged, while one watches."""
    if place is not None:
        published = read_verifiers(place.ledger)
        witnesses = [v for v in published if v.kind == COSIGNATURE]
        return trusted_by(place.ledger, [*keys, *witnesses] if keys else published)
    if keys or not isinstance(store, FetchedStore):
        return keys
    lines = store.read(VERIFIERS).decode("utf-8", "replace").split("\n")
    return [Verifier.parse(line) for line in lines if line.strip()]


def _seen_by_witness(place: Place, last: Checkpoint) -> str:
    """What a witness beside the lab has cosigned beyond the newest checkpoint; empty if nothing."""
    for seen in place.witnessed(last.origin):
        try:
            kept = Checkpoint.parse(Note.parse(seen.content).text)
        except NoteError as error:
            return f"{seen.who} has a memory that cannot be read. {error}"
        if kept.size > last.size:
            return (
                f"Expected {seen.who} to have cosigned at most {last.size} entries, got {kept.size}: the ledger was "
                "put back to an older state."
            )
    return ""


class _Telling:
    """Says what was seen, for programs or for people."""

    def __init__(self, as_json: bool) -> None:  # noqa: FBT001  a switch of the command
        self.as_json, self.told_away = as_json, False

    def begin(self, watcher: Watcher, url: str | None) -> None:
        """What will be compared."""
        if watcher.stream is None and not self.as_json:
            self._say("no running server of this log is known, so the ledger is not compared with its stream")
        elif not self.as_json:
            self._say(f"comparing with the stream at {url}")

    def sight(self, sight: Sight) -> None:
        """A new checkpoint."""
        self.told_away = False
        checkpoint, witnesses = sight.checkpoint, sight.opened.witnesses
        if self.as_json:
            self._say(
                json.dumps(
                    {
                        "ok": True,
                        "size": checkpoint.size,
                        "root": checkpoint.root.hex(),
                        "added": sight.added,
                        "compared": sight.compared,
                        "signers": [str(v) for v in sight.opened.signers],
                        "witnesses": [{"key": str(v), "time": at} for v, at in witnesses],
                        "problems": [],
                    }
                )
            )
            return
        cosigned = ", ".join(f"{v.name} at {datetime.fromtimestamp(at, UTC):%T}" for v, at in witnesses)
        self._say(
            f"{checkpoint.size:>9} entries  {checkpoint.root.hex()[:16]}…  "
            f"{f'cosigned by {cosigned}' if cosigned else 'not witnessed'}, "
            f"{f'{sight.compared} compared with the stream' if sight.compared else 'nothing to compare'}"
        )

    def away(self) -> None:
        """The stream's server does not answer."""
        if not self.as_json and not self.told_away:
            self._say("the server of the log is away; what is new is compared when it is back")
        self.told_away = True

    def problem(self, problem: dict[str, Any]) -> None:
        """What is wrong."""
        if self.as_json:
            self._say(json.dumps({"ok": False, "problems": [problem]}))
            return
        where = "" if problem["index"] is None else f" at index {problem['index']}"
        self._say(f"! {problem['kind']}{where}: {problem['detail']}")

    @staticmethod
    def _say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
