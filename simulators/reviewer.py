"""A policy that stands in for the human at the review desk, and says so in every answer.

Its rules, in this order: an element that was never measured is declined; two or more out-of-distribution
votes are declined; a doubt that is only "too few labels" or "too wide" is approved, because only a
measurement can remove it.
"""

from __future__ import annotations

from typing import Any

from contracts.instruments import ReviewAnswer, ReviewQuestion

NAME = "simulated-policy"


class SimulatedReviewer:
    """Keeps the promises of `contracts.instruments.Reviewer`; no human is asked."""

    async def decide(self, question: ReviewQuestion) -> ReviewAnswer:
        """Applies the rules to one question."""
        evidence: dict[str, Any] = question.evidence if isinstance(question.evidence, dict) else {}
        scores = {s["name"]: s for s in evidence.get("ood", ())}
        if scores.get("element never seen", {}).get("exceeded"):
            return _answer(approved=False, reason="an element of it was never measured here")
        if evidence.get("votes", 0) >= 2:
            return _answer(approved=False, reason="two of three scores call it out of distribution")
        return _answer(approved=True, reason="only a measurement can remove this doubt")


def _answer(*, approved: bool, reason: str) -> ReviewAnswer:
    return ReviewAnswer(approved=approved, reviewer=NAME, simulated=True, reason=reason)
