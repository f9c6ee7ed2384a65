"""Carries questions to a reviewer and brings the answers back into the log."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pydantic import Field

from agents.agent import Agent, folds, on
from agents.errors import UnknownCandidateError
from agents.memory import Memory
from contracts.event import Event
from contracts.instruments import Reviewer, ReviewQuestion
from contracts.planning import CandidateProposed
from contracts.review import ReviewDecided
from contracts.trust import CandidateCleared, CandidateRefused, ReviewRequested


class DeskMemory(Memory):
    """Candidates that a question may come up about."""

    proposals: dict[str, CandidateProposed] = Field(default_factory=dict)


class ReviewDesk(Agent[DeskMemory]):
    """Asks a reviewer what the trust auditor would not decide alone; records who answered, and whether for real."""

    name = "review_desk"
    yields = (ReviewDecided,)

    def __init__(self, reviewer: Reviewer) -> None:
        super().__init__(DeskMemory())
        self.reviewer = reviewer

    @folds(CandidateProposed)
    def keep(self, event: CandidateProposed) -> None:
        """What a question would be about."""
        self.memory.proposals[event.candidate_id] = event

    @folds(CandidateCleared, CandidateRefused, ReviewDecided)
    def forget(self, event: CandidateCleared | CandidateRefused | ReviewDecided) -> None:
        """No question is left about it."""
        self.memory.proposals.pop(event.candidate_id, None)

    @on(ReviewRequested, long=True)
    async def ask(self, event: ReviewRequested) -> AsyncIterator[Event]:
        """Puts the question; a human may take days, and the desk goes on meanwhile.

        Raises:
            UnknownCandidateError: nobody proposed it, or the question was answered elsewhere.
        """
        if self.told:
            yield self.told[0]  # the log has the answer: nobody is asked twice
            return
        proposal = self.memory.proposals.get(event.candidate_id)
        if proposal is None:
            raise UnknownCandidateError(event.candidate_id, "its review")
        answer = await self.reviewer.decide(
            ReviewQuestion(
                candidate_id=event.candidate_id,
                composition=proposal.composition,
                recipe=proposal.recipe,
                reasons=event.decision.reasons,
                evidence=event.decision.model_dump(mode="json"),
            )
        )
        yield ReviewDecided(
            review_id=event.review_id,
            candidate_id=event.candidate_id,
            approved=answer.approved,
            reviewer=answer.reviewer,
            simulated=answer.simulated,
            reason=answer.reason,
        )
