"""Listens for agents, lets them fold and react, and acknowledges when everything that they yielded is stored.

Per agent there is one durable consumer, read in stream order. A delivery is folded, then reacted to; it is
acknowledged when everything that was yielded is stored, and never before an earlier one. After a crash memory
is folded up to the acknowledged position and the rest is delivered again: reactions repeat themselves, and
what is already in the log is not said twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from typing import Any, ParamSpec, TypeVar

from agents.agent import MOMENT, Agent
from agents.errors import SeatTakenError
from agents.runtime.lab import Lab, moment_of
from agents.runtime.parked import ParkedWork
from agents.runtime.reacting import ATTEMPTS, BACKOFF, Reacting, Reactor
from agents.runtime.recalling import Recall
from agents.runtime.seats import Seat, Work
from agents.runtime.shelf import Shelf
from agents.runtime.snapshots import Anchor, Snapshots, chained
from agents.runtime.taking_up import TakingUp
from agents.runtime.voice import Voice
from bus.protocol import Recorded
from contracts.event import Event
from contracts.identifiers import root_id
from contracts.materials import ArtifactRef
from contracts.presence import AgentStarted, AgentStopped, LabTroubled, TroubleKind, WorkTakenUp

__all__ = ["ATTEMPTS", "BACKOFF", "Runtime"]

P = ParamSpec("P")
R = TypeVar("R")


class Runtime:
    """Runs agents on a bus until it is stopped.

    Attributes:
        watchers: called with each event after it is stored, for the console; they must not act on it.
        failure: ends with the error that the run cannot go on after.
        shelf: what was set aside.
        reactor: runs the reactions, and knows what waits until a trouble is over.
    """

    def __init__(self, lab: Lab, agents: Sequence[Agent[Any]], snapshots: Snapshots | None = None) -> None:
        self.lab = lab
        self.seats = [Seat(agent, order) for order, agent in enumerate(agents)]
        self.watchers: list[Callable[[Recorded], None]] = []
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure.add_done_callback(lambda done: done.cancelled() or done.exception())  # whoever looks, or nobody
        self._voice = Voice(lab, self._stored)
        self._voice.noticed = self._hear_of
        self.shelf = Shelf(self.seats)
        self.reactor = Reactor(lab, self._voice, self.shelf)
        self.reactor.ended = self._fail
        self._taking_up = TakingUp(lab, self._voice, self.shelf)
        self._recall = Recall(lab, self._voice, snapshots, self.seats, self.shelf) if snapshots else None
        self._stopping = False
        for agent in agents:
            agent.attach(self)

    # what agents may use -------------------------------------------------------------------------

    async def compute(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs `fn` in a worker process."""
        with self.lab.telemetry.computation(getattr(fn, "__name__", type(fn).__name__)):
            return await self.lab.workers.run(fn, *args, **kwargs)

    async def fetch(self, ref: ArtifactRef) -> bytes:
        """The content of an artefact, checked against its digest."""
        return await asyncio.to_thread(self.lab.bus.blobs.get, ref)

    async def keep(self, content: bytes, media_type: str, name: str) -> ArtifactRef:
        """Stores an artefact."""
        return await asyncio.to_thread(self.lab.bus.blobs.put, content, media_type, name)

    async def wait_until(self, when: datetime) -> None:
        """Returns when the lab's clock shows `when`."""
        await self.lab.clock.sleep_until(when)

    # life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Folds the past, says that the agents are there, and begins to listen.

        Raises:
            SeatTakenError: another process runs one of these agents in this campaign.
            FoldError: an agent cannot remember what is in the log.
        """
        floors = await self._floors()
        behind = await self._recall.restore(floors) if self._recall else 0
        async for recorded in self._voice.read(behind + 1):
            self._remember_past(recorded, floors)
        if self._recall:
            await self._recall.keep_past()
        for seat in self.seats:
            await self._voice.claim(
                AgentStarted(
                    agent=seat.name,
                    start=seat.starts + 1,
                    code_version=self.lab.code_version,
                    folded=seat.folded,
                    memory_sha256=seat.agent.memory.digest(),
                )
            )
        await self._tell_doubts()
        for name, floor in (await self._floors()).items():
            if floor != floors[name]:  # somebody has gone on while the past was being read
                start = next(s.starts for s in self.seats if s.name == name) + 1
                raise SeatTakenError(name, start, "another that is at work")
        for seat in self.seats:
            kinds: set[type[Event]] = {*seat.agent.kinds(), WorkTakenUp}
            seat.subscription = await self.lab.bus.subscribe(self._durable(seat), self.lab.campaign, kinds)
        for seat in self.seats:
            seat.tasks.append(self._guarded(self._listen(seat)))
            if (heard := seat.agent.heard()) is not None:
                watching = ExitStack()
                watching.enter_context(self.lab.turns.watch())  # from now on, and not from the task's first step
                seat.tasks.append(self._guarded(self._hear(seat, heard, watching)))

    async def _tell_doubts(self) -> None:
        """Puts on record which snapshots were not used, and why."""
        for n, reason in enumerate(self._recall.reasons if self._recall else ()):
            first = self.seats[0]
            event_id = root_id(self.lab.campaign, f"snapshots/{first.name}/{first.starts + 1}/{n}")
            await self._voice.say(LabTroubled(trouble=TroubleKind.DISK, reason=reason), event_id, first.name)
        if self._recall:
            soon = asyncio.get_running_loop().call_soon_threadsafe
            self._recall.told = lambda reason: soon(self.reactor.troubled, TroubleKind.DISK, reason)

    async def recall(self) -> None:
        """Folds everything that is in the log and takes no part."""
        async for recorded in self._voice.read():
            for seat in self.seats:
                if type(recorded.envelope.data) in seat.agent.kinds():
                    self._fold(seat, recorded)

    async def stop(self, reason: str) -> None:
        """Begins nothing new, lets go of what waits, and says that the agents are gone."""
        self._stopping = self.reactor.stopping = True
        for seat in self.seats:
            await seat.leave()
            if self._recall:
                await self._recall.keep_last(seat)
        for seat in self.seats:
            stopped = AgentStopped(agent=seat.name, start=seat.starts + 1, reason=reason)
            event_id = root_id(self.lab.campaign, f"{seat.name}/stopped/{seat.starts + 1}")
            with suppress(SeatTakenError):  # whoever has taken the seat meanwhile keeps it
                await self._voice.say(stopped, event_id, seat.name)

    async def say(self, event: Event, name: str, source: str) -> None:
        """Publishes an event that nothing in the log caused, such as the start of the campaign.

        Args:
            event: what happened.
            name: names the occurrence within the campaign; said twice it is recorded once.
            source: who says it.
        """
        event_id = root_id(self.lab.campaign, name)
        if not self._voice.knows(event_id):
            async with self.lab.turns.outside():
                await self._voice.say(event, event_id, source)

    async def retry(
        self,
        reason: str,
        source: str,
        agents: Collection[str] = (),
        only: Callable[[ParkedWork], bool] = lambda _: True,
    ) -> list[ParkedWork]:
        """Has what was set aside taken up again.

        Args:
            reason: why now.
            source: who says so.
            agents: whose work; everybody's by default.
            only: which of it.

        Returns:
            What is taken up, in the order in which it was set aside.
        """
        async with self._taking_up.lock:
            works = self.shelf.there(agents, only)
            for work, taken in zip(works, await self._taking_up.orders(works, reason), strict=True):
                name = f"taken up/{work.agent}/{work.event_id}/{work.reaction}/{work.parked_at}"
                await self.say(taken, name, source)
            return works

    @property
    def listening(self) -> bool:
        """Whether the past is folded and every agent takes part."""
        return all(seat.tasks for seat in self.seats) and not self._stopping

    @property
    def durables(self) -> dict[str, str]:
        """Agent → its durable consumer."""
        return {seat.name: self._durable(seat) for seat in self.seats}

    # past ----------------------------------------------------------------------------------------

    def _durable(self, seat: Seat) -> str:
        return f"{self.lab.campaign}-{seat.name}"

    async def _floors(self) -> dict[str, int]:
        """Agent → place up to which it has acknowledged everything."""
        return {seat.name: await self.lab.bus.acknowledged(self._durable(seat)) for seat in self.seats}

    def _remember_past(self, recorded: Recorded, floors: Mapping[str, int]) -> None:
        event, finished = recorded.envelope.data, True
        for seat in self.seats:
            if isinstance(event, AgentStarted) and event.agent == seat.name:
                seat.starts = max(seat.starts, event.start)
            if not _hears(seat, event):
                continue
            seat.heard_of = recorded.sequence
            if recorded.sequence <= seat.place:
                continue  # it came with a snapshot
            if recorded.sequence <= floors[seat.name]:
                self._fold(seat, recorded)
                if self._recall:
                    self._recall.compare(seat)
            else:
                finished = False
                seat.expects(recorded)
                self.lab.turns.expect(recorded.sequence, seat.order)
        self.shelf.note(recorded)
        self._voice.remember(recorded, finished=finished)

    def _fold(self, seat: Seat, recorded: Recorded) -> None:
        if type(recorded.envelope.data) not in seat.agent.kinds():
            seat.place = recorded.sequence  # it concerns the runtime alone
            return
        MOMENT.set(moment_of(self.lab.seed, seat.name, recorded.envelope))
        seat.agent.fold(recorded.envelope.data)
        seat.folded, seat.place, seat.anchor = seat.folded + 1, recorded.sequence, Anchor.of(recorded)
        seat.chain = chained(seat.chain, recorded)

    # present -------------------------------------------------------------------------------------

    def _stored(self, recorded: Recorded) -> None:
        """An event of ours is in the log."""
        self.shelf.note(recorded)
        for seat in self.seats:
            if _hears(seat, recorded.envelope.data):
                seat.expects(recorded)
                self.lab.turns.expect(recorded.sequence, seat.order)
        self._hear_of(recorded)
        for watch in self.watchers:
            watch(recorded)

    def _hear_of(self, recorded: Recorded) -> None:
        for seat in self.seats:
            if _hears(seat, recorded.envelope.data):
                seat.heard_of = max(seat.heard_of, recorded.sequence)

    def _guarded(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose failure ends the run with its own error instead of vanishing."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._notice)
        return task

    def _notice(self, done: asyncio.Task[None]) -> None:
        if done.cancelled() or (error := done.exception()) is None:
            return
        self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._stopping and not self.failure.done():
            self.failure.set_exception(error)

    async def _listen(self, seat: Seat) -> None:
        assert seat.subscription is not None  # noqa: S101  start() subscribes before it listens
        async for delivery in seat.subscription:
            sequence = delivery.recorded.sequence
            if await seat.heard_again(delivery):
                continue
            async with self.lab.turns.turn(sequence, seat.order):
                self._fold(seat, delivery.recorded)
                if self._recall:
                    self._recall.draft(seat)
                work = seat.open[sequence] = Work(delivery)
                for reacting in await self._reactions(seat, work):
                    running = self.reactor.react(reacting)
                    if reacting.reaction.long:
                        task = self.lab.turns.spawn(running)
                        work.running.add(task)
                        task.add_done_callback(partial(self._long_done, seat, work))
                    else:
                        await running
                work.listening = False
            await seat.acknowledge()
            if self._recall:
                await self._recall.keep(seat)

    async def _reactions(self, seat: Seat, work: Work) -> list[Reacting]:
        """What a delivery leads to."""
        recorded = work.delivery.recorded
        event = recorded.envelope.data
        if isinstance(event, WorkTakenUp):
            return await self._taking_up.reactions(seat, work, event)
        return [
            Reacting(
                seat,
                seat.agent.still() if reaction.long else seat.agent,
                work,
                reaction,
                n,
                recorded,
                self._voice.said_before(recorded.envelope.id, f"{seat.name}/{n}"),
            )
            for n, reaction in enumerate(seat.agent.reaction_table.get(type(event), ()))
        ]

    def _long_done(self, seat: Seat, work: Work, done: asyncio.Task[None]) -> None:
        self._notice(done)
        if done.cancelled() or done.exception() is not None:
            return  # it stays among what is running, so that its delivery is not acknowledged
        work.running.discard(done)
        if not self._stopping:
            seat.tasks = [t for t in seat.tasks if not t.done()]
            seat.tasks.append(self._guarded(seat.acknowledge()))

    async def _hear(self, seat: Seat, heard: AsyncIterator[tuple[str, Event]], watching: ExitStack) -> None:
        with watching:
            async for key, event in heard:
                await self.say(event, key, seat.name)


def _hears(seat: Seat, event: Event) -> bool:
    """Whether an event is delivered to that agent."""
    return isinstance(event, WorkTakenUp) or type(event) in seat.agent.kinds()
