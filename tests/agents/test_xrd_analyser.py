"""The analyser: each vial is measured once, each file becomes an answer, and what cannot be read is said so."""

from __future__ import annotations

import hashlib
import itertools
from datetime import timedelta

import pytest

from agents.workers import Workers
from agents.xrd_analyser import XrdAnalyser
from contracts.diffraction import (
    AnalysisFlagged,
    DriftDetected,
    MeasurementFailed,
    MeasurementStarted,
    PatternMeasured,
    PhasesIdentified,
    StandardMeasured,
)
from contracts.instruments import Radiation, ScanReport
from tests.agents.lab import House, started
from tests.agents.said import made, scan_of, scanning, vial
from tests.agents.world import Dice, FakeDiffractometer, World
from tests.contracts.examples import EPOCH, plan
from tests.science.diffraction.test_standards import scan as standard_scan


class Inbox(FakeDiffractometer):
    """A diffractometer that also hands in files that nobody asked for."""

    def __init__(self, world: World, *files: tuple[str, bytes, str]) -> None:
        super().__init__(world, "xrd-1")
        self.files = list(files)

    async def unasked(self):
        for sample, content, problem in self.files:
            yield ScanReport(
                key=f"file/{hashlib.sha256(content).hexdigest()}",
                sample_id=sample,
                content=content,
                file_name=f"{sample}.xy",
                radiation=Radiation(),
                started_at=EPOCH,
                ended_at=EPOCH,
                problem=problem,
            )


def house(world: World, workers: object | None = None) -> House:
    def crew(clock) -> list:
        world.clock = clock
        return [XrdAnalyser(world.diffractometer)]

    return House(crew, started(), workers=workers or world.workers)


def unlucky(**fates: str) -> World:
    return World(Dice(fixed={f"instrument/{scan_of(1)}": fate for fate in fates.values()}))


# measuring --------------------------------------------------------------------------------------------------


async def test_a_vial_is_measured_as_the_plan_says_and_its_phases_are_named() -> None:
    """Intent, scan, file byte for byte, answer; the scan has the plan's settings."""
    world = World()
    lab = house(world)
    intent, measured, answer = await lab.hear(made(1))
    assert intent == scanning(1)
    assert isinstance(measured, PatternMeasured)
    assert (measured.measurement_id, measured.sample_id, measured.asked) == (scan_of(1), vial(1), True)
    assert lab.bus.blobs.get(measured.pattern) == vial(1).encode()
    assert (measured.pattern.name, measured.radiation.k_alpha1) == (f"{vial(1)}.xy", 1.5405929)
    assert measured.ended_at > measured.started_at
    request = world.diffractometer.actions[scan_of(1)].request
    assert {name: getattr(request, name) for name in type(plan().scan).model_fields} == plan().scan.model_dump()
    assert isinstance(answer, PhasesIdentified)
    assert (answer.measurement_id, answer.sample_id) == (scan_of(1), vial(1))
    assert answer.analysis.library_sha256 == "0" * 64
    [found] = answer.analysis.phases
    assert (found.name, found.space_group, found.pseudo_cubic) == ("perovskite", 221, 4.1)


async def test_the_intent_is_in_the_log_before_the_scan_begins() -> None:
    """The diffractometer, too, is asked only for what was written down."""
    world = World()
    lab, begin, intents = house(world), world.diffractometer.start, []

    async def start(request) -> None:
        intents.append([e.measurement_id for e in await lab.events(MeasurementStarted)])
        await begin(request)

    world.diffractometer.start = start
    await lab.hear(made(1))
    assert intents == [[scan_of(1)]]


async def test_vials_that_come_together_are_measured_one_after_the_other() -> None:
    """A busy diffractometer is waited for, in the order in which the vials came."""
    said = await house(World()).hear(made(1), made(2), made(3), at_once=True)
    measured = [e for e in said if isinstance(e, PatternMeasured)]
    assert [e.sample_id for e in measured] == [vial(1), vial(2), vial(3)]
    assert all(one.ended_at <= other.started_at for one, other in itertools.pairwise(measured))


@pytest.mark.parametrize(
    ("fate", "reason"),
    [
        ("forgot", "does not know what became of this action"),
        ("deaf", "Expected an answer, got none"),
        ("silent", "Expected a report, got none"),
        ("refuses", "Expected a free hand, got none"),
        ("cut", "the file is cut short"),
    ],
)
async def test_a_scan_that_brings_no_file_is_a_fact_with_its_reason(fate: str, reason: str) -> None:
    """Whatever is wrong with the instrument, the measurement has failed, once, and the next one goes on."""
    world = unlucky(fate=fate)
    lab = house(world)
    intent, failed = await lab.hear(made(1))
    assert intent == scanning(1)
    assert isinstance(failed, MeasurementFailed)
    assert (failed.measurement_id, failed.sample_id) == (scan_of(1), vial(1))
    assert reason in failed.reason
    assert await lab.faults() == []
    assert [type(e) for e in await lab.hear(made(2))] == [MeasurementStarted, PatternMeasured, PhasesIdentified]


async def test_the_lab_knows_its_samples_by_its_own_names() -> None:
    """A file that calls the sample something else still answers the scan that was asked for."""
    world = World()
    report = world.diffractometer.report

    def misnamed(key, action):
        return report(key, action).model_copy(update={"sample_id": "Probe-7", "key": "scan 12"})

    world.diffractometer.report = misnamed
    _, measured, answer = await house(world).hear(made(1))
    assert (measured.measurement_id, measured.sample_id) == (scan_of(1), vial(1))
    assert (answer.measurement_id, answer.sample_id) == (scan_of(1), vial(1))


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not stored"])
async def test_killed_anywhere_no_vial_is_measured_twice(stored: bool) -> None:  # noqa: FBT001
    """After a crash at each publication the log is the same and each scan was begun once."""
    lab = house(World())
    lab.then = [made(1)]
    whole = await lab.live()
    for n in range(1, whole.published + 1):
        world = World()
        again = house(world)
        again.then = [made(1)]
        await again.live(dies_at=n, stored=stored)
        await again.live()
        assert await again.payloads() == await lab.payloads(), f"killed at publication {n}"
        assert world.begun == {scan_of(1): 1}


async def test_a_pattern_that_the_log_has_is_not_measured_again() -> None:
    """Not even by an instrument that remembers nothing."""
    world = World()
    lab = house(world)
    await lab.hear(made(1))
    world.diffractometer.actions.clear()
    lab.forget_acknowledgements(after=1)
    assert await lab.hear() == []
    assert world.begun == {scan_of(1): 1}


# files that nobody asked for --------------------------------------------------------------------------------


async def test_dropped_files_are_recorded_and_analysed_once() -> None:
    """They are marked as unasked; a file that is found again in the next life is not recorded again."""
    world = World()
    world.diffractometer = Inbox(world, ("Probe-7", b"Probe-7", ""), ("broken", b"\x00", "it cannot be read"))
    lab = house(world)
    said = await lab.hear()
    assert [(type(e), e.sample_id) for e in said] == [
        (PatternMeasured, "Probe-7"),
        (PhasesIdentified, "Probe-7"),
        (MeasurementFailed, "broken"),
    ]
    assert not said[0].asked
    assert said[2].reason == "it cannot be read"
    assert await lab.hear() == []


async def test_an_unknown_sample_may_hold_what_the_campaign_works_with() -> None:
    """Without a recipe the elements are those of the design space and of the air, and nothing is presumed."""
    world, asked = World(), []
    identify = world.workers.identify_bytes

    def watched(name, content, elements, nominal, *how):
        asked.append((elements, nominal))
        return identify(name, content, elements, nominal, *how)

    world.workers.identify_bytes = watched
    world.diffractometer = Inbox(world, ("Probe-7", b"Probe-7", ""))
    await house(world).hear(made(1))
    (stranger, nothing), (mine, sites) = asked
    assert set(stranger) == {"Ca", "Sr", "Ba", "Ti", "Zr", "Sn", "Hf", "O", "C", "H"}
    assert nothing is None
    assert set(mine) == {"Ba", "Zr", "Ti", "O", "C", "H", "Pt"}
    assert sites == ({"Ba": 1.0}, {"Zr": 7 / 12, "Ti": 5 / 12})


# answers ----------------------------------------------------------------------------------------------------


async def test_what_is_not_accounted_for_is_flagged_with_what_was_found() -> None:
    """Clear lines that belong to nothing are named by their place and spacing."""
    said = await house(World(Dice(fixed={"pattern": "unknown"}))).hear(made(1))
    [flagged] = [e for e in said if isinstance(e, AnalysisFlagged)]
    assert flagged.reason == (
        "1 clear line belongs to no known phase, the strongest at 30.00 degrees (d = 2.980 angstrom)"
    )
    assert flagged.analysis.unexplained_lines


async def test_garbage_is_flagged_by_the_real_reader() -> None:
    """Bytes that are no pattern lead to a flag with the reason, and to no mistake of the program."""
    world = World()
    world.diffractometer = Inbox(world, ("noise", bytes(range(256)), ""), ("empty", b"", ""), ("words", b"hello", ""))
    lab = house(world, Workers(0))
    said = await lab.hear()
    flagged = [e for e in said if isinstance(e, AnalysisFlagged)]
    assert [e.sample_id for e in flagged] == ["noise", "empty", "words"]
    assert all(e.analysis is None for e in flagged)
    assert all(e.reason.startswith("Expected") for e in flagged)
    assert await lab.faults() == []


# standards --------------------------------------------------------------------------------------------------


class Shelf(FakeDiffractometer):
    """A diffractometer that hands in a scan of silicon each week, with the zero error of that week."""

    def __init__(self, world: World, zeros: tuple[float, ...], name: str = "standard-Si") -> None:
        super().__init__(world, "xrd-1")
        self.zeros, self.named = zeros, name

    async def unasked(self):
        for week, zero in enumerate(self.zeros):
            pattern = standard_scan("Si", zero, -0.05, seed=week)
            rows = zip(pattern.two_theta, pattern.intensity, strict=True)
            yield ScanReport(
                key=f"file/{week}",
                sample_id=f"{self.named}-{week}",
                content=b"# wavelength: 1.540598\n" + "\n".join(f"{x:.4f} {y:.0f}" for x, y in rows).encode(),
                file_name=f"{self.named}-{week}.xy",
                radiation=Radiation(),
                started_at=EPOCH + timedelta(weeks=week),
                ended_at=EPOCH + timedelta(weeks=week, minutes=30),
            )


async def test_standards_tell_of_a_drift_and_how_long_it_went_unnoticed() -> None:
    """Each dropped scan of a standard becomes a fact of the instrument; a jump of its zero is a drift of one week."""
    world = World()
    world.diffractometer = Shelf(world, (0.0, 0.0, 0.0, 0.0, 0.08))
    lab = house(world, workers=Workers(0))
    await lab.live()
    events = await lab.events()
    standards = [e for e in events if isinstance(e, StandardMeasured)]
    assert [round(s.zero, 2) for s in standards] == [0.0, 0.0, 0.0, 0.0, 0.08]
    assert all(
        s.standard == "Si" and abs(s.zero - z) < 4 * s.zero_su
        for s, z in zip(standards, (0, 0, 0, 0, 0.08), strict=True)
    )
    (drift,) = [e for e in events if isinstance(e, DriftDetected)]
    assert (drift.measurement_id, drift.since, drift.delay_days) == ("file/4", standards[3].measured_at, 7.0)
    assert drift.by == pytest.approx(0.08, abs=0.01)
    assert not [e for e in events if isinstance(e, PhasesIdentified)]


async def test_killed_anywhere_each_standard_is_told_once() -> None:
    """A crash at any publication neither doubles a standard nor loses the drift."""

    def fresh() -> World:
        world = World()
        world.diffractometer = Shelf(world, (0.0, 0.0, 0.0, 0.08))
        return world

    lab = house(fresh(), workers=Workers(0))
    whole = await lab.live()
    for n in range(whole.published - 3, whole.published + 1):
        again = house(fresh(), workers=Workers(0))
        await again.live(dies_at=n, stored=True)
        await again.live()
        assert await again.payloads() == await lab.payloads(), f"killed at publication {n}"


async def test_a_standard_of_something_else_is_flagged() -> None:
    """Silicon under the name of corundum says nothing of the instrument, and the flag asks whether it is corundum."""
    world = World()
    world.diffractometer = Shelf(world, (0.0,), "standard-Al2O3")
    lab = house(world, workers=Workers(0))
    await lab.live()
    events = await lab.events()
    (flagged,) = [e for e in events if isinstance(e, AnalysisFlagged)]
    assert "Is it Al2O3" in flagged.reason
    assert not [e for e in events if isinstance(e, StandardMeasured)]
