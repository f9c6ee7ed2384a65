"""Triage in the lab: budgets are kept, a crash changes nothing, and every doubt has an end in the log."""

from __future__ import annotations

from collections import Counter

import pytest

from agents.retrainer import Retrainer
from agents.triaging import answer_of
from agents.xrd_analyser import XrdAnalyser
from contracts.diffraction import (
    AnalysisFlagged,
    AnalysisReviewDeferred,
    AnalysisReviewRequested,
    DoubtfulPhase,
    MeasurementStarted,
    PatternMeasured,
    PhasesIdentified,
    RescanRequested,
    ReviewsResumed,
)
from contracts.event import Event
from contracts.identifiers import scan_of as nth_scan
from contracts.learning import ObservationRecorded, ObservationWithheld
from tests.agents.lab import House, started
from tests.agents.said import analysis, made, phase, proposed, scan_of, vial
from tests.agents.world import Dice, World
from tests.contracts.examples import plan

AGAIN = nth_scan(vial(1), 2)


def house(triage: dict | None = None, *, learns: bool = False, **patterns: str) -> tuple[World, House]:
    """The analyser, and the retrainer if wanted, where the n-th pattern is as told: ``p1="faint"``, ``p1_2="good"``."""
    fixed = {}
    for name, verdict in patterns.items():
        n, _, second = name.removeprefix("p").partition("_")
        fixed[f"pattern/{nth_scan(vial(int(n)), 2) if second else vial(int(n))}"] = verdict
    world = World(Dice(fixed=fixed))

    def crew(clock) -> list:
        world.clock = clock
        return [XrdAnalyser(world.diffractometer), *([Retrainer()] if learns else [])]

    return world, House(crew, started(triage=triage or {}), workers=world.workers)


def of(said: list[Event], *kinds: type[Event]) -> list:
    return [e for e in said if isinstance(e, kinds)]


# again ------------------------------------------------------------------------------------------------------


async def test_what_a_longer_scan_would_settle_is_measured_again() -> None:
    """The request stands before the answer in doubt, then come intent, scan and answer; the request says why."""
    world, lab = house(p1="faint", p1_2="good")
    said = await lab.hear(made(1))
    assert [type(e) for e in said] == [
        MeasurementStarted, PatternMeasured, RescanRequested, PhasesIdentified,
        MeasurementStarted, PatternMeasured, PhasesIdentified,
    ]  # fmt: skip
    request = said[2]
    assert (request.measurement_id, request.doubted, request.sample_id) == (AGAIN, scan_of(1), vial(1))
    assert request.reason == "carbonate is there with a probability of 0.50; measured again 4 times as long"
    assert request.scan.seconds_per_step == 4 * plan().scan.seconds_per_step
    assert request.hours == pytest.approx(3751 * 2.0 / 3600, abs=1e-3)
    assert request.expected_gain == pytest.approx(0.5)
    asked = world.diffractometer.actions[AGAIN].request
    assert {name: getattr(asked, name) for name in type(request.scan).model_fields} == request.scan.model_dump()
    assert [e.measurement_id for e in of(said, PhasesIdentified)] == [scan_of(1), AGAIN]


async def test_a_vial_is_measured_again_as_often_as_the_plan_says() -> None:
    """What stays in doubt after that goes to a person; with no rescans at all it does so at once."""
    for allowed in (0, 1, 2):
        _, lab = house({"rescans_per_sample": allowed, "rescan_hours_per_day": 24}, p1="faint", p1_2="faint")
        lab.workers.world.dice.fixed["pattern"] = "faint"
        said = await lab.hear(made(1))
        assert [e.measurement_id for e in of(said, RescanRequested)] == [
            nth_scan(vial(1), n + 2) for n in range(allowed)
        ]
        [question] = of(said, AnalysisReviewRequested)
        assert question.measurement_id == nth_scan(vial(1), allowed + 1)
        assert "carbonate" in question.question


async def test_rescans_fit_into_the_hours_of_a_day() -> None:
    """Three hours are one scan of two: the second vial is not measured again, and the question to a person says so."""
    _, lab = house({"rescan_hours_per_day": 3}, p1="faint", p1_2="good", p2="faint", p3="good")
    said = await lab.hear(made(1), made(2), made(3))
    assert [e.sample_id for e in of(said, RescanRequested)] == [vial(1)]
    [question] = of(said, AnalysisReviewRequested)
    assert question.sample_id == vial(2)
    assert "2.1 h of the diffractometer might tell; the day has none left" in question.question


async def test_clear_lines_of_something_unknown_are_no_reason_to_measure_again() -> None:
    """They are put to a person at once."""
    _, lab = house(p1="unknown")
    said = await lab.hear(made(1))
    assert not of(said, RescanRequested)
    [question] = of(said, AnalysisReviewRequested)
    assert (question.measurement_id, question.priority) == (scan_of(1), 0.9)


async def test_dropped_files_are_not_measured_again() -> None:
    """Nobody has their powder: a file of a stranger, or of a vial that was not asked for, leads to questions only."""
    _, lab = house(p1="faint")
    content = lab.bus.blobs.put(vial(1).encode(), "text/plain", "a.xy")
    [measured] = of(await lab.hear(made(1)), PatternMeasured)[:1]
    dropped = measured.model_copy(update={"asked": False, "measurement_id": "file/1", "pattern": content})
    said = await lab.hear(dropped)
    assert [type(e) for e in said] == [PhasesIdentified, AnalysisReviewRequested]


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not stored"])
async def test_killed_anywhere_no_vial_is_measured_again_twice(stored: bool) -> None:  # noqa: FBT001
    """A crash at each publication, that of the request included, changes neither the log nor what was begun."""
    how = {"learns": True, "p1": "faint", "p1_2": "good", "p2": "unknown", "p3": "unknown"}
    then = [proposed(1), proposed(2), made(1), made(2), made(3)]
    _, lab = house({"reviews_per_day": 1}, **how)
    lab.then = then
    whole = await lab.live()
    wanted = await lab.payloads()
    assert len(await lab.events(RescanRequested)) == 1
    for n in range(1, whole.published + 1):
        world, again = house({"reviews_per_day": 1}, **how)
        again.then = then
        await again.live(dies_at=n, stored=stored)
        await again.live()
        assert sorted(await again.payloads()) == sorted(wanted), f"killed at publication {n}"
        assert world.begun == dict.fromkeys((scan_of(1), AGAIN, scan_of(2), scan_of(3)), 1)


# what is learnt ---------------------------------------------------------------------------------------------


async def test_a_vial_is_learnt_from_once_and_from_its_rescan() -> None:
    """Nothing is said of the answer in doubt; the label rests on the scan that settled it."""
    _, lab = house(learns=True, p1="faint", p1_2="good")
    said = await lab.hear(proposed(1), made(1))
    [label] = of(said, ObservationRecorded, ObservationWithheld)
    assert isinstance(label, ObservationRecorded)
    assert label.measurement_id == AGAIN


async def test_a_rescan_that_finds_more_takes_the_place_of_the_answer_before() -> None:
    """Lines that only the longer scan shows keep the vial out, although the short one would have taught."""
    _, lab = house(learns=True, p1="faint", p1_2="unknown")
    said = await lab.hear(proposed(1), made(1))
    [withheld] = of(said, ObservationRecorded, ObservationWithheld)
    assert "belongs to no known phase" in withheld.reason


@pytest.mark.parametrize(("luck", "fate"), [("pattern", "nothing"), ("pattern", "garbage"), ("instrument", "cut")])
async def test_a_rescan_that_shows_nothing_leaves_the_answer_before(luck: str, fate: str) -> None:
    """An empty holder, an unreadable or a missing file: the vial is learnt from as if nobody had measured again."""
    world, lab = house(learns=True, p1="faint")
    world.dice.fixed[f"{luck}/{AGAIN}"] = fate
    said = await lab.hear(proposed(1), made(1))
    [label] = of(said, ObservationRecorded, ObservationWithheld)
    assert isinstance(label, ObservationRecorded)
    assert label.measurement_id == scan_of(1)
    [question] = of(said, AnalysisReviewRequested)
    assert question.measurement_id == scan_of(1), "the doubt about it is as open as before"
    assert await lab.faults() == []


# people -----------------------------------------------------------------------------------------------------


async def test_a_sure_answer_is_nobodys_business() -> None:
    """Nothing follows an identification that is sure."""
    _, lab = house(p1="good")
    assert [type(e) for e in await lab.hear(made(1))] == [MeasurementStarted, PatternMeasured, PhasesIdentified]


async def test_more_questions_than_a_day_has_wait_for_the_next_ones_by_their_urgency() -> None:
    """One a day: what comes first is asked, the rest is put off in the log, and asked the more urgent first."""
    _, lab = house({"reviews_per_day": 1}, p1="garbage", p2="garbage", p3="unknown")
    said = await lab.hear(made(1), made(2), made(3), at_once=True)
    told = [(type(e), getattr(e, "sample_id", "")) for e in of(
        said, AnalysisReviewRequested, AnalysisReviewDeferred, ReviewsResumed
    )]  # fmt: skip
    assert told == [
        (AnalysisReviewRequested, vial(1)),
        (AnalysisReviewDeferred, vial(2)),
        (AnalysisReviewDeferred, vial(3)),
        (ReviewsResumed, ""),
        (AnalysisReviewRequested, vial(3)),
        (AnalysisReviewDeferred, vial(2)),
        (ReviewsResumed, ""),
        (AnalysisReviewRequested, vial(2)),
    ]
    put_off = of(said, AnalysisReviewDeferred)
    assert [e.waiting for e in put_off] == [1, 2, 1]
    assert all((e.until.hour, e.until.minute) == (0, 0) for e in put_off)
    assert len({e.until for e in put_off}) == 2


async def test_a_plan_without_reviews_asks_nobody() -> None:
    """As every campaign before there were any: told today, its log has none."""
    _, lab = house({"reviews_per_day": 0, "rescans_per_sample": 0}, p1="unknown", p2="faint")
    said = await lab.hear(made(1), made(2))
    assert not of(said, AnalysisReviewRequested, AnalysisReviewDeferred, RescanRequested)


async def test_no_day_has_more_questions_than_its_cap_however_many_files_come_at_once() -> None:
    """A dozen vials at once and two questions a day: each is asked once, two on each day."""
    _, lab = house({"reviews_per_day": 2, "rescans_per_sample": 0}, **{f"p{n}": "unknown" for n in range(1, 13)})
    await lab.hear(*(made(n) for n in range(1, 13)), at_once=True)
    per_day = Counter(
        envelope.time.date() for _, envelope in lab.past() if envelope.type == AnalysisReviewRequested.kind
    )
    assert sum(per_day.values()) == 12
    assert set(per_day.values()) == {2}


def test_triage_sees_all_that_an_answer_says() -> None:
    """Classes, rivals, doubtful phases and flags reach the rule; an answer of version 1 raises no doubt by itself."""
    seen = answer_of(
        analysis(
            phase(alternatives=("B",), members=("C (225)",)), verdict="ambiguous", missing=0.3, flags=("texture",),
            doubtful=(DoubtfulPhase(name="D", probability=0.2),),
        )
    )  # fmt: skip
    [claim] = seen.claims
    assert (claim.rivals, claim.members, seen.missing) == (("B",), ("C (225)",), 0.3)
    assert (seen.unclaimed, seen.flags) == ((("D", 0.2),), {"texture"})
    assert answer_of(analysis(phase())).missing == 0.0


async def test_an_unusable_file_is_a_question_too() -> None:
    """What cannot be read is put to a person with the reader's own words."""
    _, lab = house(p1="garbage")
    said = await lab.hear(made(1))
    [flagged], [question] = of(said, AnalysisFlagged), of(said, AnalysisReviewRequested)
    assert flagged.reason in question.question
