"""The synthesis robot: intent before act, never the same step twice, and every vial comes to an end."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from agents.synthesis_robot import SynthesisRobot, expected_product_mass
from contracts.instruments import StepKind
from contracts.scheduling import Reservation, RunScheduled, ScheduledSample
from contracts.synthesis import (
    FurnaceCalibrated,
    FurnaceNotCalibrated,
    SampleLost,
    SampleSynthesised,
    StepCompleted,
    StepFailed,
    StepStarted,
)
from tests.agents.lab import House, started
from tests.agents.said import COMPOSITION, candidate, vial
from tests.agents.world import Dice, World
from tests.contracts.examples import EPOCH, recipe

HOUR = timedelta(hours=1)


def house(world: World) -> House:
    def crew(clock) -> list:
        world.clock = clock
        return [SynthesisRobot(world.synthesisers)]

    return House(crew, started(), workers=world.workers)


def unlucky(**fates: str) -> World:
    """A world in which these actions go wrong: ``r_0001__1__weigh__c_0001_v1__1`` is ``r-0001/1/weigh/…``."""
    fixed = {f"instrument/{key.replace('__', '/').replace('_', '-')}": fate for key, fate in fates.items()}
    return World(Dice(fixed=fixed), ("furnace-1", "furnace-2"))


def scheduled(
    *vials: int, run: int = 1, furnace: str = "furnace-1", regrinds: int = 0, start=EPOCH, calibrate: bool = False
) -> RunScheduled:
    calibration = Reservation(instrument=furnace, start=start, end=start + 4 * HOUR) if calibrate else None
    start = calibration.end if calibration else start
    return RunScheduled(
        calibration=calibration,
        run_id=f"r-{run:04d}",
        furnace=furnace,
        samples=tuple(
            ScheduledSample(
                sample_id=vial(n), candidate_id=candidate(n), composition=COMPOSITION, recipe=recipe(regrinds=regrinds)
            )
            for n in vials
        ),
        reservations=(Reservation(instrument=furnace, start=start, end=start + 20 * HOUR),),
    )


def steps(said: list) -> list[str]:
    return [f"{type(e).__name__} {e.key}" for e in said if isinstance(e, StepStarted | StepCompleted | StepFailed)]


def ends(said: list) -> dict[str, SampleSynthesised | SampleLost]:
    return {e.sample_id: e for e in said if isinstance(e, SampleSynthesised | SampleLost)}


# the ordinary course ----------------------------------------------------------------------------------------


async def test_a_run_goes_through_all_its_steps_in_order() -> None:
    """Each vial is weighed, all are milled and fired together, ground and fired again, and each is unloaded."""
    said = await house(World()).hear(scheduled(1, 2, regrinds=1))
    done = [(e.step.value, e.sample_ids) for e in said if isinstance(e, StepCompleted)]
    one, two, both = (vial(1),), (vial(2),), (vial(1), vial(2))
    firing = [("load", one), ("load", two), ("fire", both), ("unload", one), ("unload", two)]
    assert done == [("weigh", one), ("weigh", two), ("mill", both), *firing, ("regrind", both), *firing]
    for end in ends(said).values():
        assert isinstance(end, SampleSynthesised)
        assert (end.steps_ok, end.doubts, end.composition, end.recipe.regrinds) == (True, (), COMPOSITION, 1)
        assert end.product_mass == pytest.approx(end.expected_mass)
        assert end.expected_mass == pytest.approx(expected_product_mass(recipe()))


async def test_the_intent_stands_in_the_log_before_the_instrument_is_asked() -> None:
    """At every start the log already holds that very key, instrument and vials; keys never repeat."""
    world = World()
    lab, line = house(world), world.synthesisers["furnace-1"]
    begin, seen = line.start, []

    async def start(request) -> None:
        intents = {e.key: e for e in await lab.events(StepStarted)}
        assert request.key in intents
        intent = intents[request.key]
        assert (intent.instrument, intent.step, intent.firing) == ("furnace-1", request.step, request.firing)
        assert intent.sample_ids == tuple(s.sample_id for s in request.samples)
        seen.append(request.key)
        await begin(request)

    line.start = start
    await lab.hear(scheduled(1, 2, 3))
    assert len(seen) == len(set(seen)) == 3 + 1 + 3 + 1 + 3


async def test_a_run_begins_at_its_booked_time() -> None:
    """What is booked for later does not begin at once."""
    said = await house(World()).hear(scheduled(1, start=EPOCH + 5 * HOUR))
    first = next(e for e in said if isinstance(e, StepCompleted))
    assert first.started_at == EPOCH + 5 * HOUR


async def test_runs_on_two_furnaces_go_side_by_side() -> None:
    """The robot waits for one furnace and tends the other meanwhile."""
    runs = scheduled(1), scheduled(2, run=2, furnace="furnace-2")
    said = await house(unlucky()).hear(*runs, at_once=True)
    done = [e for e in said if isinstance(e, StepCompleted) and e.step is StepKind.FIRE]
    fired = {e.run_id: (e.started_at, e.ended_at) for e in done}
    assert fired["r-0001"] == fired["r-0002"]


async def test_a_run_waits_until_the_one_before_it_has_left_the_furnace() -> None:
    """Two runs booked for the same furnace never mix, even when the first is late."""
    said = await house(World()).hear(scheduled(1), scheduled(2, run=2), at_once=True)
    assert [step.split("/")[0] for step in steps(said)] == (
        ["StepStarted r-0001", "StepCompleted r-0001"] * 5 + ["StepStarted r-0002", "StepCompleted r-0002"] * 5
    )


# trouble ----------------------------------------------------------------------------------------------------


async def test_a_step_that_may_be_tried_again_is_under_a_new_key() -> None:
    """The failure is recorded, the second attempt succeeds, and no doubt is left."""
    said = await house(unlucky(r_0001__1__fire__c_0001_v1__1="stumbles")).hear(scheduled(1))
    fired = [e for e in said if isinstance(e, StepCompleted | StepFailed) and e.step is StepKind.FIRE]
    assert [(type(e), e.key) for e in fired] == [
        (StepFailed, "r-0001/1/fire/c-0001-v1/1"),
        (StepCompleted, "r-0001/1/fire/c-0001-v1/2"),
    ]
    assert fired[0].retryable
    assert ends(said)[vial(1)].steps_ok


async def test_a_step_that_fails_again_and_again_leaves_a_doubt() -> None:
    """It is tried twice and no more; the vial goes on and teaches nothing."""
    key = "r_0001__1__fire__c_0001_v1__"
    said = await house(unlucky(**{f"{key}1": "stumbles", f"{key}2": "stumbles"})).hear(scheduled(1))
    assert sum("Failed" in step for step in steps(said)) == 2
    end = ends(said)[vial(1)]
    assert isinstance(end, SampleSynthesised)
    assert not end.steps_ok
    assert end.doubts == ("fire failed: it stumbles",)


async def test_a_step_that_failed_for_good_is_not_tried_again_and_leaves_a_doubt() -> None:
    """What the instrument does not call retryable is not repeated."""
    world = unlucky(r_0001__1__mill__batch__1="fails")
    said = await house(world).hear(scheduled(1, 2))
    assert "r-0001/1/mill/batch/2" not in world.begun
    assert [e.doubts for e in ends(said).values()] == [("mill failed: it fails",)] * 2


async def test_a_trouble_on_the_way_is_a_doubt() -> None:
    """The step succeeded, and something was noticed all the same."""
    end = ends(await house(unlucky(r_0001__1__fire__c_0001_v1__1="doubts")).hear(scheduled(1)))[vial(1)]
    assert (end.steps_ok, end.doubts) == (False, ("fire: it doubts",))


async def test_a_lost_vial_leaves_the_run() -> None:
    """It takes part in no later step, the others go on, and the loss is told with its reason."""
    said = await house(unlucky(r_0001__1__load__c_0002_v1__1="drops")).hear(scheduled(1, 2, 3))
    fire = next(e for e in said if isinstance(e, StepCompleted) and e.step is StepKind.FIRE)
    assert fire.sample_ids == (vial(1), vial(3))
    unloaded = [e.sample_ids for e in said if isinstance(e, StepCompleted) and e.step is StepKind.UNLOAD]
    assert unloaded == [(vial(1),), (vial(3),)]
    told = ends(said)
    assert (type(told[vial(2)]), told[vial(2)].reason) == (SampleLost, "it drops")
    assert told[vial(1)].steps_ok
    assert told[vial(3)].steps_ok


async def test_a_run_whose_vials_are_all_lost_ends() -> None:
    """Nothing is left to fire, and each vial has its end."""
    said = await house(unlucky(r_0001__1__load__c_0001_v1__1="drops")).hear(scheduled(1))
    assert not any("fire" in step for step in steps(said))
    assert isinstance(ends(said)[vial(1)], SampleLost)


async def test_a_vial_that_was_never_filled_does_not_go_on() -> None:
    """Without powder there is nothing to fire."""
    said = await house(unlucky(r_0001__1__weigh__c_0001_v1__1="fails")).hear(scheduled(1, 2))
    assert ends(said)[vial(1)].reason == "it was never filled: it fails"
    mill = next(e for e in said if isinstance(e, StepCompleted) and e.step is StepKind.MILL)
    assert mill.sample_ids == (vial(2),)


@pytest.mark.parametrize("fate", ["forgot", "deaf", "silent"])
async def test_what_nobody_can_tell_is_not_tried_again_and_the_vial_is_set_aside(fate: str) -> None:
    """The instrument forgot, does not answer, or never reports: one attempt, a fact that says so, and a lost vial."""
    world = unlucky(r_0001__1__fire__batch__1=fate)
    said = await house(world).hear(scheduled(1, 2))
    failed = [e for e in said if isinstance(e, StepFailed)]
    assert [(e.key, e.retryable) for e in failed] == [("r-0001/1/fire/batch/1", False)]
    assert {t.sample_id: t.lost for t in failed[0].troubles} == {vial(1): True, vial(2): True}
    assert world.begun["r-0001/1/fire/batch/1"] == (1 if fate == "silent" else 0)
    assert "r-0001/1/fire/batch/2" not in world.begun
    assert {type(e) for e in ends(said).values()} == {SampleLost}
    assert all("nobody can tell what became of the step fire" in e.reason for e in ends(said).values())


async def test_a_refusal_is_a_failed_step_and_no_mistake_of_the_program() -> None:
    """What the instrument would not do is a fact with its reason; the vial goes on, in doubt."""
    lab = house(unlucky(r_0001__1__mill__c_0001_v1__1="refuses"))
    said = await lab.hear(scheduled(1))
    [failed] = [e for e in said if isinstance(e, StepFailed)]
    assert failed.reason.startswith("Expected a free hand, got none")
    assert failed.troubles == ()
    assert not ends(said)[vial(1)].steps_ok
    assert await lab.faults() == []


async def test_an_error_at_the_start_is_looked_into() -> None:
    """The line hung up after it had begun: the action is joined, not repeated."""
    world = unlucky(r_0001__1__fire__c_0001_v1__1="hangs up")
    said = await house(world).hear(scheduled(1))
    assert world.begun["r-0001/1/fire/c-0001-v1/1"] == 1
    assert ends(said)[vial(1)].steps_ok


async def test_a_furnace_that_is_not_there_loses_the_vials_with_a_clear_reason() -> None:
    """A booking for unknown equipment is a fact, told once, and the robot goes on."""
    lab = house(World())
    said = await lab.hear(scheduled(1, 2, furnace="furnace-9"), scheduled(3, run=2))
    told = ends(said)
    assert told[vial(1)].reason == "never made: expected the furnace furnace-9, got only: furnace-1"
    assert isinstance(told[vial(2)], SampleLost)
    assert told[vial(3)].steps_ok
    assert await lab.faults() == []


@pytest.mark.parametrize(
    ("product", "doubt"), [("unweighed", "the product was not weighed"), ("negative", "the balance showed -")]
)
async def test_a_balance_that_makes_no_sense_is_a_doubt(product: str, doubt: str) -> None:
    """No mass, or an impossible one, is not believed, and does not stop the run."""
    lab = house(World(Dice(fixed={"product": product})))
    end = ends(await lab.hear(scheduled(1)))[vial(1)]
    assert (end.product_mass, end.steps_ok) == (0.0, False)
    assert end.doubts[0].startswith(doubt)
    assert await lab.faults() == []


# calibrations -----------------------------------------------------------------------------------------------

CALIBRATE = "r_0001__1__calibrate__furnace_1__"


def findings(said: list) -> list[FurnaceCalibrated | FurnaceNotCalibrated]:
    return [e for e in said if isinstance(e, FurnaceCalibrated | FurnaceNotCalibrated)]


async def test_a_furnace_is_calibrated_before_its_run_if_that_is_booked() -> None:
    """Intent, fact, and what was found, before the first weighing; a run without a booking has none of it."""
    world = World()
    said = await house(world).hear(scheduled(1, calibrate=True), scheduled(2, run=2, start=EPOCH + 40 * HOUR))
    key = "r-0001/1/calibrate/furnace-1/1"
    assert steps(said)[:3] == [f"StepStarted {key}", f"StepCompleted {key}", "StepStarted r-0001/1/weigh/c-0001-v1/1"]
    [found] = findings(said)
    assert (found.furnace, found.run_id, found.key) == ("furnace-1", "r-0001", key)
    assert (found.temperature, found.deviation, found.uncertainty) == (1401.0, 1.0, 1.0)
    assert found.calibrated_at == next(e.ended_at for e in said if isinstance(e, StepCompleted) and e.key == key)
    assert {e.steps_ok for e in ends(said).values()} == {True}
    assert world.begun[key] == 1


async def test_a_calibration_that_fails_is_told_and_the_run_goes_on() -> None:
    """What may be tried again is, once; then the vials are made, and whoever books knows that it is still due."""
    said = await house(unlucky(**{f"{CALIBRATE}1": "stumbles", f"{CALIBRATE}2": "fails"})).hear(
        scheduled(1, calibrate=True)
    )
    assert sum(isinstance(e, StepFailed) for e in said) == 2
    [told] = findings(said)
    assert (told.offered, told.reason) == (True, "it fails")
    assert ends(said)[vial(1)].steps_ok


@pytest.mark.parametrize("fate", ["forgot", "deaf", "silent", "refuses"])
async def test_a_calibration_of_which_nobody_can_tell_is_not_done_again(fate: str) -> None:
    """One attempt, a fact that says so, no doubt about the vials that are made after it."""
    world = unlucky(**{f"{CALIBRATE}1": fate})
    said = await house(world).hear(scheduled(1, calibrate=True))
    assert [type(e) for e in findings(said)] == [FurnaceNotCalibrated]
    assert findings(said)[0].offered
    assert "r-0001/1/calibrate/furnace-1/2" not in world.begun
    assert ends(said)[vial(1)].steps_ok


async def test_a_furnace_that_does_not_offer_it_is_not_asked_and_that_is_told() -> None:
    """No intent, no action; an event says that somebody else has to do it, and the run is made."""
    world = World(Dice(fixed={"offers/furnace-1": "no"}))
    said = await house(world).hear(scheduled(1, calibrate=True))
    [told] = findings(said)
    assert said[0] is told
    assert not told.offered
    assert "Expected furnace-1 to offer the step calibrate" in told.reason
    assert not any("calibrate" in key for key in world.begun)
    assert ends(said)[vial(1)].steps_ok


async def test_what_a_furnace_offers_is_not_asked_again_after_a_crash() -> None:
    """Having said that it is not calibrated, the robot keeps to it, whatever the furnace says after a restart."""
    world = World(Dice(fixed={"offers/furnace-1": "no"}))
    lab = house(world)
    lab.root = scheduled(1, calibrate=True)
    await lab.live(dies_at=6)
    world.dice.fixed.clear()
    await lab.live()
    assert [type(e) for e in findings(await lab.events())] == [FurnaceNotCalibrated]
    assert not any("calibrate" in key for key in world.begun)
    assert await lab.faults() == []


async def test_readings_without_sense_are_no_calibration() -> None:
    """A reference that shows what nothing can have is told, and believed by nobody."""
    lab = house(World(Dice(fixed={"calibration": "mad"})))
    said = await lab.hear(scheduled(1, calibrate=True))
    [told] = findings(said)
    assert (told.offered, told.reason) == (True, "the furnace showed 1400 °C and the reference 5400 °C")
    assert await lab.faults() == []


# crashes ----------------------------------------------------------------------------------------------------

LUCKY = {
    "r_0001__1__calibrate__furnace_1__1": "stumbles", "r_0001__1__load__c_0002_v1__1": "drops",
    "r_0001__1__fire__batch__1": "stumbles",
    "r_0001__2__regrind__batch__1": "doubts",
}  # fmt: skip


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not stored"])
async def test_killed_anywhere_no_action_is_begun_twice_and_the_log_is_the_same(stored: bool) -> None:  # noqa: FBT001
    """After a crash at each publication the run ends as if nothing had happened, with one furnace run of each key."""
    undisturbed = unlucky(**LUCKY)
    lab = house(undisturbed)
    lab.root = scheduled(1, 2, 3, regrinds=1, calibrate=True)
    whole = await lab.live()
    wanted = await lab.payloads()
    assert len(wanted) > 30
    for n in range(1, whole.published + 1):
        world = unlucky(**LUCKY)
        lab = house(world)
        lab.root = scheduled(1, 2, 3, regrinds=1, calibrate=True)
        await lab.live(dies_at=n, stored=stored)
        await lab.live()
        assert await lab.payloads() == wanted, f"killed at publication {n}"
        assert world.begun == undisturbed.begun
        assert set(world.begun.values()) == {1}


async def test_an_instrument_that_lost_its_memory_repeats_nothing_that_the_log_has() -> None:
    """With every journal gone after a crash, only the action that was under way is asked for again."""
    world = World()
    lab = house(world)
    lab.root = scheduled(1, 2)
    await lab.live(dies_at=14, stored=False)
    recorded = {e.key for e in await lab.events(StepCompleted)}
    intended = {e.key for e in await lab.events(StepStarted)}
    line = world.synthesisers["furnace-1"]
    line.actions.clear()
    line.begun = Counter()
    await lab.live()
    assert len(recorded) == 5
    assert not recorded & set(line.begun)
    assert len(intended - recorded) == 1
    assert intended - recorded <= set(line.begun)
    assert {type(e) for e in ends(await lab.events()).values()} == {SampleSynthesised}
