"""An MQTT furnace on the test bench: a real broker, a real process, and the driver in between."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, Self

import aiomqtt

from agents.drivers.mqtt import MqttSynthesiser
from contracts.errors import InstrumentError
from contracts.wire import SCHEMA, Broker, Question, Standing, Topics
from simulators.bench import Bench
from simulators.faults import Faults
from simulators.wire.distant import DistantLine
from tests.clock import SkippingClock
from tests.simulators.lab import FLAWLESS, damage

SEED = 1
_ROOTS = itertools.count(1)


_NURSERY = """
import json, os, signal, sys
from simulators.wire.mqtt_furnace import main
for line in sys.stdin:
    words, log = json.loads(line)
    pid = os.fork()
    if pid == 0:
        where = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(where, 1), os.dup2(where, 2)
        os._exit(main(words))
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""Imports once and forks one furnace after another: a process in milliseconds instead of seconds."""


class FurnaceProcess:
    """The furnace server in a process of its own, which can be killed."""

    _nurseries: ClassVar[list[subprocess.Popen[str]]] = []
    """Those without a furnace at the moment."""

    def __init__(self, url: str, topics: Topics, folder: Path) -> None:
        self.log = folder / f"{topics.name}.log"
        words = ["--url", url, "--name", topics.name, "--seed", str(SEED), "--folder", str(folder)]
        self._words = [*words, "--root", topics.root, "--faults", FLAWLESS.model_dump_json(), "--until-stdin-ends"]
        self._nursery: subprocess.Popen[str] | None = None
        self.pid = 0

    def start(self) -> None:
        """Starts it, if it does not run."""
        if self.pid:
            return
        self._nursery = self._nurseries.pop() if self._nurseries else _nursery()
        self._nursery.stdin.write(json.dumps([self._words, str(self.log)]) + "\n")
        self._nursery.stdin.flush()
        self.pid = int(self._nursery.stdout.readline())

    def kill(self) -> int:
        """Kill -9; its exit code."""
        return self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if not self.pid:
            return 0
        os.kill(self.pid, number)
        self.pid = 0
        code = int(self._nursery.stdout.readline())
        self._nurseries.append(self._nursery)
        return code


def _nursery() -> subprocess.Popen[str]:
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", _NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    )
    atexit.register(process.kill)
    return process


class MqttRig:
    """A furnace over the wire, as `tests.promises.synthesiser_promises` wants it."""

    def __init__(self, url: str, folder: Path, *, name: str = "furnace-1", patience: float = 0.5) -> None:
        self.url, self.folder, self.clock, self.patience = url, folder, SkippingClock(), patience
        self.topics = Topics(name, f"test-{next(_ROOTS)}-{folder.name}".replace(".", "-"))
        self.troubles: list[InstrumentError] = []
        self.furnace = FurnaceProcess(url, self.topics, folder)
        self.driver: MqttSynthesiser | None = None

    @property
    def broker(self) -> Broker:
        """Where both listen."""
        return Broker.at(self.url)

    async def open(self) -> MqttSynthesiser:
        """The driver, while its furnace starts: it waits by itself."""
        self.furnace.start()
        return await self.connect()

    async def connect(self) -> MqttSynthesiser:
        """The driver, whether or not there is a furnace."""
        await self.close()
        self.driver = MqttSynthesiser(
            self.topics, Broker.at(self.url), self.clock, self.troubles.append, patience=self.patience
        )
        await self.driver.open()
        return self.driver

    async def crash(self) -> None:
        """Kills the server and forgets the driver."""
        self.furnace.kill()
        await self.close()

    async def close(self) -> None:
        """Disconnects the driver."""
        if self.driver is not None:
            await self.driver.close()

    def damage(self, key: str, *, how: str) -> None:
        """Spoils an entry of the server's journal."""
        damage(self.folder, self.topics.name, key, how=how)

    def heatings(self, sample: str) -> int:
        """Counts as the world does, from the server's journal."""
        bench = Bench(SEED, Faults(SEED, FLAWLESS))
        DistantLine(self.topics.name, bench, self.folder)
        return bench.firings_of(sample)

    @property
    def told(self) -> list[str]:
        """What the lab was told."""
        return [str(trouble) for trouble in self.troubles]


class Puppet:
    """An instrument that says what a test wants it to say."""

    def __init__(self, url: str, topics: Topics) -> None:
        where = Broker.at(url)
        self.topics = topics
        self._client = aiomqtt.Client(where.host, where.port)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        await self._client.subscribe(self.topics.questions)
        return self

    async def __aexit__(self, *trouble: object) -> None:
        await self._client.__aexit__(None, None, None)

    async def asked(self) -> Question:
        """The next question."""
        async with asyncio.timeout(240):
            return Question.model_validate_json((await anext(self._client.messages)).payload)

    async def answer(self, question: Question, kind: type[Any] = Standing, **fields: Any) -> None:
        """Answers a question."""
        said = {"schema": SCHEMA, "id": question.id, "key": question.key, "trace": question.trace}
        await self.say(self.topics.answers(question.client), kind(**(said | fields)).payload())

    async def say(self, topic: str, payload: bytes) -> None:
        """Says anything."""
        await self._client.publish(topic, payload)
