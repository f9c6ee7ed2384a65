"""The analyser: each vial is measured once, each file becomes an answer, and what cannot be read is said so."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from agents.workers import Workers
from agents.xrd_analyser import XrdAnalyser
from contracts.diffraction import (
    AnalysisFlagged,
    MeasurementFailed,
    MeasurementStarted,
    PatternMeasured,
    PhasesIdentified,
)
from contracts.instruments import Radiation, ScanReport
from tests.agents.lab import House, started
from tests.agents.said import made, scan_of, scanning, vial
from tests.agents.world import Dice, FakeDiffractometer, World
from tests.contracts.examples import EPOCH, plan


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

    def watched(name, content, elements, nominal, wavelength, library):
        asked.append((elements, nominal))
        return identify(name, content, elements, nominal, wavelength, library)

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
    assert isinstance(said[-1], AnalysisFlagged)
    assert said[-1].reason == (
        "1 clear line belongs to no known phase, the strongest at 30.00 degrees (d = 2.980 angstrom)"
    )
    assert said[-1].analysis.unexplained_lines


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
