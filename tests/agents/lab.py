"""A life of a laboratory on the bus in memory: from a start to rest, a failure, or a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from agents.planner import Planner
from agents.retrainer import Retrainer
from agents.review_desk import ReviewDesk
from agents.runtime import Lab, Runtime
from agents.runtime.snapshots import Snapshots
from agents.scheduler import Scheduler
from agents.synthesis_robot import SynthesisRobot
from agents.trust_auditor import TrustAuditor
from agents.workers import Workers
from agents.xrd_analyser import XrdAnalyser
from bus.codec import decode
from bus.memory import MemoryBus
from bus.protocol import Receipt, Recorded
from bus.subjects import is_dead_letter
from contracts.campaigns import CampaignStarted
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.event import Event
from contracts.identifiers import root_id
from contracts.presence import AgentFaulted
from ops.clock import VirtualClock
from tests.agents.world import World
from tests.contracts.examples import EPOCH, plan

CAMPAIGN = "test"
PRESENCE = "presence."


class MortalBus:
    """The bus as a process sees it that dies at its n-th publication, before or after it was stored."""

    def __init__(self, bus: MemoryBus, dies_at: int | None = None, *, stored: bool = True) -> None:
        self.bus, self.dies_at, self.stored = bus, dies_at, stored
        self.published = 0
        self.dead = asyncio.Event()
        self.blobs = bus.blobs
        self.subscribe, self.acknowledged, self.read = bus.subscribe, bus.acknowledged, bus.read
        self.last_sequence, self.close = bus.last_sequence, bus.close

    async def publish(self, envelope: Envelope) -> Receipt:
        self.published += 1
        if self.dies_at is not None and self.published >= self.dies_at:
            if self.published == self.dies_at and self.stored:
                await self.bus.publish(envelope)
            self.dead.set()
            await asyncio.Event().wait()  # the dead say nothing and hear nothing
        return await self.bus.publish(envelope)


@dataclass
class Life:
    """What came of a life."""

    runtime: Runtime
    clock: VirtualClock
    published: int
    died: bool = False


@dataclass
class House:
    """A bus that outlives the processes on it, and how they are started."""

    crew: Callable[[VirtualClock], Sequence]
    root: Event
    then: Sequence[Event] = ()
    """What comes from outside after the root, each when the last one has been dealt with; once for all lives."""
    bus: MemoryBus = field(default_factory=MemoryBus)
    workers: object = field(default_factory=lambda: Workers(0))
    seed: int = 7
    meanwhile: Callable[[Runtime, VirtualClock], object] | None = None
    """Something from outside, done when the lab has come to rest; returns an awaitable."""
    snapshots: Callable[[], Snapshots] | None = None
    """Where memories are kept over lives, if they are."""

    async def latest(self) -> datetime:
        """The time at which a new life begins: that of the last event, as `ops` does it."""
        return max([envelope.time for _, envelope in self.past()], default=EPOCH)

    def past(self) -> list[tuple[int, Envelope]]:
        """Place and envelope of all that can be read; dead letters and garbage are passed over."""
        found = []
        for stored in self.bus.log:
            if not is_dead_letter(stored.subject):
                with suppress(ContractError):
                    found.append((stored.sequence, decode(stored.payload)))
        return found

    async def live(self, dies_at: int | None = None, *, stored: bool = True, stop: bool = False) -> Life:
        """One life, to rest or to death."""
        clock = VirtualClock(await self.latest())
        bus = MortalBus(self.bus, dies_at, stored=stored)
        lab = Lab(bus, clock, clock, self.workers, CAMPAIGN, self.seed, "0.0.0")
        runtime = Runtime(lab, self.crew(clock), self.snapshots() if self.snapshots else None)
        life = Life(runtime, clock, 0)
        end = asyncio.create_task(self._to_rest(runtime, clock))
        death = asyncio.create_task(bus.dead.wait())
        try:
            async with asyncio.timeout(300):
                await asyncio.wait({end, death, runtime.failure}, return_when=asyncio.FIRST_COMPLETED)
            if runtime.failure.done():
                runtime.failure.result()
            if end.done():
                end.result()
                if stop:
                    await runtime.stop("asked to")
        finally:
            for task in (end, death):
                task.cancel()
            for seat in runtime.seats:
                await seat.leave()
            await asyncio.gather(end, death, return_exceptions=True)
        life.died, life.published = bus.dead.is_set(), bus.published
        return life

    async def _to_rest(self, runtime: Runtime, clock: VirtualClock) -> None:
        await runtime.start()
        await runtime.say(self.root, "root", "test")
        await clock.rest()
        for n, event in enumerate(self.then):
            await runtime.say(event, f"then/{n}", "test")
            await clock.rest()
        if self.meanwhile is not None:
            await self.meanwhile(runtime, clock)
            await clock.rest()

    async def hear(self, *events: Event, at_once: bool = False) -> list[Event]:
        """One life in which these events come from outside; what the agents said.

        Each is said when the last one has been dealt with, or all before the first one is heard.
        """
        before = await self.bus.last_sequence()

        async def speak(runtime: Runtime, clock: VirtualClock) -> None:
            if at_once:
                async with clock.outside():  # nobody else has a turn meanwhile
                    for n, event in enumerate(events):
                        await runtime._voice.say(event, root_id(CAMPAIGN, f"said/{before}/{n}"), "test")
                return
            for n, event in enumerate(events):
                await runtime.say(event, f"said/{before}/{n}", "test")
                await clock.rest()

        self.meanwhile = speak
        try:
            await self.live()
        finally:
            self.meanwhile = None
        said = [e for sequence, e in self.past() if sequence > before and not e.type.startswith(PRESENCE)]
        return [e.data for e in said if e.source != "/agents/test"]

    def forget_acknowledgements(self, after: int) -> None:
        """A crash between storing and acknowledging: what lies behind `after` will be delivered again."""
        for durable in self.bus._durables.values():
            durable.done = {sequence for sequence in durable.done if sequence <= after}

    async def faults(self) -> list[AgentFaulted]:
        """Mistakes of the program that were recorded."""
        return await self.events(AgentFaulted)

    async def log(self) -> list[Recorded]:
        """Everything that was said, presence aside."""
        return [r async for r in self.bus.read(CAMPAIGN) if not r.envelope.type.startswith(PRESENCE)]

    async def events(self, *kinds: type[Event]) -> list[Event]:
        """What was said, in order."""
        said = [r.envelope.data async for r in self.bus.read(CAMPAIGN)]
        return [e for e in said if isinstance(e, kinds)] if kinds else said

    async def payloads(self) -> list[bytes]:
        """Stored bytes of everything that was said, presence aside."""
        return [r.payload for r in await self.log()]


def started(**changes: object) -> CampaignStarted:
    """The first event of a small campaign."""
    return CampaignStarted(
        plan=plan(**changes), seed=7, code_version="0.0.0", library_sha256="0" * 64, virtual=True, simulated=("all",)
    )


def campaign(world: World, root: CampaignStarted | None = None, **changes: object) -> House:
    """The whole crew over a world of fakes."""

    def crew(clock: VirtualClock) -> list:
        world.clock = clock
        return [
            Planner(),
            TrustAuditor(),
            ReviewDesk(world.reviewer),
            Scheduler(),
            SynthesisRobot(world.synthesisers),
            XrdAnalyser(world.diffractometer),
            Retrainer(),
        ]

    return House(crew, root or started(**changes), workers=world.workers)
