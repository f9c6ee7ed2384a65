"""A ledger of events, as a lab would have written it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from bus.codec import encode
from bus.ledger.checkpoint import Checkpoint
from bus.ledger.entry import encode_entry
from bus.ledger.growth import Growth
from bus.ledger.keys import KeyRing, open_ring
from bus.ledger.tiles import TileStore
from bus.subjects import subject_of
from contracts.envelope import Envelope, schema_uri
from contracts.event import Event
from contracts.presence import AgentStopped

NAMESPACE = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
CAMPAIGN = "test-bench"


def event_id(n: int) -> UUID:
    """The id of the n-th event."""
    return uuid5(NAMESPACE, str(n))


def envelope(n: int, fact: Event | None = None, cause: int | None = None) -> Envelope:
    """The n-th event, from 0; each is the effect of the one before unless told otherwise."""
    said = fact or AgentStopped(agent="planner", start=n + 1, reason="a test")
    caused_by = n - 1 if cause is None else cause
    return Envelope(
        id=event_id(n),
        source="/agents/test",
        type=said.kind,
        dataschema=schema_uri(said.kind, said.version),
        time=BEGIN + timedelta(seconds=n),
        campaign=CAMPAIGN,
        causationid=event_id(caused_by) if caused_by >= 0 else None,
        correlationid=event_id(0),
        data=said,
    )


def message(n: int, said: Envelope | None = None) -> tuple[int, str, str, int, bytes]:
    """The n-th message, from 0, as `encode_entry` takes it."""
    told = said or envelope(n)
    time = int((BEGIN + timedelta(days=30, seconds=n)).timestamp()) * 1_000_000_000 + n
    return n + 1, subject_of(told.campaign, told.type), str(told.id), time, encode(told)


def entries(count: int, start: int = 0) -> list[bytes]:
    """The entries of the first events."""
    return [encode_entry(*message(n)) for n in range(start, start + count)]


def grow(store: TileStore, ring: KeyRing, more: Iterable[bytes], growth: Growth | None = None) -> Growth:
    """Appends entries and signs a checkpoint over them."""
    growth = growth or Growth()
    for entry in more:
        growth.append(entry)
    store.write(growth.files())
    store.write_checkpoint(Checkpoint(ring.origin, growth.size, growth.root()).signed(ring.signers).encode())
    return growth


def make(
    folder: Path, count: int, steps: Sequence[int] = (), content: Sequence[bytes] | None = None, keys: str = "keys"
) -> TileStore:
    """A ledger in ``folder/ledger``, its keys in a folder beside it, with a checkpoint after each of `steps`."""
    store = TileStore(folder / "ledger")
    ring = open_ring(folder / keys, store.folder)
    said, growth, done = content or entries(count), Growth(), 0
    for stop in (*steps, len(said)):
        grow(store, ring, said[done:stop], growth)
        done = stop
    return store
