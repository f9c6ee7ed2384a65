"""Events are frozen, closed and named; their ids follow from their causes."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.errors import CatalogueError, FutureVersionError, MalformedEventError, UnknownKindError
from contracts.event import Event
from contracts.identifiers import follow_up_id, root_id
from contracts.presence import AgentFaulted
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from contracts.upcasters import read_event, upcast
from tests.contracts.examples import envelope

LOST = SampleLost(sample_id="s-1", candidate_id="c-1", run_id="r-1", reason="dropped")


def test_a_kind_is_a_topic_and_a_fact() -> None:
    """A class without a proper kind cannot be defined."""
    with pytest.raises(CatalogueError, match=r"topic\.fact"):
        type("Nameless", (Event,), {})
    assert LOST.topic() == "synthesis"


def test_events_are_frozen() -> None:
    """A fact cannot be changed after it was said."""
    with pytest.raises(ValidationError, match="frozen"):
        LOST.reason = "something else"  # type: ignore[misc]


def test_an_envelope_must_name_what_it_holds() -> None:
    """Type and schema of the envelope are those of its data."""
    good = envelope(LOST)
    assert good.type == "synthesis.sample_lost"
    with pytest.raises(ValidationError, match="expected type and dataschema"):
        type(good).model_validate({**good.model_dump(), "type": "review.decided", "data": LOST})


@given(st.uuids(), st.sampled_from(["planner", "retrainer"]), st.integers(0, 50))
def test_ids_follow_from_causes(cause: UUID, agent: str, n: int) -> None:
    """The same cause, agent and count give the same id; any other gives another."""
    assert follow_up_id(cause, agent, n) == follow_up_id(cause, agent, n)
    assert follow_up_id(cause, agent, n) != follow_up_id(cause, agent, n + 1)
    assert root_id("a", "x") != root_id("b", "x")


def test_upcasting_tells_an_old_event_in_todays_words() -> None:
    """Version 1 of AgentFaulted did not say where; today's class says that it was not recorded."""
    old = {
        "agent": "planner", "event_id": str(root_id("c", "x")), "event_kind": "a.b", "attempt": 1,
        "error": "ValueError: no", "parked": False,
    }  # fmt: skip
    event = read_event("presence.agent_faulted", 1, old)
    assert isinstance(event, AgentFaulted)
    assert event.where == "not recorded by version 1"
    assert "where" not in old
    assert upcast("presence.agent_faulted", 2, {**old, "where": "planner.py:3"})["where"] == "planner.py:3"


def test_the_future_and_the_unknown_are_refused_by_name() -> None:
    """A newer version and an unknown kind are errors that say what to do."""
    with pytest.raises(FutureVersionError, match="written by a newer Athanor"):
        read_event("review.decided", ReviewDecided.version + 1, {})
    with pytest.raises(UnknownKindError, match="athanor catalogue"):
        read_event("no.such_kind", 1, {})
    with pytest.raises(MalformedEventError, match="sample_id"):
        read_event("synthesis.sample_lost", 1, {"reason": "x"})
