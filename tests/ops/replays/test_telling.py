"""Differences in words: where two tellings of one event part, and whether that is rounding."""

from __future__ import annotations

import orjson

from agents.runtime.verdicts import Judged, Mismatch, Verdict
from contracts.learning import ObservationRecorded
from contracts.trust import CandidateCleared
from ops.replays.telling import as_document, departures, in_words, memory_document, rounding, sentence
from tests.agents.lab import House
from tests.ops.replays.world import again, lived_through


def test_departures_name_each_place() -> None:
    """Keys and places in lists lead to what differs; a list of another length differs as a whole."""
    then = {"a": {"b": [1, 2]}, "c": [1], "same": "x", "gone": True}
    now = {"a": {"b": [1, 3]}, "c": [1, 2], "same": "x", "new": None}
    assert list(departures(then, now)) == [("a.b[1]", 2, 3), ("c", [1], [1, 2]), ("gone", True, None)]


def test_a_whole_number_is_not_the_same_as_one_with_a_fraction() -> None:
    """Bytes are compared, so 1 and 1.0 part, and so do true and 1."""
    assert list(departures({"n": 1}, {"n": 1.0})) == [("n", 1, 1.0)]
    assert list(departures({"n": True}, {"n": 1})) == [("n", True, 1)]


async def altered(field: str, by: float | str) -> Judged:
    """The difference that an altered observation is found by."""
    world, lab = await lived_through()
    return await _altered(world, lab, field, by)


async def _altered(world: object, lab: House, field: str, by: float | str) -> Judged:
    stored = next(s for s in lab.bus.log if orjson.loads(s.payload)["type"] == ObservationRecorded.kind)
    document = orjson.loads(stored.payload)
    document["data"][field] = by if isinstance(by, str) else document["data"][field] * by
    stored.payload = orjson.dumps(document)
    return (await again(world, lab)).replayed.differences[0]


async def test_a_difference_says_what_was_expected_and_what_was_got() -> None:
    """Place, agent, kind, what led to it, and both values."""
    judged = await altered("utility", 0.5)
    document = as_document(judged)
    assert (document["what"], document["agent"], document["kind"]) == ("other", "retrainer", ObservationRecorded.kind)
    assert document["seq"] == judged.recorded.sequence
    assert document["because_of"]["kind"] == "diffraction.phases_identified"
    assert document["expected"].startswith("data.utility = ")
    assert document["expected"] != document["got"]
    assert sentence(judged).startswith(f"#{judged.place}: retrainer, learning.observation_recorded, because of #")


async def test_last_digits_are_told_from_decisions() -> None:
    """Where only numbers with fractions depart, it says by how much; a word that departs is no rounding."""
    assert 0 < rounding(await altered("utility", 1 + 1e-12)) < 2e-12
    assert rounding(await altered("batch_id", "b-0099")) is None


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
