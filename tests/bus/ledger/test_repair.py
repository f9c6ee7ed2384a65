"""A stream beside its ledger: every difference is named, and the stream comes back from the ledger."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bus.blobs import BlobStore
from bus.jetstream import JetStreamBus
from bus.ledger.entry import encode_entry
from bus.ledger.errors import RepairError
from bus.ledger.findings import Findings, Kind
from bus.ledger.matching import match
from bus.ledger.reaching import connected, in_use, live_url, over_copy
from bus.ledger.repair import NOTHING, drop_stream, restore, salvage
from bus.ledger.stream import Stored, Stream
from bus.ledger.tiles import TileStore
from bus.protocol import MAX_EVENT
from bus.server import EmbeddedServer
from bus.topology import STREAM, check_stream, consumer_settings, stream_settings
from bus.wire import Wire
from tests.bus.ledger.growing import entries, make, message

COUNT = 450


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    """A ledger of 450 events with a dead letter, garbage without an id, and an event that was said again."""
    said = entries(COUNT)
    said[5] = encode_entry(6, "lab.test-bench.dead.planner", "dead-1", 1, b"\x00 garbage")
    said[6] = encode_entry(7, "lab.test-bench.odd.thing", "", 1, b"")
    said[8] = encode_entry(9, *message(3)[1:])
    said[9] = encode_entry(10, "lab.x.y", "large", 1, b"l" * (MAX_EVENT - 60))
    return make(tmp_path_factory.mktemp("ledger"), COUNT, content=said)


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    """A connection to a server without a stream."""
    server = await EmbeddedServer.start(tmp_path / "store")
    try:
        async with connected(server.url) as wire:
            yield wire
    finally:
        await server.stop()


async def stored(wire: Wire) -> list[Stored]:
    """Everything in the stream."""
    state = await Stream(wire).state()
    assert state is not None
    return [s async for s in Stream(wire).read(1, state.last)]


async def differences(wire: Wire, store: TileStore) -> list[tuple[int | None, Kind]]:
    """Where the stream is not what the ledger says."""
    findings = Findings()
    await match(Stream(wire), store, COUNT, findings)
    return [(p.index, p.kind) for p in findings.problems]


async def test_the_stream_comes_back_as_it_was(wire: Wire, store: TileStore) -> None:
    """Order, subjects, ids and bytes are those of the ledger, and the settings are the pinned ones."""
    restored = await restore(wire, store, COUNT)
    assert (restored.entries, restored.appended) == (COUNT, ())
    assert await differences(wire, store) == []
    told = await wire.api(f"STREAM.INFO.{STREAM}")
    check_stream(told["config"], told["state"])
    messages = await stored(wire)
    assert [m.sequence for m in messages] == list(range(1, COUNT + 1))
    assert messages[3].message_id == messages[8].message_id
    assert (messages[6].message_id, messages[6].payload) == ("", b"")
    assert len(messages[9].payload) == MAX_EVENT - 60


async def test_agents_read_the_restored_stream(wire: Wire, store: TileStore, tmp_path: Path) -> None:
    """The bus connects to a restored stream, reads its events, and knows an id that it has stored a moment ago."""
    await restore(wire, store, COUNT)
    bus = await JetStreamBus.connect(wire.client.connected_url.geturl(), BlobStore(tmp_path / "blobs"))
    try:
        async for recorded in bus.read(start=100):
            assert recorded.sequence >= 100
        receipt = await bus.publish(recorded.envelope)
        assert (receipt.sequence, receipt.duplicate) == (COUNT, True)
    finally:
        await bus.close()


async def test_consumers_go_on_where_they_were(wire: Wire, store: TileStore) -> None:
    """A durable consumer of the damaged stream begins in the new one behind what it had acknowledged."""
    await restore(wire, store, COUNT)
    await wire.api(
        f"CONSUMER.CREATE.{STREAM}.planner",
        {"stream_name": STREAM, "config": consumer_settings("planner", ["lab.>"], start=301), "action": "create"},
    )
    loose = await salvage(wire, store, COUNT)
    assert [c["name"] for c in loose.consumers] == ["planner"]
    await drop_stream(wire)
    assert (await restore(wire, store, COUNT, loose)).consumers == 1
    told = await wire.api(f"CONSUMER.INFO.{STREAM}.planner")
    assert told["num_pending"] == COUNT - 300
    assert told["config"]["ack_policy"] == "explicit"


async def publish(wire: Wire, n: int, message_id: str) -> int:
    """Stores a message of a stranger and returns its sequence."""
    answer = await wire.ask(f"lab.test-bench.odd.n{n}", b"{}", {"Nats-Msg-Id": message_id})
    return int(json.loads(answer.data)["seq"])


async def test_what_was_not_signed_yet_comes_behind(wire: Wire, store: TileStore) -> None:
    """Acknowledged messages that the ledger did not hold yet are not lost; they are no difference either."""
    await restore(wire, store, COUNT)
    for n in range(3):
        await publish(wire, n, f"late-{n}")
    assert await differences(wire, store) == []
    loose = await salvage(wire, store, COUNT)
    await drop_stream(wire)
    assert (await restore(wire, store, COUNT, loose)).appended == ("late-0", "late-1", "late-2")
    assert [m.message_id for m in (await stored(wire))[COUNT:]] == ["late-0", "late-1", "late-2"]


async def damaged(wire: Wire, settings: dict[str, Any], messages: list[tuple[str, bytes, str]]) -> None:
    """A stream that somebody has made."""
    await wire.api(f"STREAM.CREATE.{STREAM}", settings)
    for subject, payload, message_id in messages:
        await wire.ask(subject, payload, {"Nats-Msg-Id": message_id} if message_id else None)


async def test_each_difference_is_named(wire: Wire, store: TileStore) -> None:
    """Deleted and altered messages, and sequences used by others, are told one by one, the first bad index first."""
    await restore(wire, store, COUNT)
    settings = stream_settings() | {"deny_delete": False, "deny_purge": False}
    await drop_stream(wire)
    said = [message(n) for n in range(COUNT)]
    said[20] = (*said[20][:4], said[20][4].replace(b"a test", b"a lie!"))
    for n in (30, 31, 40):
        said[n] = (0, "lab.test-bench.odd.thing", f"reused-{n}", 0, b"{}")
    wanted = [(m[1], m[4], m[2]) for m in said]
    wanted[5] = ("lab.test-bench.dead.planner", b"\x00 garbage", "dead-1")
    wanted[6] = ("lab.test-bench.odd.thing", b"", "")
    wanted[9] = ("lab.x.y", b"l" * (MAX_EVENT - 60), "large")
    loose_ids = [wanted[8][2], "reused-30", "reused-31", "reused-40"]  # index 8 repeats an id: no server takes it twice
    await damaged(wire, settings, wanted)
    for sequence in (61, 62, 63, 71):
        await wire.api(f"STREAM.MSG.DELETE.{STREAM}", {"seq": sequence})
    found = await differences(wire, store)
    assert [index for index, _ in found if index is not None] == [8, 20, 30, 31, 40, 60, 70]
    assert (None, Kind.STREAM) in found, "the changed settings are told as well"
    loose = await salvage(wire, store, COUNT)
    assert [m.message_id for m in loose.messages] == loose_ids
    await drop_stream(wire)
    await restore(wire, store, COUNT, loose)
    assert await differences(wire, store) == []
    assert [m.message_id for m in (await stored(wire))[COUNT:]] == loose_ids


@pytest.mark.parametrize("limit", [10, 200])
async def test_a_lowered_limit_is_named_with_what_it_cost(wire: Wire, store: TileStore, limit: int) -> None:
    """The server drops the oldest messages when a limit is lowered: the setting and the first lost index are told."""
    await restore(wire, store, COUNT)
    told = await wire.api(f"STREAM.INFO.{STREAM}")
    config = told["config"] | {"max_msgs": limit, "discard": "old"}
    await wire.api(f"STREAM.UPDATE.{STREAM}", config)
    assert await differences(wire, store) == [(None, Kind.STREAM), (0, Kind.STREAM)]


async def test_a_stream_that_is_gone_is_named(wire: Wire, store: TileStore) -> None:
    """No stream, an empty one, and one that lost its end."""
    assert await differences(wire, store) == [(0, Kind.STREAM)]
    assert await salvage(wire, store, COUNT) == NOTHING
    await wire.api(f"STREAM.CREATE.{STREAM}", stream_settings())
    assert await differences(wire, store) == [(0, Kind.STREAM)]
    for n in range(3):
        await wire.ask(message(n)[1], message(n)[4], {"Nats-Msg-Id": message(n)[2]})
    assert await differences(wire, store) == [(3, Kind.STREAM)]


async def test_a_stream_that_is_there_is_not_replaced(wire: Wire, store: TileStore) -> None:
    """Nothing is restored over a stream, however empty."""
    await wire.api(f"STREAM.CREATE.{STREAM}", stream_settings())
    with pytest.raises(RepairError, match="Nothing was changed"):
        await restore(wire, store, COUNT)


async def test_what_the_ledger_keeps_by_digest_cannot_come_back(wire: Wire, tmp_path: Path) -> None:
    """A stranger's oversize message is vouched for but not kept: that is said instead of leaving it out."""
    said = [*entries(2), encode_entry(3, "lab.x.y", "large", 1, b"x" * 70_000)]
    with pytest.raises(RepairError, match="digest"):
        await restore(wire, make(tmp_path / "l", 3, content=said), 3)


async def test_a_store_is_read_through_a_copy(tmp_path: Path, store: TileStore) -> None:
    """The store of a run that rests is compared without a byte of it being written, and one in use is known to be."""
    folder = tmp_path / "run" / "store"
    server = await EmbeddedServer.start(folder)
    async with connected(server.url) as wire:
        await restore(wire, store, COUNT)
        assert in_use(folder)
        assert live_url(folder) == server.url
    await server.stop()
    assert not in_use(folder)
    assert live_url(folder) is None
    before = {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}
    async with over_copy(folder) as copy:
        assert await differences(copy, store) == []
    assert {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()} == before
