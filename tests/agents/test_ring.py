"""The whole ring over a world of fakes: nobody is forgotten, nothing happens twice, a crash changes nothing."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.runtime import Lab, Runtime
from bus.subjects import is_dead_letter
from contracts.campaigns import CampaignFinished
from contracts.diffraction import (
    AnalysisReviewDeferred,
    AnalysisReviewRequested,
    MeasurementFailed,
    MeasurementStarted,
    PatternMeasured,
    RescanRequested,
    ReviewsResumed,
    StandardMeasured,
)
from contracts.learning import ModelReleased, ObservationRecorded, ObservationRetracted, ObservationWithheld
from contracts.planning import BatchClosed, CandidateProposed
from contracts.review import ReviewDecided
from contracts.scheduling import RunScheduled
from contracts.synthesis import FurnaceCalibrated, FurnaceNotCalibrated, SampleLost, SampleSynthesised, StepStarted
from contracts.trust import CandidateCleared, CandidateRefused, ReviewRequested
from ops.clock import VirtualClock
from tests.agents.lab import CAMPAIGN, House, campaign
from tests.agents.world import Dice, World
from tests.contracts.examples import EPOCH, plan

PEOPLE = AnalysisReviewRequested | AnalysisReviewDeferred | ReviewsResumed
"""What is said of people's time."""
LIMIT = plan().laboratory.max_deviation
TROUBLE = {
    "judge": {"refused": 0.15, "hard-refused": 0.1, "escalated": 0.2, "nan": 0.05},
    "review": {"no": 0.2},
    "instrument": {
        "drops": 0.02, "doubts": 0.03, "fails": 0.02, "stumbles": 0.05, "refuses": 0.01, "hangs up": 0.01,
        "silent": 0.01, "deaf": 0.01, "forgot": 0.01, "cut": 0.01,
    },
    "product": {"light": 0.05, "unweighed": 0.03, "negative": 0.03},
    "pattern": {
        "garbage": 0.05, "unknown": 0.08, "unsure": 0.05, "alternatives": 0.05, "no perovskite": 0.05, "faint": 0.1,
        "nothing": 0.03,
    },
    "standard": {"garbage": 0.1},
    "train": {"nan": 0.1},
}  # fmt: skip
"""How often which thing goes wrong; together much worse than any laboratory."""
WORN = TROUBLE | {"calibration": {"off": 0.4, "cold": 0.1, "mad": 0.05}, "offers": {"no": 0.2}}
"""The same with furnaces that are rarely found right, or cannot be asked."""


WATCHED = {"calibration_interval_days": 0.5, "standard": "Si", "standard_interval_days": 0.25}
"""Furnaces that are calibrated twice a day, and a diffractometer that is held against silicon four times."""
BUSY = {"rescans_per_sample": 2, "rescan_hours_per_day": 3, "reviews_per_day": 1}
"""A diffractometer and people with little time."""


def laboratory(*capacities: int) -> dict:
    furnaces = tuple({"name": f"furnace-{n}", "capacity": room} for n, room in enumerate(capacities, 1))
    return {"furnaces": furnaces, "diffractometer": "xrd-1", "sample_mass": 5.0}


def build(
    seed: int, capacities: tuple[int, ...] = (2, 2), samples: int = 8, *, worn: bool = False, **changes
) -> tuple[World, House]:
    """A world of its own luck, and the crew over it; with worn furnaces, in a lab that looks after its instruments."""
    world = World(Dice(seed, WORN if worn else TROUBLE), tuple(f"furnace-{n}" for n in range(1, len(capacities) + 1)))
    budget = {"max_samples": samples, "max_weeks": 26}
    lab = laboratory(*capacities) | (WATCHED if worn else {})
    return world, campaign(world, laboratory=lab, budget=budget, triage=BUSY if worn else {}, **changes)


def end_of(event: object) -> str | None:
    """The candidate that this event ends, if it ends one."""
    if isinstance(event, CandidateRefused | SampleLost | ObservationRecorded | ObservationWithheld):
        return event.candidate_id
    return event.candidate_id if isinstance(event, ReviewDecided) and not event.approved else None


def found_off(said: list, name: str) -> bool:
    """Whether the calibration of its furnace that followed a vial's making found it too far off."""
    made = next(n for n, e in enumerate(said) if isinstance(e, SampleSynthesised) and e.sample_id == name)
    run = next(e for e in said if isinstance(e, RunScheduled) and e.run_id == said[made].run_id)
    after = [e for e in said[made:] if isinstance(e, FurnaceCalibrated) and e.furnace == run.furnace]
    return bool(after) and abs(after[0].deviation) > LIMIT


def check_triage(said: list) -> None:
    """A vial is measured again as often as it may be, and what people wait for is asked in the end, once."""
    rescans = Counter(e.sample_id for e in said if isinstance(e, RescanRequested))
    assert max(rescans.values(), default=0) <= 2
    ended = {e.measurement_id for e in said if isinstance(e, PatternMeasured | MeasurementFailed)}
    assert {e.measurement_id for e in said if isinstance(e, RescanRequested)} <= ended
    asked = Counter(e.measurement_id for e in said if isinstance(e, AnalysisReviewRequested))
    assert {e.measurement_id for e in said if isinstance(e, AnalysisReviewDeferred)} <= set(asked)
    assert max(asked.values(), default=1) == 1, "nobody is asked twice"


async def check_the_whole(world: World, lab: House) -> None:
    """Every proposal ended once, in a vial or in a logged refusal, and the books agree."""
    said = [recorded.envelope.data for recorded in await lab.log()]
    proposals = {e.candidate_id: e for e in said if isinstance(e, CandidateProposed)}
    ends = defaultdict(list)
    for event in said:
        if (name := end_of(event)) is not None:
            ends[name].append(event)
    assert set(ends) == set(proposals), "each proposal has an end"
    assert all(len(told) == 1 for told in ends.values()), "and only one"
    decided = Counter(
        e.candidate_id for e in said if isinstance(e, CandidateCleared | CandidateRefused | ReviewRequested)
    )
    assert decided == Counter(proposals.keys()), "each proposal has one decision"
    approved = {e.candidate_id for e in said if isinstance(e, CandidateCleared)}
    approved |= {e.candidate_id for e in said if isinstance(e, ReviewDecided) and e.approved}
    booked = Counter(s.candidate_id for e in said if isinstance(e, RunScheduled) for s in e.samples)
    assert booked == Counter(approved), "what may be made is booked once, and nothing else"
    vials = Counter(e.candidate_id for e in said if isinstance(e, SampleSynthesised | SampleLost))
    assert vials == booked, "each booked vial is made or lost"
    batches = Counter(p.batch_id for p in proposals.values())
    for closed in [e for e in said if isinstance(e, BatchClosed)]:
        fates = closed.refused + closed.declined + closed.lost + closed.observed + closed.withheld
        assert fates == closed.proposed == batches.pop(closed.batch_id)
    assert not batches, "each batch is closed once"
    withdrawn = [e.sample_id for e in said if isinstance(e, ObservationRetracted)]
    labels = {e.sample_id: e for e in said if isinstance(e, ObservationRecorded)}
    assert len(withdrawn) == len(set(withdrawn)), "a label is taken back once"
    assert set(withdrawn) <= set(labels), "and only what is one"
    assert set(withdrawn) == {name for name in labels if found_off(said, name)}
    [finished] = [e for e in said if isinstance(e, CampaignFinished)]
    kept = [label for name, label in labels.items() if name not in withdrawn]
    assert finished.successes == sum(label.success for label in kept)
    late = said[said.index(finished) + 1 :]
    assert all(isinstance(e, PEOPLE) for e in late), "afterwards people are asked what they had no time for"
    assert finished.samples == sum(vials.values())
    intents = {e.key for e in said if isinstance(e, StepStarted)}
    intents |= {e.measurement_id for e in said if isinstance(e, MeasurementStarted)}
    assert world.begun.keys() <= intents, "nothing is begun that was not written down"
    check_triage(said)
    assert max(world.begun.values(), default=1) == 1, "no action is begun twice"
    assert max(world.reviewer.asked.values(), default=1) == 1, "nobody is asked twice"
    assert await lab.faults() == []
    assert not any(is_dead_letter(s.subject) for s in lab.bus.log)


async def test_the_ring_closes() -> None:
    """Without trouble a campaign makes its vials, learns from each, and uses each model in the next batch."""
    world = World()
    lab = campaign(world)
    await lab.live()
    await check_the_whole(world, lab)
    said = await lab.events()
    count = Counter(type(e) for e in said)
    assert (count[CandidateProposed], count[ObservationRecorded], count[ModelReleased]) == (12, 12, 3)
    models = [e.model.model_id if e.model else None for e in said if isinstance(e, CandidateProposed)]
    assert models == [None] * 6 + ["m-0001"] * 3 + ["m-0002"] * 3


async def test_the_same_seed_is_the_same_campaign() -> None:
    """Two runs in the same world write the same bytes; another seed proposes other candidates."""
    logs = []
    for seed in (7, 7, 8):
        _, lab = build(3)
        lab.seed = seed
        await lab.live()
        logs.append(await lab.payloads())
    assert logs[0] == logs[1] != logs[2]


async def test_worn_furnaces_take_labels_back_and_the_campaign_ends_all_the_same() -> None:
    """Over some worlds labels are taken back because of a calibration, others are believed, and the books agree."""
    told = Counter()
    for seed in range(6):
        world, lab = build(seed, samples=12, worn=True)
        await lab.live()
        await check_the_whole(world, lab)
        told.update(type(e) for e in await lab.events())
    assert told[ObservationRecorded] > told[ObservationRetracted] > 0
    assert told[FurnaceCalibrated] > told[FurnaceNotCalibrated] > 0
    assert min(told[kind] for kind in (StandardMeasured, RescanRequested, AnalysisReviewDeferred, ReviewsResumed)) > 0


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    capacities=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    samples=st.integers(1, 10),
    strategy=st.sampled_from(("composite", "random")),
    worn=st.booleans(),
)
def test_every_proposal_ends_in_a_vial_or_in_a_logged_refusal(
    seed: int,
    capacities: tuple[int, ...],
    samples: int,
    strategy: str,
    worn: bool,  # noqa: FBT001
) -> None:
    """Whatever goes wrong in the world, nobody is forgotten, and no expected trouble is a mistake of the program."""

    async def once() -> None:
        policy = {"strategy": strategy, "initial": 4, "batch": 3, "pool": 50}
        world, lab = build(seed, capacities, samples, worn=worn, planner=policy)
        await lab.live()
        await check_the_whole(world, lab)

    asyncio.run(once())


def same_facts(one: list[bytes], other: list[bytes]) -> bool:
    """The very same events, byte for byte: cause, time, dice and content.

    Between events of one and the same moment that nothing connects, a restart may change the order.
    """
    return sorted(one) == sorted(other)


async def _crash(seed: int, at: float, *, stored: bool, lost_acknowledgements: float, worn: bool) -> None:
    _, undisturbed = build(seed, worn=worn)
    whole = await undisturbed.live()
    world, lab = build(seed, worn=worn)
    life = await lab.live(dies_at=1 + int(at * (whole.published - 1)), stored=stored)
    assert life.died
    lab.forget_acknowledgements(after=int(len(lab.bus.log) * (1 - lost_acknowledgements)))
    asked = Counter(world.reviewer.asked)
    answered = {e.candidate_id for e in await lab.events(ReviewDecided)}
    await lab.live()
    assert same_facts(await lab.payloads(), await undisturbed.payloads())
    for name in answered:
        assert world.reviewer.asked[name] == asked[name]
    world.reviewer.asked.clear()  # who had not answered yet was asked again
    await check_the_whole(world, lab)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.booleans(), st.sampled_from((0.0, 0.1, 0.5, 1.0)), st.booleans())
def test_a_crash_anywhere_changes_nothing(
    seed: int,
    at: float,
    stored: bool,  # noqa: FBT001
    lost_acknowledgements: float,
    worn: bool,  # noqa: FBT001
) -> None:
    """Killed at any publication, with any acknowledgements lost, the campaign ends with the very same facts."""
    asyncio.run(_crash(seed, at, stored=stored, lost_acknowledgements=lost_acknowledgements, worn=worn))


SEEDS = pytest.mark.parametrize(("seed", "worn"), [(0, False), (1, False), (2, True)])


@pytest.mark.slow
@SEEDS
async def test_a_crash_at_a_quarter_of_the_publications_of_a_campaign_changes_nothing(*, seed: int, worn: bool) -> None:
    """The same for every fourth publication, before and after it is stored; for others with each seed."""
    await _crash_at_each(seed, worn=worn, first=1 + seed, step=4)


@pytest.mark.hours
@pytest.mark.timeout(3600)
@SEEDS
async def test_a_crash_at_each_publication_of_a_campaign_changes_nothing(*, seed: int, worn: bool) -> None:
    """The same for every single publication."""
    await _crash_at_each(seed, worn=worn, first=1, step=1)


async def _crash_at_each(seed: int, *, worn: bool, first: int, step: int) -> None:
    _, undisturbed = build(seed, worn=worn)
    whole = await undisturbed.live()
    wanted = await undisturbed.payloads()
    for n in range(first, whole.published + 1, step):
        for stored in (True, False):
            world, lab = build(seed, worn=worn)
            await lab.live(dies_at=n, stored=stored)
            await lab.live()
            assert same_facts(await lab.payloads(), wanted), f"killed at publication {n}"
            assert max(world.begun.values()) == 1


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_memories_are_a_function_of_the_log(seed: int, at: float) -> None:
    """Folded anew from the log, over a crash, all memories are what they were at the end of the campaign."""

    async def once() -> None:
        _, lab = build(seed)
        await lab.live(dies_at=1 + int(at * 150))
        life = await lab.live()
        clock = VirtualClock(EPOCH)
        reader = Runtime(Lab(lab.bus, clock, clock, lab.workers, CAMPAIGN, lab.seed, "0"), lab.crew(clock))
        await reader.recall()
        assert {s.name: s.agent.memory.digest() for s in reader.seats} == {
            s.name: s.agent.memory.digest() for s in life.runtime.seats
        }

    asyncio.run(once())
