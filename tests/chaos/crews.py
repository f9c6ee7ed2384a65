"""Agents in two processes over one broker: what is left when one of them is killed while the other lives on."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import time
from pathlib import Path

from bus.server import EmbeddedServer
from tests.chaos.evidence import look
from tests.chaos.lives import LONGEST, SPEED, Observer, Tale, begin, finished, kill

CREWS = ("planner,trust_auditor,review_desk,scheduler", "synthesis_robot,xrd_analyser,retrainer")


async def crews(  # noqa: C901  one campaign, told from its first life to its last
    campaign: Path, out: Path, kills: int, dice: random.Random, seed: int
) -> Tale:
    """Two processes with some agents each, over a broker of their own: one of them is killed, the other lives on."""
    tale, server = Tale("crews"), await EmbeddedServer.start(out.with_suffix(".server"))
    logs = [out.with_suffix(f".{n}.log") for n in range(2)]
    alive: list[subprocess.Popen[bytes]] = []

    def start(n: int) -> subprocess.Popen[bytes]:
        shared = ["up", "--campaign", campaign, "--seed", seed, "--out", out, "--speed", SPEED, "--http-port", 0]
        return begin([*shared, "--nats", server.url, "--agents", CREWS[n]], logs[n])

    observer = Observer(server.folder)
    try:
        out.mkdir()
        alive.append(start(0))
        while not (out / "campaign.json").exists():
            await asyncio.sleep(0.05)
        alive.append(start(1))
        deadline = time.monotonic() + LONGEST
        while not await finished(observer):
            if time.monotonic() > deadline:
                tale.wrong.append(f"never finished: {[p.read_text(errors='replace')[-800:] for p in logs]}")
                return tale
            if tale.kills.total() < kills:
                began, n = time.monotonic(), dice.randint(0, 1)
                await asyncio.sleep(dice.random() * 6)
                tale.before.append(("crew of agents", await observer.log()))
                kill(alive[n].pid)
                alive[n].wait()
                tale.kills["crew of agents"] += 1
                alive[n] = start(n)
                tale.restarts["crew of agents"] += 1
                tale.seconds["crew of agents"] += time.monotonic() - began
                deadline = time.monotonic() + LONGEST
            else:
                await asyncio.sleep(0.2)
            for n, process in enumerate(alive):
                if process.poll() is not None:
                    tale.wrong.append(f"ended with {process.poll()}: {logs[n].read_text(errors='replace')[-1500:]}")
                    return tale
        for process in alive:
            process.send_signal(signal.SIGTERM)
        for process in alive:
            process.wait(120)
        tale.close(await look(server.url), out)
    finally:
        for process in alive:
            if process.poll() is None:
                process.kill()
            process.wait()
        await observer.close()
        await server.stop()
    return tale
