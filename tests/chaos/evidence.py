"""What a campaign left behind: its log, the instruments' own journals, and what is wrong with them."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bus.blobs import MemoryBlobs
from bus.jetstream import JetStreamBus
from bus.protocol import Recorded
from contracts.instruments import StepKind
from contracts.presence import AgentFaulted
from contracts.synthesis import StepCompleted, StepFailed, StepStarted

Seen = Mapping[int, tuple[str, bytes]]
"""Place in the log → id and bytes of the event that stands there."""


def seen(log: Sequence[Recorded]) -> Seen:
    """What a reader saw."""
    return {r.sequence: (str(r.envelope.id), r.payload) for r in log}


async def look(url: str) -> list[Recorded]:
    """The log as it is now, read by a stranger's connection."""
    bus = await JetStreamBus.connect(url, MemoryBlobs())
    try:
        return [r async for r in bus.read()]
    finally:
        await bus.close()


def lost(before: Seen, after: Seen) -> int:
    """Events that a reader saw once and that do not stand there, byte for byte, any more."""
    return sum(after.get(place) != event for place, event in before.items())


@dataclass
class Findings:
    """What is wrong; all zeros when nothing is."""

    heated_twice: int = 0
    gaps: int = 0
    said_twice: int = 0
    unannounced: int = 0
    """Actions in an instrument's journal without an intent in the log."""
    faults: int = 0
    words: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.heated_twice or self.gaps or self.said_twice or self.unannounced or self.faults)


def examine(log: Sequence[Recorded], instruments: Path) -> Findings:
    """Compares a log with itself and with what the instruments remember.

    Args:
        log: the whole log.
        instruments: the folder with a folder for each instrument's journal.
    """
    found, events = Findings(), [r.envelope.data for r in log]
    found.gaps = sum(b.sequence - a.sequence - 1 for a, b in itertools.pairwise(log)) + (log[0].sequence - 1)
    found.said_twice = len(log) - len({r.envelope.id for r in log})
    fires = [e for e in events if isinstance(e, StepCompleted) and e.step is StepKind.FIRE]
    heated = Counter((sample, e.key) for e in fires for sample in e.sample_ids)
    found.heated_twice = sum(n - 1 for n in heated.values())
    intents = {e.key for e in events if isinstance(e, StepStarted)}
    failed = Counter(_action(e.key) for e in events if isinstance(e, StepFailed))
    begun: Counter[str] = Counter()
    for entry in journal(instruments):
        if "firing" not in entry["request"]:
            continue  # the diffractometer's
        found.unannounced += entry["key"] not in intents
        if entry["request"]["step"] == StepKind.FIRE:
            begun[_action(entry["key"])] += 1
    for action, times in begun.items():  # a further attempt is right after a failure that may be tried again
        found.heated_twice += max(0, times - 1 - failed[action])
    for fault in (e for e in events if isinstance(e, AgentFaulted)):
        found.faults += 1
        found.words.append(f"{fault.agent} stumbled over {fault.event_kind}: {fault.error} at {fault.where}")
    return found


def journal(instruments: Path) -> list[dict[str, Any]]:
    """Entries of all instruments."""
    return [json.loads(path.read_text(encoding="utf-8"))["entry"] for path in instruments.glob("*/*.json")]


def _action(key: str) -> str:
    """A key without its attempt."""
    return key.rpartition("/")[0]
