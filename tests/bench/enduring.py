"""A lab in a process of its own for `tests.bench.endurance`: two light agents answer each other for ever.

It says how it is whenever it is asked on standard input, lives one life after the other as often as it is told to, and
may be killed at any moment. Whoever starts it has the broker, the ledger's writer and the witness.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from agents.agent import Agent, folds, on
from agents.memory import Memory
from agents.runtime import Lab, Runtime
from agents.runtime.snapshots import Snapshots
from agents.workers import Workers
from bus.blobs import BlobStore
from bus.guarding import Watched, guard
from bus.jetstream import JetStreamBus
from contracts.instruments import StepKind
from contracts.review import ReviewDecided
from contracts.synthesis import StepCompleted
from ops.accounts import keys_of
from ops.clock import RealClock
from ops.roll import call_roll
from ops.tally import Tally
from ops.telemetry.observatory import observe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CAMPAIGN = "endurance-0"
SPEED = 20_000.0
"""Lab seconds a second: half a year is quarter of an hour."""
CHAINS = 24
"""Conversations that go on at the same time."""
WORDS = "a step that is done again and again, so that somebody decides about it again and again. " * 4
"""Makes events of the usual size."""


class Turns(Memory):
    """How far each conversation is: as much after a hundred thousand events as after one."""

    last: dict[str, int] = Field(default_factory=dict)
    heard: int = 0


class Robot(Agent[Turns]):
    """Has done something for each decision."""

    name = "synthesis_robot"

    def __init__(self) -> None:
        super().__init__(Turns())

    @folds(ReviewDecided)
    def note(self, event: ReviewDecided) -> None:
        """Counts."""
        self.memory.heard += 1
        self.memory.last[event.reviewer] = int(event.review_id.rpartition("-")[2])

    @on(ReviewDecided)
    async def do(self, event: ReviewDecided) -> AsyncIterator[StepCompleted]:
        """The next one."""
        n = int(event.review_id.rpartition("-")[2]) + 1
        yield StepCompleted(
            run_id=event.reviewer, key=f"{event.reviewer}/{n}", step=StepKind.MILL, instrument="mill",
            sample_ids=(f"c-{n}-v1",), started_at=self.now, ended_at=self.now, readings=(), troubles=(),
        )  # fmt: skip


class Desk(Agent[Turns]):
    """Decides about each step."""

    name = "review_desk"

    def __init__(self) -> None:
        super().__init__(Turns())

    @folds(StepCompleted)
    def note(self, event: StepCompleted) -> None:
        """Counts."""
        self.memory.heard += 1
        self.memory.last[event.run_id] = int(event.key.rpartition("/")[2])

    @on(StepCompleted)
    async def decide(self, event: StepCompleted) -> AsyncIterator[ReviewDecided]:
        """Whatever it is."""
        yield decided(event.run_id, int(event.key.rpartition("/")[2]))


def decided(chain: str, n: int) -> ReviewDecided:
    """The n-th decision of a conversation."""
    return ReviewDecided(
        review_id=f"q-{n}", candidate_id=f"c-{n}", approved=True, reviewer=chain, simulated=True, reason=WORDS
    )


def tell(**words: object) -> None:
    """A line for whoever started us."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


class Living:
    """The process: one life after the other, and what each of them keeps in memory."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.lives = url, folder, 0
        self.bus: JetStreamBus | None = None
        self.runtime: Runtime | None = None
        self.agents: list[Agent[Turns]] = []
        self.guarding: asyncio.Task[None] | None = None
        self.observatory = observe(folder, CAMPAIGN, "endurance")
        self.tally = Tally()

    @property
    def events(self) -> int:
        """How much the agents have heard."""
        return sum(agent.memory.heard for agent in self.agents)

    async def begin(self) -> None:
        """A life, as `ops.lab` begins one."""
        self.bus = await JetStreamBus.connect(
            self.url, BlobStore(self.folder / "blobs"), within=60, keys=keys_of(self.folder)
        )
        clock, self.tally = RealClock(speed=SPEED), Tally()
        lab = Lab(self.bus, clock, clock, Workers(0), CAMPAIGN, 0, "endurance", self.observatory.telemetry)
        self.agents = [Robot(), Desk()]
        self.runtime = Runtime(lab, self.agents, Snapshots(self.folder / "snapshots"))
        self.runtime.watchers += [self.observatory.note, self.tally.note]
        await call_roll(self.bus, CAMPAIGN, keys_of(self.folder), clock.now())
        await self.runtime.start()
        for n in range(CHAINS):
            await self.runtime.say(decided(f"chain-{n}", 0), f"chain-{n}", "review_desk")
        behind = await self.bus.last_sequence()
        self.guarding = asyncio.create_task(guard(self.bus, _ignore, Watched(CAMPAIGN, behind)))
        self.lives += 1

    async def end(self) -> None:
        """Stops in good order, in the middle of the work."""
        assert self.runtime is not None
        assert self.bus is not None
        assert self.guarding is not None
        self.guarding.cancel()
        await asyncio.wait({self.guarding})
        if self.runtime.failure.done():
            self.runtime.failure.result()
        await self.runtime.stop("the next life begins")
        await self.bus.close()

    async def live(self, events: int) -> None:
        """Goes on until so many more were heard."""
        assert self.runtime is not None
        goal = self.events + events
        while self.events < goal and not self.runtime.failure.done():
            await asyncio.sleep(0.02)
        if self.runtime.failure.done():
            self.runtime.failure.result()

    def look(self) -> dict[str, Any]:
        """What this process keeps, by its own count."""
        assert self.runtime is not None
        assert self.bus is not None
        voice = self.runtime._voice
        gc.collect()
        return {
            "lives": self.lives,
            "heard": self.events,
            "asyncio tasks": len(asyncio.all_tasks()),
            "ids that the voice knows": len(voice._known),
            "roots": len(voice.roots),
            "unfinished, past": len(voice._unfinished) + len(voice._past),
            "places not looked at": len(self.bus.said),
            "kept by the tally": len(self.tally.alarms) + len(self.tally.trajectory) + len(self.tally.set_aside),
            "objects": len(gc.get_objects()),
        }


async def _ignore(words: str) -> None:
    raise AssertionError(words)


def _largest(before: tracemalloc.Snapshot) -> list[str]:
    """Lines whose memory has grown most since a snapshot."""
    grown = tracemalloc.take_snapshot().compare_to(before, "lineno")
    return [str(line) for line in grown[:12]]


async def obey(url: str, folder: Path, *, trace: bool) -> None:
    """Does what it is told until its input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    living = Living(url, folder)
    await living.begin()
    tell(said="ready")
    before: tracemalloc.Snapshot | None = None
    async for line in reader:
        asked = json.loads(line)
        for _ in range(asked.get("restarts", 0)):
            await living.end()
            await living.begin()
            await living.live(asked["each"])
        await living.live(asked.get("live", 0))
        told = living.look()
        if trace and before is None:
            tracemalloc.start(4)
            before = tracemalloc.take_snapshot()
        tell(said="seen", **told, **({"lines": _largest(before)} if asked.get("largest") and before else {}))
    with suppress(Exception):
        await living.end()
    living.observatory.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--trace", action="store_true")
    given = parser.parse_args()
    asyncio.run(obey(given.url, given.folder, trace=given.trace))
