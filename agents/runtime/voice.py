"""How a runtime speaks: each event once for ever, and only as long as nobody else speaks in its place.

What is in the log is not said again, whatever is re-made after a crash. The number of an agent's start is its
right to act: as soon as another process has started the agent once more, this one falls silent.

Only ids that may be asked for again are kept in memory: what has no cause in the log, what was said about events that
are not worked off, and what others have said in the name of our agents. A reaction remembers itself what it has said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from uuid import UUID

from agents.envelopes import Saying, seal
from agents.errors import ReplayDivergedError, SeatTakenError
from agents.runtime.lab import Lab
from bus.errors import DuplicateConflictError
from bus.protocol import Receipt, Recorded
from bus.reading import readable
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.identifiers import follow_up_id, root_id
from contracts.presence import AgentFaulted, AgentStarted, AgentStopped

Claims = Mapping[str, int]
"""Agent → the number of its start in this process."""


class Voice:
    """Publishes the events of a runtime.

    Attributes:
        told: called with each event after it is stored.
        noticed: called with each event that another process has stored meanwhile.
        roots: what was said without a cause in the log, but for starts and stops: id → kind.
        complete: place up to which nothing is missing among the roots.
    """

    def __init__(self, lab: Lab, told: Callable[[Recorded], None]) -> None:
        self.lab, self.told = lab, told
        self.noticed: Callable[[Recorded], None] = lambda _: None
        self._known: dict[UUID, str] = {}
        self._unfinished: set[UUID] = set()
        self._past: dict[UUID, Event] = {}
        self._ours: set[int] = set()
        self._seen = 0
        self._claims: dict[str, int] = {}
        self.roots: dict[UUID, str] = {}
        self.complete = 0
        self._publishing = 0
        self._holed = False

    def knows(self, event_id: UUID) -> bool:
        """Whether the log has that event."""
        return event_id in self._known

    def read(self, start: int = 1, stop: int | None = None) -> AsyncIterator[Recorded]:
        """The campaign's past. Bytes that never were an event are passed over, as live consumers do.

        Raises:
            UndecodableEventError: a newer Athanor has said something that this one would not remember.
        """
        return readable(self.lab.bus, self.lab.campaign, start, stop)

    def recall(self, roots: Mapping[UUID, str], behind: int) -> None:
        """Knows again what was said up to a place. What was said because of an event is looked for behind it."""
        self.roots.update(roots)
        self._known.update(roots)
        self._seen = self.complete = behind

    def _note(self, envelope: Envelope) -> None:
        """Keeps the id of an event, as far as somebody may want to say it again."""
        wanted = envelope.causationid is None or envelope.causationid in self._unfinished
        if wanted or envelope.source.removeprefix("/agents/") in self._claims:
            self._known[envelope.id] = envelope.type
        # starts and stops carry their number in their id: the number is remembered instead
        if envelope.causationid is None and not isinstance(envelope.data, AgentStarted | AgentStopped):
            self.roots[envelope.id] = envelope.type

    def remember(self, recorded: Recorded, *, finished: bool) -> None:
        """Notes what the log has.

        Args:
            recorded: an event of the past.
            finished: whether everything that it led to is in the log, too.
        """
        envelope = recorded.envelope
        self._seen = self.complete = recorded.sequence
        self._note(envelope)
        if envelope.causationid in self._unfinished and not isinstance(envelope.data, AgentFaulted):
            self._past[envelope.id] = envelope.data
        if not finished:
            self._unfinished.add(envelope.id)

    def said_before(self, cause: UUID, author: str) -> list[Event]:
        """What `author` said about `cause` in an earlier life, in order; asked for once."""
        said: list[Event] = []
        while (event := self._past.pop(follow_up_id(cause, author, len(said)), None)) is not None:
            said.append(event)
        return said

    async def claim(self, started: AgentStarted) -> None:
        """Says that an agent is there.

        Raises:
            SeatTakenError: somebody else has just said the same.
        """
        name, start = started.agent, started.start
        self._claims[name] = start
        event_id = root_id(self.lab.campaign, f"{name}/started/{start}")
        try:
            receipt = await self._publish(self._sealed(started, event_id, name))
        except DuplicateConflictError as error:
            raise SeatTakenError(name, start, "another that started at the same moment") from error
        if receipt.duplicate:
            raise SeatTakenError(name, start, "another that started at the same moment")

    async def say(self, event: Event, event_id: UUID, source: str, cause: Envelope | None = None) -> None:
        """Publishes one event, once for ever; what the log has already is not said again.

        Raises:
            ReplayDivergedError: the log has something else under that id.
            SeatTakenError: another process has started one of these agents.
        """
        recorded = self._known.get(event_id)
        if recorded is None:
            try:
                await self._publish(self._sealed(event, event_id, source, cause))
            except DuplicateConflictError as taken:
                # another process said it before it fell silent: the log stands, as after a crash
                await self._look_back(self._seen, taken.sequence)
                recorded = self._known.get(event_id) or await self._kind_at(taken.sequence, event_id)
                if recorded is None:
                    raise
            else:
                return
        if recorded != event.kind:
            raise ReplayDivergedError(source, recorded, event.kind)

    async def _kind_at(self, place: int, event_id: UUID) -> str | None:
        """The kind of the event that stands there, if it is that one."""
        async for recorded in self.read(place, place):
            if recorded.envelope.id == event_id:
                return recorded.envelope.type
        return None

    def _sealed(self, event: Event, event_id: UUID, source: str, cause: Envelope | None = None) -> Envelope:
        return seal(event, event_id, Saying(self.lab.campaign, source, self.lab.clock.now(), cause))

    async def _publish(self, envelope: Envelope) -> Receipt:
        with self.lab.telemetry.publication(envelope) as span:
            receipt = await self.lab.bus.publish(envelope)
            span.stored(receipt)
        if envelope.causationid is None:
            self._note(envelope)
        elif self._known.pop(envelope.id, None) is None and receipt.sequence < self._seen:
            self._ours.add(receipt.sequence)  # another publication of ours is about to look back at it
        self.told(Recorded(receipt.sequence, "", envelope, b"", envelope.time))
        before, self._seen = self._seen, max(self._seen, receipt.sequence)
        self._publishing += 1
        try:
            await self._look_back(before, receipt.sequence - 1)
        except BaseException:
            self._holed = True  # what stands there stays unknown in this life
            raise
        finally:
            self._publishing -= 1
        if not self._publishing and not self._holed:
            self.complete = self._seen
        return receipt

    async def _look_back(self, after: int, last: int) -> None:
        """Looks at what others have written since this process last wrote.

        This comes after each publication, hence between an intent and its instrument: who has lost its seat does
        not act any more. As long as nobody else writes there is nothing between, and nothing is read.

        Args:
            after: place up to which everything is known.
            last: the last place to look at.
        """
        if last <= after:
            return
        async for recorded in self.read(after + 1, last):
            event = recorded.envelope.data
            if recorded.sequence in self._ours:
                self._ours.remove(recorded.sequence)
            else:
                self._note(recorded.envelope)
            self.noticed(recorded)
            if isinstance(event, AgentStarted) and event.start > self._claims.get(event.agent, event.start):
                raise SeatTakenError(
                    event.agent, self._claims[event.agent], f"another that came later (start {event.start})"
                )
