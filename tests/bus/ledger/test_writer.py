"""The ledger's writer on a real server: it keeps everything, and notices what the server does not tell."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bus.blobs import MemoryBlobs
from bus.jetstream import JetStreamBus
from bus.ledger import writer as writing
from bus.ledger.alarms import read_alarms
from bus.ledger.asking import Asker
from bus.ledger.comparing import TAIL, WHOLE, first_ranges
from bus.ledger.entry import decode_entry
from bus.ledger.keys import publish_verifiers, read_verifiers
from bus.ledger.stream import Stream
from bus.ledger.tiles import TileStore
from bus.ledger.verify import verify
from bus.ledger.writer import Place, Writer
from bus.server import EmbeddedServer
from bus.topology import STREAM, stream_settings
from bus.wire import Wire
from tests.bus.ledger.growing import message
from tests.bus.ledger.witnessed import asker_of, serving, witness_in

WITHIN = 30.0
"""Real seconds after which what was waited for is not coming."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks often, and does not wait long before it looks again."""
    monkeypatch.setattr(writing, "PATROL", 0.2)
    monkeypatch.setattr(writing, "AGAIN", 0.05)
    monkeypatch.setattr(writing, "PAUSE", 0.05)
    monkeypatch.setattr(writing, "MEETING", 0.5)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    started = await EmbeddedServer.start(tmp_path / "store")
    yield started
    await started.stop()


@pytest.fixture
async def bus(server: EmbeddedServer) -> AsyncIterator[JetStreamBus]:
    connected = await JetStreamBus.connect(server.url, MemoryBlobs())
    yield connected
    await connected.close()


class Told(list[Mapping[str, Any]]):
    """What a writer has told."""

    def of(self, said: str) -> list[Mapping[str, Any]]:
        """All of a sort."""
        return [words for words in self if words["said"] == said]

    @property
    def size(self) -> int:
        """The size that was signed last."""
        return max((int(words["size"]) for words in self.of("signed")), default=-1)


@asynccontextmanager
async def writes(wire: Wire, folder: Path, asker: Asker | None = None) -> AsyncIterator[tuple[Writer, Told]]:
    """A writer at work, and what it tells."""
    told = Told()
    writer = Writer(Place(folder / "ledger", folder / "keys" / "ledger"), Stream(wire), asker, told.append)
    work = asyncio.create_task(writer.run())
    try:
        yield writer, told
        assert not work.done(), work.exception()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def until(done: Callable[[], object]) -> None:
    """Waits for something."""
    deadline = time.monotonic() + WITHIN
    while not done():
        assert time.monotonic() < deadline, "it is not coming"
        await asyncio.sleep(0.01)


async def say(bus: JetStreamBus, start: int, stop: int) -> None:
    """Stores some events, in order."""
    for n in range(start, stop):
        _, subject, message_id, _, payload = message(n)
        await bus.store_raw(subject, payload, {"Nats-Msg-Id": message_id})


async def pour(bus: JetStreamBus, start: int, stop: int) -> None:
    """The same without waiting for each: one connection keeps the order."""
    before = await bus.last_sequence()
    for n in range(start, stop):
        _, subject, message_id, _, payload = message(n)
        await bus.wire.client.publish(subject, payload, headers={"Nats-Msg-Id": message_id})
    while await bus.last_sequence() < before + stop - start:
        await asyncio.sleep(0.005)


def files(folder: Path) -> dict[Path, bytes]:
    """Everything that is evidence."""
    ledger = folder / "ledger"
    return {p: p.read_bytes() for p in [ledger / "checkpoint", *(ledger / "tile").rglob("*")] if p.is_file()}


async def signed(bus: JetStreamBus, folder: Path, stop: int, start: int = 0) -> None:
    """Stores events and lets a writer of its own sign them."""
    async with writes(bus.wire, folder) as (writer, told):
        await pour(bus, start, stop)
        writer.catch_up(stop)
        await until(lambda: told.size == stop)


async def test_it_keeps_every_message_as_it_is_stored(bus: JetStreamBus, tmp_path: Path) -> None:
    """Events, dead letters, garbage, messages without an id: each byte for byte, with its place, subject and time."""
    async with writes(bus.wire, tmp_path) as (_, told):
        await until(lambda: told.of("agrees"))
        await say(bus, 0, 300)
        await bus.store_raw("lab.a.dead.planner", b"no event", {"Nats-Msg-Id": "dead/planner/7", "Athanor-Reason": "x"})
        await bus.store_raw("lab.a.b.c", bytes(range(256)), {})
        await until(lambda: told.size == 302)
        assert {int(w["size"]) for w in told.of("signed")} >= {0, 256, 302}
    kept = [decode_entry(entry) for entry in TileStore(tmp_path / "ledger").entries(0, 302)]
    stored = [s async for s in Stream(bus.wire).read(1, 302)]
    assert [(e.sequence, e.subject, e.id, e.time, e.payload) for e in kept] == [
        (s.sequence, s.subject, s.message_id, s.nanoseconds, s.payload) for s in stored
    ]
    assert kept[300].id == "dead/planner/7"
    assert kept[301].id == ""
    assert verify(tmp_path / "ledger", read_events=False).ok
    assert not read_alarms(tmp_path / "ledger")


async def test_it_makes_the_ledger_of_a_log_that_had_none(bus: JetStreamBus, tmp_path: Path) -> None:
    """An older folder gets its ledger from the stream at the next start, all events so far."""
    await pour(bus, 0, 700)
    async with writes(bus.wire, tmp_path) as (_, told):
        await until(lambda: told.size == 700)
    assert verify(tmp_path / "ledger").ok


async def test_it_goes_on_over_lives_and_over_deaths_of_the_server(
    server: EmbeddedServer, bus: JetStreamBus, tmp_path: Path
) -> None:
    """Killed with its server in the middle of a load, it goes on without a gap, and every ledger verifies."""
    done = 0
    for life in range(2):
        async with writes(bus.wire, tmp_path) as (writer, told):
            load = asyncio.create_task(say(bus, done, done + 400))
            await until(lambda at=done: told.size > at)
            server.kill()
            server._lock = None
            await server._take_lock()
            await server.revive()
            if life:  # as its process does when the connection holds again
                writer.connected_anew()
            await load
            done += 400
            if life:
                await until(lambda at=done: told.size == at)
        assert verify(tmp_path / "ledger").ok
        assert not told.of("alarm")
    assert (await Stream(bus.wire).state()).last == done == verify(tmp_path / "ledger").size


async def test_two_writers_never_write_together(bus: JetStreamBus, tmp_path: Path) -> None:
    """The second stands by and says for whom, and takes over when the first is gone."""
    async with writes(bus.wire, tmp_path) as (first, told):
        await until(lambda: told.of("agrees"))
        async with writes(bus.wire, tmp_path) as (_, second):
            await until(lambda: second.of("standing_by"))
            await say(bus, 0, 10)
            first.catch_up(10)
            await until(lambda: told.size == 10)
            assert not second.of("agrees")
    async with writes(bus.wire, tmp_path) as (_, second):
        await until(lambda: second.of("agrees"))
        assert second.of("agrees")[0]["size"] == 10


# what a server does not tell --------------------------------------------------------------------


async def _forget_the_end(bus: JetStreamBus) -> None:
    await _again(bus, 0, 480)


async def _forget_everything(bus: JetStreamBus) -> None:
    await _again(bus, 0, 0)


async def _use_again(bus: JetStreamBus) -> None:
    await _again(bus, 0, 490)
    await say(bus, 5000, 5020)


async def _forge(bus: JetStreamBus) -> None:
    await _again(bus, 0, 123)
    _, subject, message_id, _, payload = message(123)
    await bus.store_raw(subject, payload.replace(b"a test", b"a tale"), {"Nats-Msg-Id": message_id})
    await pour(bus, 124, 500)


async def _swap_ids(bus: JetStreamBus) -> None:
    await _again(bus, 0, 123)
    _, subject, _, _, payload = message(123)
    await bus.store_raw(subject, payload, {"Nats-Msg-Id": "another"})
    await pour(bus, 124, 500)


async def _lower_a_limit(bus: JetStreamBus) -> None:
    await bus.wire.api(f"STREAM.UPDATE.{STREAM}", stream_settings() | {"max_msgs": 450, "discard": "old"})


async def _delete_one(bus: JetStreamBus) -> None:
    await _again(bus, 0, 500, deny_delete=False)
    await bus.wire.api(f"STREAM.MSG.DELETE.{STREAM}", {"seq": 77})


async def _again(bus: JetStreamBus, start: int, stop: int, **settings: Any) -> None:
    await bus.wire.api(f"STREAM.DELETE.{STREAM}")
    await bus.wire.api(f"STREAM.CREATE.{STREAM}", stream_settings() | settings)
    await pour(bus, start, stop)


TAMPERINGS: list[tuple[Callable[[JetStreamBus], Awaitable[None]], str, int | None]] = [
    (_forget_the_end, "truncated", 480),
    (_forget_everything, "deleted", 0),
    (_use_again, "altered", 490),
    (_forge, "altered", 123),
    (_swap_ids, "altered", 123),
    (_lower_a_limit, "truncated", 0),
    (_delete_one, "deleted", None),
]


@pytest.mark.parametrize(("tamper", "kind", "index"), TAMPERINGS, ids=lambda x: getattr(x, "__name__", str(x)))
async def test_what_was_done_to_the_stream_is_found_at_the_start(
    bus: JetStreamBus, tmp_path: Path, tamper: Callable[[JetStreamBus], Awaitable[None]], kind: str, index: int | None
) -> None:
    """Truncated, deleted, re-used, forged, limited: an alarm with the first bad index, and not a byte is written."""
    await signed(bus, tmp_path, 500)
    before = files(tmp_path)
    await tamper(bus)
    async with writes(bus.wire, tmp_path) as (_, told):
        await until(lambda: [a for a in told.of("alarm") if a["kind"] != "settings"])
        await say(bus, 9000, 9010)
        await asyncio.sleep(0.1)
    assert not told.of("agrees")
    assert [(a["kind"], a["index"]) for a in told.of("alarm") if a["kind"] != "settings"] == [(kind, index)]
    assert (kind, index) in [(a.kind, a.index) for a in read_alarms(tmp_path / "ledger")]
    assert files(tmp_path) == before


@pytest.mark.parametrize("tamper", [_forget_everything, _forge, _lower_a_limit], ids=lambda f: f.__name__)
async def test_what_is_done_while_it_works_is_found_on_patrol(
    bus: JetStreamBus, tmp_path: Path, tamper: Callable[[JetStreamBus], Awaitable[None]]
) -> None:
    """Without any restart the same tampering is found by the next looks, and nothing is added after that."""
    async with writes(bus.wire, tmp_path) as (writer, told):
        await say(bus, 0, 500)
        writer.catch_up(500)
        await until(lambda: told.size == 500)
        await tamper(bus)
        await until(lambda: [a for a in told.of("alarm") if a["kind"] != "settings"])
        before = files(tmp_path)
        await say(bus, 9000, 9010)
        await asyncio.sleep(0.1)
        assert files(tmp_path) == before
    assert verify(tmp_path / "ledger").ok


async def test_a_flipped_bit_in_the_store_is_found(server: EmbeddedServer, bus: JetStreamBus, tmp_path: Path) -> None:
    """One bit of one stored message: the server says nothing of it, the writer names it."""
    await signed(bus, tmp_path, 500)
    await bus.close()
    await server.stop()
    block = next((tmp_path / "store").rglob("msgs/1.blk"))
    content = bytearray(block.read_bytes())
    at = content.index(b'"start":201')  # in the payload of the event with index 200
    content[at + 9] ^= 1
    block.write_bytes(content)
    again = await EmbeddedServer.start(tmp_path / "store")
    wire = await Wire.connect(again.url, lambda _: None)
    try:
        async with writes(wire, tmp_path) as (_, told):
            await until(lambda: told.of("alarm"))
        (alarm,) = told.of("alarm")
        assert (alarm["kind"], alarm["index"]) in {("missing", 200), ("deleted", None)}
    finally:
        await wire.close()
        await again.stop()


async def test_a_changed_setting_is_an_alarm_while_everything_is_still_kept(bus: JetStreamBus, tmp_path: Path) -> None:
    """A limit that has cost nothing yet is told once, and the second copy goes on all the more."""
    await signed(bus, tmp_path, 100)
    await bus.wire.api(f"STREAM.UPDATE.{STREAM}", stream_settings() | {"max_msgs": 5000})
    async with writes(bus.wire, tmp_path) as (writer, told):
        await say(bus, 100, 200)
        writer.catch_up(200)
        await until(lambda: told.size == 200)
        await asyncio.sleep(0.5)
    (alarm,) = told.of("alarm")
    assert alarm["kind"] == "settings"
    assert "max_msgs is 5000" in alarm["detail"]


# the witness -------------------------------------------------------------------------------------


async def test_its_checkpoints_are_witnessed(bus: JetStreamBus, tmp_path: Path) -> None:
    """The published checkpoint carries a cosignature; a witness that goes away and comes back is told both times."""
    await signed(bus, tmp_path, 10)
    (log_key,) = read_verifiers(tmp_path / "ledger")
    witness = witness_in(tmp_path / "witness", log_key)
    publish_verifiers(tmp_path / "ledger", [log_key, witness.verifier])
    with serving(witness) as url:
        async with writes(bus.wire, tmp_path, asker_of(url, witness.verifier)) as (writer, told):
            await say(bus, 10, 300)
            writer.catch_up(300)
            await until(lambda: told.size == 300)
    assert all(w["cosigned"] for w in told.of("signed"))
    assert len(verify(tmp_path / "ledger").witnesses) == 1
    asker = asker_of(url, witness.verifier)
    async with writes(bus.wire, tmp_path, asker) as (writer, told):
        await say(bus, 300, 310)
        writer.catch_up(310)
        await until(lambda: told.size == 310)
        assert not told.of("signed")[-1]["cosigned"]
        assert len(told.of("trouble")) == 1
        with serving(witness, int(url.rpartition(":")[2])):
            await until(lambda: told.of("signed")[-1]["cosigned"])
        assert "answers again" in told.of("trouble")[1]["reason"]
    assert len(verify(tmp_path / "ledger").witnesses) == 1
    assert not told.of("alarm")


async def test_a_rolled_back_ledger_is_found_by_its_witness(bus: JetStreamBus, tmp_path: Path) -> None:
    """The whole ledger replaced by an older copy of itself is right in itself; only the witness knows more."""
    await signed(bus, tmp_path, 100)
    (log_key,) = read_verifiers(tmp_path / "ledger")
    witness = witness_in(tmp_path / "witness", log_key)
    shutil.copytree(tmp_path / "ledger", tmp_path / "older")
    with serving(witness) as url:
        async with writes(bus.wire, tmp_path, asker_of(url, witness.verifier)) as (writer, told):
            await say(bus, 100, 200)
            writer.catch_up(200)
            await until(lambda: told.size == 200)
        shutil.rmtree(tmp_path / "ledger")
        shutil.copytree(tmp_path / "older", tmp_path / "ledger")
        before = files(tmp_path)
        async with writes(bus.wire, tmp_path, asker_of(url, witness.verifier)) as (_, told):
            await until(lambda: told.of("alarm"))
            await asyncio.sleep(0.1)
    (alarm,) = told.of("alarm")
    assert (alarm["kind"], alarm["index"]) == ("witness", 200)
    assert "rolled back" in alarm["detail"]
    assert files(tmp_path) == before


async def test_a_full_disk_is_waited_for(bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room nothing is begun and it is told once; with room everything is there."""
    async with writes(bus.wire, tmp_path) as (writer, told):
        await until(lambda: told.of("agrees"))
        with monkeypatch.context() as patch:
            patch.setattr(writing, "LEAST_ROOM", 1 << 60)
            await say(bus, 0, 300)
            await until(lambda: told.of("trouble"))
            await asyncio.sleep(0.2)
            assert told.size == 0
        writer.catch_up(300)
        await until(lambda: told.size == 300)
    assert len(told.of("trouble")) == 1
    assert verify(tmp_path / "ledger").ok


def test_of_a_long_log_the_start_reads_a_bounded_part() -> None:
    """Up to a size everything is read; beyond it the end, and bundles drawn at random, and never more."""
    for size in (0, 1, TAIL, WHOLE):
        assert sum(stop - start for start, stop in first_ranges(size, random.Random(0))) == size
    drawn = [list(first_ranges(1_000_000, random.Random(seed))) for seed in (1, 2)]
    for ranges in drawn:
        assert ranges[-1][1] == 1_000_000
        assert ranges[-1][0] <= 1_000_000 - TAIL
        assert sum(stop - start for start, stop in ranges) < WHOLE
    assert drawn[0] != drawn[1]
