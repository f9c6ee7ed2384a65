"""Measuring: the diffractometer is held against its standard when that is due, and not more often."""

from __future__ import annotations

import pytest

from agents.workers import Workers
from agents.xrd_analyser import XrdAnalyser
from contracts.diffraction import (
    AnalysisFlagged,
    MeasurementFailed,
    MeasurementStarted,
    PatternMeasured,
    PhasesIdentified,
    StandardMeasured,
)
from contracts.event import Event
from tests.agents.lab import House, started
from tests.agents.said import made, scan_of, vial
from tests.agents.world import Dice, World
from tests.contracts.examples import EPOCH, plan

FIRST, SECOND = "standard/xrd-1/1", "standard/xrd-1/2"


def house(world: World, days: float = 7.0, standard: str = "Si") -> House:
    """The analyser alone, in a lab that has a standard."""

    def crew(clock) -> list:
        world.clock = clock
        return [XrdAnalyser(world.diffractometer)]

    laboratory = plan().laboratory.model_dump(mode="json")
    root = started(laboratory=laboratory | {"standard": standard, "standard_interval_days": days})
    return House(crew, root, workers=world.workers)


def scans(said: list[Event]) -> list[str]:
    """Keys of what was measured, in order."""
    return [e.measurement_id for e in said if isinstance(e, PatternMeasured | MeasurementFailed)]


def standard_on(day: float, zero: float = 0.05) -> StandardMeasured:
    """A standard that somebody scanned by hand."""
    from datetime import timedelta

    return StandardMeasured(
        measurement_id=f"file/{day}", instrument="xrd-1", standard="Si", measured_at=EPOCH + timedelta(days=day),
        zero=zero, zero_su=0.001, displacement=0.0, displacement_su=0.001, axial=None, axial_su=None, lines=6,
    )  # fmt: skip


async def test_a_standard_is_scanned_before_the_first_vial() -> None:
    """Intent, scan, what it says of the instrument; then the vial, with the zero that the standard has shown."""
    world, instruments = World(), []
    identify = world.workers.identify_bytes

    def watched(name, content, *how):
        instruments.append(how[-1])
        return identify(name, content, *how)

    world.workers.identify_bytes = watched
    said = await house(world).hear(made(1))
    intent, pattern, told = [e for e in said if e.measurement_id == FIRST]
    assert [type(e) for e in (intent, pattern, told)] == [MeasurementStarted, PatternMeasured, StandardMeasured]
    assert said.index(told) < next(n for n, e in enumerate(said) if isinstance(e, PhasesIdentified))
    assert (pattern.sample_id, pattern.asked) == ("standard-Si-0001", True)
    assert (told.standard, told.zero, told.axial, told.axial_su) == ("Si", 0.02, 0.04, 0.01)
    assert scans(said) == [FIRST, scan_of(1)]
    request = world.diffractometer.actions[FIRST].request
    assert {name: getattr(request, name) for name in type(plan().scan).model_fields} == plan().scan.model_dump()
    [instrument] = instruments
    assert (instrument.zero, instrument.axial, instrument.axial_su) == (0.02, 0.04, pytest.approx(0.01))
    assert 0.001 <= instrument.zero_su < 0.005, "as well known as the standard, and a little less with the time"


async def test_it_is_due_again_after_its_interval_and_not_before() -> None:
    """Scans take half an hour here: within a day one standard does, half an hour later it is due again."""
    assert scans(await house(World(), days=1.0).hear(made(1), made(2))) == [FIRST, scan_of(1), scan_of(2)]
    assert scans(await house(World(), days=0.02).hear(made(1), made(2))) == [FIRST, scan_of(1), SECOND, scan_of(2)]


async def test_vials_that_come_together_wait_for_one_standard() -> None:
    """It is asked for once, before all of them."""
    said = await house(World()).hear(made(1), made(2), made(3), at_once=True)
    assert scans(said)[0] == FIRST
    assert sorted(scans(said)[1:]) == [scan_of(1), scan_of(2), scan_of(3)]


@pytest.mark.parametrize(("days", "standard"), [(0.0, "Si"), (7.0, "")])
async def test_a_lab_without_a_standard_is_asked_for_none(days: float, standard: str) -> None:
    """An interval of nothing is never, and where there is no powder nobody scans one."""
    assert scans(await house(World(), days, standard).hear(made(1))) == [scan_of(1)]


async def test_a_standard_that_was_dropped_counts() -> None:
    """What somebody scanned by hand an hour ago need not be scanned again."""
    assert scans(await house(World()).hear(standard_on(0.0), made(1))) == [scan_of(1)]


@pytest.mark.parametrize(
    "luck", [{f"instrument/{FIRST}": "cut"}, {"standard/standard-Si-0001": "garbage"}], ids=["no file", "no lines"]
)
async def test_a_standard_that_comes_to_nothing_stops_nobody_and_is_due_again(luck: dict[str, str]) -> None:
    """The vial is measured all the same; before the next one the standard is scanned anew."""
    lab = house(World(Dice(fixed=luck)))
    said = await lab.hear(made(1), made(2))
    assert scans(said) == [FIRST, scan_of(1), SECOND, scan_of(2)]
    [nothing] = [e for e in said if isinstance(e, MeasurementFailed | AnalysisFlagged)]
    assert nothing.measurement_id == FIRST
    assert [e.measurement_id for e in said if isinstance(e, StandardMeasured)] == [SECOND]
    assert [e.sample_id for e in said if isinstance(e, PhasesIdentified)] == [vial(1), vial(2)]
    assert await lab.faults() == []


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not stored"])
async def test_killed_anywhere_no_standard_is_scanned_twice(stored: bool) -> None:  # noqa: FBT001
    """After a crash at each publication the log is the same, and each scan was begun once."""
    lab = house(World(), days=0.02)
    lab.then = [made(1), made(2)]
    whole = await lab.live()
    for n in range(1, whole.published + 1):
        world = World()
        again = house(world, days=0.02)
        again.then = [made(1), made(2)]
        await again.live(dies_at=n, stored=stored)
        await again.live()
        assert await again.payloads() == await lab.payloads(), f"killed at publication {n}"
        assert world.begun == dict.fromkeys((FIRST, scan_of(1), SECOND, scan_of(2)), 1)


async def test_a_vial_of_that_name_is_no_standard() -> None:
    """Only what was asked for as a standard, or dropped as one, judges the instrument."""
    world = World()
    said = await house(world, standard="").hear(made(1, sample_id="standard-Si-v1"))
    assert [e.sample_id for e in said if isinstance(e, PhasesIdentified)] == ["standard-Si-v1"]


async def test_what_a_real_standard_says_is_read_by_the_real_science() -> None:
    """Garbage in place of silicon is flagged, with real workers too."""
    world = World()
    lab = house(world)
    lab.workers = Workers(0)
    said = await lab.hear(made(1))
    [flagged] = [e for e in said if isinstance(e, AnalysisFlagged) and e.measurement_id == FIRST]
    assert flagged.reason.startswith("Expected")
