"""Where everything lies that agents have set aside, as the log tells it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from uuid import UUID

from agents.runtime.parked import Key, ParkedWork, fault_name
from agents.runtime.seats import Seat
from bus.protocol import Recorded
from contracts.catalogue import CATALOGUE
from contracts.identifiers import follow_up_id
from contracts.presence import AgentFaulted, WorkTakenUp


class Shelf:
    """Follows the log, for the agents of one process."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        self._seats = {seat.name: seat for seat in seats}
        self._parked: dict[Key, ParkedWork] = {}
        self.attempts: dict[Key, int] = {}
        """Attempts that are on record of what was set aside, and taken up since."""
        self.places: dict[UUID, int] = {}
        """Event → its place in the log, of what was stumbled over in this life."""

    def note(self, recorded: Recorded) -> None:
        """Takes an event in, if it says something of that kind."""
        event = recorded.envelope.data
        if isinstance(event, WorkTakenUp):
            self._parked.pop((event.agent, event.event_id, event.reaction), None)
        elif isinstance(event, AgentFaulted) and event.parked and (seat := self._seats.get(event.agent)):
            work = ParkedWork(
                agent=event.agent,
                event_id=event.event_id,
                event_kind=event.event_kind,
                reaction=_reaction(seat, recorded.envelope.id, event),
                error=event.error,
                attempt=event.attempt,
                parked_at=recorded.sequence,
            )
            self._parked[work.key] = work
            self.attempts[work.key] = work.attempt

    def recall(self, notes: Iterable[ParkedWork]) -> None:
        """Knows again what was on it."""
        for work in notes:
            self._parked[work.key] = work
            self.attempts[work.key] = work.attempt

    def there(
        self, agents: Collection[str] = (), only: Callable[[ParkedWork], bool] = lambda _: True
    ) -> list[ParkedWork]:
        """What is set aside, in the order of the log.

        Args:
            agents: whose; everybody's by default.
            only: which.
        """
        found = [work for work in self._parked.values() if (not agents or work.agent in agents) and only(work)]
        return sorted(found, key=lambda work: work.parked_at)


def _reaction(seat: Seat, fault_id: UUID, event: AgentFaulted) -> int:
    """Which of the agent's reactions it was: the id of its fault follows from that."""
    kind = CATALOGUE.get(event.event_kind)
    reactions = seat.agent.reaction_table.get(kind, ()) if kind else ()
    for start in range(seat.starts + 1, 0, -1):
        for n in range(len(reactions)):
            if fault_id == follow_up_id(event.event_id, fault_name(f"{seat.name}/{n}", start), event.attempt):
                return n
    return 0
