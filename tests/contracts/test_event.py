"""Events are frozen, closed and named; their ids follow from their causes."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.campaigns import CampaignStarted, Standard, Triage
from contracts.catalogue import kinds
from contracts.errors import CatalogueError, FutureVersionError, MalformedEventError, UnknownKindError
from contracts.event import Event
from contracts.identifiers import follow_up_id, root_id
from contracts.instruments import StepKind, StepRequest, StepSample
from contracts.presence import AgentFaulted
from contracts.review import ReviewDecided
from contracts.scheduling import Reservation, RunScheduled, ScheduledSample
from contracts.synthesis import SampleLost
from contracts.upcasters import UNTOLD, read_event, upcast
from tests.contracts.examples import EPOCH, envelope, perovskite, plan, recipe

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


def test_a_campaign_of_version_1_calibrates_nothing() -> None:
    """Its log was written when nobody decided about calibrations: told today, none is due; a new plan wants them."""
    new = CampaignStarted(
        plan=plan(), seed=1, code_version="0", library_sha256="0" * 64, virtual=True, simulated=()
    ).model_dump(mode="json")
    old = json.loads(json.dumps(new))
    for name in ("calibration_interval_days", "max_deviation"):
        del old["plan"]["laboratory"][name]
    event = read_event("campaign.started", 1, old)
    assert isinstance(event, CampaignStarted)
    assert event.plan.laboratory.calibration_interval_days == 0
    assert event.model_copy(update={"plan": plan()}) == CampaignStarted.model_validate(new)
    assert plan().laboratory.calibration_interval_days == 7
    for garbage in ({}, {"plan": 3}, {"plan": {"laboratory": []}}):
        with pytest.raises(MalformedEventError):
            read_event("campaign.started", 1, garbage)


def test_a_campaign_of_version_2_is_in_no_doubt() -> None:
    """Its log was written when nobody scanned standards, measured again or asked people: told today, nobody does."""
    new = CampaignStarted(
        plan=plan(), seed=1, code_version="0", library_sha256="0" * 64, virtual=True, simulated=()
    ).model_dump(mode="json")
    old = json.loads(json.dumps(new))
    del old["plan"]["triage"]
    for name in ("standard", "standard_interval_days"):
        del old["plan"]["laboratory"][name]
    event = read_event("campaign.started", 2, old)
    assert isinstance(event, CampaignStarted)
    assert event.plan.laboratory.standard is Standard.NONE
    assert event.plan.triage == Triage(rescans_per_sample=0, rescan_hours_per_day=0, reviews_per_day=0)
    assert event.plan.laboratory.calibration_interval_days == 7, "what version 2 said is kept"
    assert event.model_copy(update={"plan": plan()}) == CampaignStarted.model_validate(new)
    assert plan().triage == Triage(rescans_per_sample=1, rescan_hours_per_day=6, reviews_per_day=8)
    for garbage in ({}, {"plan": 3}, {"plan": {"laboratory": []}}):
        with pytest.raises(MalformedEventError):
            read_event("campaign.started", 2, garbage)


PHASE_1 = {
    "name": "BaZrO3", "formula": "BaZrO3", "space_group": 221, "weight_fraction": 0.9,
    "cell": {"a": 4.19, "b": 4.19, "c": 4.19, "alpha": 90.0, "beta": 90.0, "gamma": 90.0}, "pseudo_cubic": 4.19,
    "confidence": 0.97, "alternatives": ["BaHfO3 (221)"], "microstrain": None,
}  # fmt: skip
ANALYSIS_1 = {
    "verdict": "ambiguous", "phases": [PHASE_1], "unexplained_fraction": 0.1, "unexplained_lines": [], "r_wp": 0.1,
    "zero": 0.0, "displacement": 0.0, "wavelength": 1.5406, "flags": [], "library_sha256": "0" * 64,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["diffraction.phases_identified", "diffraction.analysis_flagged"])
def test_an_answer_of_version_1_says_nothing_of_what_it_could_not_know(kind: str) -> None:
    """Its phases and verdict are as they were; uncertainties, classes and what may be missing are not made up."""
    old = {"measurement_id": "m", "sample_id": "s", "analysis": ANALYSIS_1}
    old |= {"reason": "why"} if kind.endswith("flagged") else {}
    event = read_event(kind, 1, old)
    [phase] = event.analysis.phases
    assert {name: getattr(phase, name) for name in UNTOLD} == dict.fromkeys(UNTOLD)
    assert (phase.members, event.analysis.missing, event.analysis.doubtful) == ((), None, ())
    told = event.model_dump(mode="json")["analysis"]
    assert {**told, "phases": []} | {"phases": [PHASE_1]} == ANALYSIS_1 | {"missing": None, "doubtful": []}
    assert {name: value for name, value in told["phases"][0].items() if name in PHASE_1} == PHASE_1
    assert ANALYSIS_1["phases"] == [PHASE_1], "the old words are left alone"
    with pytest.raises(MalformedEventError):
        read_event(kind, 1, old | {"analysis": {"phases": 3}})


def test_a_file_that_could_not_be_read_was_flagged_without_an_analysis() -> None:
    """Version 1 of such a flag is told as it was."""
    event = read_event(
        "diffraction.analysis_flagged", 1, {"measurement_id": "m", "sample_id": "s", "reason": "r", "analysis": None}
    )
    assert event.analysis is None


def test_a_furnace_is_calibrated_before_its_run() -> None:
    """A calibration of another furnace, or one that runs into the run, cannot be booked; `begins` counts it."""
    hour = timedelta(hours=1)

    def booked(name: str, first: int, last: int) -> Reservation:
        return Reservation(instrument=name, start=EPOCH + first * hour, end=EPOCH + last * hour)

    sample = ScheduledSample(
        sample_id="c-1-v1", candidate_id="c-1", composition=perovskite({"Ba": 1}, {"Ti": 1}), recipe=recipe()
    )
    run = RunScheduled(run_id="r", furnace="f-1", samples=(sample,), reservations=(booked("f-1", 4, 9),))
    assert (run.calibration, run.begins) == (None, EPOCH + 4 * hour)
    with_calibration = RunScheduled(**{**dict(run), "calibration": booked("f-1", 0, 4)})
    assert with_calibration.begins == EPOCH
    for wrong in (booked("f-2", 0, 4), booked("f-1", 0, 5)):
        with pytest.raises(ValidationError, match="calibrated before"):
            RunScheduled(**{**dict(run), "calibration": wrong})


def test_only_a_calibration_is_on_no_vials() -> None:
    """A step without a vial, or a calibration with one, is a mistake that is found where it is made."""
    vial = StepSample(sample_id="c-1-v1", composition=perovskite({"Ba": 1}, {"Ti": 1}), recipe=recipe())
    assert StepRequest(key="k", step=StepKind.CALIBRATE, samples=()).samples == ()
    for kind in StepKind:
        with pytest.raises(ValidationError, match="expected no vials" if kind is StepKind.CALIBRATE else "at least"):
            StepRequest(key="k", step=kind, samples=(vial,) if kind is StepKind.CALIBRATE else ())


def test_the_future_and_the_unknown_are_refused_by_name() -> None:
    """A newer version and an unknown kind are errors that say what to do."""
    with pytest.raises(FutureVersionError, match="written by a newer Athanor"):
        read_event("review.decided", ReviewDecided.version + 1, {})
    with pytest.raises(UnknownKindError, match="athanor catalogue"):
        read_event("no.such_kind", 1, {})
    with pytest.raises(MalformedEventError, match="sample_id"):
        read_event("synthesis.sample_lost", 1, {"reason": "x"})


def test_an_answer_names_its_question() -> None:
    """The question is made of the event's own fields; a field that it does not have is found when the class is made."""

    class Weighed(Event, kind="scales.weighed", answers="weight/{vial}"):
        """The scales have settled."""

        vial: str

    assert Weighed(vial="v-1").answered() == "weight/v-1"
    with pytest.raises(CatalogueError, match=r"Expected fields of Lost in answers='weight/\{jar\}', got \['jar'\]"):

        class Lost(Event, kind="scales.lost", answers="weight/{jar}"):
            """The scales have said nothing."""

            vial: str


def test_every_answer_of_the_world_is_found_again_by_its_question() -> None:
    """Whoever lives a past again asks what was asked then: a kind without its question would never be answered."""
    assert {kind.kind: kind.answers for kind in kinds() if kind.answers} == {
        "diffraction.measurement_failed": "scan/{measurement_id}",
        "diffraction.pattern_measured": "scan/{measurement_id}",
        "review.decided": "review/{candidate_id}",
        "synthesis.furnace_not_calibrated": "offers/{furnace}",
        "synthesis.step_completed": "step/{key}",
        "synthesis.step_failed": "step/{key}",
    }
