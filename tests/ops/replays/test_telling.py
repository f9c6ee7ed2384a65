"""Differences in words: what was expected, what was got, and what led there."""

from __future__ import annotations

import orjson
import pytest

from agents.runtime.verdicts import Judged, Mismatch, Verdict
from contracts.learning import ObservationRecorded
from contracts.trust import CandidateCleared
from ops.replays.telling import as_document, decided_by, in_words, memory_document, sentence
from tests.ops.replays.world import again, altered, lived_through


async def test_a_difference_says_what_was_expected_and_what_was_got() -> None:
    """Place, agent, kind, what led to it, and both values."""
    judged, *_ = await altered(ObservationRecorded, "utility", 0.5)
    document = as_document(judged)
    assert (document["what"], document["agent"], document["kind"]) == ("other", "retrainer", ObservationRecorded.kind)
    assert document["seq"] == judged.recorded.sequence
    assert document["because_of"]["kind"] == "diffraction.phases_identified"
    assert document["expected"].startswith("data.utility = ")
    assert document["expected"] != document["got"]
    assert sentence(judged).startswith(f"#{judged.place}: retrainer, learning.observation_recorded, because of #")


async def test_what_one_side_lacks_is_nothing_there() -> None:
    """An event that was left out, or made up, is told on the side that has it."""
    world, lab = await lived_through()
    stored = next(s for s in lab.bus.log if orjson.loads(s.payload)["type"] == CandidateCleared.kind)
    forged = orjson.loads(stored.payload) | {"id": "11111111-2222-3333-4444-555555555555"}
    lab.bus.store(stored.subject, orjson.dumps(forged))
    [made_up] = (await again(world, lab)).replayed.differences
    expected, got = in_words(made_up)
    assert expected.startswith("trust.candidate_cleared c-")
    assert got == "nothing"
    left_out = Judged(Verdict.UNSAID, "trust_auditor", made_up.cause, None, made_up.recorded.recorded().envelope)
    assert in_words(left_out) == (got, expected)
    assert as_document(left_out)["seq"] is None
    assert as_document(left_out)["id"] == str(made_up.recorded.id)


def test_a_question_and_a_mistake_are_told_in_their_own_words() -> None:
    """What was asked of the world, and what was raised."""
    asked = Judged(Verdict.UNANSWERED, "synthesis_robot", None, words="step/r-0001/1/weigh/c-1-v1/1")
    raised = Judged(Verdict.RAISED, "planner", None, words="ValueError: no")
    assert in_words(asked)[1] == "the question step/r-0001/1/weigh/c-1-v1/1"
    assert in_words(raised)[1] == "ValueError: no"
    assert "something that is not in the log" in sentence(raised)


def test_a_memory_is_told_with_its_place() -> None:
    """Whose, where, and both digests."""
    document = memory_document(Mismatch("planner", "its start at #7", "aa", "bb"))
    assert document == {
        "what": "memory", "seq": None, "agent": "planner", "where": "its start at #7", "expected": "aa", "got": "bb",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("decider", "whose"),
    [
        ("0.0.9", "an earlier Athanor"),
        ("0.1.0", "an earlier Athanor"),
        ("0.1.0+decisions.10", "a later Athanor"),
        ("1.0.0", "a later Athanor"),
        ("jane-1", "another program"),
    ],
)
def test_whose_decisions_differ_is_said(decider: str, whose: str) -> None:
    """Versions are compared as numbers; an agent of somebody else has a version of its own kind."""
    assert decided_by(decider, "0.1.0+decisions.9") == f"decided by {whose}"
