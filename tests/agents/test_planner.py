"""The planner: one batch at a time, each feasible and new, until a budget or the space is used up."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from agents.designs import design_of, space_of
from agents.planner import GIVE_UP_AFTER, Planner
from contracts.campaigns import CampaignFinished, CampaignPaused, CampaignResumed
from contracts.identifiers import root_id
from contracts.learning import ModelReleased
from contracts.planning import BatchClosed, CandidateProposed, Origin, ProposalExhausted
from contracts.presence import AgentFaulted
from science.constraints.checks import feasible
from tests.agents.lab import House, started
from tests.agents.said import answered, asked, cleared, gone, observed, refused, rejected, released, retracted, withheld
from tests.agents.world import World
from tests.contracts.examples import EPOCH, plan

PAUSE, RESUME = CampaignPaused(reason="lunch"), CampaignResumed(reason="back")


def house(world: World | None = None, **changes) -> House:
    """The planner alone; the first batch is of three."""
    changes = {"planner": {"strategy": "composite", "initial": 3, "batch": 2, "pool": 50}} | changes
    return House(lambda _: [Planner()], started(**changes), workers=(world or World()).workers)


def kinds(said: list) -> list[str]:
    return [type(event).__name__ for event in said]


def names(said: list) -> list[str]:
    return [event.candidate_id for event in said if isinstance(event, CandidateProposed)]


async def artefacts(lab: House, n: int = 1) -> ModelReleased:
    """A released model whose artefacts can be fetched."""
    put = lab.bus.blobs.put
    return released(n, put(b"model", "x/y", "model"), put(b"trust", "x/y", "trust"))


# the first batch --------------------------------------------------------------------------------------------


async def test_the_first_batch_fills_the_space_with_feasible_designs() -> None:
    """Each proposal says its rank, its batch, every constraint that was checked, and that no model chose it."""
    said = await house().hear()
    assert names(said) == ["c-0001", "c-0002", "c-0003"]
    limits = space_of(plan()).limits
    for n, event in enumerate(said, 1):
        assert (event.batch_id, event.batch_size, event.rank) == ("b-0001", 3, n)
        assert (event.origin, event.score, event.model, event.predictions) == (Origin.INITIAL, None, None, ())
        assert feasible(design_of(event.composition, event.recipe), limits)
        assert len(event.constraints) == 7
        assert all(check.satisfied for check in event.constraints)
        assert event.pool_size >= 3


async def test_no_batch_is_larger_than_the_budget() -> None:
    """With two vials to make, two are proposed."""
    said = await house(budget={"max_samples": 2, "max_weeks": 1}).hear()
    assert [(e.candidate_id, e.batch_size) for e in said] == [("c-0001", 2), ("c-0002", 2)]


async def test_a_campaign_that_only_listens_proposes_nothing() -> None:
    """With no vials to make the planner neither proposes nor ends the campaign."""
    assert await house(budget={"max_samples": 0, "max_weeks": 1}).hear() == []


async def test_chance_proposes_at_random_and_says_so() -> None:
    """The arm that others are compared with is named in each of its proposals."""
    world = World()
    policy = {"strategy": "random", "initial": 3, "batch": 2, "pool": 50}
    said = await house(world, planner=policy).hear()
    assert {e.origin for e in said} == {Origin.RANDOM}
    assert world.workers.ran == Counter(draw=1)


# closing a batch --------------------------------------------------------------------------------------------


async def test_a_batch_closes_when_the_last_fate_is_known_and_says_all_of_them() -> None:
    """Refused, declined, lost, observed, withheld: the numbers add up, and it closes once."""
    lab = house(planner={"strategy": "composite", "initial": 5, "batch": 2, "pool": 50})
    await lab.hear()
    said = await lab.hear(refused(1), asked(2), answered(2, approved=False), cleared(3), cleared(4), cleared(5))
    assert said == []
    assert await lab.hear(gone(3), observed(4)) == []
    [closed] = await lab.hear(withheld(5))
    assert closed == BatchClosed(batch_id="b-0001", proposed=5, refused=1, declined=1, lost=1, observed=1, withheld=1)
    assert await lab.hear(withheld(5), observed(4), gone(3), refused(1)) == []


async def test_what_a_dropped_file_is_called_closes_nothing() -> None:
    """A file that bears the name of a vial to come is not its measurement."""
    lab = house()
    await lab.hear()
    assert await lab.hear(refused(1), refused(2), withheld(3, unasked=True)) == []


# the next batch ---------------------------------------------------------------------------------------------


async def settle(lab: House, *ends) -> list:
    """Clears what is measured or lost, then tells the ends."""
    made = [e for e in ends if not isinstance(e, type(refused(1)))]
    said = await lab.hear(*(cleared(int(e.candidate_id[2:])) for e in made), *ends)
    assert kinds(said)[0] == "BatchClosed"
    return said[1:]


async def test_a_batch_that_taught_something_is_followed_by_one_that_the_new_model_chose() -> None:
    """The model is awaited; then each proposal names it, its score and what it expects."""
    lab = house()
    await lab.hear()
    assert await settle(lab, observed(1), observed(2), observed(3)) == []
    model = await artefacts(lab)
    said = await lab.hear(model)
    assert names(said) == ["c-0004", "c-0005"]
    for event in said:
        assert (event.batch_id, event.origin, event.model) == ("b-0002", Origin.ACQUISITION, model.model)
        assert event.score == 0.5
        assert [p.component for p in event.predictions] == ["lattice", "phase_fraction"]
    assert await lab.hear(await artefacts(lab, 2)) == [], "a model that nobody waits for calls for nothing"


async def test_a_model_that_did_not_pass_is_followed_by_a_batch_without_it() -> None:
    """The campaign goes on with the last model, or with none."""
    lab = house()
    await lab.hear()
    await settle(lab, observed(1), observed(2), observed(3))
    said = await lab.hear(rejected(1))
    assert [e.origin for e in said] == [Origin.INITIAL] * 2


async def test_a_batch_that_taught_nothing_is_followed_at_once() -> None:
    """No model will come of it, so none is awaited."""
    lab = house()
    await lab.hear()
    said = await settle(lab, refused(1), gone(2), withheld(3))
    assert names(said) == ["c-0004", "c-0005"]
    assert await lab.hear(rejected(1)) == []


async def test_nothing_is_proposed_twice() -> None:
    """Over many batches every design is new."""
    lab = house(budget={"max_samples": 1000, "max_weeks": 26})
    said, n = await lab.hear(), 0
    while n < 20:
        batch = len(said)
        said = await settle(lab, *(withheld(n + k) for k in range(1, batch + 1)))
        n += batch
    designs = [design_of(e.composition, e.recipe) for e in await lab.events(CandidateProposed)]
    assert len(designs) > 20
    assert len(set(designs)) == len(designs)


# the end ----------------------------------------------------------------------------------------------------


async def test_the_budget_of_samples_ends_the_campaign() -> None:
    """Lost, observed and withheld vials count, refusals do not; the best is named; nothing follows."""
    lab = house(budget={"max_samples": 4, "max_weeks": 26})
    await lab.hear()
    await settle(lab, refused(1), gone(2), observed(3, utility=0.7, success=True))
    said = await lab.hear(rejected(1))
    assert names(said) == ["c-0004", "c-0005"]
    await settle(lab, observed(4, batch=2, utility=0.2), withheld(5))
    [end] = await lab.hear(rejected(2))
    assert isinstance(end, CampaignFinished)
    assert end.reason == "the budget of 4 samples is used up"
    assert (end.samples, end.successes, end.best.sample_id, end.best.utility) == (4, 1, "c-0003-v1", 0.7)
    assert await lab.hear(rejected(3), RESUME) == []


async def test_what_is_taken_back_counts_no_more() -> None:
    """Neither as a success nor as the best, nor as a place near which to look; the vial is used up all the same."""
    lab = house(budget={"max_samples": 3, "max_weeks": 26})
    await lab.hear()
    await settle(lab, observed(1, utility=0.3), observed(2, utility=0.9, success=True), observed(3, utility=0.5))
    memory = (await lab.live()).runtime.seats[0].agent.memory
    assert (memory.successes, memory.best.sample_id) == (1, "c-0002-v1")
    await lab.hear(retracted(2), retracted(9))
    memory = (await lab.live()).runtime.seats[0].agent.memory
    assert [memory.proposed[f"c-000{n}"].utility for n in (1, 2, 3)] == [0.3, None, 0.5]
    [end] = await lab.hear(rejected(1))
    assert (end.samples, end.successes, end.best.sample_id, end.best.utility) == (3, 0, "c-0003-v1", 0.5)


async def test_the_last_batch_is_as_small_as_what_is_left() -> None:
    """A batch of two would exceed a budget of four after three vials."""
    lab = house(budget={"max_samples": 4, "max_weeks": 26})
    await lab.hear()
    assert names(await settle(lab, gone(1), gone(2), gone(3))) == ["c-0004"]


async def test_the_budget_of_weeks_ends_the_campaign() -> None:
    """Time is read off the event that calls for the next batch."""
    lab = house(budget={"max_samples": 100, "max_weeks": 1})
    await lab.hear()

    async def a_week_later(runtime, clock) -> None:
        await clock.sleep_until(EPOCH + timedelta(weeks=1))
        for n in (1, 2, 3):
            await runtime.say(refused(n), f"late {n}", "test")

    lab.meanwhile = a_week_later
    await lab.live()
    [end] = await lab.events(CampaignFinished)
    assert end.reason == "the budget of 1 weeks is used up"
    assert await lab.events(ProposalExhausted) == []


async def test_after_barren_batches_it_gives_up_and_says_why() -> None:
    """Six batches in a row of which nothing could be made are enough; a vial in between starts the count anew."""
    lab = house(budget={"max_samples": 100, "max_weeks": 26})
    said, n, barren = await lab.hear(), 0, 0
    for batch in range(1, 12):
        size = len(names(said))
        fruitful = batch == 2
        said = await settle(lab, *((gone if fruitful else refused)(n + k) for k in range(1, size + 1)))
        n, barren = n + size, 0 if fruitful else barren + 1
        if barren == GIVE_UP_AFTER:
            break
        assert names(said), f"batch {batch + 1} is proposed"
    exhausted, end = said
    assert exhausted == ProposalExhausted(reason=end.reason, refused_in_a_row=GIVE_UP_AFTER)
    assert end.reason == f"nothing of the last {GIVE_UP_AFTER} batches could be made"
    assert batch == 2 + GIVE_UP_AFTER


async def test_a_space_without_feasible_designs_ends_the_campaign_with_the_reason() -> None:
    """That nothing satisfies the constraints is news for people, and no mistake of the program."""
    space = plan().space.model_dump() | {"tolerance_factor": (1.40, 1.45)}
    lab = house(space=space)
    exhausted, end = await lab.hear()
    assert isinstance(exhausted, ProposalExhausted)
    assert isinstance(end, CampaignFinished)
    assert exhausted.reason == end.reason
    assert end.reason.startswith("Expected a new design that satisfies every constraint, got none in")
    assert "100% break tolerance factor (1.4 to 1.45)" in end.reason
    assert await lab.faults() == []
    assert await lab.hear(RESUME) == []


async def test_a_space_that_is_used_up_ends_the_campaign() -> None:
    """When every feasible design has been proposed there is nothing more to say."""
    space = plan().space.model_dump() | {
        "a_site": ("Ba",), "b_site": ("Zr",), "max_fraction": {}, "max_species": 1, "temperatures_c": (1450,),
        "dwells_h": (12,), "regrinds": (0,), "a_site_excesses": (0.0, 0.03), "tolerance_factor": (0.9, 1.1),
    }  # fmt: skip
    lab = house(space=space)
    said = await lab.hear()
    assert [(e.candidate_id, e.batch_size) for e in said] == [("c-0001", 2), ("c-0002", 2)]
    said = await settle(lab, gone(1), gone(2))
    assert kinds(said) == ["ProposalExhausted", "CampaignFinished"]
    assert said[1].samples == 2


# pauses -----------------------------------------------------------------------------------------------------


async def test_a_pause_holds_the_next_batch_back_until_the_resumption() -> None:
    """What was owed is proposed once, however often it is resumed."""
    lab = house()
    await lab.hear()
    assert await lab.hear(PAUSE) == []
    assert await settle(lab, refused(1), refused(2), refused(3)) == []
    assert names(await lab.hear(RESUME)) == ["c-0004", "c-0005"]
    assert await lab.hear(RESUME, PAUSE, RESUME) == []


async def test_two_resumptions_in_one_breath_call_for_one_batch() -> None:
    """The second is heard before the first one's proposals are, and must not propose them again."""
    lab = house()
    await lab.hear()
    await lab.hear(PAUSE)
    await settle(lab, refused(1), refused(2), refused(3))
    assert names(await lab.hear(RESUME, RESUME, at_once=True)) == ["c-0004", "c-0005"]


async def test_a_resumption_does_not_overtake_the_model() -> None:
    """Paused and resumed while the model is being fitted, the planner still waits for it."""
    lab = house()
    await lab.hear()
    await settle(lab, observed(1), observed(2), observed(3))
    assert await lab.hear(PAUSE, RESUME) == []
    assert names(await lab.hear(rejected(1))) == ["c-0004", "c-0005"]


async def test_a_model_that_comes_in_a_pause_is_used_after_it() -> None:
    """The batch is owed, and the newest model chooses it."""
    lab = house()
    await lab.hear()
    await settle(lab, observed(1), observed(2), observed(3))
    model = await artefacts(lab)
    assert await lab.hear(PAUSE, model) == []
    assert {e.model for e in await lab.hear(RESUME)} == {model.model}


# mistakes of the program ------------------------------------------------------------------------------------


async def test_a_batch_that_failed_is_owed_and_a_resumption_asks_for_it() -> None:
    """After three attempts the call lies among the dead letters; when the mistake is mended, work can go on."""
    world = World()
    lab = house(world)
    draw, world.workers.draw = world.workers.draw, lambda _: 1 / 0
    assert await lab.hear() == []
    assert [f.parked for f in await lab.faults()] == [False, False, True]
    world.workers.draw = draw
    assert names(await lab.hear(RESUME)) == ["c-0001", "c-0002", "c-0003"]


async def _retried(lab: House) -> list:
    """What is said when the batch that was set aside is taken up."""
    before = await lab.bus.last_sequence()

    async def ask(runtime, _clock) -> None:
        await runtime.retry("mended", "console")

    lab.meanwhile = ask
    await lab.live()
    lab.meanwhile = None
    return names([e.data for sequence, e in lab.past() if sequence > before and e.source == "/agents/planner"])


async def test_a_batch_that_failed_is_taken_up_or_asked_for_by_a_resumption_but_not_both() -> None:
    """Whichever comes first proposes it, with one and the same number; the other proposes nothing."""
    for order in ("retry first", "resume first"):
        world = World()
        lab = house(world)
        draw, world.workers.draw = world.workers.draw, lambda _: 1 / 0
        await lab.hear()
        world.workers.draw = draw
        batch = ["c-0001", "c-0002", "c-0003"]
        if order == "retry first":
            assert await _retried(lab) == batch
            assert names(await lab.hear(RESUME)) == []
        else:
            assert names(await lab.hear(RESUME)) == batch
            assert await _retried(lab) == []


async def test_a_batch_that_is_taken_up_in_a_pause_stays_owed() -> None:
    """Nothing new begins in a pause; the resumption proposes it."""
    world = World()
    lab = house(world)
    draw, world.workers.draw = world.workers.draw, lambda _: 1 / 0
    await lab.hear()
    world.workers.draw = draw
    await lab.hear(PAUSE)
    assert await _retried(lab) == []
    assert names(await lab.hear(RESUME)) == ["c-0001", "c-0002", "c-0003"]


@pytest.mark.parametrize(("parked", "goes_on"), [(True, True), (False, False)])
async def test_a_model_that_never_came_is_not_awaited_for_ever(parked: bool, goes_on: bool) -> None:  # noqa: FBT001
    """When the fit was set aside, a resumption goes on without it; as long as it is tried again it is awaited."""
    lab = house()
    await lab.hear()
    await settle(lab, observed(1), observed(2), observed(3))
    fault = AgentFaulted(
        agent="retrainer", event_id=root_id("test", "x"), event_kind=BatchClosed.kind, attempt=3, error="ValueError: x",
        where="x.py:1", parked=parked,
    )  # fmt: skip
    assert await lab.hear(fault) == []
    assert bool(names(await lab.hear(RESUME))) == goes_on
