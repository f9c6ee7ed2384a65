"""What a human said, or a policy that stood in for one and says so."""

from __future__ import annotations

from contracts.event import Event
from contracts.identifiers import CandidateId, ReviewId


class ReviewDecided(Event, kind="review.decided", answers="review/{candidate_id}"):
    """A review was answered."""

    review_id: ReviewId
    """The question."""
    candidate_id: CandidateId
    """The candidate."""
    approved: bool
    """Whether it may be made."""
    reviewer: str
    """Who decided."""
    simulated: bool
    """Whether a policy stood in for a human."""
    reason: str
    """Why."""
