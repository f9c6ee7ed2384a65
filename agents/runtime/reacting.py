"""Runs reactions: what they yield is stored, a mistake is recorded and at last set aside, a trouble is waited out.

A mistake of the program is tried again on the lab's clock, so that a virtual campaign with one is the same each time.
A trouble of the computer under the lab (no room, no broker, an instrument that does not answer) lasts as long as it
lasts, whatever the speed of the lab: it is waited out in real seconds, is told once, and leaves no trace among the
decisions. In virtual time nobody else has a turn meanwhile.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agents.agent import MOMENT, Agent, Reaction
from agents.errors import ReplayDivergedError, SeatTakenError
from agents.runtime.lab import Lab, moment_of
from agents.runtime.parked import fault_name
from agents.runtime.seats import Seat, Work
from agents.runtime.shelf import Shelf
from agents.runtime.troubles import PATIENCE, advice, pause_before, same_trouble, trouble_in
from agents.runtime.voice import Voice
from bus.protocol import Recorded
from bus.telemetry import Attempt, ReactionSpan
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.identifiers import follow_up_id
from contracts.presence import AgentFaulted, TroubleKind

ATTEMPTS = 3
"""How often a reaction is tried before its event is set aside."""
BACKOFF = timedelta(seconds=5)
"""Pause before the second attempt on the lab's clock; it doubles with each further one."""


@dataclass(frozen=True, eq=False)
class Reacting:
    """One reaction to one event."""

    seat: Seat
    agent: Agent[Any]
    """Who reacts, with the memory that the reaction sees."""
    work: Work
    reaction: Reaction
    number: int
    """Which of the agent's reactions to that kind."""
    recorded: Recorded
    """What it reacts to."""
    said: list[Event]
    """What it has said about it, in order."""
    again: bool = False
    """Whether it was set aside before."""

    @property
    def cause(self) -> Envelope:
        """What it reacts to."""
        return self.recorded.envelope

    @property
    def author(self) -> str:
        """Names the reaction in the ids of what it says."""
        return f"{self.seat.name}/{self.number}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reaction that waits until a trouble is over."""

    trouble: str
    """The same for everybody whom it meets."""
    words: str


class Reactor:
    """Runs the reactions of a runtime.

    Attributes:
        stopping: whether mistakes are no longer recorded, because everything is let go of.
        parks_troubles: whether what a trouble stops for too long is set aside; otherwise it ends the run.
        ended: told of the error that ends it.
        troubled: told of each trouble once, as long as it lasts.
        pause: waits for real seconds.
        waiting: what waits until a trouble is over.
    """

    def __init__(self, lab: Lab, voice: Voice, shelf: Shelf) -> None:
        self.lab, self._voice, self._shelf = lab, voice, shelf
        self.stopping, self.parks_troubles = False, True
        self.troubled: Callable[[TroubleKind, str], None] = lambda _kind, _words: None
        self.ended: Callable[[Exception], None] = lambda _error: None
        self.pause: Callable[[float], Awaitable[None]] = asyncio.sleep
        self.waiting: dict[Reacting, Waiting] = {}

    async def react(self, reacting: Reacting) -> None:
        """Runs one reaction to its end, or until it is given up."""
        try:
            await self._react(reacting)
        finally:
            self.waiting.pop(reacting, None)

    async def _react(self, reacting: Reacting) -> None:
        key = (reacting.seat.name, reacting.cause.id, reacting.number)
        tries, mistakes, waited = 0, 0, 0.0
        before = self._shelf.attempts.get(key, 0) if reacting.again else 0
        while True:
            tries += 1
            MOMENT.set(moment_of(self.lab.seed, reacting.seat.name, reacting.cause, tuple(reacting.said)))
            name = reacting.reaction.method.__name__
            with self.lab.telemetry.reaction(Attempt(reacting.seat.name, name, reacting.recorded, tries)) as span:
                if (error := await self._attempt(reacting, span)) is None:
                    return
                trouble = trouble_in(error)
                waits = trouble is not None and waited < PATIENCE
                ends = trouble is not None and not waits and not self.parks_troubles
                if not waits and not ends:
                    mistakes += 1
                    last = trouble is not None or mistakes == ATTEMPTS
                    self._shelf.places[reacting.cause.id] = reacting.recorded.sequence
                    await self._record_fault(reacting, before + mistakes, error, parked=last)
            if trouble is not None and waits:
                self._wait_for(reacting, trouble, error)
                await self.pause(pause_before(tries + 1))
                waited += pause_before(tries + 1)
                continue
            if ends:
                self.ended(error)
                await asyncio.Event().wait()  # nobody has a turn any more
            if last:
                reacting.work.given_up.append(f"{type(error).__name__}: {error}")
                return
            self.waiting.pop(reacting, None)
            await self.lab.clock.sleep_until(self.lab.clock.now() + BACKOFF * 2 ** (mistakes - 1))

    def _wait_for(self, reacting: Reacting, trouble: TroubleKind, error: Exception) -> None:
        name = same_trouble(error)
        words = (
            f"{reacting.seat.name} could not go on with {reacting.cause.type}: {error}. It tries again until that is "
            f"over: {advice(error)}"
        )
        if not any(other.trouble == name for other in self.waiting.values()):
            self.troubled(trouble, words)
        self.waiting[reacting] = Waiting(name, words)

    async def _attempt(self, reacting: Reacting, span: ReactionSpan) -> Exception | None:
        """One try; what ended it before its end."""
        try:
            await self._tell(reacting, span)
        except Exception as error:
            if self.stopping or isinstance(error, SeatTakenError):
                raise
            if isinstance(error, ReplayDivergedError) and not reacting.again:
                raise
            span.faulted(error)
            return error
        return None

    async def _tell(self, reacting: Reacting, span: ReactionSpan) -> None:
        """Publishes what a reaction yields and notes it in `said`."""
        method, cause, said = reacting.reaction.method, reacting.cause, reacting.said
        async with aclosing(method(reacting.agent, cause.data)) as events:  # type: ignore[type-var]
            n = 0
            async for event in events:
                if n < len(said) and said[n].kind != event.kind:
                    raise ReplayDivergedError(reacting.seat.name, said[n].kind, event.kind)
                if n == len(said):
                    event_id = follow_up_id(cause.id, reacting.author, n)
                    await self._voice.say(event, event_id, reacting.seat.name, cause)
                span.said(event, before=n < len(said))
                if n == len(said):
                    said.append(event)
                n += 1

    async def _record_fault(self, reacting: Reacting, attempt: int, error: Exception, *, parked: bool) -> None:
        cause, seat = reacting.cause, reacting.seat
        frame = traceback.extract_tb(error.__traceback__)[-1]
        event = AgentFaulted(
            agent=seat.name,
            event_id=cause.id,
            event_kind=cause.type,
            attempt=attempt,
            error=f"{type(error).__name__}: {error}"[:2000],
            where=f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}",
            parked=parked,
        )
        fault_id = follow_up_id(cause.id, fault_name(reacting.author, seat.starts + 1), attempt)
        await self._voice.say(event, fault_id, seat.name, cause)
