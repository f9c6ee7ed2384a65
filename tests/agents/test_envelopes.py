"""Envelopes: what an event is about, which chain it belongs to, and what caused it."""

from __future__ import annotations

from agents.envelopes import Saying, seal
from bus.codec import decode, encode
from contracts.campaigns import CampaignPaused
from contracts.identifiers import chain_id, follow_up_id, root_id, trace_parent
from tests.agents.said import answered, asked, candidate, gone, made, scanning, vial, withheld
from tests.contracts.examples import EPOCH

ROOT = root_id("test", "root")


def _seal(event, cause=None):
    return seal(event, follow_up_id(ROOT, "planner/0", 1), Saying("test", "planner", EPOCH, cause))


def test_everything_about_a_candidate_is_one_chain() -> None:
    """From the question to the vial and its measurement all share one correlation, which is the trace."""
    chain = chain_id("test", candidate(3))
    for event in (asked(3), answered(3, approved=True), made(3), gone(3), scanning(3), withheld(3)):
        sealed = _seal(event)
        assert sealed.correlationid == chain
        assert sealed.traceparent == trace_parent(chain, sealed.id)
    assert _seal(made(4)).correlationid != chain


def test_an_event_names_what_it_is_about() -> None:
    """The vial before the candidate; nothing where there is nothing to name."""
    assert _seal(made(3)).subject == vial(3)
    assert _seal(asked(3)).subject == candidate(3)
    assert _seal(CampaignPaused(reason="lunch")).subject is None


def test_what_is_about_no_candidate_belongs_to_the_chain_of_its_cause() -> None:
    """And what nothing caused begins a chain of its own."""
    cause = _seal(made(3))
    follow_up = _seal(CampaignPaused(reason="lunch"), cause)
    assert (follow_up.correlationid, follow_up.causationid) == (cause.correlationid, cause.id)
    first = _seal(CampaignPaused(reason="lunch"))
    assert (first.correlationid, first.causationid) == (first.id, None)


def test_a_sealed_event_survives_the_log() -> None:
    """Every attribute is written and read again, and the source says which agent spoke."""
    sealed = _seal(made(3))
    assert decode(encode(sealed)) == sealed
    assert (sealed.source, sealed.time, sealed.campaign) == ("/agents/planner", EPOCH, "test")
