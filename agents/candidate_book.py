"""What became of each candidate: the part of memory that planner, scheduler and retrainer share.

Every proposal ends in a vial or in a logged refusal. The book follows each one until it does. What is known
of a batch changes at exactly one event, and that event alone may be acted upon: an agent hears of its own
words only later, so asking "are they all done?" at each event would answer yes twice.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel, Field

from agents.agent import Agent, folds
from agents.memory import Memory
from contracts.learning import ObservationRecorded, ObservationWithheld
from contracts.planning import CandidateProposed
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from contracts.trust import CandidateCleared, CandidateRefused, ReviewRequested


class Fate(StrEnum):
    """Where a candidate stands."""

    PROPOSED = "proposed"
    ASKED = "asked"
    CLEARED = "cleared"
    REFUSED = "refused"
    DECLINED = "declined"
    LOST = "lost"
    OBSERVED = "observed"
    WITHHELD = "withheld"


ENDS = frozenset({Fate.REFUSED, Fate.DECLINED, Fate.LOST, Fate.OBSERVED, Fate.WITHHELD})
"""Fates that are final."""
VIALS = frozenset({Fate.LOST, Fate.OBSERVED, Fate.WITHHELD})
"""Ends that used up a vial."""
UNDECIDED = frozenset({Fate.PROPOSED, Fate.ASKED})
"""Fates before it is known whether a vial will be made."""
NEXT = {
    Fate.PROPOSED: frozenset({Fate.ASKED, Fate.CLEARED, Fate.REFUSED}),
    Fate.ASKED: frozenset({Fate.CLEARED, Fate.DECLINED}),
    Fate.CLEARED: VIALS,
}
"""Fate → the fates that may follow; anything else that is said of a candidate changes nothing."""


class Entry(BaseModel):
    """One candidate."""

    batch_id: str
    batch_size: int
    fate: Fate


class CandidateBook(Memory):
    """Candidate → where it stands."""

    book: dict[str, Entry] = Field(default_factory=dict)
    decided: str | None = None
    """The batch of which the latest fold brought the last decision."""
    settled: str | None = None
    """The batch of which the latest fold brought the last fate."""

    def batch(self, batch_id: str) -> dict[str, Fate]:
        """Candidate → fate within one batch, in the order of proposal."""
        return {name: entry.fate for name, entry in self.book.items() if entry.batch_id == batch_id}

    def undecided(self, batch_id: str) -> bool:
        """Whether the planner is still proposing that batch, or a decision on it is still open."""
        entries = [entry for entry in self.book.values() if entry.batch_id == batch_id]
        return len(entries) < max(e.batch_size for e in entries) or any(e.fate in UNDECIDED for e in entries)

    def batch_of(self, candidate: str) -> str | None:
        """The batch of a candidate; none if nobody proposed it."""
        entry = self.book.get(candidate)
        return entry.batch_id if entry else None

    def count(self, fates: frozenset[Fate]) -> int:
        """How many candidates stand at one of these fates."""
        return sum(entry.fate in fates for entry in self.book.values())

    def propose(self, event: CandidateProposed) -> None:
        """A new candidate."""
        self.decided = self.settled = None
        entry = Entry(batch_id=event.batch_id, batch_size=event.batch_size, fate=Fate.PROPOSED)
        self.book.setdefault(event.candidate_id, entry)

    def move(self, candidate: str | None, fate: Fate) -> None:
        """A candidate goes on to its next fate; names that nobody proposed (dropped files) are passed over."""
        self.decided = self.settled = None
        entry = self.book.get(candidate) if candidate is not None else None
        if entry is None or fate not in NEXT.get(entry.fate, ()):
            return
        was, entry.fate = entry.fate, fate
        fates = self.batch(entry.batch_id).values()
        if len(fates) < entry.batch_size:
            return  # the planner is still proposing
        if was in UNDECIDED and not any(f in UNDECIDED for f in fates):
            self.decided = entry.batch_id
        if all(f in ENDS for f in fates):
            self.settled = entry.batch_id


B = TypeVar("B", bound=CandidateBook)


class KeepsBook(Agent[B]):
    """An agent whose memory follows the candidates."""

    @folds(CandidateProposed)
    def note_proposed(self, event: CandidateProposed) -> None:
        """A new candidate."""
        self.memory.propose(event)

    @folds(CandidateCleared, CandidateRefused, ReviewRequested)
    def note_decision(self, event: CandidateCleared | CandidateRefused | ReviewRequested) -> None:
        """The trust auditor has decided."""
        fates = {CandidateCleared: Fate.CLEARED, CandidateRefused: Fate.REFUSED, ReviewRequested: Fate.ASKED}
        self.memory.move(event.candidate_id, fates[type(event)])

    @folds(ReviewDecided)
    def note_review(self, event: ReviewDecided) -> None:
        """A review was answered."""
        self.memory.move(event.candidate_id, Fate.CLEARED if event.approved else Fate.DECLINED)

    @folds(SampleLost)
    def note_lost(self, event: SampleLost) -> None:
        """A vial is gone."""
        self.memory.move(event.candidate_id, Fate.LOST)

    @folds(ObservationRecorded, ObservationWithheld)
    def note_observation(self, event: ObservationRecorded | ObservationWithheld) -> None:
        """A vial was measured. Files that nobody asked for name no candidate."""
        self.memory.move(event.candidate_id, Fate.OBSERVED if isinstance(event, ObservationRecorded) else Fate.WITHHELD)
