"""What goes wrong with the diffractometer: its shutter, its tube and its program; nothing of it loses a scan."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from agents.actions import effectively_once
from contracts.errors import InstrumentBusyError
from contracts.instruments import ActionState, ScanReport
from science.diffraction.errors import PatternError
from science.diffraction.readers import read_pattern_bytes
from simulators.rates import FaultRates
from tests.contracts.examples import EPOCH, perovskite
from tests.simulators.lab import FLAWLESS, SimulatedLab, weighed_recipe

LATER = EPOCH + timedelta(days=365)
DYING = FLAWLESS.model_copy(update={"dead_tube": 30.0, "tube_repair_days": 2.0})
BZT = perovskite({"Ba": 12}, {"Zr": 7, "Ti": 5})


async def filled(folder: Path, *, rates: FaultRates = FLAWLESS, seed: int = 1) -> SimulatedLab:
    """A lab in which one vial was made."""
    lab = SimulatedLab(folder, rates=rates, seed=seed)
    await lab.make("c-1-v1", BZT, weighed_recipe(BZT))
    return lab


# the shutter -------------------------------------------------------------------------------------


async def test_behind_a_shut_shutter_nothing_of_the_sample_is_seen(tmp_path: Path) -> None:
    """The detector counts nothing, or its own noise at every angle alike; no log says so."""
    rates = FLAWLESS.model_copy(update={"shutter_stuck": 1.0})
    means = set()
    for seed in range(12):
        lab = await filled(tmp_path / str(seed), rates=rates, seed=seed)
        two_theta, counts = lab.diffractometer.scan(lab.scan("c-1-v1"), LATER)
        assert [(i.fault, i.logged) for i in lab.faults] == [("shutter_stuck", False)]
        dark = 2.0  # four a second, half a second
        means.add(round(counts.mean() / dark))
        if counts.any():
            assert counts.mean() == pytest.approx(dark, abs=5 * np.sqrt(dark / len(counts)))
            assert counts.var() == pytest.approx(dark, rel=0.2)
            assert np.corrcoef(two_theta, counts)[0, 1] == pytest.approx(0, abs=5 / np.sqrt(len(counts)))
    assert means == {0, 1}


# the tube ----------------------------------------------------------------------------------------


async def test_a_fading_tube_counts_less_and_shows_the_same_lines(tmp_path: Path) -> None:
    """After a year, everything that comes through the beam is fainter by the same share."""
    strong = await filled(tmp_path / "a")
    weak = await filled(tmp_path / "b", rates=FLAWLESS.model_copy(update={"tube_decay": 0.08}))
    bright, faint = (
        lab.diffractometer.scan(lab.scan("c-1-v1", seconds_per_step=20), LATER)[1] for lab in (strong, weak)
    )
    left = 0.92 ** (365 / (365.25 / 12))
    assert faint.sum() / bright.sum() == pytest.approx(left, rel=1e-3)
    assert np.corrcoef(bright, faint)[0, 1] > 0.999


async def test_without_a_tube_scans_wait_and_nothing_is_lost(tmp_path: Path) -> None:
    """While the tube is being replaced the diffractometer is busy until the repair; then the same key is accepted."""
    lab = await filled(tmp_path, rates=DYING)
    lab.clock.held = True
    outage = lab.diffractometer.tube.outages(LATER)[0]
    for at in (outage.begins, outage.begins + timedelta(days=1), outage.ends - timedelta(seconds=1)):
        lab.clock.set(at)
        with pytest.raises(InstrumentBusyError, match="X-ray tube is being replaced") as caught:
            await lab.diffractometer.start(lab.scan("c-1-v1"))
        assert caught.value.until == outage.ends
        assert await lab.diffractometer.ask(lab.scan("c-1-v1").key) is ActionState.NEVER_SEEN
    lab.clock.set(outage.ends)
    await lab.diffractometer.start(lab.scan("c-1-v1"))
    assert await lab.diffractometer.ask(lab.scan("c-1-v1").key) is ActionState.RUNNING


async def test_an_agent_waits_two_days_for_a_new_tube_and_gets_its_pattern(tmp_path: Path) -> None:
    """Asked effectively once on the day of the death, the scan is taken after the repair, with the new tube."""
    lab = await filled(tmp_path, rates=DYING)
    outage = lab.diffractometer.tube.outages(LATER)[0]
    await lab.clock.sleep_until(outage.begins + timedelta(hours=1))
    report = await effectively_once(lab.diffractometer, lab.scan("c-1-v1"), lab.clock.sleep_until)
    assert isinstance(report, ScanReport)
    assert report.started_at == outage.ends
    assert read_pattern_bytes(report.file_name, report.content).intensity.max() > 1000


async def test_a_scan_in_which_the_tube_dies_is_taken_anew(tmp_path: Path) -> None:
    """It stays the same action, ends after the repair, and its file is that of a whole scan with the new tube."""
    lab = await filled(tmp_path, rates=DYING)
    calm = await filled(tmp_path / "calm")
    outage = lab.diffractometer.tube.outages(LATER)[0]
    request = lab.scan("c-1-v1")
    await lab.clock.sleep_until(outage.begins - timedelta(minutes=10))
    await lab.diffractometer.start(request)
    assert await lab.diffractometer.ask(request.key) is ActionState.RUNNING
    report = await lab.diffractometer.finish(request.key)
    assert report.started_at == outage.ends
    lab.reopen()
    assert await lab.diffractometer.finish(request.key) == report
    counts = read_pattern_bytes(report.file_name, report.content).intensity
    whole = calm.diffractometer.scan(request, outage.ends)[1]
    assert counts.sum() == pytest.approx(whole.sum(), rel=0.02)


async def test_a_new_tube_is_clean_of_tungsten(tmp_path: Path) -> None:
    """Tungsten's lines grow with the age of the tube, and begin anew with the next one."""
    lab = await filled(tmp_path, rates=DYING)
    outage = lab.diffractometer.tube.outages(LATER)[0]
    assert lab.diffractometer.tube.age(outage.ends) == timedelta()
    assert lab.diffractometer.tube.age(outage.begins) > timedelta()


# the program -------------------------------------------------------------------------------------


async def test_after_an_update_files_come_in_a_schema_that_nobody_reads(tmp_path: Path) -> None:
    """For a day the file names another schema and is refused; the fault is the sample's; then all is as before."""
    rates = FLAWLESS.model_copy(update={"schema_change_week": 1, "schema_change_days": 1.0})
    lab = await filled(tmp_path, rates=rates)
    refused = []
    for n in range(60):
        await lab.clock.sleep_until(EPOCH + timedelta(days=6, hours=4 * n))
        request = lab.scan("c-1-v1", n, step=0.5)
        await lab.diffractometer.start(request)
        report = await lab.diffractometer.finish(request.key)
        if b"XRDMeasurement/3.0" in report.content:
            with pytest.raises(PatternError, match="got version 3.0"):
                read_pattern_bytes(report.file_name, report.content)
            refused.append(n)
        else:
            assert len(read_pattern_bytes(report.file_name, report.content).intensity) == 151
    assert len(refused) == 6
    assert refused == list(range(refused[0], refused[0] + 6))
    assert [(i.thing, i.fault) for i in lab.faults] == [("c-1-v1", "schema_change")]


@pytest.mark.parametrize("fault", ["displaced_holder", "empty_holder", "shutter_stuck", "schema_change"])
async def test_a_scan_can_be_looked_at_without_its_fault(tmp_path: Path, fault: str) -> None:
    """Without the fault the file is, to the byte, that of a world in which it never strikes; the journal stays."""
    rates = {"schema_change_week": 0, "schema_change_days": 99.0} if fault == "schema_change" else {fault: 1.0}
    there = await filled(tmp_path / "a", rates=FLAWLESS.model_copy(update=rates))
    never = await filled(tmp_path / "b")
    request = there.scan("c-1-v1")
    reports = {}
    for lab in (there, never):
        lab.clock.advance(timedelta(days=7))
        await lab.diffractometer.start(request)
        reports[lab] = await lab.diffractometer.finish(request.key)
    ledger = dict(there.faults.injected)
    assert there.diffractometer.without(fault).report(request.key) == reports[never] != reports[there]
    assert there.diffractometer.report(request.key) == reports[there]
    assert there.faults.injected == ledger
