"""What grows in a lab that runs for long: memory, descriptors, threads, tasks, consumers, snapshots.

``python -m tests.bench.endurance [--events 100000] [--restarts 1000] [--processes 50] [--trace]``

A real nats-server, the ledger's writer and its witness, and agents in a process of their own (`tests.bench.enduring`)
that answer each other in time-lapse, 20 000 lab seconds a second. First one life of so many events, then so many
restarts of the runtime in that process (connection, snapshots, consumers and agents anew, in the middle of the work),
then so many processes, each other one killed.

The rule. The first third of each part is warming up and is not judged. What is counted (descriptors, threads,
consumers, connections, subscriptions, files) is flat exactly: its most in the last third of the looks is not above its
most in the third before. What goes up and down with the work of the moment, and every size, is flat if its slope, with
twice its standard error from the means of ten blocks taken off, would add no more than 2 % of the mean over what was
looked at. The broker's memory is judged when ten real minutes have passed: until then the ids gather by which it knows
repeated messages (`tests.bench.broker_memory` measures those alone). The agents' process keeps the bytes of its last
8192 events, so that less than 25 000 events tell nothing of its memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bus.blobs import BlobStore
from bus.jetstream import JetStreamBus
from bus.keeping import kept_alive
from bus.server import EmbeddedServer
from bus.topology import DUPLICATE_WINDOW
from ops.accounts import keys_of, users_of
from ops.notary import Notary
from ops.order import OUR_OWN
from tests.bench.enduring import CAMPAIGN
from tests.bench.slopes import EXACT, Part
from tests.system.console import ROOT, environment

LOOKS = 60
"""Looks at each part."""
FILLING = {"broker: MB in memory": float(DUPLICATE_WINDOW)}
"""What takes so many real seconds until nothing more is added to it."""
GLANCES = 5
"""Times that is counted for one look; the least counts, because a file may be open for a moment."""
EACH = 8
"""Events that are heard between two restarts."""
MB = 1e6


class Lab:
    """Everything that runs, and what it takes."""

    def __init__(self, folder: Path, server: EmbeddedServer, notary: Notary, *, trace: bool) -> None:
        self.folder, self.server, self.notary, self.trace = folder, server, notary, trace
        self.agents: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts the process of the agents."""
        words = ["--url", self.server.url, "--folder", str(self.folder), *(["--trace"] if self.trace else [])]
        with (self.folder / "agents.log").open("ab") as log:
            self.agents = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.bench.enduring", *words, stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=log, env=environment(), cwd=ROOT,
            )  # fmt: skip
        await self.heard()

    async def say(self, **words: Any) -> dict[str, Any]:
        """Tells the agents' process what to do, and hears what became of it."""
        assert self.agents is not None
        assert self.agents.stdin is not None
        self.agents.stdin.write(json.dumps(words).encode() + b"\n")
        return await self.heard()

    async def heard(self) -> dict[str, Any]:
        """Its next line."""
        assert self.agents is not None
        assert self.agents.stdout is not None
        line = await self.agents.stdout.readline()
        if not line:
            sys.exit((self.folder / "agents.log").read_text(errors="replace")[-3000:])
        told: dict[str, Any] = json.loads(line)
        return told

    async def end(self, *, kill: bool) -> None:
        """Ends the agents' process, in good order or not."""
        assert self.agents is not None
        assert self.agents.stdin is not None
        if kill:
            self.agents.send_signal(signal.SIGKILL)
        self.agents.stdin.close()
        await self.agents.wait()

    async def look(self) -> dict[str, float]:
        """What all of it takes now."""
        taken = self._glance()
        for _ in range(GLANCES - 1):
            await asyncio.sleep(0.05)
            again = self._glance()
            taken = {n: min(value, again.get(n, value)) if n.endswith(EXACT) else value for n, value in taken.items()}
        return taken

    def _glance(self) -> dict[str, float]:
        assert self.agents is not None
        pids = {
            "agents": self.agents.pid,
            "broker": self.server.pid,
            "ledger writer": self.notary.pids["writer"],
            "witness": self.notary.pids["witness"],
        }
        taken: dict[str, float] = {}
        for name, pid in pids.items():
            if not pid:
                continue
            told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            taken[f"{name}: MB in memory"] = int(told["VmRSS"].split()[0]) * 1024 / MB
            taken[f"{name}: descriptors"] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            taken[f"{name}: threads"] = int(told["Threads"])
        kept = [path.stat().st_size for path in (self.folder / "snapshots").glob("*.json")]
        return taken | self._of_the_broker() | {"snapshots: kB on disk": sum(kept) / 1e3, "snapshots: files": len(kept)}

    def _of_the_broker(self) -> dict[str, float]:
        streams = self._asked("jsz?consumers=true&streams=true&config=false")
        return {
            "broker: consumers": streams["consumers"],
            "broker: streams": streams["streams"],
            "broker: connections": self._asked("connz")["num_connections"],
            "broker: subscriptions": self._asked("subsz")["num_subscriptions"],
        }

    def _asked(self, what: str) -> dict[str, Any]:
        url = f"{self.server.monitor_url}/{what}"
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310  our own loopback server
            told: dict[str, Any] = json.load(answer)
            return told


Look = Callable[[Lab, int], Awaitable[Part]]
"""Goes on for so long, and looks meanwhile."""


async def _events(lab: Lab, events: int) -> Part:
    part = Part("One life", 10_000, "events", FILLING)
    for _ in range(LOOKS):
        told = await lab.say(live=max(1, events // LOOKS))
        part.note(told["heard"], _of_agents(told) | await lab.look())
    return part


async def _restarts(lab: Lab, restarts: int, looks: int = LOOKS) -> Part:
    part = Part("Restarts of the runtime", 100, "restarts", FILLING)
    for _ in range(looks):
        told = await lab.say(restarts=max(1, restarts // looks), each=EACH)
        part.note(told["lives"], _of_agents(told) | await lab.look())
    return part


async def _processes(lab: Lab, processes: int) -> Part:
    part = Part("Processes, each other one killed", 10, "processes", FILLING)
    for n in range(processes):
        await lab.end(kill=n % 2 == 0)
        await lab.start()
        told = await lab.say(live=100)
        part.note(n, _of_agents(told) | await lab.look())
    return part


def _of_agents(told: dict[str, Any]) -> dict[str, float]:
    return {f"agents: {name}": n for name, n in told.items() if name not in ("said", "lives", "heard")}


@asynccontextmanager
async def running(folder: Path, *, trace: bool = False) -> AsyncIterator[Lab]:
    """A lab that runs: broker, ledger, witness and agents."""
    server = await EmbeddedServer.start(folder / "store", users=users_of(CAMPAIGN, folder))
    try:
        async with kept_alive(server, lambda: None):
            bus = await JetStreamBus.connect(server.url, BlobStore(folder / "blobs"), keys=keys_of(folder))
            notary = Notary(folder, server.url, OUR_OWN, lambda _: None, lambda alarm: sys.exit(alarm.detail))
            lab = Lab(folder, server, notary, trace=trace)
            try:
                await notary.open()
                await notary.agreed()
                await lab.start()
                yield lab
                await lab.end(kill=False)
                await notary.caught_up(await bus.last_sequence())
            finally:
                if lab.agents is not None and lab.agents.returncode is None:
                    lab.agents.kill()
                await notary.close()
                await bus.close()
    finally:
        await server.stop()


async def restarted(folder: Path, restarts: int) -> Part:
    """Looks at each of so many restarts of the runtime."""
    async with running(folder) as lab:
        return await _restarts(lab, restarts, restarts)


async def endure(folder: Path, times: Mapping[Look, int], *, trace: bool) -> list[str]:
    """All parts, one after the other; the names of what is not flat."""
    begun, growing = time.monotonic(), list[str]()
    async with running(folder, trace=trace) as lab:
        for look, wanted in times.items():
            if wanted:
                growing += (await look(lab, wanted)).tell()
                print(f"{lab.notary.size or 0:,} entries in the ledger, {time.monotonic() - begun:.0f} s")
        if trace:
            print("\n".join((await lab.say(largest=True))["lines"]))
    print(f"\nledger: {lab.notary.size:,} entries, cosigned: {lab.notary.cosigned}")
    return growing


def main() -> None:
    """Reads the command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=100_000)
    arguments.add_argument("--restarts", type=int, default=1_000)
    arguments.add_argument("--processes", type=int, default=50)
    arguments.add_argument("--trace", action="store_true", help="tell which lines keep most of what is kept")
    given = arguments.parse_args()
    times = {_events: given.events, _restarts: given.restarts, _processes: given.processes}
    with tempfile.TemporaryDirectory(prefix="athanor-endurance-") as folder:
        growing = asyncio.run(endure(Path(folder), times, trace=given.trace))
    print(f"\nnot flat: {', '.join(growing)}" if growing else "\nall flat")
    sys.exit(1 if growing else 0)


if __name__ == "__main__":
    main()
