"""An agent at work: its consumer, and the deliveries that are not yet acknowledged."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from agents.agent import Agent
from agents.memory import Memory
from agents.runtime.snapshots import START, Anchor, MemorySnapshot, schema_of
from bus.protocol import Delivery, Recorded, Subscription
from contracts.presence import WorkTakenUp


@dataclass
class Work:
    """A delivery that is being worked on."""

    delivery: Delivery
    listening: bool = True
    """Whether its short reactions are still running."""
    running: set[asyncio.Task[None]] = field(default_factory=set)
    """Long reactions that have not ended well."""
    given_up: list[str] = field(default_factory=list)
    """Why it is set aside, if so."""

    @property
    def done(self) -> bool:
        """Whether everything that it leads to is stored."""
        return not self.listening and not self.running


@dataclass
class Seat:
    """One agent at work."""

    agent: Agent[Any]
    order: int
    """Its place among the agents that take turns."""
    starts: int = 0
    """How often it has started before."""
    folded: int = 0
    """Events in its memory."""
    place: int = 0
    """Place in the log of the last of them."""
    chain: str = START
    """Digest over their places and ids."""
    anchor: Anchor | None = None
    """The last of them."""
    heard_of: int = 0
    """Place of the last event in the log that concerns it, as far as this process knows."""
    subscription: Subscription | None = None
    open: dict[int, Work] = field(default_factory=dict)
    """Place in the log → what is being worked on."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    taken_up: dict[int, int] = field(default_factory=dict)
    """Place of each `WorkTakenUp` that is still to come → place of the event that is reacted to again."""
    as_it_was: dict[int, Memory] = field(default_factory=dict)
    """Place of such an event → the memory that it found."""
    _blank: Memory = field(init=False)
    _acknowledging: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Keeps the memory of an agent that has heard of nothing."""
        self._blank = self.agent.memory.fork()

    @property
    def name(self) -> str:
        """The agent's name."""
        return self.agent.name

    def newborn(self) -> Agent[Any]:
        """This agent, with the memory of one that has heard of nothing."""
        born = copy.copy(self.agent)
        born.memory = self._blank.fork()
        return born

    def snapshot(self, campaign: str, code_version: str, starts: int) -> MemorySnapshot:
        """Its memory as it is now, and how it came about.

        Args:
            campaign: the campaign that it works for.
            code_version: of the code that folds.
            starts: how often the agent has started, this life included if it is on record.
        """
        memory = self.agent.memory
        return MemorySnapshot(
            campaign=campaign,
            agent=self.name,
            code_version=code_version,
            schema_sha256=schema_of(type(memory)),
            anchor=self.anchor,
            complete=self.place,
            folded=self.folded,
            chain=self.chain,
            starts=starts,
            memory_sha256=memory.digest(),
            memory=memory.model_dump_json(),
        )

    def restore(self, snapshot: MemorySnapshot) -> str:
        """Takes its memory back; why not, if that cannot be."""
        kind = type(self.agent.memory)
        if snapshot.schema_sha256 != schema_of(kind):
            return "the agent's memory is made of other parts now"
        try:
            memory = kind.model_validate_json(snapshot.memory)
        except ValidationError as error:
            return f"its memory cannot be read: {error}"
        if memory.digest() != snapshot.memory_sha256:
            return "its memory is not the one that its digest names"
        self.agent.memory = memory
        self.folded, self.chain = snapshot.folded, snapshot.chain
        self.place, self.anchor = snapshot.place, snapshot.anchor
        self.starts = max(self.starts, snapshot.starts)
        return ""

    def expects(self, recorded: Recorded) -> None:
        """An event is on its way to it."""
        event = recorded.envelope.data
        if isinstance(event, WorkTakenUp) and event.agent == self.name:
            self.taken_up[recorded.sequence] = event.place

    async def heard_again(self, delivery: Delivery) -> bool:
        """Whether an event is in memory already: a broker that was restarted or cut off delivers once more.

        It is not folded a second time. What is still being worked on is acknowledged under its new delivery.
        """
        sequence = delivery.recorded.sequence
        if sequence > self.place:
            return False
        if (work := self.open.get(sequence)) is not None:
            work.delivery = delivery
        else:
            await delivery.ack()
        return True

    async def acknowledge(self) -> None:
        """Acknowledges finished deliveries in the order of the log, up to the first that is being worked on.

        An earlier one that is lost in a crash must come again, so nothing behind it may be acknowledged. What a long
        reaction has held up goes together.
        """
        async with self._acknowledging:
            finished: list[int] = []
            for sequence in sorted(self.open):
                work = self.open[sequence]
                if not work.done:
                    break
                if work.given_up:
                    await self._confirm(finished)
                    finished = []
                    await work.delivery.park("; ".join(work.given_up))
                    del self.open[sequence]
                else:
                    finished.append(sequence)
            await self._confirm(finished)

    async def _confirm(self, finished: list[int]) -> None:
        if not finished:
            return
        assert self.subscription is not None  # noqa: S101  it delivered them
        await self.subscription.acknowledge([self.open[sequence].delivery for sequence in finished])
        for sequence in finished:
            del self.open[sequence]

    async def leave(self) -> None:
        """Cancels what it is doing and stops listening."""
        tasks = [*self.tasks, *(task for work in self.open.values() for task in work.running)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.subscription is not None:
            await self.subscription.close()
