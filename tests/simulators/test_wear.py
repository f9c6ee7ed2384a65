"""Thermocouples drift, tubes fade and die, programs are brought up to date: each by its own law of time."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from simulators.faults import Faults
from simulators.rates import FaultRates
from simulators.wear import (
    KNOWN_SCHEMA,
    MONTH,
    NEW_SCHEMA,
    REFERENCE_UNCERTAINTY,
    WEEK,
    Tube,
    drifted,
    reference_error,
    schema_written,
    thermocouple_drift,
)
from tests.contracts.examples import EPOCH

CALM = FaultRates.none()
YEARS = 40 * timedelta(days=365.25)


def tube(seed: int = 1, **rates: float) -> Tube:
    """A tube in a world in which only this wears out."""
    return Tube(Faults(seed, CALM.model_copy(update={"tube_repair_days": 2.0, **rates})), "xrd-1", EPOCH)


def test_thermocouples_drift_by_the_week() -> None:
    """A furnace grows hotter than it says by one kelvin a week, and the ledger knows by how much at most."""
    faults = Faults(1, CALM.model_copy(update={"thermocouple_drift": 1.0}))
    assert thermocouple_drift(faults, "furnace-1", timedelta()) == 0
    assert not faults.injected
    assert thermocouple_drift(faults, "furnace-1", 24 * WEEK) == pytest.approx(24)
    assert thermocouple_drift(faults, "furnace-1", 3.5 * WEEK) == pytest.approx(3.5)
    assert [(i.thing, i.fault, i.magnitude) for i in faults] == [("furnace-1", "thermocouple_drift", 24.0)]
    assert thermocouple_drift(Faults(1, CALM), "furnace-1", 24 * WEEK) == 0


def test_a_furnace_that_fires_nothing_harms_nothing() -> None:
    """How far it has drifted can be known without entering a fault into the ledger."""
    faults = Faults(1, CALM.model_copy(update={"thermocouple_drift": 2.0}))
    assert drifted(faults, 3 * WEEK) == 6.0
    assert not faults.injected


def test_references_are_wrong_by_their_uncertainty() -> None:
    """Each calibration has its own error, normal with the stated standard deviation; asked again it is the same."""
    errors = [reference_error(1, f"r-{n}/1/calibrate/furnace-1/1") for n in range(400)]
    assert abs(np.mean(errors)) < 0.2
    assert np.std(errors) == pytest.approx(REFERENCE_UNCERTAINTY, rel=0.15)
    assert errors[:3] == [reference_error(1, f"r-{n}/1/calibrate/furnace-1/1") for n in range(3)]
    assert errors[0] != reference_error(2, "r-0/1/calibrate/furnace-1/1")


def test_tubes_die_as_often_as_they_should() -> None:
    """Over forty years of many tubes, the count of deaths is Poisson with two a year, less the days without a tube."""
    deaths = [len(tube(seed, dead_tube=2.0).outages(EPOCH + YEARS)) for seed in range(12)]
    wanted = 2.0 * 40 * 12 * (1 - 2 * 2.0 / 365.25)
    assert abs(sum(deaths) - wanted) < 5 * np.sqrt(wanted)
    assert len(set(deaths)) > 3, "each diffractometer of each world has its own luck"
    assert not tube().outages(EPOCH + YEARS)


def test_an_outage_lasts_two_days_and_is_known_to_the_ledger() -> None:
    """Outages follow one another, last as long as a repair, and each stands in the ledger, logged."""
    mine = tube(dead_tube=30.0)
    outages = mine.outages(EPOCH + timedelta(days=365))
    assert len(outages) > 15
    assert all(o.ends - o.begins == timedelta(days=2) for o in outages)
    assert all(one.ends <= other.begins for one, other in pairwise(outages))
    told = [i for i in mine.faults if i.fault == "dead_tube"]
    assert len(told) == len(outages)
    assert {(i.magnitude, i.logged) for i in told} == {(2.0, True)}


def test_what_has_not_happened_yet_changes_nothing() -> None:
    """Asked at any earlier time, the outages are the first of all; a tube that is asked twice answers the same."""
    mine = tube(dead_tube=30.0)
    outages = mine.outages(EPOCH + timedelta(days=200))
    for days in range(0, 200, 7):
        at = EPOCH + timedelta(days=days)
        assert mine.outages(at) == tuple(o for o in outages if o.begins <= at)
    assert tube(dead_tube=30.0).outages(EPOCH + timedelta(days=200)) == outages


def test_dark_while_it_is_being_replaced() -> None:
    """There are no X-rays from the death to the end of the repair, and at no other time."""
    mine = tube(dead_tube=30.0)
    first, second = mine.outages(EPOCH + timedelta(days=365))[:2]
    moment = timedelta(seconds=1)
    assert mine.dark_until(first.begins - moment) is None
    assert mine.dark_until(first.begins) == mine.dark_until(first.ends - moment) == first.ends
    assert mine.dark_until(first.ends) is None
    assert mine.dies_within(first.begins - moment, first.begins + moment) == first
    assert mine.dies_within(first.ends, second.begins) is None
    assert mine.dies_within(first.begins, first.ends) is None, "it has died already"


def test_a_tube_fades_and_a_new_one_is_bright() -> None:
    """Eight per cent a month are lost, from the day on which the tube was put in."""
    old = tube(tube_decay=0.08)
    assert old.brightness(EPOCH) == 1
    assert old.brightness(EPOCH + MONTH) == pytest.approx(0.92)
    assert old.brightness(EPOCH + 6 * MONTH) == pytest.approx(0.92**6)
    assert [(i.fault, i.magnitude) for i in old.faults] == [("tube_decay", pytest.approx(1 - 0.92**6))]
    replaced = tube(tube_decay=0.08, dead_tube=30.0)
    first = replaced.outages(EPOCH + timedelta(days=365))[0]
    assert replaced.brightness(first.ends) == 1
    assert replaced.age(first.ends + timedelta(days=1)) == timedelta(days=1)
    assert replaced.brightness(first.begins) < 1
    assert tube().brightness(EPOCH + YEARS) == 1


def test_the_new_schema_comes_in_its_week_and_goes_after_a_day() -> None:
    """An update in week fifteen writes files of another schema until the next update; the moment differs by world."""
    begins = []
    for seed in range(20):
        rates = CALM.model_copy(update={"schema_change_week": 15, "schema_change_days": 1.0})
        faults = Faults(seed, rates)
        hours = [n for n in range(20 * 7 * 24) if _schema(faults, n) == NEW_SCHEMA]
        assert hours == list(range(hours[0], hours[0] + len(hours))), "once"
        assert 23 <= len(hours) <= 25
        assert 15 * 7 * 24 <= hours[0] < 16 * 7 * 24
        begins.append(hours[0])
    assert len(set(begins)) > 10
    assert _schema(Faults(1, CALM), 15 * 7 * 24 + 80) == KNOWN_SCHEMA


def test_a_file_of_the_new_schema_is_a_fault_of_its_sample() -> None:
    """Each vial that is measured meanwhile stands in the ledger; none that is measured before or after does."""
    faults = Faults(2, CALM.model_copy(update={"schema_change_week": 0, "schema_change_days": 1.0}))
    written = {n: _schema(faults, n) for n in range(10 * 24)}
    assert {i.thing for i in faults} == {f"c-{n}-v1" for n, schema in written.items() if schema == NEW_SCHEMA}
    assert {i.fault for i in faults} == {"schema_change"}
    assert len(faults.injected) == 24


def _schema(faults: Faults, hour: int) -> str:
    return schema_written(faults, "xrd-1", EPOCH, EPOCH + timedelta(hours=hour), f"c-{hour}-v1")
