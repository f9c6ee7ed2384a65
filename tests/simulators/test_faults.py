"""Faults strike as often as they should, leave the others alone, and all stand in the ledger."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from contracts.instruments import StepSample
from simulators.faults import FaultRates, Faults
from tests.contracts.examples import perovskite, recipe

VIAL = StepSample(sample_id="c-1-v1", composition=perovskite({"Ba": 12}, {"Zr": 7, "Ti": 5}), recipe=recipe())
TRIES = 4000


def ask(faults: Faults, fault: str, n: int) -> Any:
    """One chance for one fault to strike the n-th thing."""
    name = f"c-{n}-v1"
    match fault:
        case "dropped_vial":
            return faults.dropped_vial(name)
        case "misweigh":
            return faults.misweigh(VIAL.model_copy(update={"sample_id": name}))
        case "overshoot":
            return faults.overshoot(f"{name}/fire", (name,))
        case "displaced_holder":
            return faults.displacement(f"{name}/scan/1", name)
        case "empty_holder":
            return faults.empty_holder(f"{name}/scan/1", name)
    raise AssertionError(fault)


LEDGER = {
    "dropped_vial": "dropped vial",
    "misweigh": "mis-weighed",
    "overshoot": "overshoot",
    "displaced_holder": "displaced holder",
    "empty_holder": "empty holder",
}


def struck(faults: Faults, fault: str) -> set[str]:
    """Who stands in the ledger for a fault."""
    return {i.sample for i in faults if i.fault == LEDGER[fault]}


def test_the_table_is_complete() -> None:
    """Every rate has its place in this suite."""
    assert LEDGER.keys() == FaultRates.model_fields.keys()


@pytest.mark.parametrize("fault", LEDGER)
@pytest.mark.parametrize("rate", [None, 0.1])
def test_rates_are_met(fault: str, rate: float | None) -> None:
    """Over four thousand chances the count lies within five standard deviations of a binomial."""
    rates = FaultRates() if rate is None else FaultRates(**{fault: rate})
    p = getattr(rates, fault)
    faults = Faults(11, rates)
    for n in range(TRIES):
        ask(faults, fault, n)
    count = len(struck(faults, fault))
    assert abs(count - TRIES * p) <= 5 * np.sqrt(TRIES * p * (1 - p))
    assert count > 0


@pytest.mark.parametrize("fault", LEDGER)
def test_never_and_always(fault: str) -> None:
    """A rate of nought never strikes and one of one always does."""
    never, always = (Faults(3, FaultRates(**{fault: p})) for p in (0.0, 1.0))
    for n in range(40):
        ask(never, fault, n)
        ask(always, fault, n)
    assert not struck(never, fault)
    assert len(struck(always, fault)) == 40


@pytest.mark.parametrize("fault", LEDGER)
def test_a_higher_rate_strikes_the_same_and_more(fault: str) -> None:
    """Who is struck at a low rate is struck in the same way at a higher one: worlds can be compared."""
    few, many = (Faults(5, FaultRates(**{fault: p})) for p in (0.05, 0.4))
    for n in range(200):
        ask(few, fault, n)
        ask(many, fault, n)
    assert struck(few, fault) < struck(many, fault)
    assert all(many.injected[key] == told for key, told in few.injected.items() if told.fault == LEDGER[fault])


def test_one_fault_leaves_the_others_alone() -> None:
    """Switching one fault on changes nothing of any other, in any order of asking."""
    alone = {fault: Faults(7, FaultRates(**{f: 0.3 if f == fault else 0.0 for f in LEDGER})) for fault in LEDGER}
    together = Faults(7, FaultRates(**dict.fromkeys(LEDGER, 0.3)))
    rng = np.random.default_rng(0)
    for n in rng.permutation(60):
        for fault in rng.permutation(list(LEDGER)):
            ask(together, str(fault), int(n))
    for fault in LEDGER:
        for n in range(60):
            ask(alone[fault], fault, n)
        assert struck(alone[fault], fault) == struck(together, fault)
    everyone = {key: told for faults in alone.values() for key, told in faults.injected.items()}
    assert together.injected == everyone


def test_faults_strike_independently() -> None:
    """Who is struck by one fault is struck by another as often as chance says, and no oftener."""
    faults, n, p = Faults(29, FaultRates(**dict.fromkeys(LEDGER, 0.3))), 600, 0.3
    for fault in LEDGER:
        for k in range(n):
            ask(faults, fault, k)
    for one, other in itertools.combinations(LEDGER, 2):
        both = len(struck(faults, one) & struck(faults, other))
        assert abs(both - n * p * p) < 5 * np.sqrt(n * p * p * (1 - p * p))


@pytest.mark.parametrize("fault", LEDGER)
def test_asked_again_it_is_the_same(fault: str) -> None:
    """A fault is a fact of the world: asked twice it has struck once, in the same way."""
    faults = Faults(9, FaultRates(**{fault: 0.5}))
    first = [ask(faults, fault, n) for n in range(50)]
    ledger = dict(faults.injected)
    assert [ask(faults, fault, n) for n in range(50)] == first
    assert faults.injected == ledger


def test_magnitudes() -> None:
    """Sizes of faults lie where they are said to lie, on both sides."""
    faults = Faults(13, FaultRates(**dict.fromkeys(LEDGER, 1.0)))
    for n in range(300):
        for fault in LEDGER:
            ask(faults, fault, n)
    size = {f: np.array([i.magnitude for i in faults if i.fault == told]) for f, told in LEDGER.items()}
    off = size["misweigh"] - 1
    assert ((np.abs(off) >= 0.05) & (np.abs(off) <= 0.20)).all()
    assert ((size["overshoot"] >= 30) & (size["overshoot"] <= 80)).all()
    seat = size["displaced_holder"]
    assert ((np.abs(seat) >= 0.3) & (np.abs(seat) <= 0.6)).all()
    for both in (off, seat):
        assert 100 < (both > 0).sum() < 200
    shown = [i.logged for i in faults if i.fault == "mis-weighed"]
    assert abs(sum(shown) - 240) <= 5 * np.sqrt(300 * 0.8 * 0.2)


def test_which_faults_show_in_a_log() -> None:
    """Drops and overshoots are in a log; a displaced or empty holder shows in nothing but the pattern."""
    faults = Faults(13, FaultRates(**dict.fromkeys(LEDGER, 1.0)))
    for fault in LEDGER:
        ask(faults, fault, 1)
    logged = {i.fault: i.logged for i in faults}
    assert (logged["dropped vial"], logged["overshoot"]) == (True, True)
    assert (logged["displaced holder"], logged["empty holder"]) == (False, False)


def test_everyday_displacement_scatters_and_is_no_fault() -> None:
    """A well-seated sample is 0.08 mm off, on average by nothing, and is not in the ledger."""
    faults = Faults(17, FaultRates(displaced_holder=0.0))
    off = np.array([faults.displacement(f"k-{n}", f"c-{n}") for n in range(2000)])
    assert abs(off.mean()) < 5 * 0.08 / np.sqrt(2000)
    assert off.std() == pytest.approx(0.08, rel=5 / np.sqrt(4000))
    assert not faults.injected


def test_a_misweighed_element_is_one_of_the_recipe() -> None:
    """Each powder of the recipe is mis-weighed now and then, and no other."""
    faults = Faults(19, FaultRates(misweigh=1.0))
    seen = {ask(faults, "misweigh", n)[0] for n in range(60)}
    assert seen == {p.element for p in VIAL.recipe.precursors}


def test_an_overshoot_strikes_the_whole_batch() -> None:
    """One furnace, one temperature: all vials of a firing stand in the ledger with the same excess."""
    faults = Faults(23, FaultRates(overshoot=1.0))
    kelvin = faults.overshoot("run-1/fire", ("c-1", "c-2", "c-3"))
    assert {i.sample for i in faults} == {"c-1", "c-2", "c-3"}
    assert {i.magnitude for i in faults} == {kelvin}
