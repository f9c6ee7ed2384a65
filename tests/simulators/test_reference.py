"""Reference powders in the simulated diffractometer: certified lattices in holders of their own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from contracts.instruments import ScanRequest
from science.diffraction.standards import STANDARDS, aligned_bytes
from simulators.beam import lines
from simulators.rates import FaultRates
from simulators.reference import SEATED, reference, stands_off
from tests.simulators.lab import SimulatedLab

WORST = FaultRates.none().model_copy(update={"displaced_holder": 1.0, "empty_holder": 1.0})


def scan_of(lab: SimulatedLab, name: str, n: int = 1, **changes: float) -> ScanRequest:
    sample = f"standard-{name}-{n:04d}"
    return lab.scan(sample, **changes).model_copy(update={"key": f"standard/xrd-1/{n}"})


@pytest.mark.parametrize("name", STANDARDS)
def test_its_lines_are_those_of_the_certificate(name: str) -> None:
    """Each line that the analyser expects of a reference is one of the true crystal, within its last digit."""
    powder = reference(f"standard-{name}-0001")
    true = np.unique(lines(powder.crystal).d)
    expected = STANDARDS[name].spacings
    expected = expected[(expected > true[0]) & (expected < true[-1] + 0.01)]
    assert len(expected) > 5
    assert max(np.abs(true - d).min() for d in expected) < 2e-5


def test_vials_are_no_references() -> None:
    """Neither a vial nor an unknown powder is taken for one."""
    assert reference("c-0001-v1") is None
    assert reference("standard-Xx-0001") is None
    assert reference("Si") is None


def test_a_holder_is_filled_once_and_stands_alike_each_time() -> None:
    """Scans of one reference differ in their displacement by less than references do among each other."""
    same = [stands_off(1, "Si", f"standard/xrd-1/{n}") for n in range(200)]
    other = [stands_off(seed, "Si", "standard/xrd-1/1") for seed in range(200)]
    assert np.std(same) < np.std(other) / 2
    assert np.std(other) == pytest.approx(SEATED, rel=0.3)


async def test_a_scan_of_it_tells_how_the_zero_wanders(tmp_path: Path) -> None:
    """Over half a year what the analyser reads from silicon follows the true zero, but for one constant of its own."""
    lab = SimulatedLab(tmp_path)
    off = []
    for n in range(1, 7):
        request = scan_of(lab, "Si", n)
        await lab.diffractometer.start(request)
        report = await lab.diffractometer.finish(request.key)
        found = aligned_bytes(report.file_name, report.content, "Si", None)
        weeks = (report.started_at - lab.diffractometer.begun) / timedelta(weeks=1)
        off.append(found.zero - lab.diffractometer.zero(weeks))
        await lab.clock.sleep_until(report.ended_at + timedelta(weeks=4))
    assert np.std(off) < 0.01
    assert abs(np.mean(off)) < 0.05


async def test_what_goes_wrong_with_vials_does_not_go_wrong_with_it(tmp_path: Path) -> None:
    """No holder is empty or badly seated, and nothing of that kind stands in the ledger, even when recalled."""
    lab = SimulatedLab(tmp_path, rates=WORST)
    request = scan_of(lab, "LaB6")
    await lab.diffractometer.start(request)
    report = await lab.diffractometer.finish(request.key)
    assert len(aligned_bytes(report.file_name, report.content, "LaB6", None).lines) > 8
    lab.reopen()
    lab.diffractometer.recall()
    assert not list(lab.faults)


async def test_a_longer_scan_counts_more_and_a_wider_one_sees_more(tmp_path: Path) -> None:
    """Settings of a rescan are taken as they are asked for: counts grow with the time, and angles with the range."""
    lab = SimulatedLab(tmp_path)
    short, long = scan_of(lab, "Si"), scan_of(lab, "Si", 2, seconds_per_step=2.0, stop=100)
    at = lab.clock.now()
    (few, counts), (many, more) = lab.diffractometer.scan(short, at), lab.diffractometer.scan(long, at)
    assert (few[-1], many[-1]) == pytest.approx((90.0, 100.0))
    assert more[: len(counts)].sum() == pytest.approx(4 * counts.sum(), rel=0.02)
