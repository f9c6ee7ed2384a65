"""The stream is watched while the lab works: differences are alarm events, and what loses evidence ends publishing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bus import guarding
from bus.blobs import MemoryBlobs
from bus.errors import BusError, EvidenceAtRiskError
from bus.guarding import Seen, Watched, compare, guard
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from bus.topology import stream_settings
from contracts.presence import LabTroubled, TroubleKind
from tests.contracts.examples import envelope
from tests.promises.bus_promises import lost


@pytest.fixture
def troubles() -> list[BusError]:
    return []


@pytest.fixture
async def bus(tmp_path: Path, troubles: list[BusError], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JetStreamBus]:
    monkeypatch.setattr(guarding, "AGAIN", 0.02)
    server = await EmbeddedServer.start(tmp_path / "store")
    connected = await JetStreamBus.connect(server.url, MemoryBlobs(), on_trouble=troubles.append)
    for n in range(20):
        await connected.publish(envelope(lost(n), n=n))
    yield connected
    await connected.close()
    await server.stop()


def guarded(bus: JetStreamBus) -> asyncio.Task[None]:
    """A guard that looks often and writes its alarms into the log."""

    async def alarm(reason: str) -> None:
        await bus.publish(envelope(LabTroubled(trouble=TroubleKind.BROKER, reason=reason), n=1000))

    return asyncio.create_task(guard(bus, alarm, Watched("test", 0), every=0.02))


async def change(bus: JetStreamBus, **settings: Any) -> None:
    """Changes the stream as somebody with the right to would."""
    told = await bus.wire.api("STREAM.INFO.LEDGER")
    await bus.wire.api("STREAM.UPDATE.LEDGER", told["config"] | settings)


async def alarms(bus: JetStreamBus) -> list[str]:
    """The reasons of the alarms in the log."""
    told = await bus.wire.api("STREAM.INFO.LEDGER")
    log = [r.envelope.data async for r in bus.read(start=int(told["state"]["first_seq"]))]
    return [e.reason for e in log if isinstance(e, LabTroubled)]


async def test_nothing_is_told_of_a_stream_as_it_must_be(bus: JetStreamBus, troubles: list[BusError]) -> None:
    """While events are added to a healthy stream the guard says nothing and stops nothing."""
    watching = guarded(bus)
    for n in range(20, 60):
        await bus.publish(envelope(lost(n), n=n))
    await asyncio.sleep(0.1)
    assert not watching.done()
    watching.cancel()
    assert await bus.last_sequence() == 60
    assert not troubles


async def test_what_is_acknowledged_during_a_look_is_no_step_back(
    bus: JetStreamBus, troubles: list[BusError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load events are acknowledged while the server's answer is on its way; that looked like a lost message."""
    look, looks = guarding._look, iter(range(20, 1000))

    async def slowly(bus: JetStreamBus) -> Any:
        told = await look(bus)
        n = next(looks)
        await bus.publish(envelope(lost(n), n=n))
        return told

    monkeypatch.setattr(guarding, "_look", slowly)
    watching = guarded(bus)
    async with asyncio.timeout(120):
        while await bus.last_sequence() < 30 and not watching.done():
            await asyncio.sleep(0.01)
    assert not watching.done()
    watching.cancel()
    assert not troubles
    assert await alarms(bus) == []


async def test_a_lowered_limit_is_an_event_and_ends_publishing(bus: JetStreamBus) -> None:
    """A limit that has destroyed events already is named in the log, and nobody adds anything after that."""
    watching = guarded(bus)
    await asyncio.sleep(0.05)
    await change(bus, max_msgs=10, discard="old")
    with pytest.raises(EvidenceAtRiskError, match="max_msgs is 10, pinned -1.*ledger repair"):
        await asyncio.wait_for(watching, 120)
    [reason] = await alarms(bus)
    assert "Nothing more is published" in reason
    with pytest.raises(EvidenceAtRiskError, match="max_msgs is 10"):
        await bus.publish(envelope(lost(70), n=70))


async def test_an_alarm_that_the_log_refuses_is_told(bus: JetStreamBus, troubles: list[BusError]) -> None:
    """Where the lowered limit keeps even the alarm out, whoever runs the lab hears of it, and publishing ends."""
    watching = guarded(bus)
    await asyncio.sleep(0.05)
    await change(bus, max_msgs=10)
    with pytest.raises(EvidenceAtRiskError, match="max_msgs is 10"):
        await asyncio.wait_for(watching, 120)
    assert "max_msgs is 10" in str(troubles[-1])
    assert "The alarm could not be written" in str(troubles[-1])
    assert not await alarms(bus)


async def test_a_stream_that_went_back_is_not_added_to(bus: JetStreamBus, troubles: list[BusError]) -> None:
    """When acknowledged sequences are gone, even the alarm would use one twice: it is told, and not written."""
    watching = guarded(bus)
    await asyncio.sleep(0.05)
    await bus.wire.api("STREAM.DELETE.LEDGER")
    await bus.wire.api("STREAM.CREATE.LEDGER", stream_settings())
    with pytest.raises(EvidenceAtRiskError, match="went back from 20 to 0.*another stream|is gone"):
        await asyncio.wait_for(watching, 120)
    assert [type(t) for t in troubles] == [EvidenceAtRiskError]
    assert await bus.last_sequence() == 0


async def test_a_deleted_stream_is_noticed(bus: JetStreamBus, troubles: list[BusError]) -> None:
    """The stream's end is told at once and not when somebody next wants to read."""
    watching = guarded(bus)
    await asyncio.sleep(0.05)
    await bus.wire.api("STREAM.DELETE.LEDGER")
    with pytest.raises(EvidenceAtRiskError, match="the stream LEDGER is gone"):
        await asyncio.wait_for(watching, 120)
    assert [type(t) for t in troubles] == [EvidenceAtRiskError]


async def test_a_harmless_change_is_an_event_and_work_goes_on(bus: JetStreamBus) -> None:
    """What loses nothing is put on record once, and publishing goes on."""
    watching = guarded(bus)
    await asyncio.sleep(0.05)
    await change(bus, duplicate_window=60 * 1_000_000_000)
    async with asyncio.timeout(120):
        while not await alarms(bus):
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    [reason] = await alarms(bus)
    assert "duplicate_window is 60000000000" in reason
    assert "find out who and why" in reason
    await bus.publish(envelope(lost(80), n=80))
    assert not watching.done()
    watching.cancel()


def told(**state: int) -> dict[str, Any]:
    """What a server says of a healthy stream, with other counts."""
    counts = {"messages": 9, "first_seq": 1, "last_seq": 9, **state}
    return {"created": "then", "config": json.loads(json.dumps(stream_settings(1000))), "state": counts}


@pytest.mark.parametrize(
    ("now", "acknowledged", "words"),
    [
        (told(), 10, "went back from 10 to 9"),
        (told(messages=8), 0, "1 of its messages are missing"),
        (told(messages=8, num_deleted=1), 0, "1 messages were deleted"),
        (told(first_seq=2, messages=8), 0, "begins at sequence 2"),
        (told(messages=0, first_seq=10), 0, "9 of its messages are missing"),
        (told() | {"created": "now"}, 0, "it is another stream"),
    ],
)
def test_each_loss_is_found(now: dict[str, Any], acknowledged: int, words: str) -> None:
    """Whatever the server says that means lost events is grave."""
    before = Seen("then", 9, 1000)
    assert not compare(told(), before, 9)
    found = [d for d in compare(now, before, acknowledged) if d.grave]
    assert words in "; ".join(d.words for d in found)


async def test_a_consumer_that_pushes_is_removed_and_told(bus: JetStreamBus) -> None:
    """What would deliver events to an instrument by itself is gone soon, with an alarm; what is asked for stays."""
    furnace = "instruments.furnace-1.question"
    await bus.consumers.make("test-robot", ["lab.>"], 0)
    config = {"durable_name": "evil", "deliver_subject": furnace, "deliver_policy": "new", "ack_policy": "none"}
    await bus.wire.api("CONSUMER.DURABLE.CREATE.LEDGER.evil", {"stream_name": "LEDGER", "config": config})
    watching = guarded(bus)
    async with asyncio.timeout(120):
        while not (told := await alarms(bus)):
            await asyncio.sleep(0.02)
    watching.cancel()
    assert f'got evil, which pushes what is stored to "{furnace}"' in told[0]
    assert "It was removed" in told[0]
    names = (await bus.wire.api("CONSUMER.NAMES.LEDGER"))["consumers"]
    assert names == ["test-robot"]
