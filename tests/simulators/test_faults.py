"""Faults strike as often as they should, leave the others alone, and all stand in the ledger."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from contracts.instruments import StepSample
from simulators.faults import MAKING, MEASURING, Faults, Message, Shutter
from simulators.rates import STRIKING, FaultRates
from tests.contracts.examples import perovskite, recipe

VIAL = StepSample(sample_id="c-1-v1", composition=perovskite({"Ba": 12}, {"Zr": 7, "Ti": 5}), recipe=recipe())
TRIES = 4000
CALM = FaultRates.none()


def rates(**given: float) -> FaultRates:
    """A world in which only these faults strike."""
    return CALM.model_copy(update=given)


def _dirty(faults: Faults, sample: str) -> float:
    """A crucible that was used before: then, as the bench knows, it is a fault."""
    if share := faults.dirty_crucible(sample):
        faults.note(sample, "dirty_crucible", share, logged=False)
    return share


ASK: dict[str, Callable[[Faults, str], Any]] = {
    "dropped_vial": lambda f, name: f.dropped_vial(name),
    "misweigh": lambda f, name: f.misweigh(VIAL.model_copy(update={"sample_id": name})),
    "swapped_vials": lambda f, name: f.swapped_vials((name, f"neighbour-{name}")),
    "dirty_crucible": _dirty,
    "overshoot": lambda f, name: f.overshoot(f"{name}/fire", (name,)),
    "controller_stall": lambda f, name: f.controller_stall(f"{name}/fire", (name,)),
    "displaced_holder": lambda f, name: f.displacement(f"{name}/scan/1", name),
    "empty_holder": lambda f, name: f.empty_holder(f"{name}/scan/1", name),
    "shutter_stuck": lambda f, name: f.shutter_stuck(f"{name}/scan/1", name),
    "lost_message": lambda f, name: f.message(f"{name}/fire", "start"),
    "doubled_message": lambda f, name: f.message(f"{name}/fire", "start"),
}
"""Fault → one chance for it to strike a thing."""


def ask(faults: Faults, fault: str, n: int) -> Any:
    """One chance for one fault to strike the n-th thing."""
    return ASK[fault](faults, f"c-{n}-v1")


def struck(faults: Faults, fault: str) -> set[str]:
    """Who stands in the ledger for a fault; of two neighbours that were swapped, the one that was asked about."""
    return {i.thing for i in faults if i.fault == fault and not i.thing.startswith("neighbour")}


def all_at(chance: float, but: str = "") -> FaultRates:
    """All faults at one rate; a question cannot be lost and doubled, so one of these two is left out."""
    left_out = "lost_message" if but == "doubled_message" else "doubled_message"
    return rates(**{fault: 0.0 if fault == left_out else chance for fault in STRIKING})


def test_every_rate_is_one_of_chance_or_of_time() -> None:
    """A new fault must be sorted: struck by chance (and tested here), or brought by time (and tested with wear)."""
    by_time = {
        "thermocouple_drift", "tube_decay", "dead_tube", "tube_repair_days", "schema_change_week", "schema_change_days",
    }  # fmt: skip
    assert FaultRates.model_fields.keys() == by_time | set(STRIKING)
    assert set(STRIKING) | by_time >= MAKING
    assert set(STRIKING) | {"schema_change"} >= MEASURING


@pytest.mark.parametrize("fault", STRIKING)
@pytest.mark.parametrize("rate", [None, 0.1])
def test_rates_are_met(fault: str, rate: float | None) -> None:
    """Over four thousand chances the count lies within five standard deviations of a binomial."""
    world = FaultRates() if rate is None else rates(**{fault: rate})
    p = getattr(world, fault)
    faults = Faults(11, world)
    for n in range(TRIES):
        ask(faults, fault, n)
    count = len(struck(faults, fault))
    assert abs(count - TRIES * p) <= 5 * np.sqrt(TRIES * p * (1 - p))
    assert count > 0


@pytest.mark.parametrize("fault", STRIKING)
def test_never_and_always(fault: str) -> None:
    """A rate of nought never strikes and one of one always does."""
    never, always = (Faults(3, rates(**{fault: p})) for p in (0.0, 1.0))
    for n in range(40):
        ask(never, fault, n)
        ask(always, fault, n)
    assert not struck(never, fault)
    assert len(struck(always, fault)) == 40


@pytest.mark.parametrize("fault", STRIKING)
def test_a_higher_rate_strikes_the_same_and_more(fault: str) -> None:
    """Who is struck at a low rate is struck in the same way at a higher one: worlds can be compared."""
    few, many = (Faults(5, rates(**{fault: p})) for p in (0.05, 0.4))
    for n in range(200):
        ask(few, fault, n)
        ask(many, fault, n)
    assert struck(few, fault) < struck(many, fault)
    assert all(many.injected[key] == told for key, told in few.injected.items())


def test_one_fault_leaves_the_others_alone() -> None:
    """Switching one fault on changes nothing of any other, in any order of asking."""
    alone = {fault: Faults(7, rates(**{fault: 0.3})) for fault in STRIKING if fault != "doubled_message"}
    together = Faults(7, all_at(0.3))
    rng = np.random.default_rng(0)
    for n in rng.permutation(60):
        for fault in rng.permutation(list(alone)):
            ask(together, str(fault), int(n))
    for fault, faults in alone.items():
        for n in range(60):
            ask(faults, fault, n)
        assert struck(faults, fault) == struck(together, fault)
    everyone = {key: told for faults in alone.values() for key, told in faults.injected.items()}
    assert together.injected == everyone


@pytest.mark.parametrize("left_out", ["lost_message", "doubled_message"])
def test_faults_strike_independently(left_out: str) -> None:
    """Who is struck by one fault is struck by another as often as chance says, and no oftener."""
    faults, n, p = Faults(29, all_at(0.3, left_out)), 600, 0.3
    asked = [f for f in STRIKING if getattr(faults.rates, f)]
    hit: dict[str, set[str]] = {}
    for fault in asked:
        for k in range(n):
            ask(faults, fault, k)
        hit[fault] = {thing.partition("-v1")[0] for thing in struck(faults, fault)}
    for one, other in itertools.combinations(asked, 2):
        both = len(hit[one] & hit[other])
        assert abs(both - n * p * p) < 5 * np.sqrt(n * p * p * (1 - p * p))


@pytest.mark.parametrize("fault", STRIKING)
def test_asked_again_it_is_the_same(fault: str) -> None:
    """A fault is a fact of the world: asked twice it has struck once, in the same way."""
    faults = Faults(9, rates(**{fault: 0.5}))
    first = [ask(faults, fault, n) for n in range(50)]
    ledger = dict(faults.injected)
    assert [ask(faults, fault, n) for n in range(50)] == first
    assert faults.injected == ledger


@pytest.mark.parametrize("fault", [f for f in STRIKING if "message" not in f])
def test_a_world_without_a_fault_is_the_same_but_for_it(fault: str) -> None:
    """What would have been without a fault can be asked: all others strike as before, into a ledger of their own."""
    faults = Faults(9, all_at(0.5))
    without = faults.without(fault)
    for n in range(50):
        for other in STRIKING:
            ask(faults, other, n)
            ask(without, other, n)
    assert not struck(without, fault)
    assert struck(faults, fault)
    assert without.injected == {key: told for key, told in faults.injected.items() if told.fault != fault}


def test_magnitudes() -> None:
    """Sizes of faults lie where they are said to lie, on both sides."""
    faults = Faults(13, all_at(1.0))
    for n in range(300):
        for fault in STRIKING:
            ask(faults, fault, n)
    size = {f: np.array([i.magnitude for i in faults if i.fault == f]) for f in STRIKING}
    off, seat = size["misweigh"] - 1, size["displaced_holder"]
    for values, low, high in (
        (np.abs(off), 0.05, 0.20),
        (size["overshoot"], 30, 80),
        (np.abs(seat), 0.3, 0.6),
        (size["dirty_crucible"], 0.02, 0.06),
        (size["controller_stall"], 0.1, 0.6),
    ):
        assert len(values) == 300
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high
    for both in (off, seat):
        assert 100 < (both > 0).sum() < 200


def test_four_of_five_mistakes_of_the_balance_and_of_the_robot_are_seen() -> None:
    """The balance's log shows four of five mis-weighings, a bar code four of five swaps."""
    faults = Faults(13, rates(misweigh=1.0, swapped_vials=1.0))
    for n in range(300):
        ask(faults, "misweigh", n)
        ask(faults, "swapped_vials", n)
    for fault in ("misweigh", "swapped_vials"):
        shown = [i.logged for i in faults if i.fault == fault and not i.thing.startswith("neighbour")]
        assert abs(sum(shown) - 240) <= 5 * np.sqrt(300 * 0.8 * 0.2)


def test_which_faults_show_in_a_log() -> None:
    """Drops, overshoots and stalls are in a log; what is wrong with a crucible or a holder shows elsewhere."""
    faults = Faults(13, all_at(1.0))
    for fault in STRIKING:
        ask(faults, fault, 1)
    logged = {i.fault for i in faults if i.logged}
    assert logged >= {"dropped_vial", "overshoot", "controller_stall"}
    assert not logged & {"dirty_crucible", "displaced_holder", "empty_holder", "shutter_stuck", "lost_message"}


def test_everyday_displacement_scatters_and_is_no_fault() -> None:
    """A well-seated sample is 0.08 mm off, on average by nothing, and is not in the ledger."""
    faults = Faults(17, CALM)
    off = np.array([faults.displacement(f"k-{n}", f"c-{n}") for n in range(2000)])
    assert abs(off.mean()) < 5 * 0.08 / np.sqrt(2000)
    assert off.std() == pytest.approx(0.08, rel=5 / np.sqrt(4000))
    assert not faults.injected


def test_a_misweighed_element_is_one_of_the_recipe() -> None:
    """Each powder of the recipe is mis-weighed now and then, and no other."""
    faults = Faults(19, rates(misweigh=1.0))
    seen = {ask(faults, "misweigh", n)[0] for n in range(60)}
    assert seen == {p.element for p in VIAL.recipe.precursors}


@pytest.mark.parametrize("fault", ["overshoot", "controller_stall"])
def test_a_furnace_strikes_the_whole_batch(fault: str) -> None:
    """One furnace, one programme: all vials of a firing stand in the ledger with the same size of fault."""
    faults = Faults(23, rates(**{fault: 1.0}))
    size = getattr(faults, fault)("run-1/fire", ("c-1", "c-2", "c-3"))
    assert {i.thing for i in faults} == {"c-1", "c-2", "c-3"}
    assert {i.magnitude for i in faults} == {size}


@pytest.mark.parametrize("count", range(1, 7))
def test_a_swap_takes_two_neighbours(count: int) -> None:
    """Vials change places in pairs that lie side by side, both are in the ledger, and one alone cannot be swapped."""
    for seed in range(30):
        faults = Faults(seed, rates(swapped_vials=0.4))
        batch = [f"c-{n}" for n in range(count)]
        swapped = faults.swapped_vials(batch)
        for one, (other, shown) in swapped.items():
            assert swapped[other] == (one, shown)
            assert abs(batch.index(one) - batch.index(other)) == 1
        assert {i.thing for i in faults} == set(swapped)
        assert count > 1 or not swapped


def test_a_shut_shutter_leaves_nothing_or_noise() -> None:
    """Half of the stuck shutters let the detector count nothing at all, the others its own noise."""
    faults = Faults(31, rates(shutter_stuck=1.0))
    seen = [ask(faults, "shutter_stuck", n) for n in range(400)]
    assert abs(seen.count(Shutter.NOTHING) - 200) < 5 * 10
    assert seen.count(Shutter.NOTHING) + seen.count(Shutter.DARK) == 400


def test_messages_are_lost_on_their_way_there_or_back() -> None:
    """Half of the lost messages are questions and half answers; each verb of an action has its own fate."""
    faults = Faults(37, rates(lost_message=1.0))
    seen = [ask(faults, "lost_message", n) for n in range(400)]
    assert abs(seen.count(Message.QUESTION_LOST) - 200) < 5 * 10
    assert seen.count(Message.QUESTION_LOST) + seen.count(Message.ANSWER_LOST) == 400
    some = Faults(37, rates(doubled_message=0.5))
    fates = {(verb, n): some.message(f"c-{n}", verb) for n in range(40) for verb in ("ask", "start")}
    assert set(fates.values()) == {None, Message.DOUBLED}
    assert [fates["ask", n] for n in range(40)] != [fates["start", n] for n in range(40)]


def test_five_times_as_often() -> None:
    """Chances and deaths of tubes are multiplied and end at certainty; what comes with time stays as it is."""
    stormy = FaultRates().times(5)
    for fault in STRIKING:
        assert getattr(stormy, fault) == pytest.approx(5 * getattr(FaultRates(), fault))
    assert stormy.dead_tube == 10
    assert stormy.thermocouple_drift == FaultRates().thermocouple_drift
    assert stormy.schema_change_week == FaultRates().schema_change_week
    assert rates(misweigh=0.5).times(5).misweigh == 1.0
    assert CALM.times(5) == CALM


def test_the_most_that_has_worn_off_is_kept() -> None:
    """The ledger tells how far a thing has worn at last, in whatever order it is looked at."""
    faults = Faults(1, CALM)
    for kelvin in (3.0, 7.0, 5.0):
        faults.note_most("furnace-1", "thermocouple_drift", kelvin)
    assert [(i.thing, i.magnitude, i.logged) for i in faults] == [("furnace-1", 7.0, False)]
