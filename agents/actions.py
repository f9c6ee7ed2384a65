"""Physical actions, effectively once: ask what became of a key before anything is started under it.

The intent stands in the log before this is called, and so does, after a crash, whatever was reported before.
What nobody can tell is not tried again; a human decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState

PAUSE = timedelta(minutes=1)
"""Least time before a busy instrument is asked again, should it not know when it will be free."""


class Asked(Protocol):
    """What an instrument is asked to do."""

    @property
    def key(self) -> str:
        """The action's idempotency key."""
        ...


Request_contra = TypeVar("Request_contra", bound=Asked, contravariant=True)
Report_co = TypeVar("Report_co", covariant=True)


class Instrument(Protocol[Request_contra, Report_co]):
    """What `contracts.instruments.Synthesiser` and `Diffractometer` have in common."""

    async def start(self, request: Request_contra, /) -> None:
        """Begins an action, once for each key."""
        ...

    async def ask(self, key: str, /) -> ActionState:
        """What became of a key."""
        ...

    async def finish(self, key: str, /) -> Report_co:
        """Waits for the end of an action and reports."""
        ...


@dataclass(frozen=True, slots=True)
class NotDone:
    """There is no report."""

    reason: str
    """Why."""
    unknown: bool
    """Whether nobody can tell what happened; otherwise nothing did."""


async def effectively_once(
    instrument: Instrument[Request_contra, Report_co],
    request: Request_contra,
    wait_until: Callable[[datetime], Awaitable[None]],
) -> Report_co | NotDone:
    """Has an action carried out, or joins one that is under way, and returns the instrument's report.

    Args:
        instrument: who carries it out.
        request: what, under which key.
        wait_until: waits on the lab's clock, while the instrument is busy with something else.
    """
    waited: datetime | None = None
    while True:
        state, reason = await _ask(instrument, request.key)
        if state is ActionState.NEVER_SEEN:
            try:
                await instrument.start(request)
            except InstrumentBusyError as busy:
                waited = busy.until if waited is None else max(busy.until, waited + PAUSE)
                await wait_until(waited)
                continue
            except InstrumentError as refused:
                state, reason = await _ask(instrument, request.key)  # it may have begun all the same
                if state is ActionState.NEVER_SEEN:
                    return NotDone(str(refused), unknown=False)
            else:
                state = ActionState.RUNNING
        if state is ActionState.UNKNOWN:
            return NotDone(reason, unknown=True)
        try:
            return await instrument.finish(request.key)
        except InstrumentError as error:
            return NotDone(str(error), unknown=True)


async def _ask(instrument: Instrument[Request_contra, Report_co], key: str) -> tuple[ActionState, str]:
    """What became of a key, and why nobody can tell, if so."""
    try:
        return await instrument.ask(key), "the instrument does not know what became of this action"
    except InstrumentError as error:
        return ActionState.UNKNOWN, str(error)
