"""How a daemon stands: what waits for better times, what was set aside, and what is to be done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from agents.runtime import Runtime
from agents.runtime.parked import ParkedWork

SHOWN = 100
"""Parked events that are listed; all are counted."""


def parked_words(works: Sequence[ParkedWork]) -> str:
    """What was set aside, and what to do; empty if nothing was."""
    if not works:
        return ""
    first = works[0]
    events = "1 event was" if len(works) == 1 else f"{len(works)} events were"
    return (
        f"{events} set aside, first {first.event_kind} by {first.agent}: {first.error[:200]}. Mend that, then say "
        "athanor retry"
    )


def unrest(runtime: Runtime) -> str:
    """Why not everything is done that should be; empty if it is."""
    if waiting := next(iter(runtime.reactor.waiting.values()), None):
        return waiting.words
    return parked_words(runtime.shelf.there())


def standing(runtime: Runtime) -> dict[str, Any]:
    """What waits and what was set aside, as JSON."""
    works = runtime.shelf.there()
    return {
        "waiting": sorted({waiting.words for waiting in runtime.reactor.waiting.values()}),
        "parked_events": dict(sorted(Counter(work.agent for work in works).items())),
        "parked": [
            {
                "agent": work.agent,
                "event": str(work.event_id),
                "kind": work.event_kind,
                "why": work.error,
                "sequence": work.parked_at,
            }
            for work in works[:SHOWN]
        ],
    }


def taken_up_words(works: Sequence[ParkedWork]) -> str:
    """What is taken up again, in a sentence."""
    if not works:
        return "Nothing is set aside: there is nothing to take up again."
    counts = Counter((work.agent, work.event_kind) for work in works)
    return "taken up again: " + ", ".join(
        f"{kind} by {agent}" + (f" ({n} times)" if n > 1 else "") for (agent, kind), n in sorted(counts.items())
    )
