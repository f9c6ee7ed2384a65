"""Furnaces behind MQTT: the drivers, and for simulated ones the processes that play them.

A simulated furnace is a server program of its own. It keeps its journal in the campaign's folder, where the
simulated diffractometer reads what became of a vial; it ends with this process, however that ends; and when it
dies before, it is started again and goes on from its journal.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.drivers.mqtt import MqttSynthesiser
from contracts.errors import InstrumentError
from contracts.instruments import ActionState, Clock, StepKind, StepReport, StepRequest, Synthesiser
from contracts.wire import ROOT, Broker, Topics
from ops.children import Child
from simulators.bad_line import BadLine
from simulators.bench import Bench
from simulators.journal import Journal
from simulators.wire.distant import DistantLine

PASSWORD = "ATHANOR_MQTT_PASSWORD"  # noqa: S105  the variable's name
"""Environment variable that holds the password of the broker's user."""
SIMULATED_ROOT = "simulated"
"""First level of the topics of simulated furnaces: no real one ever listens there."""
READY_WITHIN = 60.0
"""Real seconds that a furnace's server may take to come up."""


@dataclass(frozen=True)
class Wire:
    """How the furnaces are reached."""

    broker: str
    """The broker's address."""
    told: Callable[[str], None]
    """Called with each trouble."""


@dataclass
class Furnaces:
    """All furnaces of a campaign, behind MQTT."""

    synthesisers: dict[str, Synthesiser] = field(default_factory=dict)
    """By name."""
    recalls: list[Callable[[], None]] = field(default_factory=list)
    """What lets the past of simulated ones draw its faults again."""
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    async def of(cls, names: Sequence[str], wire: Wire, clock: Clock, stage: Stage | None) -> Furnaces:
        """All of these names: real ones, or simulated ones on a stage.

        Raises:
            InstrumentError: the server of a simulated one does not come up.
        """
        furnaces = cls()
        joining = [furnaces.play(n, wire, clock, stage) if stage else furnaces.join(n, wire, clock) for n in names]
        try:
            ends = await asyncio.gather(*joining, return_exceptions=True)
        except asyncio.CancelledError:
            await furnaces.close()
            raise
        if failed := [end for end in ends if isinstance(end, BaseException)]:
            await furnaces.close()
            raise failed[0]
        furnaces.synthesisers = {name: furnaces.synthesisers[name] for name in names}
        return furnaces

    async def close(self) -> None:
        """Disconnects, and ends the processes that were started."""
        await self._open.aclose()

    async def join(self, name: str, wire: Wire, clock: Clock) -> None:
        """Connects to a furnace that is there, or will be."""
        self.synthesisers[name] = await self._connect(Topics(name, ROOT), wire, clock)

    async def play(self, name: str, wire: Wire, clock: Clock, stage: Stage) -> None:
        """Starts a simulated furnace and connects to it."""
        topics = Topics(name, f"{SIMULATED_ROOT}/{stage.campaign}")
        line = DistantLine(name, stage.bench, stage.folder)
        server = FurnaceServer(topics, wire, stage)
        self._open.push_async_callback(server.close)
        await server.open()
        far = BadLine(_Journalled(await self._connect(topics, wire, clock), line.journal), stage.bench.faults)
        self.synthesisers[name] = far
        self.recalls.append(far.recall)

    async def _connect(self, topics: Topics, wire: Wire, clock: Clock) -> MqttSynthesiser:
        driver = MqttSynthesiser(
            topics, Broker.at(wire.broker), clock, lambda e: wire.told(str(e)), password=os.environ.get(PASSWORD)
        )
        self._open.push_async_callback(driver.close)
        await driver.open()
        return driver


@dataclass(frozen=True)
class Stage:
    """What a simulated furnace is played with."""

    campaign: str
    """The campaign's name in the log."""
    bench: Bench
    """The hidden world, as this process sees it."""
    folder: Path
    """Where journals are kept."""


@dataclass
class _Journalled:
    """A driver, and the journal that its furnace keeps: the ledger of faults is recalled from it."""

    driver: MqttSynthesiser
    journal: Journal

    @property
    def name(self) -> str:
        return self.driver.name

    async def start(self, request: StepRequest) -> None:
        await self.driver.start(request)

    async def ask(self, key: str) -> ActionState:
        return await self.driver.ask(key)

    async def finish(self, key: str) -> StepReport:
        return await self.driver.finish(key)

    async def offers(self, step: StepKind) -> bool:
        return await self.driver.offers(step)


class FurnaceServer:
    """The process that plays a furnace, for as long as it is wanted."""

    def __init__(self, topics: Topics, wire: Wire, stage: Stage) -> None:
        self.name, self.wire = topics.name, wire
        self._up: asyncio.Future[bool] | None = None
        words = (
            "-m", "simulators.wire.mqtt_furnace", "--url", wire.broker, "--name", topics.name,
            "--root", topics.root, "--seed", str(stage.bench.seed), "--folder", str(stage.folder),
            "--faults", stage.bench.faults.rates.model_dump_json(), "--until-stdin-ends",
        )  # fmt: skip
        log = stage.folder / f"{topics.name}.log"
        self.child = Child(f"The server of {topics.name}", lambda: words, log, self._heard, self._died)

    async def open(self) -> None:
        """Starts it, and from then on again whenever it dies.

        Raises:
            InstrumentError: it does not come up, and its last words.
        """
        self._up = asyncio.get_running_loop().create_future()
        await self.child.open()
        try:
            async with asyncio.timeout(READY_WITHIN):
                up = await self._up
        except TimeoutError:
            up = False
        if not up:
            said = self.child.last_words() or "it said nothing."
            raise InstrumentError(self.name, f"Expected the server of {self.name} to come up, got: {said}")

    async def close(self) -> None:
        """Ends it."""
        await self.child.close()

    def _heard(self, _ready: Mapping[str, Any]) -> None:
        if self._up is not None and not self._up.done():
            self._up.set_result(True)

    def _died(self, words: str) -> None:
        if self._up is not None and not self._up.done():
            self._up.set_result(False)
        else:
            self.wire.told(f"{words} It goes on from its journal.")
