"""What standards say of the diffractometer at the time of a scan."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.instrument_check import drift_in, instrument_before, standard_in
from contracts.diffraction import StandardMeasured
from science.diffraction.fit import AXIAL_SD
from tests.contracts.examples import EPOCH


def standard(day: float, zero: float, su: float = 0.001) -> StandardMeasured:
    return StandardMeasured(
        measurement_id=f"standard/xrd-1/{day:g}", instrument="xrd-1", standard="Si",
        measured_at=EPOCH + timedelta(days=day), zero=zero, zero_su=su, displacement=0.0, displacement_su=0.001,
        axial=None, axial_su=None, lines=6,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sample", "name"),
    [("standard-Si", "Si"), ("standard-LaB6-2026-11-02", "LaB6"), ("standard-Xx", None), ("c-1-v1", None)],
)
def test_a_standard_is_known_by_its_name(sample: str, name: str | None) -> None:
    """A dropped file says by its name that it is a standard, and which; nothing else is taken for one."""
    assert standard_in(sample) == name


def test_the_zero_is_that_of_the_standards_before_the_scan() -> None:
    """What was measured later, or has not come yet, says nothing; in whatever order the log tells it."""
    known = (standard(14, 0.09), standard(0, 0.02), standard(7, 0.021))
    assert instrument_before(known, EPOCH - timedelta(days=1)) is None
    assert instrument_before((), EPOCH) is None
    found = instrument_before(known, EPOCH + timedelta(days=0.01))
    assert (found.zero, round(found.zero_su, 3)) == (0.02, 0.001)
    later = instrument_before(known, EPOCH + timedelta(days=13))
    assert later.zero == pytest.approx(0.021, abs=5e-4)
    assert later.zero_su > found.zero_su, "six days after a standard its zero is less well known"


def test_standards_of_old_logs_tell_no_axial_divergence() -> None:
    """Before version 2 nobody asked: what instruments have is all that is known, and newer ones are not held back."""
    old = standard(0, 0.02)
    unknown = instrument_before((old,), EPOCH + timedelta(days=1))
    assert (unknown.axial, unknown.axial_su) == (0.0, AXIAL_SD)
    newer = standard(7, 0.02).model_copy(update={"axial": 0.04, "axial_su": 0.01})
    told = instrument_before((old, newer), EPOCH + timedelta(days=8))
    assert (told.axial, told.axial_su) == (pytest.approx(0.04), pytest.approx(0.01))


def test_an_old_file_that_comes_late_is_no_drift_of_today() -> None:
    """Only the latest standard can give a drift away."""
    jump = tuple(standard(7 * n, zero) for n, zero in enumerate((0.0, 0.0, 0.0, 0.0, 0.08)))
    assert drift_in(jump).since == EPOCH + timedelta(days=21)
    assert drift_in((*jump[1:], jump[0])) is None
