"""A line between lab and instrument on which now and then a message is lost, or comes a second time, late.

It stands where a driver stands, and does what a driver does: what was not answered is asked again, because
each verb may be said twice. Only when the answer to a start is lost does it leave that to the agent, which
then has to ask what became of the key. A second copy of a question comes when the lab has gone on to the next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from contracts.errors import InstrumentError
from contracts.instruments import (
    ActionState,
    Asked,
    Instrument,
    Report_co,
    Request_contra,
    SelectiveSynthesiser,
    StepKind,
)
from simulators.faults import Faults, Message
from simulators.journal import Journal

START = "start"
Answer = TypeVar("Answer")


Request = TypeVar("Request", bound=Asked)
Report = TypeVar("Report")


class Journalled(Instrument[Request_contra, Report_co], Protocol):
    """A simulated instrument, which keeps a journal."""

    journal: Journal


class BadLine(Generic[Request, Report]):
    """An instrument at the far end of such a line; it keeps the promises of the instrument."""

    def __init__(self, instrument: Journalled[Request, Report], faults: Faults) -> None:
        self.instrument, self.faults = instrument, faults
        self._said: set[tuple[str, str]] = set()
        self._late: list[Callable[[], Awaitable[object]]] = []

    @property
    def name(self) -> str:
        """Name of the instrument."""
        return self.instrument.name

    async def start(self, request: Request) -> None:
        """Begins an action, once for each key.

        Raises:
            InstrumentError: it refuses; or it has begun, and its answer was lost.
        """
        await self._carry(request.key, START, lambda: self.instrument.start(request))

    async def ask(self, key: str) -> ActionState:
        """What became of a key."""
        return await self._carry(key, "ask", lambda: self.instrument.ask(key))

    async def finish(self, key: str) -> Report:
        """Waits for the end of an action and reports."""
        return await self._carry(key, "finish", lambda: self.instrument.finish(key))

    async def offers(self, step: StepKind) -> bool:
        """Whether a synthesiser can be asked for such a step: it is said once and kept, so that no message is lost."""
        return not isinstance(self.instrument, SelectiveSynthesiser) or await self.instrument.offers(step)

    def recall(self) -> None:
        """Lets the messages about every recorded action meet their fate again, so that the ledger is whole."""
        for entry in self.instrument.journal:
            for verb in (START, "ask", "finish"):
                self.faults.message(entry.key, verb)

    async def _carry(self, key: str, verb: str, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """Carries a question over the line, and its answer back."""
        late, self._late = self._late, []
        for second_copy in late:
            with suppress(InstrumentError):  # nobody hears the answer to it
                await second_copy()
        fate = None if (key, verb) in self._said else self.faults.message(key, verb)
        self._said.add((key, verb))
        if fate is Message.ANSWER_LOST:
            try:
                await question()
            except InstrumentError:
                pass  # the refusal is lost, and the question asked again
            else:
                if verb == START:
                    raise InstrumentError(
                        self.name, f"Expected {self.name} to answer to the start of {key!r}, got silence. Ask it."
                    )
        answer = await question()  # a question that was lost is asked again
        if fate is Message.DOUBLED:
            self._late.append(question)
        return answer
