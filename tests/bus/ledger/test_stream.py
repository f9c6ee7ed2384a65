"""The ledger reads the stream without a consumer, and what it may not read is not missing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bus.blobs import MemoryBlobs
from bus.errors import GapError, UnreadableLogError
from bus.jetstream import JetStreamBus
from bus.ledger.alarms import Alarm, keep_alarm, read_cases
from bus.ledger.stream import Stream, nanoseconds_of
from bus.server import EmbeddedServer
from bus.wire import Wire
from tests.bus.ledger.test_writer import bus, pour, quick, server, until, writes  # noqa: F401  its fixtures

READS = ["$JS.API.STREAM.INFO.LEDGER", "$JS.API.DIRECT.GET.LEDGER"]


@asynccontextmanager
async def guest(folder: Path, may: list[str]) -> AsyncIterator[tuple[JetStreamBus, Wire]]:
    """A bus that may do everything, and a connection without a name that may publish these subjects only."""
    users = json.dumps(may)
    started = await EmbeddedServer.start(
        folder / "guarded",
        users="authorization { users: [ { user: all, password: a }, { user: guest, password: a, permissions: "
        f"{{ publish: {{ allow: {users} }} }} }} ] }}\nno_auth_user: guest",
    )
    all_ = await JetStreamBus.connect(started.url.replace("//", "//all:a@"), MemoryBlobs())
    wire = await Wire.connect(started.url, lambda _: None)
    try:
        yield all_, wire
    finally:
        await wire.close()
        await all_.close()
        await started.stop()


async def test_no_consumer_is_needed_to_write_a_ledger(tmp_path: Path) -> None:
    """Whoever may only look at the stream and its messages can keep a ledger of it; nothing is made on the server."""
    async with guest(tmp_path, READS) as (all_, wire):
        await pour(all_, 0, 600)
        async with writes(wire, tmp_path) as (writer, told):
            await until(lambda: told.size == 600)
            await pour(all_, 600, 700)
            writer.catch_up(700)
            await until(lambda: told.size == 700)
            assert (await all_.wire.api("STREAM.INFO.LEDGER"))["state"]["consumer_count"] == 0
        assert not told.of("alarm")


async def test_what_cannot_be_read_is_not_missing(tmp_path: Path) -> None:
    """A server that does not let the log be read is a trouble that is told once and tried again, and no alarm."""
    async with guest(tmp_path, READS) as (all_, wire):
        await pour(all_, 0, 300)
        async with writes(wire, tmp_path) as (_, told):
            await until(lambda: told.size == 300)
    async with guest(tmp_path, READS[:1]) as (_, wire):
        with pytest.raises(UnreadableLogError, match=r"cannot be read now.*not mean that anything is missing"):
            _ = [s async for s in Stream(wire).read(1, 300)]
        async with writes(wire, tmp_path) as (_, told):
            await until(lambda: told.of("trouble"))
            (words,) = told.of("trouble")
        assert "permissions violation" in words["reason"].lower()
        assert not told.of("alarm")
        assert not told.of("agrees")


async def test_nothing_behind_the_end_is_a_gap(bus: JetStreamBus) -> None:  # noqa: F811  the fixture
    """What the log does not hold is told by the sequence that is missing, with and without a stream."""
    await pour(bus, 0, 5)
    with pytest.raises(GapError) as gap:
        _ = [s async for s in Stream(bus.wire).read(4, 9)]
    assert (gap.value.expected, gap.value.got) == (6, 5)
    await bus.wire.api("STREAM.DELETE.LEDGER")
    with pytest.raises(GapError):
        _ = [s async for s in Stream(bus.wire).read(1, 2)]
    assert await Stream(bus.wire).state() is None


async def test_times_are_those_of_the_server_to_the_nanosecond(bus: JetStreamBus) -> None:  # noqa: F811  the fixture
    """The time of a message is what a consumer is told, in every digit: the ledger hashes it."""
    await pour(bus, 0, 50)
    await bus.consumers.make("d", ["lab.>"], 0)
    ask = json.dumps({"batch": 50, "no_wait": True}).encode()
    inbox = bus.wire.client.new_inbox()
    subscription = await bus.wire.client.subscribe(inbox)
    await bus.wire.client.publish("$JS.API.CONSUMER.MSG.NEXT.LEDGER.d", ask, inbox)
    told = [int((await subscription.next_msg(5)).reply.split(".")[7]) for _ in range(50)]
    assert [s.nanoseconds async for s in Stream(bus.wire).read(1, 50)] == told


@pytest.mark.parametrize(
    ("stamp", "nanoseconds"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T00:00:00.5Z", 5 * 10**8),
        ("2026-12-01T08:33:41.000000001Z", 1_796_114_021_000_000_001),
    ],
)
def test_times_without_last_digits(stamp: str, nanoseconds: int) -> None:
    """The server leaves zeros at the end out; they are put back."""
    assert nanoseconds_of(stamp) == nanoseconds


async def test_an_alarm_that_is_refuted_is_over(bus: JetStreamBus, tmp_path: Path) -> None:  # noqa: F811  the fixture
    """The next start looks at what an earlier alarm told of; if it is in order the alarm is over, and stays on file."""
    await pour(bus, 0, 400)
    async with writes(bus.wire, tmp_path) as (_, told):
        await until(lambda: told.size == 400)
    false = Alarm("missing", 300, "the message cannot be read any more")
    keep_alarm(tmp_path / "ledger", false)
    keep_alarm(tmp_path / "ledger", Alarm("witness", None, "it has seen another history"))
    async with writes(bus.wire, tmp_path) as (_, told):
        await until(lambda: told.of("agrees"))
    assert [(c.alarm.kind, c.over) for c in read_cases(tmp_path / "ledger")] == [("missing", True), ("witness", False)]
    keep_alarm(tmp_path / "ledger", false)
    again = next(c for c in read_cases(tmp_path / "ledger") if c.alarm == false)
    assert (again.over, again.name) == (False, f"{false.name}/2")
