"""What came of living a past again, decision by decision."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from agents.runtime.past import Entry
from contracts.campaigns import CampaignPlan
from contracts.envelope import Envelope


class Verdict(StrEnum):
    """What came of comparing what was said then with what is said now."""

    SAME = "same"
    OTHER = "other"
    """Something else is said under the same identifier."""
    UNSAID = "unsaid"
    """It is said now, and the log does not have it."""
    NOT_REMADE = "not re-made"
    """The log has it, and it is not said now."""
    RAISED = "raised"
    """The reaction raises, and the log has no word of that."""
    ARTEFACT = "artefact"
    """What was decided upon is missing or damaged."""
    UNANSWERED = "unanswered"
    """The world is asked something that the log has no answer to, although it goes on."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One thing that an agent says because of an event, then and now."""

    verdict: Verdict
    agent: str
    cause: Entry | None
    recorded: Entry | None = None
    """What the log has."""
    remade: Envelope | None = None
    """What is said now."""
    words: str = ""
    """What was raised or asked."""

    @property
    def place(self) -> int:
        """Where in the log it stands, or else what led to it."""
        entry = self.recorded or self.cause
        return entry.sequence if entry else 0


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A memory that is not what was said of it."""

    agent: str
    where: str
    expected: str
    got: str


@dataclass(frozen=True)
class Change:
    """Another plan from some place on: what if?"""

    plan: CampaignPlan
    since: int = 1


@dataclass
class Replayed:
    """What came of living a past again."""

    events: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """Kind → events."""
    decisions: int = 0
    """Events of these agents that another one led to, mistakes of the program aside."""
    compared: Counter[str] = field(default_factory=Counter)
    """Kind → decisions that were re-made and compared."""
    differences: list[Judged] = field(default_factory=list)
    """In the order of the log."""
    by_others: list[tuple[str, Judged]] = field(default_factory=list)
    """What code of another version, which stands beside it, decided otherwise; in the order of the log."""
    same: list[Judged] = field(default_factory=list)
    """What is said again as it was; only where that was asked for."""
    unfinished: list[Judged] = field(default_factory=list)
    """What was about to be said when the log ended."""
    uncompared: Counter[str] = field(default_factory=Counter)
    """Why → decisions that were not compared."""
    memories: dict[str, str] = field(default_factory=dict)
    """Agent → digest of its memory at the end."""
    memories_compared: int = 0
    """Digests that agents told or kept on the way, and that were compared."""
    mismatches: list[Mismatch] = field(default_factory=list)
    """Those that differ."""
