"""Watches the stream while the lab works: its settings, beginning and holes, that it never goes back, and strangers.

The ledger's writer compares what is stored, by its content. This guard sits where events are published, and ends that
at once when the next one would be added to a log that is no evidence any more. A difference is an alarm: an event in
the log, as long as the log can take it without using a sequence twice. What others have stored is judged here, too,
whether an agent listens to it or not: what nobody may take for an event is told by its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bus.errors import BusError, EvidenceAtRiskError, GapError
from bus.jetstream import JetStreamBus
from bus.listeners import Listeners
from bus.reading import readable
from bus.topology import STREAM, differences
from bus.wire import ApiError

EVERY = 5.0
"""Seconds between two looks."""
AGAIN = 0.5
"""Seconds before a difference is looked at again: a server that is coming up may not have counted yet."""
ALARM_WITHIN = 10.0
"""Seconds that writing the alarm may take before publishing ends without it."""

LOSING = frozenset(
    {"max_msgs", "max_age", "max_msgs_per_subject", "discard", "retention", "storage", "subjects", "deny_delete",
     "deny_purge", "allow_rollup_hdrs", "num_deleted", "first_seq"}
)  # fmt: skip
"""What differs where messages have been lost or can be at any moment."""

Alarm = Callable[[str], Awaitable[None]]
"""Puts a reason on record as an event."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A log that is watched."""

    campaign: str
    """Whose."""
    behind: int
    """Place up to which what is no event has been told."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the stream has shown."""

    created: str
    """When it was made: another time is another stream."""
    last: int
    """Its last sequence."""
    limit: int
    """Its size limit in bytes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it was, or as it must be."""

    words: str
    grave: bool = False
    """Whether evidence is lost or can be lost."""
    appendable: bool = True
    """Whether one more event, the alarm, would do no further harm."""


def compare(told: Mapping[str, Any] | None, before: Seen | None, acknowledged: int) -> list[Difference]:
    """What is wrong with the stream.

    Args:
        told: what the server says of it; nothing if there is none.
        before: what it was at the last look.
        acknowledged: the highest sequence that the server has acknowledged to us.
    """
    if told is None:
        return [Difference(f"the stream {STREAM} is gone", grave=True, appendable=False)]
    config, state = told["config"], told["state"]
    found = [Difference(d.words, grave=d.key in LOSING) for d in differences(config, state)]
    last, highest = int(state["last_seq"]), max(acknowledged, before.last if before else 0)
    if last < highest:
        words = f"its last sequence went back from {highest} to {last}: sequences would be used twice"
        found.append(Difference(words, grave=True, appendable=False))
    missing = last - int(state["first_seq"]) + 1 - int(state["messages"]) if state["messages"] else last
    if missing > int(state.get("num_deleted", 0)):
        found.append(Difference(f"{missing} of its messages are missing", grave=True))
    if before is not None and str(told["created"]) != before.created:
        words = f"it was made at {told['created']} and not at {before.created}: it is another stream of that name"
        found.append(Difference(words, grave=True, appendable=False))
    if before is not None and int(config["max_bytes"]) != before.limit:
        found.append(Difference(f"max_bytes went from {before.limit} to {config['max_bytes']}"))
    return found


def seen(told: Mapping[str, Any]) -> Seen:
    """What to compare the next look with."""
    return Seen(str(told["created"]), int(told["state"]["last_seq"]), int(told["config"]["max_bytes"]))


async def guard(bus: JetStreamBus, alarm: Alarm, watched: Watched, every: float = EVERY) -> None:
    """Looks at the stream for as long as the lab works; publishing ends when evidence is at risk.

    Args:
        bus: where the stream is, and where publishing is stopped; told of what is no event.
        alarm: writes an alarm into the log.
        watched: whose log it is, and from where on nobody has looked at it yet.
        every: seconds between two looks.

    Raises:
        EvidenceAtRiskError: messages are lost or can be lost; nothing is published any more.
        NewerAthanorError: one of the lab's own people has said what only a newer Athanor understands.
    """
    before: Seen | None = None
    told_before: set[str] = set()
    judged, listeners = watched.behind, Listeners(bus)
    while True:
        for words in await listeners.look():
            await alarm(words)
        told, found = await _compared(bus, before)
        if found:
            await asyncio.sleep(AGAIN)
            told, found = await _compared(bus, before)
        if new := [d for d in found if d.words not in told_before]:
            await _tell(bus, alarm, new)
            told_before |= {d.words for d in new}
        before = seen(told) if told is not None else before
        if told is not None:
            judged = await _judge_strangers(
                bus, watched.campaign, range(judged + 1, int(told["state"]["last_seq"]) + 1)
            )
        await asyncio.sleep(every)


async def _judge_strangers(bus: JetStreamBus, campaign: str, new: range) -> int:
    """Judges what others have stored among new messages; the last place that has been judged now."""
    foreign = [n for n in new if n not in bus.said]
    bus.said = {n for n in bus.said if n >= new.stop}
    for _, run in itertools.groupby(enumerate(foreign), lambda at: at[1] - at[0]):
        places = [n for _, n in run]
        with contextlib.suppress(GapError):  # what is missing is seen by the counts
            async for _ in readable(bus, campaign, places[0], places[-1], passed_over=bus.on_refused):
                pass
    return new.stop - 1


async def _compared(bus: JetStreamBus, before: Seen | None) -> tuple[Mapping[str, Any] | None, list[Difference]]:
    """A look, and what is wrong."""
    acknowledged = bus.highest  # what is acknowledged while the answer is on its way cannot stand in it
    told = await _look(bus)
    return told, compare(told, before, acknowledged)


async def _look(bus: JetStreamBus) -> Mapping[str, Any] | None:
    try:
        return await bus.wire.api(f"STREAM.INFO.{STREAM}")
    except ApiError as error:
        if error.code == 404:
            return None
        raise BusError(f"Expected the server to tell of the stream {STREAM}, got: {error}.") from error


async def _tell(bus: JetStreamBus, alarm: Alarm, found: list[Difference]) -> None:
    what = "; ".join(d.words for d in found)
    grave = any(d.grave for d in found)
    words = (
        f"Expected the stream {STREAM} as pinned and as it was, got: {what}. "
        + ("Nothing more is published. Look at it with athanor ledger verify, and restore it with athanor ledger "
           "repair." if grave else "Somebody has changed it: find out who and why.")
    )  # fmt: skip
    error = EvidenceAtRiskError(words)
    if all(d.appendable for d in found):
        try:
            async with asyncio.timeout(ALARM_WITHIN):
                await alarm(words)
        except (TimeoutError, BusError) as refused:
            bus.wire.on_trouble(BusError(f"{words} The alarm could not be written: {refused or 'it took too long'}."))
    else:
        bus.wire.on_trouble(error)
    if grave:
        bus.stop_publishing(error)
        raise error
