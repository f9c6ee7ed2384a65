"""Campaigns whose processes are killed at random moments and started again until they come to their end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bus.blobs import MemoryBlobs
from bus.errors import BusError
from bus.jetstream import JetStreamBus
from bus.protocol import Recorded
from contracts.campaigns import CampaignFinished
from tests.bus.test_server import alive
from tests.chaos.evidence import Findings, Seen, examine, lost, seen
from tests.system.console import command, environment, read_log

SPEED = 20_000
QUIET = 3.0
"""Real seconds after which it is looked whether the campaign has come to its end."""
LONGEST = 400.0
"""Real seconds after which a life that neither goes on nor ends is a finding."""


@dataclass
class Tale:
    """What was done to one campaign, and what came of it."""

    what: str
    kills: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    before: list[tuple[str, Seen]] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    same_decisions: bool | None = None
    wrong: list[str] = field(default_factory=list)

    def close(self, log: list[Recorded], out: Path) -> None:
        """Looks at everything at the end."""
        after = seen(log)
        for what, before in self.before:
            self.lost[what] += lost(before, after)
        self.findings = examine(log, out / "instruments")

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong and self.findings.clean and not self.lost.total() and self.same_decisions is not False


class Observer:
    """A connection of our own to the broker of a folder, as soon as there is one."""

    def __init__(self, store: Path) -> None:
        self.store, self.bus = store, None

    async def last(self) -> int | None:
        """Place of the last event; none while nobody answers."""
        try:
            if self.bus is None:
                ports = next((self.store / "run").glob("*.ports"))
                url = json.loads(ports.read_text())["nats"][0]
                async with asyncio.timeout(3):
                    self.bus = await JetStreamBus.connect(url, MemoryBlobs(), within=2)
            async with asyncio.timeout(2):
                return await self.bus.last_sequence()
        except (OSError, ValueError, LookupError, StopIteration, TimeoutError, BusError):
            await self.close()  # the next broker listens elsewhere, and one that is about to die was perhaps met
            return None

    async def log(self) -> Seen:
        """Everything that stands in the log now."""
        try:
            async with asyncio.timeout(5):
                return seen([r async for r in self.bus.read()]) if self.bus else {}
        except TimeoutError:
            return {}  # there is no broker to ask

    async def close(self) -> None:
        if self.bus is not None:
            with suppress(BusError, TimeoutError):
                async with asyncio.timeout(2):
                    await self.bus.close()
            self.bus = None


def begin(arguments: list[object], log: Path) -> subprocess.Popen[bytes]:
    """A process of the command, whose words go into a file."""
    with log.open("ab") as file:
        return subprocess.Popen(command(*arguments), stdout=file, stderr=file, env=environment())


@asynccontextmanager
async def running(arguments: list[object], log: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A process of the command, killed in the end if it still runs."""
    process = begin(arguments, log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def kill(pid: int) -> None:
    """SIGKILL."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def broker_of(store: Path) -> int | None:
    """Process of the nats-server over a store, if it has come up."""
    names = [p.stem for p in (store / "run").glob("nats-server_*.ports")] if store.is_dir() else []
    return int(names[0].rpartition("_")[2]) if names else None


def furnace_of(out: Path, dice: random.Random) -> int | None:
    """A process that plays a furnace behind MQTT, if one is running."""
    pids = [int(p.read_text().removeprefix("process ")) for p in sorted((out / "instruments").glob("*.lock"))]
    living = [p for p in pids if alive(p)]
    return dice.choice(living) if living else None


def worker_of(parent: int) -> int | None:
    """A worker process, if there is one."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            parts = (path / "stat").read_text().rpartition(")")[2].split()
            if int(parts[1]) == parent and b"spawn_main" in (path / "cmdline").read_bytes():
                return int(path.name)
    return None


async def settled(observer: Observer, process: subprocess.Popen[bytes], grown: int, dice: random.Random) -> bool:
    """Waits until the log has grown by so many events; whether the process still lives and has more to say.

    A daemon whose campaign is finished lives on and says nothing any more.
    """
    began, first = time.monotonic(), None
    look = began + QUIET
    while process.poll() is None:
        if time.monotonic() > look:
            if await finished(observer):
                return False
            look = time.monotonic() + QUIET
        if time.monotonic() - began > LONGEST:
            raise TimeoutError(f"Expected the log to grow by {grown} events, got a life that neither goes on nor ends")
        last = await observer.last()
        if last is not None:
            first = last if first is None else first
            if last - first >= grown:
                await asyncio.sleep(dice.random() * 0.05)
                return process.poll() is None
        await asyncio.sleep(0.01)
    return False


VICTIMS = {
    "virtual": {"process": 4, "broker": 4, "worker": 3},
    "wired": {"furnace server": 5, "process": 2, "broker": 2},
}
"""What is killed, and how often in comparison."""


async def virtual(campaign: Path, out: Path, kills: int, dice: random.Random, seed: int) -> Tale:
    """`athanor run` in virtual time: the whole process, its broker and its worker are killed.

    Args:
        campaign: the file.
        out: the folder, which is new.
        kills: how many at most.
        dice: choose what and when.
        seed: the campaign's.
    """
    return await _lives("virtual", campaign, out, kills, dice, seed)


async def wired(campaign: Path, out: Path, kills: int, dice: random.Random, seed: int) -> Tale:
    """The same with furnaces behind MQTT, whose servers are killed too."""
    text = campaign.read_text(encoding="utf-8")
    near, far = 'synthesis = "simulated"', 'synthesis = "mqtt"\nsimulate_furnace = true'
    assert near in text
    there = campaign.with_name("wired.toml")
    there.write_text(text.replace(near, far), encoding="utf-8")
    return await _lives("wired", there, out, kills, dice, seed)


async def _lives(life: str, campaign: Path, out: Path, kills: int, dice: random.Random, seed: int) -> Tale:
    victims = VICTIMS[life]
    tale, arguments = Tale(life), ["run", campaign, "--seed", seed, "--out", out, "--json"]
    log, agents = out.with_suffix(".log"), 7
    worker_spared_until = 0
    while True:
        began = time.monotonic()
        observer, what = Observer(out / "store"), "process"
        async with running(arguments, log) as process:
            fresh = True
            while process.poll() is None and tale.kills.total() < kills:
                began = time.monotonic()
                if fresh and dice.random() < 0.25:
                    await asyncio.sleep(dice.random() * 4)  # while it starts
                elif not await settled(observer, process, dice.randint(0, 9) + agents * fresh, dice):
                    break
                fresh, place = False, await observer.last() or 0
                choice = dice.choices([*victims], [*victims.values()])[0]
                victim = _victim(choice, process.pid, out, dice, spare_worker=place < worker_spared_until)
                what = choice if victim is not None else "process"
                tale.before.append((what, await observer.log() if place else {}))
                kill(victim or process.pid)
                tale.kills[what] += 1
                if what == "process":
                    process.wait()
                    break
                tale.restarts[what] += 1  # of the victim, by the process itself
                if what == "worker":
                    worker_spared_until = place + 8  # twice over the same work is another promise
                tale.seconds[what] += time.monotonic() - began
            await observer.close()
            deadline = time.monotonic() + LONGEST  # killed often enough, or its campaign is over and it only tells so
            while process.poll() is None and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            code = process.poll()
        if code is None or code not in (0, -signal.SIGKILL):
            tale.wrong.append(f"ended with {code}: {log.read_text(errors='replace')[-1500:]}")
            return tale
        tale.seconds["process"] += time.monotonic() - began
        if code == 0:
            break
        tale.restarts["process"] += 1
    (out / "copy").mkdir()
    tale.close(await read_log(out, out / "copy"), out)
    return tale


def _victim(choice: str, pid: int, out: Path, dice: random.Random, *, spare_worker: bool) -> int | None:
    if choice == "broker":
        return broker_of(out / "store")
    if choice == "furnace server":
        return furnace_of(out, dice)
    if choice == "worker" and not spare_worker:
        return worker_of(pid)
    return None


async def daemon(  # noqa: C901  one campaign, told from its first life to its last
    campaign: Path, out: Path, kills: int, dice: random.Random, seed: int
) -> Tale:
    """`athanor up` in time-lapse: the daemon or its broker alone; the latter comes back by itself."""
    tale = Tale("daemon")
    arguments = ["up", "--campaign", campaign, "--seed", seed, "--out", out, "--speed", SPEED, "--http-port", 0]
    log = out.with_suffix(".log")
    while True:
        observer = Observer(out / "store")
        async with running(arguments, log) as process:
            fresh = True
            while True:
                began = time.monotonic()
                over = await finished(observer)
                if over or tale.kills.total() >= kills:
                    break
                if not await settled(observer, process, dice.randint(0, 6) + 7 * fresh, dice):
                    break
                fresh = False
                what = "daemon" if dice.random() < 0.4 else "broker under a daemon"
                tale.before.append((what, await observer.log()))
                kill(process.pid if what == "daemon" else broker_of(out / "store") or process.pid)
                tale.kills[what] += 1
                tale.restarts[what] += 1
                if what == "daemon":
                    process.wait()
                tale.seconds[what] += time.monotonic() - began
                if what == "daemon":
                    break
            deadline = time.monotonic() + LONGEST
            while process.poll() is None and not (over := await finished(observer)):
                if time.monotonic() > deadline:
                    tale.wrong.append(f"never finished: {log.read_text(errors='replace')[-1500:]}")
                    return tale
                await asyncio.sleep(0.1)
            if over:
                process.send_signal(signal.SIGTERM)
                process.wait(120)
            code = process.poll()
        await observer.close()
        if code == 0:
            break
        if code != -signal.SIGKILL:
            tale.wrong.append(f"ended with {code}: {log.read_text(errors='replace')[-1500:]}")
            return tale
    (out / "copy").mkdir()
    tale.close(await read_log(out, out / "copy"), out)
    return tale


async def finished(observer: Observer) -> bool:
    """Whether the campaign has come to its end."""
    if await observer.last() is None or observer.bus is None:
        return False
    try:
        async with asyncio.timeout(5):
            return any([isinstance(r.envelope.data, CampaignFinished) async for r in observer.bus.read()])
    except TimeoutError:
        return False


def summary_of(out: Path) -> dict[str, Any]:
    """What the last life of a campaign said of it."""
    told: dict[str, Any] = json.loads((out / "report" / "summary.json").read_text())
    return told
