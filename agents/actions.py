"""Physical actions, effectively once: ask what became of a key before anything is started under it.

The intent stands in the log before this is called, and so does, after a crash, whatever was reported before.
What nobody can tell is not tried again; a human decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState, Instrument, Report_co, Request_contra, SampleTrouble, StepKind

PAUSE = timedelta(minutes=1)
"""Least time before a busy instrument is asked again, should it not know when it will be free."""


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


def all_lost(step: StepKind, sample_ids: tuple[str, ...]) -> tuple[SampleTrouble, ...]:
    """What is said of vials of which nobody can tell what became of them."""
    gone = f"nobody can tell what became of the step {step.value}"
    return tuple(SampleTrouble(sample_id=name, reason=gone, lost=True) for name in sample_ids)
