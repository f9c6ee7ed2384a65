"""Group commit: what many say at once is one batch, and every publication ends with its own answer."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from bus import publishing
from bus.blobs import BlobStore
from bus.errors import BusConnectionError, PublishError, StreamFullError
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from tests.contracts.examples import envelope
from tests.promises.bus_promises import lost


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    started = await EmbeddedServer.start(tmp_path / "store")
    yield started
    await started.stop()


@pytest.fixture
async def bus(server: EmbeddedServer, tmp_path: Path) -> AsyncIterator[JetStreamBus]:
    connected = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "blobs"))
    yield connected
    await connected.close()


async def say(bus: JetStreamBus, start: int, stop: int) -> list[int]:
    """Publishes in the same moment; where each is stored."""
    receipts = await asyncio.gather(*(bus.publish(envelope(lost(n), n=n)) for n in range(start, stop)))
    return [r.sequence for r in receipts]


async def test_few_go_alone_and_many_as_one(bus: JetStreamBus) -> None:
    """A publication by itself waits for nobody; a thousand in the same moment are a batch of a thousand."""
    await bus.publish(envelope(lost(0), n=0))
    assert (bus.wire.publisher.tally.singles, bus.wire.publisher.tally.batches) == (1, 0)
    assert await say(bus, 1, 1301) == list(range(2, 1302))
    assert (bus.wire.publisher.tally.batches, bus.wire.publisher.tally.batched) == (2, 1300)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: fsyncs cannot be counted")
async def test_a_batch_costs_a_few_fsyncs_and_not_one_for_each(
    bus: JetStreamBus, server: EmbeddedServer, tmp_path: Path
) -> None:
    """The server syncs before each answer, but a batch of five hundred costs it no more syncs than a handful alone."""
    await bus.publish(envelope(lost(0), n=0))
    assert server._process is not None
    report = tmp_path / "strace"
    watching = await asyncio.create_subprocess_exec(
        "strace",
        "-f",
        "-e",
        "trace=fsync,fdatasync",
        "-o",
        report,
        "-p",
        str(server._process.pid),
        stderr=subprocess.PIPE,
    )
    assert watching.stderr is not None
    told = (await watching.stderr.readline()).decode()
    if "attached" not in told:
        await watching.wait()
        pytest.skip(f"strace may not look at other processes here: {told.strip()}")

    def synced() -> int:
        return len(re.findall(r"f(?:data)?sync\(\d+\) += 0|f(?:data)?sync resumed>\) += 0", report.read_text()))

    for n in range(1, 21):
        await bus.publish(envelope(lost(n), n=n))
    alone = synced()
    await say(bus, 100, 600)
    together = synced() - alone
    watching.terminate()
    await watching.wait()
    assert bus.wire.publisher.tally.batched == 500
    assert alone >= 20, "an acknowledgement of one event must mean a sync of its own"
    assert 1 <= together <= 10


async def test_a_batch_whose_answer_was_lost_is_stored_once(bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lost answer leaves in doubt is asked again one by one, and each is told that it was its own."""
    monkeypatch.setattr(publishing, "ANSWER_WITHIN", 0.2)
    answered, lost_answers = bus.wire.publisher._answered, []

    def lose_the_first(sent: publishing._Sent, message: Msg) -> None:
        if lost_answers:
            answered(sent, message)
        lost_answers.append(sent)

    bus.wire.publisher._answered = lose_the_first  # type: ignore[method-assign]
    receipts = await asyncio.gather(*(bus.publish(envelope(lost(n), n=n)) for n in range(50)))
    assert [r.sequence for r in receipts] == list(range(1, 51))
    assert not any(r.duplicate for r in receipts)
    assert bus.wire.publisher.tally.again == 50
    assert await bus.last_sequence() == 50


async def test_a_batch_meets_a_killed_server(bus: JetStreamBus, server: EmbeddedServer) -> None:
    """Whatever a killed server had done with a batch, each of its events is in the log exactly once at the end."""
    await bus.publish(envelope(lost(0), n=0))
    saying = asyncio.create_task(say(bus, 1, 800))
    await asyncio.sleep(0.01)
    assert server._process is not None
    server._process.kill()
    await server.revive()
    places = await asyncio.wait_for(saying, 120)
    assert sorted(places) == list(range(2, 801))
    assert {r.envelope.data.sample_id async for r in bus.read()} == {f"s-{n}" for n in range(800)}


async def test_a_full_log_is_told_to_each(server: EmbeddedServer, tmp_path: Path) -> None:
    """A batch that does not fit is tried one by one: what fits is stored, and the rest gets the reason."""
    bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "b"), max_bytes=20_000)
    ends = await asyncio.gather(*(bus.publish(envelope(lost(n), n=n)) for n in range(60)), return_exceptions=True)
    full = [end for end in ends if isinstance(end, StreamFullError)]
    stored = [end for end in ends if not isinstance(end, BaseException)]
    assert full
    assert stored
    assert len(full) + len(stored) == 60
    assert await bus.last_sequence() == len(stored)
    await bus.close()


async def test_whoever_speaks_more_than_the_queue_holds_waits(
    bus: JetStreamBus, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the server is away the queue fills up to its bound, and the next publication waits for room."""
    monkeypatch.setattr(bus.wire.publisher.room, "size", 5)
    assert server._process is not None
    server._process.kill()
    while bus.connected:
        await asyncio.sleep(0.01)
    saying = asyncio.create_task(say(bus, 0, 12))
    await asyncio.sleep(0.05)
    assert len(bus.wire.publisher._queue) == 5
    await server.revive()
    assert sorted(await asyncio.wait_for(saying, 120)) == list(range(1, 13))


async def test_one_who_gave_up_is_not_published_later(bus: JetStreamBus, server: EmbeddedServer) -> None:
    """A publication that was cancelled before it was sent is not sent when the server comes back."""
    assert server._process is not None
    server._process.kill()
    while bus.connected:
        await asyncio.sleep(0.01)
    given_up = asyncio.create_task(bus.publish(envelope(lost(0), n=0)))
    await asyncio.sleep(0.05)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    await server.revive()
    assert (await bus.publish(envelope(lost(1), n=1))).sequence == 1


async def test_those_who_wait_are_told_of_the_end(bus: JetStreamBus, server: EmbeddedServer) -> None:
    """When the connection is closed for good, nobody waits for ever."""
    server.kill()
    while bus.connected:
        await asyncio.sleep(0.01)
    saying = asyncio.create_task(say(bus, 0, 40))
    await asyncio.sleep(0.05)
    await bus.close()
    with pytest.raises(BusConnectionError, match="got a closed one"):
        await asyncio.wait_for(saying, 120)
    with pytest.raises(BusConnectionError, match="got a closed one"):
        await bus.publish(envelope(lost(99), n=99))


async def test_the_reason_of_a_refusal_is_told(bus: JetStreamBus) -> None:
    """What the server refuses for its own reason comes back with its words."""
    with pytest.raises(PublishError, match="wrong last sequence"):
        await bus.wire.publisher.publish("lab.a.b", b"x", {"Nats-Expected-Last-Sequence": "17"})
