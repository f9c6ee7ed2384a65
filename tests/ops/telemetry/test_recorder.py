"""One trace from proposal to label; the log is the same whether anybody listens or not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from contracts.campaigns import CampaignPaused
from contracts.identifiers import candidate_of, chain_id
from contracts.learning import ObservationRecorded
from contracts.planning import CandidateProposed
from contracts.scheduling import RunScheduled
from contracts.synthesis import SampleSynthesised, StepCompleted, StepFailed, StepStarted
from tests.agents.lab import CAMPAIGN, House
from tests.agents.test_ring import build
from tests.agents.toys import Splitter, Stumbling
from tests.ops.telemetry.observed import live, lucky, spans, unresolved

PAUSE = CampaignPaused(reason="x")


async def test_listening_changes_no_byte_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign in which much goes wrong leaves the same bytes with telemetry and without."""
    _, deaf = build(3)
    await deaf.live()
    _, heard = build(3)
    await live(heard, tmp_path, monkeypatch)
    assert [(s.subject, s.payload) for s in heard.bus.log] == [(s.subject, s.payload) for s in deaf.bus.log]
    assert len(spans(tmp_path)) > len(heard.bus.log) > 100


@pytest.fixture
async def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[House, list[dict]]:
    """A campaign in which nothing goes wrong, and its spans."""
    house = lucky(1)
    await live(house, tmp_path, monkeypatch)
    return house, spans(tmp_path)


async def test_a_candidate_is_one_trace(ring: tuple[House, list[dict]]) -> None:
    """Each vial that taught has one trace with spans of all who dealt with it, and every parent is there."""
    house, found = ring
    assert unresolved(found) == []
    taught = [e for e in await house.events(ObservationRecorded) if isinstance(e, ObservationRecorded)]
    assert len(taught) == 6
    for learnt in taught:
        trace = chain_id(CAMPAIGN, learnt.candidate_id).hex
        mine = [s for s in found if s["trace_id"] == trace]
        assert {s["attributes"]["agent"] for s in mine if "agent" in s["attributes"]} >= {
            "planner", "trust_auditor", "scheduler", "synthesis_robot", "xrd_analyser", "retrainer",
        }  # fmt: skip
        assert [s["name"] for s in mine if s["parent_id"] is None] == ["candidate"]
        names = {s["name"] for s in mine}
        assert names >= {"trust_auditor.audit", "xrd_analyser.measure", "xrd_analyser.identify", "retrainer.label"}
        assert names >= {"publish planning.candidate_proposed", "publish learning.observation_recorded", "scheduled"}


async def test_spans_have_the_ids_of_the_events(ring: tuple[House, list[dict]]) -> None:
    """Each event is a span under the ids of its header, told with its place in the log, and no id occurs twice."""
    house, found = ring
    told = {(s["trace_id"], s["span_id"]): s for s in found}
    assert len(told) == len(found)
    for sequence, envelope in house.past():
        _, trace, span, _ = envelope.traceparent.split("-")
        published = told[trace, span]
        assert published["name"] == f"publish {envelope.type}"
        assert published["attributes"]["event.sequence"] == sequence
        assert published["attributes"]["event.id"] == str(envelope.id)


async def test_a_reaction_goes_on_from_what_it_reacts_to(ring: tuple[House, list[dict]]) -> None:
    """A reaction's parent is the event that it names, and what it says about the same candidate is its child."""
    house, found = ring
    events = {str(e.id): e for _, e in house.past()}
    reactions = [s for s in found if s["kind"] == "consumer"]
    for span in reactions:
        cause = events[span["attributes"]["event.id"]]
        assert f"00-{span['trace_id']}-{span['parent_id']}-01" == cause.traceparent
        assert span["attributes"]["event.kind"] == cause.type
    ids = {s["span_id"]: s for s in reactions}
    for span in found:
        cause = events[span["attributes"]["event.id"]].causationid if span["kind"] == "producer" else None
        if cause is not None:
            reason = ids[span["parent_id"]] if span["parent_id"] in ids else ids[span["links"][0]["span_id"]]
            assert reason["attributes"]["event.id"] == str(cause)


async def test_an_action_is_a_span_in_the_trace_of_each_vial(ring: tuple[House, list[dict]]) -> None:
    """From the intent to the fact there is a span for each vial that takes part, with the action's key."""
    house, found = ring
    wanted = Counter(
        (e.key, chain_id(CAMPAIGN, candidate_of(vial)).hex)
        for e in await house.events(StepStarted)
        for vial in e.sample_ids  # type: ignore[attr-defined]
    )
    actions = [s for s in found if s["attributes"].get("key") and "/scan/" not in s["attributes"]["key"]]
    for_vials = [s for s in actions if "/calibrate/" not in s["attributes"]["key"]]
    assert Counter((s["attributes"]["key"], s["trace_id"]) for s in for_vials) == wanted
    assert len(actions) - len(for_vials) == sum(not e.sample_ids for e in await house.events(StepStarted)) > 0
    assert any(n > 1 for n in Counter(s["attributes"]["key"] for s in actions).values()), "vials were fired together"
    assert {s["name"] for s in actions} >= {"furnace-1.weigh", "furnace-1.fire", "furnace-2.unload"}
    assert all(s["end_ns"] >= s["start_ns"] for s in found)


async def test_a_run_is_told_to_each_candidate(ring: tuple[House, list[dict]]) -> None:
    """Candidates that share a run each see in their own trace that they were scheduled."""
    house, found = ring
    wanted = Counter(
        chain_id(CAMPAIGN, s.candidate_id).hex for e in await house.events(RunScheduled) for s in e.samples
    )
    assert Counter(s["trace_id"] for s in found if s["name"] == "scheduled") == wanted


async def test_a_step_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The span of a failed action has the status error and the instrument's own words."""
    house = lucky(1, instrument={"fails": 0.3})
    await live(house, tmp_path, monkeypatch)
    reasons = {e.key: e.reason for e in await house.events(StepFailed)}
    assert reasons
    wrong = [s for s in spans(tmp_path) if s["status"] == "error"]
    failed = {s["attributes"]["key"]: s["status_text"] for s in wrong if "key" in s["attributes"]}
    assert {k: failed[k] for k in reasons} == reasons


async def test_a_mistake_is_recorded_with_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try of a reaction that raises is a span of its own; the exception is in those that failed only."""
    raises = Counter({"c-0-v1": 0, "c-1-v1": 2})
    house = House(lambda _: [Splitter(), Stumbling(raises)], PAUSE)
    await live(house, tmp_path, monkeypatch)
    tries = [s for s in spans(tmp_path) if s["name"].startswith("stumbling.") and s["attributes"]["sample"] == "c-1-v1"]
    assert [(s["attributes"]["attempt"], s["status"]) for s in tries] == [(1, "error"), (2, "error"), (3, "unset")]
    exception = tries[0]["events"][0]["attributes"]
    assert exception["exception.type"] == "ValueError"
    assert "toys.py" in exception["exception.stacktrace"]
    assert tries[2]["events"] == []
    faults = [s for s in spans(tmp_path) if s["name"] == "publish presence.agent_faulted"]
    assert [s["parent_id"] for s in faults] == [s["span_id"] for s in tries[:2]]


async def test_a_life_after_a_crash_goes_on_in_the_same_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not said again has no second span; the trace of a candidate spans both lives."""
    _, house = build(3)
    await live(house, tmp_path, monkeypatch, dies_at=60)
    before = len(spans(tmp_path))
    await live(house, tmp_path, monkeypatch)
    found = spans(tmp_path)
    events = Counter(s["attributes"]["event.id"] for s in found if s["kind"] == "producer" and s["status"] == "unset")
    assert max(events.values()) <= 2, "the publication in which the process died, and its repetition"
    assert sum(n == 2 for n in events.values()) <= 1
    both = {s["trace_id"] for s in found[:before]} & {s["trace_id"] for s in found[before:]}
    proposed = {chain_id(CAMPAIGN, e.candidate_id).hex for e in await house.events(CandidateProposed)}
    assert both & proposed
    assert len(await house.events(SampleSynthesised)) > 0


async def test_an_action_over_a_crash_is_told_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The life that died tells that no fact came, the next one that it went on with an intent of before."""
    whole = lucky(1)
    await whole.live()
    said = [(sequence, e.data) for sequence, e in whole.past()]
    fatal, completed = next((n, e) for n, e in said if isinstance(e, StepCompleted))
    house = lucky(1)
    await live(house, tmp_path, monkeypatch, dies_at=fatal, stored=False)
    (cut,) = [s for s in spans(tmp_path) if s["attributes"].get("key") == completed.key]
    assert (cut["status"], cut["attributes"]["resumed"]) == ("error", False)
    assert cut["status_text"] == "the reaction ended before the instrument had reported"
    assert {s["name"] for s in spans(tmp_path) if s["attributes"].get("cancelled")} == {"synthesis_robot.make"}
    await live(house, tmp_path, monkeypatch)
    _, whole_span = [s for s in spans(tmp_path) if s["attributes"].get("key") == completed.key]
    assert (whole_span["status"], whole_span["attributes"]["resumed"]) == ("unset", True)
    assert whole_span["trace_id"] == cut["trace_id"]
