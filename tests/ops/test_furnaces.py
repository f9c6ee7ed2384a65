"""Furnace programs are started, kept running, and ended with whoever wanted them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.server import EmbeddedServer
from contracts.errors import InstrumentError
from contracts.instruments import ActionState
from contracts.wire import Topics
from ops import children, furnaces
from ops.furnaces import Furnaces, FurnaceServer, Stage, Wire
from simulators.bench import Bench
from simulators.faults import Faults, Message
from simulators.rates import FaultRates
from tests.agents.drivers.brokers import until
from tests.bus.test_server import alive
from tests.clock import SkippingClock
from tests.promises.synthesiser_promises import step
from tests.simulators.lab import FLAWLESS

SAYS_READY = "print('{}', flush=True)"
READY = f"{SAYS_READY}; import sys; sys.stdin.read()"


def _server(folder: Path, program: str, told: list[str]) -> FurnaceServer:
    """A server that runs a line of Python instead of a furnace."""
    stage = Stage("small-1", Bench(1, Faults(1, FLAWLESS)), folder)
    server = FurnaceServer(Topics("furnace-1"), Wire("mqtt://127.0.0.1:1", told.append), stage)
    server.child.words = lambda: ("-c", program)
    return server


async def test_a_program_that_does_not_come_up_is_told_in_its_own_words(tmp_path: Path) -> None:
    """It ends before it is ready: an error with the last line that it wrote."""
    server = _server(tmp_path, "import sys; sys.exit('Expected a furnace, got a toaster.')", [])
    with pytest.raises(InstrumentError, match="server of furnace-1 to come up, got: Expected a furnace, got a toaster"):
        await server.open()
    await server.close()


async def test_a_program_that_says_nothing_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs: after its time that is an error, and it is ended."""
    monkeypatch.setattr(furnaces, "READY_WITHIN", 0.2)
    server = _server(tmp_path, "import sys; sys.stdin.read()", [])
    with pytest.raises(InstrumentError, match="it said nothing"):
        await server.open()
    await server.close()
    assert server.child._process is not None
    assert server.child._process.returncode == 0


async def test_a_program_that_dies_is_started_again_and_that_is_told(tmp_path: Path) -> None:
    """Each time, with its exit code; the last one is ended in good order."""
    told: list[str] = []
    server = _server(tmp_path, READY, told)
    await server.open()
    pids = []
    for n in range(1, 3):
        assert server.child._process is not None
        pids.append(server.child._process.pid)
        os.kill(pids[-1], signal.SIGKILL)
        await until(lambda n=n: len(told) == n and server.child._process.pid not in pids)
    assert all("ended with code -9" in t for t in told)
    last = server.child._process
    await server.close()
    assert last.returncode == 0
    assert len(told) == 2


async def test_a_program_that_does_not_want_to_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing its stdin asks; after that nobody asks."""
    monkeypatch.setattr(children, "GOODBYE", 0.2)
    server = _server(tmp_path, f"{SAYS_READY}; import time; time.sleep(600)", [])
    await server.open()
    await server.close()
    assert server.child._process is not None
    assert server.child._process.returncode == -signal.SIGKILL


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    """A broker, and somebody who is told."""
    server = await EmbeddedServer.start(tmp_path / "broker", mqtt_port=-1)
    yield Wire(server.mqtt_url, list[str]().append)
    server.kill()


async def test_simulated_furnaces_work_side_by_side_and_end_together(tmp_path: Path, wire: Wire) -> None:
    """Each has its process, its journal and its topics; the world here sees what happens there."""
    bench = Bench(1, Faults(1, FLAWLESS))
    made = await Furnaces.of(["furnace-1", "furnace-2"], wire, SkippingClock(), Stage("small-1", bench, tmp_path))
    assert list(made.synthesisers) == ["furnace-1", "furnace-2"]
    for n, (name, furnace) in enumerate(made.synthesisers.items()):
        assert furnace.name == name
        await furnace.start(step("k", samples=(f"c-{n}-v1",)))
        assert (await furnace.finish("k")).succeeded
        assert [bench.firings_of(f"c-{m}-v1") for m in range(2)] == [1, n]
    pids = [int((tmp_path / f"{name}.lock").read_text().removeprefix("process ")) for name in made.synthesisers]
    assert all(map(alive, pids))
    await made.close()
    assert not any(map(alive, pids))


async def test_messages_of_simulated_furnaces_meet_their_fate(tmp_path: Path, wire: Wire) -> None:
    """Faults on the line strike behind a wire as they do without one, and are recalled from the furnace's journal."""
    rates = FLAWLESS.model_copy(update={"lost_message": 0.5})
    faults = Faults(3, rates)
    bench = Bench(3, faults)
    made = await Furnaces.of(["furnace-1"], wire, SkippingClock(), Stage("small-3", bench, tmp_path))
    furnace = made.synthesisers["furnace-1"]
    lost = [f"k-{n}" for n in range(20) if Faults(3, rates).message(f"k-{n}", "start") is Message.ANSWER_LOST]
    key = lost[0]
    with pytest.raises(InstrumentError, match="answer to the start"):
        await furnace.start(step(key))
    assert await furnace.ask(key) is ActionState.RUNNING
    assert (await furnace.finish(key)).succeeded
    struck = dict(faults.injected)
    assert struck
    faults.injected.clear()
    bench.recall()
    for recall in made.recalls:
        recall()
    assert faults.injected == struck
    await made.close()


async def test_real_furnaces_are_joined_and_not_started(tmp_path: Path, wire: Wire) -> None:
    """Without a stage nothing is started; whoever is asked waits for the furnace, which may come later."""
    made = await Furnaces.of(["furnace-1"], wire, SkippingClock(), None)
    asking = asyncio.create_task(made.synthesisers["furnace-1"].ask("k"))
    await asyncio.sleep(0.1)
    assert not asking.done()
    stage = Stage("x", Bench(1, Faults(1, FLAWLESS)), tmp_path)
    late = FurnaceServer(Topics("furnace-1"), wire, stage)
    await late.open()
    assert await asyncio.wait_for(asking, 60) is ActionState.NEVER_SEEN
    await made.close()
    await late.close()


async def test_one_that_fails_lets_go_of_all(tmp_path: Path, wire: Wire) -> None:
    """A second lab over the same journals: an error that names the first, and nothing of it is left running."""
    stage = Stage("small-1", Bench(1, Faults(1, FaultRates.none())), tmp_path)
    first = FurnaceServer(Topics("furnace-1"), wire, stage)
    await first.open()
    with pytest.raises(InstrumentError, match="in use by process"):
        await Furnaces.of(["furnace-1", "furnace-2"], wire, SkippingClock(), stage)
    second = int((tmp_path / "furnace-2.lock").read_text().removeprefix("process "))
    assert not alive(second)
    await first.close()
