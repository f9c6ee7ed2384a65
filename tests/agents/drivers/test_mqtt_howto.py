"""What the how-to shows works as it stands there: the furnace, the payloads, the permissions."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agents.drivers.mqtt import MqttSynthesiser
from contracts.errors import InstrumentError
from contracts.instruments import ActionState
from contracts.wire import ANSWERS, Broker, Complaint, Question, Topics
from tests.agents.drivers.brokers import GuardedBroker, broker, until
from tests.clock import SkippingClock
from tests.promises.synthesiser_promises import step
from tests.promises.wired_synthesiser_promises import WiredSynthesiserPromises
from tests.system.console import environment

PAGE = (Path(__file__).parents[3] / "ops" / "how-to" / "mqtt-furnace.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One broker for all tests here."""
    with broker(tmp_path_factory.mktemp("broker")) as address:
        yield address


def _program(script: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, script, *words], env=environment())


class HowToRig:
    """The program on the page, as a process."""

    count = 0

    def __init__(self, url: str, folder: Path) -> None:
        HowToRig.count += 1
        self.broker, self.folder, self.clock = Broker.at(url), folder, SkippingClock()
        self.topics = Topics("furnace-1", f"howto-{self.count}")
        self.troubles: list[InstrumentError] = []
        (folder / "furnace.py").write_text(blocks("python")[0])
        self._process: subprocess.Popen[bytes] | None = None
        self._driver: MqttSynthesiser | None = None

    async def open(self) -> MqttSynthesiser:
        """Starts the program and connects; nobody waits for it."""
        where = (self.broker.host, str(self.broker.port), "furnace-1", str(self.folder / "journal"), self.topics.root)
        self._process = _program(self.folder / "furnace.py", *where)
        self._driver = MqttSynthesiser(self.topics, self.broker, self.clock, self.troubles.append, patience=0.5)
        await self._driver.open()
        return self._driver

    async def crash(self) -> None:
        """Kill -9."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        if self._driver is not None:
            await self._driver.close()

    def _records(self) -> dict[Path, list[object]]:
        """What stands in the journal, as far as it can be read."""
        found: dict[Path, list[object]] = {}
        for path in sorted((self.folder / "journal").glob("*.json")):
            with suppress(ValueError):
                found[path] = json.loads(path.read_text())[0]
        return found

    def damage(self, key: str, *, how: str) -> None:
        """Spoils a record."""
        path = next(p for p, said in self._records().items() if said[0] == key)
        if how == "torn":
            path.write_bytes(path.read_bytes()[:20])
        elif how == "flipped":
            path.write_text(path.read_text().replace("2026", "2027"))
        elif how == "swapped":
            path.write_bytes(next(p for p in self._records() if p != path).read_bytes())
        else:
            raise AssertionError(how)

    def heatings(self, sample: str) -> int:
        """Firings of a vial that are on record."""
        return sum(1 for said in self._records().values() if said[3] == "fire" and sample in said[4])


@pytest.mark.slow
class TestHowToFurnace(WiredSynthesiserPromises):
    """Promises, kept by the program on the page, which is really killed."""

    @pytest.fixture
    async def rig(self, url: str, tmp_path: Path) -> AsyncIterator[HowToRig]:
        """The program in a folder of its own; the lab is told of nothing but its coming and going."""
        rig = HowToRig(url, tmp_path)
        yield rig
        await rig.crash()
        told = [str(t) for t in rig.troubles]
        assert [t for t in told if "gone offline" not in t and "got silence" not in t] == []


async def test_the_furnace_on_the_page_answers(url: str, tmp_path: Path) -> None:
    """Started as the page says, it carries out a firing once, over a kill in mid-dwell."""
    rig = HowToRig(url, tmp_path)
    furnace = await rig.open()
    await furnace.start(step("k"))
    await rig.crash()
    furnace = await rig.open()
    await furnace.start(step("k"))
    assert await furnace.ask("k") is ActionState.RUNNING
    assert (await furnace.finish("k")).succeeded
    assert rig.heatings("c-1-v1") == 1
    await rig.crash()


def test_the_payloads_on_the_page_are_payloads() -> None:
    """Each JSON block is a question, an answer or a complaint; all four outcomes are shown."""
    shown = [json.loads(block) for block in blocks("json")]
    questions = [m for m in shown if "verb" in m]
    answers = [m for m in shown if "outcome" in m]
    (complaint,) = [m for m in shown if "message" in m]
    assert len(questions) == 1
    assert len(shown) == len(questions) + len(answers) + 2, "and the permissions"
    Complaint.model_validate_json(json.dumps(complaint))
    Question.model_validate_json(json.dumps(questions[0]))
    kinds = {type(ANSWERS.validate_json(json.dumps(m))).__name__ for m in answers}
    assert kinds == {"Standing", "Occupied", "Refused", "Reported"}


async def test_the_permissions_on_the_page_are_enough_and_not_more(tmp_path: Path) -> None:
    """Lab and furnace hear each other under them, and the lab may not speak in the furnace's name."""
    strict = GuardedBroker(tmp_path / "broker")
    users = json.loads(blocks("json")[-1])["users"]
    strict.start(*users)
    password = users[0]["password"]
    script = tmp_path / "furnace.py"
    script.write_text(blocks("python")[0].replace("will=will)", "will=will, username='furnace-1', password='b')"))
    process = _program(script, "127.0.0.1", str(strict.port), "furnace-1", str(tmp_path / "journal"))
    troubles: list[str] = []
    where = Broker(host="127.0.0.1", port=strict.port, user="lab")
    lab = MqttSynthesiser(
        Topics("furnace-1"), where, SkippingClock(), lambda e: troubles.append(str(e)), password=password, patience=0.5
    )
    try:
        await lab.open()
        async with asyncio.timeout(240):
            await lab.start(step("k"))
            assert (await lab.finish("k")).succeeded
        told = len(troubles)
        await lab._link.say("instruments/furnace-1/trouble", b"forged")
        await until(lambda: "Publish Violation" in (strict.folder / "nats.log").read_text())
        assert len(troubles) == told
    finally:
        await lab.close()
        process.kill()
        process.wait()
        strict.kill()
