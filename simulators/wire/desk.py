"""Answers questions about a simulated line: the same question gets the same answer, however often it comes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState
from contracts.wire import SCHEMA, Answer, Occupied, Question, Refused, Reported, Standing, Verb
from simulators.furnace import SimulatedSynthesiser
from simulators.journal import Entry


class AskersClock:
    """Shows the time of whoever asks: the lab's clock may be virtual, and the line has no other."""

    def __init__(self) -> None:
        self.shown = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """The time in the question."""
        return self.shown

    async def sleep_until(self, when: datetime) -> None:
        """Returns at once: nobody is kept waiting at a desk.

        Raises:
            ValueError: it is not that time yet.
        """
        if when > self.shown:
            raise ValueError(f"Expected to be asked at {when} or later, got a question of {self.shown}.")

    async def poll(self, seconds: float) -> None:
        """Returns at once, like everything here."""


class Desk:
    """Speaks for one line. Questions are answered one after the other: their times must not mix."""

    def __init__(self, line: SimulatedSynthesiser, clock: AskersClock) -> None:
        self.line, self.clock = line, clock

    async def answer(self, question: Question) -> Answer:
        """The answer to one question."""
        self.clock.shown = question.now
        try:
            if question.verb is Verb.REPORT:
                return await self._report(question)
            if question.request is not None:
                await self.line.start(question.request)
            return await self._standing(question)
        except InstrumentBusyError as busy:
            doing = next((e.key for e in self.line.entries() if e.ends_at == busy.until), "something else")
            return Occupied(**_envelope(question), doing=doing, until=busy.until)
        except InstrumentError as error:
            return Refused(**_envelope(question), reason=str(error))
        except ArithmeticError as error:  # comes before the entry: nothing is begun whose end cannot be told
            reason = f"Expected times and amounts that can be reckoned with, got {type(error).__name__}: {error}."
            return Refused(**_envelope(question), reason=reason)

    async def _report(self, question: Question) -> Answer:
        entry = self.line.journal.entry(question.key)
        if entry.ends_at > question.now:
            return _said_of(entry, ActionState.RUNNING, question)
        return Reported(**_envelope(question), report=await self.line.finish(question.key))

    async def _standing(self, question: Question) -> Standing:
        state = await self.line.ask(question.key)
        if state in (ActionState.RUNNING, ActionState.DONE):
            return _said_of(self.line.journal.entry(question.key), state, question)
        return Standing(**_envelope(question), state=state)


def _said_of(entry: Entry, state: ActionState, question: Question) -> Standing:
    return Standing(**_envelope(question), state=state, started_at=entry.started_at, ends_at=entry.ends_at)


def _envelope(question: Question) -> dict[str, Any]:
    """What every answer carries."""
    return {"schema": SCHEMA, "id": question.id, "key": question.key, "trace": question.trace}
