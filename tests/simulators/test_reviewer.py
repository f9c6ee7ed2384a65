"""The stand-in at the review desk follows its three rules and never passes for a human."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.instruments import Reviewer, ReviewQuestion
from simulators.reviewer import SimulatedReviewer
from tests.contracts.examples import perovskite, recipe

UNSEEN = {"name": "element never seen", "exceeded": True}
SEEN = {"name": "element never seen", "exceeded": False}


@pytest.mark.parametrize(
    ("evidence", "approved", "because"),
    [
        ({"ood": [UNSEEN], "votes": 0}, False, "never measured"),
        ({"ood": [UNSEEN], "votes": 3}, False, "never measured"),
        ({"ood": [SEEN], "votes": 2}, False, "out of distribution"),
        ({"ood": [SEEN], "votes": 1}, True, "only a measurement"),
        ({"ood": [], "votes": 0}, True, "only a measurement"),
        ({}, True, "only a measurement"),
        ("no record", True, "only a measurement"),
    ],
)
async def test_rules(evidence: Any, approved: bool, because: str) -> None:  # noqa: FBT001  a column of the table
    """Never measured or twice voted out is declined; what only a measurement can settle is approved."""
    desk = SimulatedReviewer()
    assert isinstance(desk, Reviewer)
    question = ReviewQuestion(
        candidate_id="c-1",
        composition=perovskite({"Ba": 1}, {"Zr": 1}),
        recipe=recipe(("Ba", "Zr")),
        reasons=("the interval is too wide",),
        evidence=evidence,
    )
    answer = await desk.decide(question)
    assert answer.approved is approved
    assert because in answer.reason
    assert answer.simulated
    assert answer.reviewer == "simulated-policy"
