"""The notary keeps writer and witness at work, and a run waits for its word."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bus.blobs import MemoryBlobs
from bus.jetstream import JetStreamBus
from bus.ledger.alarms import Alarm, keep_alarm, refute
from bus.ledger.errors import SigningKeyError
from bus.ledger.keys import KEYS, LEDGER
from bus.ledger.verify import verify
from bus.server import EmbeddedServer
from contracts.presence import LabTroubled, TroubleKind
from ops.errors import EvidenceError
from ops.notary import Notary
from ops.order import NOBODY, OUR_OWN, Witnessing
from tests.bus.ledger.test_watch import write
from tests.bus.ledger.test_writer import pour


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[JetStreamBus]:
    """A connection to a server of our own."""
    server = await EmbeddedServer.start(tmp_path / "store")
    connected = await JetStreamBus.connect(server.url, MemoryBlobs())
    yield connected
    await connected.close()
    await server.stop()


@asynccontextmanager
async def notary(
    bus: JetStreamBus, folder: Path, witnessing: Witnessing = OUR_OWN
) -> AsyncIterator[tuple[Notary, list[str], list[Alarm]]]:
    """A notary at work, its troubles and its alarms."""
    troubles: list[str] = []
    alarms: list[Alarm] = []
    url = bus.wire.client.connected_url.geturl()
    made = Notary(folder, url, witnessing, troubles.append, alarms.append)
    await made.open()
    try:
        yield made, troubles, alarms
    finally:
        await made.close()


async def until(done: Callable[[], object]) -> None:
    """Waits."""
    deadline = time.monotonic() + 40
    while not done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_run_waits_until_everything_is_signed_and_witnessed(bus: JetStreamBus, tmp_path: Path) -> None:
    """What was said is signed and cosigned when the wait is over, also when a child was killed meanwhile."""
    async with notary(bus, tmp_path) as (kept, troubles, alarms):
        await kept.agreed()
        await pour(bus, 0, 300)
        await kept.caught_up(300)
        assert (kept.size, kept.cosigned) == (300, True)
        os.kill(kept.pids["writer"], signal.SIGKILL)
        await pour(bus, 300, 400)
        await kept.caught_up(400)
        assert kept.size == 400
        os.kill(kept.pids["witness"], signal.SIGKILL)
        await pour(bus, 400, 410)
        await kept.caught_up(410)  # the last word of a run waits for a witness that comes up again
        assert kept.summary() | {"root": ""} == {
            "size": 410, "root": "", "cosigned": True, "witness": "beside", "alarm": None,
        }  # fmt: skip
    assert not alarms
    assert sum("is started again" in t for t in troubles) == 2
    verdict = verify(tmp_path / LEDGER)
    assert verdict.ok
    assert verdict.witnesses


async def test_nothing_begins_over_another_past(bus: JetStreamBus, tmp_path: Path) -> None:
    """A ledger that holds more than the log is an error before anything else happens, and an alarm in words."""
    write(tmp_path, 0, 50)
    async with notary(bus, tmp_path, Witnessing(NOBODY)) as (kept, _, alarms):
        with pytest.raises(EvidenceError, match="Nothing was begun"):
            await kept.agreed()
        assert [(a.kind, a.index) for a in alarms] == [("deleted", 0)]
        said: list[tuple[LabTroubled, str]] = []

        async def say(trouble: LabTroubled, name: str) -> None:
            said.append((trouble, name))

        recording = asyncio.create_task(kept.put_on_record(say))
        await asyncio.wait_for(kept.recorded(), 120)
        recording.cancel()
    assert {(t.trouble, t.reason) for t, _ in said} == {(TroubleKind.LEDGER, alarms[0].detail)}
    assert {name for _, name in said} == {f"ledger/alarm/{alarms[0].name}"}


async def test_alarms_of_earlier_lives_are_said(bus: JetStreamBus, tmp_path: Path) -> None:
    """What could not be said when it was found is said by the next life."""
    write(tmp_path, 0, 0)
    keep_alarm(tmp_path / LEDGER, Alarm("altered", 3, "somebody was here"))
    said: list[str] = []

    async def say(trouble: LabTroubled, _: str) -> None:
        said.append(trouble.reason)

    async with notary(bus, tmp_path, Witnessing(NOBODY)) as (kept, _, _):
        await kept.agreed()
        recording = asyncio.create_task(kept.put_on_record(say))
        await until(lambda: said)
        recording.cancel()
    assert said == ["somebody was here"]


async def test_a_second_process_stands_by(bus: JetStreamBus, tmp_path: Path) -> None:
    """Two notaries over one folder: the second has nothing to wait for, and takes over when the first is gone."""
    async with notary(bus, tmp_path) as (first, _, _):
        await first.agreed()
        async with notary(bus, tmp_path) as (second, troubles, _):
            await second.agreed()
            await second.caught_up(10**9)
            assert second.size is None
            await first.close()
            await pour(bus, 0, 20)
            await until(lambda: second.size == 20 and second.cosigned)
            assert not troubles
    assert verify(tmp_path / LEDGER).ok


async def test_a_lost_key_and_a_wrong_address_are_told(bus: JetStreamBus, tmp_path: Path) -> None:
    """Neither a ledger without its key nor a witness without an address is begun with."""
    write(tmp_path / "a", 0, 10)
    shutil.rmtree(tmp_path / "a" / KEYS)
    with pytest.raises(SigningKeyError, match="Expected the signing key"):
        async with notary(bus, tmp_path / "a"):
            pass
    async with notary(bus, tmp_path / "b", Witnessing("elsewhere")) as (kept, _, _):
        with pytest.raises(EvidenceError, match="address of a witness"):
            await kept.agreed()


async def test_the_end_of_an_alarm_is_said(bus: JetStreamBus, tmp_path: Path) -> None:
    """An alarm that was refuted stays on record, with a word that it is over; found again it is an alarm again."""
    write(tmp_path, 0, 0)
    alarm, said = Alarm("missing", 0, "somebody was here"), list[tuple[str, str]]()

    async def say(trouble: LabTroubled, name: str) -> None:
        said.append((name, trouble.reason))

    async def recorded() -> list[tuple[str, str]]:
        said.clear()
        kept = Notary(tmp_path, "", Witnessing(NOBODY), lambda _: None, lambda _: None)
        recording = asyncio.create_task(kept.put_on_record(say))
        await asyncio.sleep(0.2)
        recording.cancel()
        return list(said)

    keep_alarm(tmp_path / LEDGER, alarm)
    ((_, over),) = refute(tmp_path / LEDGER, 0, 1)
    over()
    first, end = await recorded()
    assert first == (f"ledger/alarm/{alarm.name}", "somebody was here")
    assert end[0] == f"ledger/alarm-over/{alarm.name}"
    assert "An earlier alarm is over" in end[1]
    keep_alarm(tmp_path / LEDGER, alarm)
    assert await recorded() == [(f"ledger/alarm/{alarm.name}/2", "somebody was here")]
