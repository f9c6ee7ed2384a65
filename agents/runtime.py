"""The runtime: subscribe, fold, react, publish, acknowledge, retire.

The only file here that imports `bus`. Per agent there is one durable consumer, read in stream order. A
delivery is folded, then reacted to; it is acknowledged when everything that was yielded is stored, and
never before an earlier one. After a crash memory is folded up to the acknowledged position and the rest is
delivered again: reactions repeat themselves, and what is already in the log is not said twice.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from agents.agent import MOMENT, Agent, Moment, Reaction
from agents.errors import ReplayDivergedError
from agents.turns import Turns
from agents.workers import Workers
from bus.protocol import Bus, Delivery, Recorded, Subscription
from contracts.envelope import Envelope, schema_uri
from contracts.event import Event
from contracts.identifiers import candidate_of, chain_id, follow_up_id, root_id, trace_parent
from contracts.instruments import Clock
from contracts.materials import ArtifactRef
from contracts.presence import AgentFaulted, AgentStarted, AgentStopped

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 3
"""How often a reaction is tried before its event is set aside."""
BACKOFF = timedelta(seconds=5)
"""Pause before the second attempt on the lab's clock; it doubles with each further one."""


@dataclass(frozen=True)
class Lab:
    """What a runtime works with."""

    bus: Bus
    """How facts travel and are kept."""
    clock: Clock
    """The lab's time."""
    turns: Turns
    """Whose turn it is."""
    workers: Workers
    """Where heavy science runs."""
    campaign: str
    """The campaign."""
    seed: int
    """Seed of all dice."""
    code_version: str
    """The Athanor that runs."""


def moment_of(lab_seed: int, agent: str, envelope: Envelope) -> Moment:
    """What folds and reactions may know beyond the event: its time, and dice seeded by it."""

    def rng() -> Any:
        import zlib

        import numpy as np

        words = [envelope.id.int >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0)]
        return np.random.default_rng(np.random.SeedSequence([lab_seed, zlib.crc32(agent.encode()), *words]))

    return Moment(now=envelope.time, rng=rng)


@dataclass
class _Seat:
    """One agent at work: its consumer, and the deliveries that are not yet acknowledged."""

    agent: Agent[Any]
    order: int
    starts: int = 0
    folded: int = 0
    subscription: Subscription | None = None
    open: dict[int, tuple[Delivery, list[asyncio.Task[None]]]] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Runtime:
    """Runs agents on a bus until it is stopped.

    Attributes:
        watchers: called with each event after it is stored, for the console; they must not act on it.
    """

    def __init__(self, lab: Lab, agents: Sequence[Agent[Any]]) -> None:
        self.lab = lab
        self.seats = [_Seat(agent, order) for order, agent in enumerate(agents)]
        self.watchers: list[Callable[[Recorded], None]] = []
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._known: dict[UUID, str] = {}
        self._stopping = False
        for agent in agents:
            agent.attach(self)

    # what agents may use -------------------------------------------------------------------------

    async def compute(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs `fn` in a worker process."""
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
        """Folds the past, says that the agents are there, and begins to listen."""
        floors = {seat.agent.name: await self.lab.bus.acknowledged(self._durable(seat)) for seat in self.seats}
        async for recorded in self.lab.bus.read(self.lab.campaign):
            self._remember_past(recorded, floors)
        for seat in self.seats:
            seat.subscription = await self.lab.bus.subscribe(self._durable(seat), self.lab.campaign, seat.agent.kinds())
        for seat in self.seats:
            await self._say(
                AgentStarted(
                    agent=seat.agent.name,
                    start=seat.starts + 1,
                    code_version=self.lab.code_version,
                    folded=seat.folded,
                    memory_sha256=seat.agent.memory.digest(),
                ),
                root_id(self.lab.campaign, f"{seat.agent.name}/started/{seat.starts + 1}"),
                source=seat.agent.name,
            )
        for seat in self.seats:
            seat.tasks.append(self._guarded(self._listen(seat)))
            if (heard := seat.agent.heard()) is not None:
                seat.tasks.append(self._guarded(self._hear(seat, heard)))

    async def recall(self) -> None:
        """Folds everything that is in the log and takes no part."""
        async for recorded in self.lab.bus.read(self.lab.campaign):
            for seat in self.seats:
                if type(recorded.envelope.data) in seat.agent.kinds():
                    self._fold(seat, recorded.envelope)

    async def stop(self, reason: str) -> None:
        """Begins nothing new, lets go of what waits, and says that the agents are gone."""
        self._stopping = True
        tasks = [t for seat in self.seats for t in seat.tasks]
        tasks += [t for seat in self.seats for _, spawned in seat.open.values() for t in spawned]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for seat in self.seats:
            if seat.subscription is not None:
                await seat.subscription.close()
            await self._say(
                AgentStopped(agent=seat.agent.name, start=seat.starts + 1, reason=reason),
                root_id(self.lab.campaign, f"{seat.agent.name}/stopped/{seat.starts + 1}"),
                source=seat.agent.name,
            )

    async def say(self, event: Event, name: str, source: str) -> None:
        """Publishes an event that nothing in the log caused, such as the start of the campaign.

        Args:
            event: what happened.
            name: names the occurrence within the campaign; said twice it is recorded once.
            source: who says it.
        """
        await self._say(event, root_id(self.lab.campaign, name), source=source)

    # past ----------------------------------------------------------------------------------------

    def _durable(self, seat: _Seat) -> str:
        return f"{self.lab.campaign}-{seat.agent.name}"

    def _remember_past(self, recorded: Recorded, floors: Mapping[str, int]) -> None:
        event = recorded.envelope.data
        self._known[recorded.envelope.id] = recorded.envelope.type
        for seat in self.seats:
            if isinstance(event, AgentStarted) and event.agent == seat.agent.name:
                seat.starts = max(seat.starts, event.start)
            if type(event) not in seat.agent.kinds():
                continue
            if recorded.sequence <= floors[seat.agent.name]:
                self._fold(seat, recorded.envelope)
            else:
                self.lab.turns.expect(recorded.sequence, seat.order)

    def _fold(self, seat: _Seat, envelope: Envelope) -> None:
        MOMENT.set(moment_of(self.lab.seed, seat.agent.name, envelope))
        seat.agent.fold(envelope.data)
        seat.folded += 1

    # present -------------------------------------------------------------------------------------

    def _guarded(self, work: Any) -> asyncio.Task[None]:
        """A task whose failure ends the run with its own error instead of vanishing."""
        task: asyncio.Task[None] = asyncio.create_task(work)

        def notice(done: asyncio.Task[None]) -> None:
            if done.cancelled() or self._stopping or self.failure.done():
                return
            if (error := done.exception()) is not None:
                self.failure.set_exception(error)

        task.add_done_callback(notice)
        return task

    async def _listen(self, seat: _Seat) -> None:
        assert seat.subscription is not None  # noqa: S101  start() subscribes before it listens
        async for delivery in seat.subscription:
            sequence = delivery.recorded.sequence
            async with self.lab.turns.turn(sequence, seat.order):
                self._fold(seat, delivery.recorded.envelope)
                spawned: list[asyncio.Task[None]] = []
                seat.open[sequence] = (delivery, spawned)
                for n, reaction in enumerate(seat.agent.reaction_table.get(type(delivery.recorded.envelope.data), ())):
                    work = self._react(seat, delivery, reaction, n)
                    if reaction.long:
                        task = self.lab.turns.spawn(work)
                        spawned.append(task)
                        task.add_done_callback(partial(self._long_done, seat))
                    else:
                        await work
            await self._acknowledge(seat)

    def _long_done(self, seat: _Seat, done: asyncio.Task[None]) -> None:
        if done.cancelled() or self._stopping:
            return
        if (error := done.exception()) is not None:
            if not self.failure.done():
                self.failure.set_exception(error)
            return
        seat.tasks.append(self._guarded(self._acknowledge(seat)))
        seat.tasks = [t for t in seat.tasks if not t.done()]

    async def _acknowledge(self, seat: _Seat) -> None:
        """Acknowledges finished deliveries in order, up to the first that is still being worked on."""
        for sequence in sorted(seat.open):
            if sequence not in seat.open:
                continue
            delivery, spawned = seat.open[sequence]
            if not all(task.done() for task in spawned):
                return
            del seat.open[sequence]
            await delivery.ack()

    async def _hear(self, seat: _Seat, heard: AsyncIterator[tuple[str, Event]]) -> None:
        async for key, event in heard:
            async with self.lab.turns.outside():
                await self._say(event, root_id(self.lab.campaign, key), source=seat.agent.name)

    async def _react(self, seat: _Seat, delivery: Delivery, reaction: Reaction, n_reaction: int) -> None:
        """Runs one reaction; a bug is recorded, tried again, and at last set aside."""
        envelope = delivery.recorded.envelope
        for attempt in range(1, ATTEMPTS + 1):
            MOMENT.set(moment_of(self.lab.seed, seat.agent.name, envelope))
            try:
                async with aclosing(reaction.method(seat.agent, envelope.data)) as events:  # type: ignore[type-var]
                    n = 0
                    async for event in events:
                        event_id = follow_up_id(envelope.id, f"{seat.agent.name}/{n_reaction}", n)
                        await self._say(event, event_id, source=seat.agent.name, cause=envelope)
                        n += 1
            except ReplayDivergedError:
                raise
            except Exception as error:
                if self._stopping:
                    raise
                parked = attempt == ATTEMPTS
                await self._record_fault(seat, envelope, n_reaction, attempt, error, parked=parked)
                if parked:
                    await delivery.park(f"{type(error).__name__}: {error}")
                else:
                    await self.lab.clock.sleep_until(self.lab.clock.now() + BACKOFF * 2 ** (attempt - 1))
            else:
                return

    async def _record_fault(
        self, seat: _Seat, cause: Envelope, n_reaction: int, attempt: int, error: Exception, *, parked: bool
    ) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        event = AgentFaulted(
            agent=seat.agent.name,
            event_id=cause.id,
            event_kind=cause.type,
            attempt=attempt,
            error=f"{type(error).__name__}: {error}"[:2000],
            where=f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}",
            parked=parked,
        )
        fault_id = follow_up_id(cause.id, f"{seat.agent.name}/{n_reaction}/start {seat.starts + 1}/fault", attempt)
        await self._say(event, fault_id, source=seat.agent.name, cause=cause)

    async def _say(self, event: Event, event_id: UUID, *, source: str, cause: Envelope | None = None) -> None:
        """Publishes one event, once for ever: what the log already has is not said again."""
        if (recorded := self._known.get(event_id)) is not None:
            if recorded != event.kind:
                raise ReplayDivergedError(source, recorded, event.kind)
            return
        envelope = self._envelope(event, event_id, source, cause)
        receipt = await self.lab.bus.publish(envelope)
        self._known[event_id] = event.kind
        for seat in self.seats:
            if type(event) in seat.agent.kinds() and not receipt.duplicate:
                self.lab.turns.expect(receipt.sequence, seat.order)
        told = Recorded(sequence=receipt.sequence, subject="", envelope=envelope, payload=b"", stored_at=envelope.time)
        for watch in self.watchers:
            watch(told)

    def _envelope(self, event: Event, event_id: UUID, source: str, cause: Envelope | None) -> Envelope:
        subject = next(
            (str(v) for name in ("sample_id", "candidate_id", "run_id", "agent") if (v := getattr(event, name, None))),
            None,
        )
        if (made_of := getattr(event, "sample_id", None) or getattr(event, "candidate_id", None)) is not None:
            correlation = chain_id(self.lab.campaign, candidate_of(made_of))
        else:
            correlation = cause.correlationid if cause else event_id
        return Envelope(
            id=event_id,
            source=f"/agents/{source}",
            type=event.kind,
            dataschema=schema_uri(event.kind, event.version),
            time=self.lab.clock.now(),
            subject=subject,
            campaign=self.lab.campaign,
            causationid=cause.id if cause else None,
            correlationid=correlation,
            traceparent=trace_parent(correlation, event_id),
            data=event,
        )
