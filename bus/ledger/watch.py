"""Follows a ledger that grows: each new checkpoint must continue the last one, as its log, stream and witness must.

Whoever watches is a witness of his own: he keeps the last checkpoint in his head, so that a ledger that is rolled
back, or made anew, while he looks cannot be shown to him.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from bus.ledger.alarms import Alarm, read_alarms
from bus.ledger.book import DisagreementError, checked_entries
from bus.ledger.checkpoint import Checkpoint, Opened, open_checkpoint
from bus.ledger.comparing import check_counts, check_settings, compare
from bus.ledger.errors import LedgerError, TileDamagedError, TileMissingError
from bus.ledger.merkle import consistency_proof, root_hash, verify_consistency
from bus.ledger.note import Verifier
from bus.ledger.stream import Stream
from bus.ledger.tiles import WIDTH, TileStore, tile_path

WITHIN = 10.0
"""Seconds that whoever serves a ledger may take to answer."""
STREAM_WITHIN = 15.0
"""Seconds that the server may take to show what is new."""
_NOT_THERE = frozenset({404, 410})
_LARGEST = 64 * 1024 * WIDTH + 2 * WIDTH


class FetchedStore(TileStore):
    """The files of a ledger that somebody serves over HTTP."""

    def __init__(self, prefix: str) -> None:
        super().__init__(Path())
        self.prefix = prefix.rstrip("/")

    def read(self, path: str) -> bytes:
        """One file.

        Raises:
            TileMissingError: it is not there.
            TileDamagedError: it cannot be read.
        """
        try:
            with urllib.request.urlopen(f"{self.prefix}/{path}", timeout=WITHIN) as answer:  # noqa: S310  checked before
                content: bytes = answer.read(_LARGEST)
                return content
        except urllib.error.HTTPError as error:
            if error.code in _NOT_THERE:
                raise TileMissingError(path) from None
            raise TileDamagedError(path, f"an answer with status {error.code}") from None
        except (OSError, ValueError) as error:
            raise TileDamagedError(path, f"no answer from {self.prefix} ({error})") from None

    def _read(self, path: str) -> bytes:
        return self.read(path)

    def _read_partial(self, level: int | str, n: int, width: int) -> tuple[int, str, bytes]:
        path, full = tile_path(level, n, width), tile_path(level, n)
        try:
            return width, path, self._read(path)
        except TileMissingError:
            if width == WIDTH:
                raise
            return WIDTH, full, self._read(full)


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of a ledger at one of its checkpoints."""

    opened: Opened
    """The checkpoint, and who has signed it."""
    added: int
    """Entries since the last one that was seen."""
    compared: int
    """How many of them were compared with the stream; none without a stream."""

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        return self.opened.checkpoint


@dataclass
class Watcher:
    """Looks at a ledger again and again.

    Attributes:
        store: its files.
        known: tells which keys of the log and its witnesses are trusted, now.
        stream: the log itself, if it can be reached.
        ledger: the ledger's folder, if it is here: for its alarms.
        last: the newest checkpoint that was seen.
    """

    store: TileStore
    known: Callable[[], Collection[Verifier]]
    stream: Stream | None = None
    ledger: Path | None = None
    last: Checkpoint | None = None
    _alarms: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.alarms()  # what was told before is no news

    async def look(self) -> Sight | None:
        """What is new; none if nothing is.

        Raises:
            LedgerError: the ledger is not what it was, or is not in order.
            DisagreementError: the stream and the ledger are not the same.
            TimeoutError: the stream's server is away; what is new is compared when it is back.
        """
        opened = open_checkpoint(self.store.read_checkpoint(), self.known())
        now, last = opened.checkpoint, self.last
        if now == last:
            return None
        if last is None:
            if root_hash(now.size, self.store.hashes(now.size)) != now.root:
                raise DisagreementError(
                    "ledger", None, f"Expected tiles with the root of {now.size} entries, got others."
                )
            start = max(0, now.size - WIDTH)
        else:
            self._continues(last, now)
            start = last.size
        entries = checked_entries(self.store, now.size, start, now.size)
        async with asyncio.timeout(STREAM_WITHIN):
            compared = await self._compared(entries, start, now.size)
        self.last = now
        return Sight(opened, now.size - (last.size if last else 0), compared)

    async def _compared(self, entries: list[bytes], start: int, size: int) -> int:
        """Compares what is new with the stream; how many entries."""
        if self.stream is None:
            return 0
        state = await self.stream.state()
        check_counts(state, size)
        if state is not None:
            check_settings(state)
        return await compare(self.stream, entries, start) if entries else 0

    def alarms(self) -> list[Alarm]:
        """Alarms of the ledger's writer that were not told yet."""
        new = [a for a in read_alarms(self.ledger) if a.name not in self._alarms] if self.ledger else []
        self._alarms |= {a.name for a in new}
        return new

    def _continues(self, last: Checkpoint, now: Checkpoint) -> None:
        """The new checkpoint begins with the last one.

        Raises:
            DisagreementError: it does not.
        """
        if now.origin != last.origin:
            raise DisagreementError(
                "foreign", None, f"Expected the ledger {last.origin}, got {now.origin}: another one lies in its place."
            )
        if now.size < last.size:
            raise DisagreementError(
                "rollback",
                now.size,
                f"Expected at least the {last.size} entries that were seen before, got {now.size}: the ledger was put "
                "back to an older state.",
            )
        try:
            proof = consistency_proof(last.size, now.size, self.store.hashes(now.size))
        except LedgerError as error:
            raise DisagreementError("ledger", None, str(error)) from error
        if not verify_consistency(last.size, last.root, now.size, now.root, proof):
            raise DisagreementError(
                "split view",
                None,
                f"Expected the first {last.size} entries to be those that were seen before, got others: the ledger "
                "tells another past.",
            )
