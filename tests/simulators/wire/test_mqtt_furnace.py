"""The furnace program: there or gone in a way that everybody can see, alone with its journal, ended in good order."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from contracts.wire import SCHEMA, Presence
from simulators.wire.mqtt_furnace import main
from tests.agents.drivers.brokers import GuardedBroker, broker, until
from tests.agents.drivers.mqtt_rig import FurnaceProcess, MqttRig
from tests.system.console import environment

OFFLINE = Presence(schema=SCHEMA, instrument="furnace-1", state="offline").payload()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One broker for all tests here."""
    with broker(tmp_path_factory.mktemp("broker")) as address:
        yield address


@pytest.fixture
async def rig(url: str, tmp_path: Path) -> AsyncIterator[MqttRig]:
    """The program, and a driver that hears what it says of itself."""
    rig = MqttRig(url, tmp_path)
    yield rig
    await rig.crash()


async def test_it_says_that_it_is_there_and_when_it_goes(rig: MqttRig) -> None:
    """Online when it listens; offline when it ends in good order, and, by its last will, when it is killed."""
    lab = await rig.open()
    await until(lambda: lab.online is True)
    assert rig.furnace.terminate() == 0
    await until(lambda: lab.online is False)
    rig.furnace.start()
    await until(lambda: lab.online is True)
    assert rig.furnace.kill() == -signal.SIGKILL
    await until(lambda: lab.online is False)


async def test_whoever_comes_later_is_told_as_well(rig: MqttRig) -> None:
    """Presence is retained: a lab that connects afterwards knows at once."""
    await rig.open()
    for there in (True, False):
        await until(lambda there=there: rig.driver is not None and rig.driver.online is there)
        later = await rig.connect()
        await until(lambda there=there, later=later: later.online is there)
        if there:
            rig.furnace.kill()


async def test_a_will_that_comes_late_is_put_right(rig: MqttRig) -> None:
    """The broker may publish the will of a dead connection after the new one has said that it is there."""
    lab = await rig.open()
    await until(lambda: lab.online is True)
    told = len(rig.told)
    await lab._link.say(rig.topics.presence, OFFLINE)
    await until(lambda: len(rig.told) > told)
    await until(lambda: lab.online is True)


async def test_a_journal_has_one_owner(rig: MqttRig, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second program on the same journal ends with 2 and names the first, which goes on."""
    lab = await rig.open()
    await lab.ask("k")
    monkeypatch.setattr("simulators.wire.mqtt_furnace.LOCK_PATIENCE", 1)
    words = ["--url", url, "--name", "furnace-1", "--seed", "1", "--folder", str(rig.folder)]
    told: list[str] = []
    monkeypatch.setattr("simulators.wire.mqtt_furnace._tell", lambda _where, words: told.append(words))
    assert await asyncio.to_thread(_run, words) == 2
    assert f"in use by process {rig.furnace.pid}" in told[0]
    await lab.ask("k")


def _run(words: list[str]) -> int:
    """The program without its signals, which belong to the main thread."""
    from unittest.mock import patch

    with patch("asyncio.unix_events._UnixSelectorEventLoop.add_signal_handler"):
        return main(words)


def test_it_ends_with_whoever_started_it(url: str, tmp_path: Path) -> None:
    """When the other end of its stdin is gone, so is it; and it says when it is ready."""
    words = ["--url", url, "--name", "f", "--seed", "1", "--folder", str(tmp_path), "--until-stdin-ends"]
    process = subprocess.Popen(
        [sys.executable, "-m", "simulators.wire.mqtt_furnace", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == '{"ready": "f"}\n'
    process.stdin.close()
    assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"--url": "http://x"}, "Expected a broker as mqtt://host:port"),
        ({"--faults": '{"melting": 1}'}, "melting"),
        ({"--root": "a.b"}, "Expected topic levels"),
        ({"--seed": "many"}, "invalid int value"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], told: str
) -> None:
    """Exit 2, and what is wrong; nothing is served."""
    good = {"--url": "mqtt://127.0.0.1:1", "--name": "f", "--seed": "1", "--folder": str(tmp_path)}
    words = [w for pair in (good | change).items() for w in pair]
    try:
        code: object = main(words)
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert told in capsys.readouterr().err


async def test_a_broker_that_lets_it_not_listen_is_named_and_tried_again(tmp_path: Path) -> None:
    """A refused subscription is a code that nobody raises: the program says so, and connects once it is permitted."""
    strict = GuardedBroker(tmp_path / "broker")
    strict.start({"user": "f", "password": "", "permissions": {"publish": ">", "subscribe": "$MQTT.sub.>"}})
    rig = MqttRig(f"mqtt://f@127.0.0.1:{strict.port}", tmp_path)
    try:
        rig.furnace.start()
        await until(lambda: rig.furnace.log.exists() and "no permission to subscribe" in rig.furnace.log.read_text())
        assert rig.topics.questions in rig.furnace.log.read_text()
        strict.start({"user": "f", "password": "", "permissions": {"publish": ">", "subscribe": ">"}})
        await until(lambda: "ready" in rig.furnace.log.read_text())
    finally:
        rig.furnace.kill()
        strict.kill()


def test_the_program_is_the_one_that_is_tested(tmp_path: Path) -> None:
    """The test bench starts the program's own entry point, with the arguments that people give."""
    process = FurnaceProcess("mqtt://127.0.0.1:1", MqttRig("mqtt://127.0.0.1:1", tmp_path).topics, tmp_path)
    assert {"--url", "--name", "--seed", "--folder", "--root", "--faults"} <= set(process._words)
