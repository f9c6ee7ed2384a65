"""Compares a stream with a ledger from beginning to end, and goes on after each difference.

The ledger's writer stops at the first one (`bus.ledger.comparing`); here all of them are told.
"""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime

from bus.errors import GapError, StreamConfigurationError
from bus.ledger.checkpoint import Checkpoint
from bus.ledger.entry import Entry, decode_entry
from bus.ledger.errors import EntryError, LedgerError, TileError
from bus.ledger.findings import Findings, Kind
from bus.ledger.note import Note
from bus.ledger.stream import Stored, Stream
from bus.ledger.tiles import WIDTH, TileStore
from bus.topology import STREAM, check_stream

LAG = 30.0
"""Seconds within which the ledger of a lab at work has signed what is stored, unless something keeps it from that."""


async def match(stream: Stream, store: TileStore, size: int, findings: Findings) -> int:
    """Compares every message of the stream with its entry in the ledger.

    What the stream holds beyond the ledger is for `look_beyond`. Times are not compared: a stream that was restored
    from its ledger has new ones.

    Args:
        stream: the stream.
        store: the ledger.
        size: entries of the ledger.
        findings: where differences go.

    Returns:
        How many messages were compared.
    """
    state = await stream.state()
    if state is None:
        findings.add(0, Kind.STREAM, f"Expected the stream {STREAM} with {size} messages, got no such stream.")
        return 0
    try:
        check_stream(state.config, {})
    except StreamConfigurationError as error:
        findings.add(None, Kind.STREAM, str(error))
    matching = _Matching(store, size, findings)
    expected, last = 1, min(size, state.last)
    while expected <= last:
        try:
            async for stored in stream.read(expected, last):
                matching.compare(stored)
                expected = stored.sequence + 1
        except GapError as gap:
            after = gap.got if gap.got > gap.expected else last + 1
            matching.miss(gap.expected, min(after, last + 1))
            expected = max(after, gap.expected + 1)
    if state.last < size:
        matching.miss(state.last + 1, size + 1)
    return matching.compared


async def look_beyond(stream: Stream, store: TileStore, size: int, findings: Findings, *, live: bool) -> None:
    """Says how far the stream is beyond the ledger, and since when.

    While a lab works, what was stored a moment ago is not signed yet. Where it rests, or where its ledger has not
    followed for a while, nobody vouches for the end of the stream, and anybody may have added it.

    Args:
        stream: the stream.
        store: the ledger.
        size: entries of the ledger when they were read; it may have grown since.
        findings: where this goes.
        live: whether a lab may be at work on it.
    """
    state = await stream.state()
    newest = max(size, _published(store)) if live else size
    if state is None or state.last <= newest:
        return
    since = time.time()
    with contextlib.suppress(GapError):
        async for stored in stream.read(newest + 1, newest + 1):
            since = stored.nanoseconds / 1e9
    beyond, at = state.last - newest, datetime.fromtimestamp(since, UTC)
    if live and time.time() - since < LAG:
        findings.notes.append(
            f"the stream is {beyond} messages further than the ledger, since {at:%F %T} UTC: a lab is at work, and "
            "signs within a second or two"
        )
        return
    findings.add(
        newest,
        Kind.STREAM,
        f"Expected the ledger to hold all {state.last} messages of the stream, got {newest}: {beyond} since {at:%F %T} "
        "UTC are signed by nobody. Whoever wrote the ledger was killed before it had them, or they were added since. "
        "The next start of the lab signs what is there: look at them before, if you do not know how they came.",
    )


def _published(store: TileStore) -> int:
    """Entries of the checkpoint that is published now, checked by nobody: it only tells how far the writer is."""
    try:
        return Checkpoint.parse(Note.parse(store.read_checkpoint()).text).size
    except LedgerError:
        return 0


class _Matching:
    """The comparison, message by message."""

    def __init__(self, store: TileStore, size: int, findings: Findings) -> None:
        self._store, self._size, self._findings = store, size, findings
        self._bundle: tuple[int, list[bytes]] = (-1, [])
        self.compared = 0

    def miss(self, start: int, stop: int) -> None:
        """Sequences from `start` to before `stop` are not in the stream."""
        last = f" to {stop - 1}" if stop - 1 > start else ""
        self._findings.add(
            start - 1,
            Kind.STREAM,
            f"Expected sequence {start}{last} in the stream {STREAM}, as in the ledger{self._since(start)}, got none.",
        )

    def _since(self, sequence: int) -> str:
        """When the ledger says that a message was stored."""
        entry = self._entry(sequence - 1)
        return f" since {datetime.fromtimestamp(entry.time / 1e9, UTC):%F %T} UTC" if entry else ""

    def compare(self, stored: Stored) -> None:
        """One message."""
        entry = self._entry(stored.sequence - 1)
        if entry is None:
            return  # the ledger's own damage is told where the ledger is read
        self.compared += 1
        if not entry.is_message(stored.subject, stored.message_id, stored.payload):
            self._findings.add(
                stored.sequence - 1,
                Kind.STREAM,
                f"Expected sequence {stored.sequence} of the stream {STREAM} to be {entry.id} under {entry.subject}, "
                f"as in the ledger, got {stored.message_id or 'no id'} under {stored.subject} or other content.",
            )

    def _entry(self, index: int) -> Entry | None:
        n = index // WIDTH
        if self._bundle[0] != n:
            try:
                self._bundle = (n, self._store.read_bundle(n, min(WIDTH, self._size - n * WIDTH)))
            except TileError:
                self._bundle = (n, [])
        entries = self._bundle[1]
        try:
            return decode_entry(entries[index % WIDTH]) if entries else None
        except EntryError:
            return None
