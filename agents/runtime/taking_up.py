"""Takes up again what was set aside: with the memory that its event found, and knowing what it has said already.

So it says what it would have said then, under the same ids, and replay finds it decided as it should have been.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from agents.agent import MOMENT, Agent
from agents.memory import Memory
from agents.runtime.lab import Lab, moment_of
from agents.runtime.parked import ParkedWork
from agents.runtime.reacting import Reacting
from agents.runtime.seats import Seat, Work
from agents.runtime.shelf import Shelf
from agents.runtime.voice import Voice
from bus.protocol import Recorded
from contracts.event import Event
from contracts.identifiers import follow_up_id
from contracts.presence import WorkTakenUp


class TakingUp:
    """Makes the reactions that were set aside ready.

    Attributes:
        lock: held by whoever asks for it, so that nothing is asked for twice.
    """

    def __init__(self, lab: Lab, voice: Voice, shelf: Shelf) -> None:
        self.lab, self._voice, self._shelf = lab, voice, shelf
        self.lock = asyncio.Lock()

    async def orders(self, works: Sequence[ParkedWork], reason: str) -> list[WorkTakenUp]:
        """What is said so that they are taken up, one for each.

        Args:
            works: what was set aside.
            reason: why now.
        """
        places = {w.event_id: self._shelf.places.get(w.event_id, 0) for w in works}
        if not all(places.values()):
            places |= await self._found({event_id for event_id, place in places.items() if not place})
        return [
            WorkTakenUp(
                agent=work.agent,
                event_id=work.event_id,
                event_kind=work.event_kind,
                place=places[work.event_id],
                reaction=work.reaction,
                reason=reason,
            )
            for work in works
        ]

    async def _found(self, wanted: set[UUID]) -> dict[UUID, int]:
        """Places of events that an earlier life has stumbled over."""
        found: dict[UUID, int] = {}
        async for recorded in self._voice.read():
            if recorded.envelope.id in wanted:
                found[recorded.envelope.id] = recorded.sequence
                if len(found) == len(wanted):
                    break
        return found

    async def reactions(self, seat: Seat, work: Work, taken: WorkTakenUp) -> list[Reacting]:
        """What that leads to, for the agent of a seat.

        Args:
            seat: the agent.
            work: the delivery that says that something is taken up.
            taken: what it says.
        """
        sequence = work.delivery.recorded.sequence
        if taken.agent != seat.name or not seat.agent.takes_up(taken):
            self._forget(seat, sequence)
            return []
        cause, said = await self._remember(seat, taken, sequence)
        agent = seat.newborn()
        agent.memory = seat.as_it_was[taken.place].fork()
        self._forget(seat, sequence)
        table = seat.agent.reaction_table.get(type(cause.envelope.data), ()) if cause else ()
        if cause is None or taken.reaction >= len(table):
            work.given_up.append(
                f"Expected event {taken.event_id} at {taken.place} of the log, with {taken.reaction + 1} reactions of "
                f"{seat.name} to it, got something else. Look for who has said that it is taken up."
            )
            return []
        reaction = table[taken.reaction]
        return [Reacting(seat, agent, work, reaction, taken.reaction, cause, said, again=True)]

    async def _remember(self, seat: Seat, taken: WorkTakenUp, sequence: int) -> tuple[Recorded | None, list[Event]]:
        """The event, and what was said about it; the memories that it and its like have found are kept in the seat."""
        wanted = {place for place in {taken.place, *seat.taken_up.values()} if place not in seat.as_it_was}
        agent, cause = seat.newborn(), None
        said: dict[UUID, Event] = {}
        start = 1 if wanted else taken.place
        async for recorded in self._voice.read(start, sequence - 1):
            envelope = recorded.envelope
            if wanted:
                self._fold(agent, recorded)
            if recorded.sequence in wanted:
                seat.as_it_was[recorded.sequence] = agent.memory.fork()
                wanted.remove(recorded.sequence)
            if recorded.sequence == taken.place and envelope.id == taken.event_id:
                cause = recorded
            elif envelope.causationid == taken.event_id:
                said[envelope.id] = envelope.data
        seat.as_it_was.setdefault(taken.place, Memory())
        author, before = f"{seat.name}/{taken.reaction}", list[Event]()
        while (event := said.get(follow_up_id(taken.event_id, author, len(before)))) is not None:
            before.append(event)
        return cause, before

    def _fold(self, agent: Agent, recorded: Recorded) -> None:  # type: ignore[type-arg]  # any memory
        if type(recorded.envelope.data) in agent.kinds():
            MOMENT.set(moment_of(self.lab.seed, agent.name, recorded.envelope))
            agent.fold(recorded.envelope.data)

    @staticmethod
    def _forget(seat: Seat, sequence: int) -> None:
        """Lets go of memories that nobody wants any more."""
        place = seat.taken_up.pop(sequence, None)
        if place is not None and place not in seat.taken_up.values():
            seat.as_it_was.pop(place, None)
