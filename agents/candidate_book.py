"""What became of each candidate: the part of memory that planner and scheduler share.

Every proposal ends in a vial or in a logged refusal. The book follows each one until it does.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel, Field

from agents.agent import Agent, Memory, folds
from contracts.identifiers import candidate_of
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


class Entry(BaseModel):
    """One candidate."""

    batch_id: str
    fate: Fate


class CandidateBook(Memory):
    """Candidate → where it stands."""

    book: dict[str, Entry] = Field(default_factory=dict)

    def batch(self, batch_id: str) -> dict[str, Fate]:
        """Candidate → fate within one batch, in the order of proposal."""
        return {name: entry.fate for name, entry in self.book.items() if entry.batch_id == batch_id}

    def batch_of(self, candidate: str) -> str | None:
        """The batch of a candidate; none if nobody proposed it."""
        entry = self.book.get(candidate)
        return entry.batch_id if entry else None

    def count(self, fates: frozenset[Fate]) -> int:
        """How many candidates stand at one of these fates."""
        return sum(entry.fate in fates for entry in self.book.values())

    def move(self, candidate: str | None, fate: Fate) -> None:
        """A candidate goes on to its next fate; names that nobody proposed (dropped files) are passed over."""
        if candidate is not None and (entry := self.book.get(candidate)) is not None:
            entry.fate = fate


B = TypeVar("B", bound=CandidateBook)


class KeepsBook(Agent[B]):
    """An agent whose memory follows the candidates."""

    @folds(CandidateProposed)
    def note_proposed(self, event: CandidateProposed) -> None:
        """A new candidate."""
        self.memory.book[event.candidate_id] = Entry(batch_id=event.batch_id, fate=Fate.PROPOSED)

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
        """A vial was measured."""
        fate = Fate.OBSERVED if isinstance(event, ObservationRecorded) else Fate.WITHHELD
        self.memory.move(event.candidate_id or candidate_of(event.sample_id), fate)
