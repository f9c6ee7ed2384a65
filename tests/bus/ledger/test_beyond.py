"""A stream that is further than its ledger: a lab at work, or an end that nobody vouches for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.blobs import MemoryBlobs
from bus.errors import ServerStartError
from bus.jetstream import JetStreamBus
from bus.ledger import matching
from bus.ledger.findings import Findings, Kind
from bus.ledger.growth import Growth
from bus.ledger.keys import open_ring
from bus.ledger.matching import look_beyond, match
from bus.ledger.reaching import copy_store
from bus.ledger.stream import Stream
from bus.ledger.tiles import TileStore
from bus.server import EmbeddedServer
from tests.bus.ledger.growing import entries, grow, make, message

COUNT = 20


@pytest.fixture
def store(tmp_path: Path) -> TileStore:
    """A ledger of twenty events."""
    return make(tmp_path, COUNT)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[JetStreamBus]:
    """A stream with twenty-three."""
    server = await EmbeddedServer.start(tmp_path / "store")
    bus = await JetStreamBus.connect(server.url, MemoryBlobs())
    for n in range(COUNT + 3):
        _, subject, name, _, payload = message(n)
        await bus.store_raw(subject, payload, {"Nats-Msg-Id": name})
    try:
        yield bus
    finally:
        await bus.close()
        await server.stop()


async def told(bus: JetStreamBus, store: TileStore, *, live: bool, size: int = COUNT) -> Findings:
    """What is found, in what both have and behind it."""
    findings = Findings()
    assert await match(Stream(bus.wire), store, size, findings) == size
    await look_beyond(Stream(bus.wire), store, size, findings, live=live)
    return findings


async def test_a_stream_that_rests_has_no_end_of_its_own(bus: JetStreamBus, store: TileStore) -> None:
    """Where no lab is at work, what is behind the last signed entry is a finding, with how many and since when."""
    [problem] = (await told(bus, store, live=False)).problems
    assert (problem.index, problem.kind) == (COUNT, Kind.STREAM)
    assert "all 23 messages of the stream, got 20: 3 since 20" in problem.detail


async def test_a_lab_at_work_is_a_moment_behind(bus: JetStreamBus, store: TileStore) -> None:
    """What was stored just now is not signed yet, which is no fault, and told."""
    findings = await told(bus, store, live=True)
    assert findings.problems == []
    assert "3 messages further than the ledger" in findings.notes[0]


async def test_a_lab_whose_ledger_does_not_follow_is_found(
    bus: JetStreamBus, store: TileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that has signed nothing for long is no lag."""
    monkeypatch.setattr(matching, "LAG", 0.0)
    assert [p.index for p in (await told(bus, store, live=True)).problems] == [COUNT]


async def test_what_was_signed_meanwhile_is_no_lag(bus: JetStreamBus, store: TileStore, tmp_path: Path) -> None:
    """Verification takes its time; a ledger that has grown until the stream is asked is up to date."""
    grow(store, open_ring(tmp_path / "keys", store.folder), entries(3, start=COUNT), Growth.resume(store, COUNT))
    findings = await told(bus, store, live=True)
    assert (findings.problems, findings.notes) == ([], [])


def test_only_folders_and_files_of_a_store_are_copied(tmp_path: Path) -> None:
    """A link that leads to a device is refused instead of being copied for ever."""
    (tmp_path / "store" / "jetstream").mkdir(parents=True)
    (tmp_path / "store" / "jetstream" / "1.blk").symlink_to("/dev/zero")
    with pytest.raises(ServerStartError, match="1.blk"):
        copy_store(tmp_path / "store", tmp_path / "copy")
