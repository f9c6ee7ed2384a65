"""What the readings of a calibration mean, from instruments that say everything, too little, or nonsense."""

from __future__ import annotations

import pytest

from agents.calibrating import HOTTEST, MOST_DEVIATION, outcome
from contracts.instruments import REFERENCE, SHOWN, UNCERTAINTY, Reading, StepKind
from contracts.synthesis import FurnaceCalibrated, FurnaceNotCalibrated, StepCompleted
from tests.agents.said import scheduled
from tests.contracts.examples import EPOCH

RUN = scheduled(1)


def completed(**values: float) -> StepCompleted:
    """A calibration that its instrument calls a success, with these readings."""
    names = {"shown": SHOWN, "reference": REFERENCE, "uncertainty": UNCERTAINTY}
    return StepCompleted(
        run_id=RUN.run_id, key="k", step=StepKind.CALIBRATE, instrument=RUN.furnace, sample_ids=(), started_at=EPOCH,
        ended_at=EPOCH, readings=tuple(Reading(name=names.get(n, n), value=v, unit="Cel") for n, v in values.items()),
        troubles=(),
    )  # fmt: skip


@pytest.mark.parametrize(("shown", "reference", "deviation"), [(1400, 1407.2, 7.2), (1400, 1392.8, -7.2), (20, 20, 0)])
def test_the_deviation_is_how_much_hotter_the_furnace_was(shown: float, reference: float, deviation: float) -> None:
    """Positive where the reference shows more; the digits are those that were read."""
    found = outcome(RUN, completed(shown=shown, reference=reference, uncertainty=0.8))
    assert isinstance(found, FurnaceCalibrated)
    assert (found.deviation, found.temperature, found.uncertainty) == (deviation, reference, 0.8)


@pytest.mark.parametrize("uncertainty", [{}, {"uncertainty": -1.0}, {"uncertainty": 1e9}])
def test_an_uncertainty_that_makes_no_sense_is_not_known(uncertainty: dict[str, float]) -> None:
    """The calibration counts; what the reference is worth is not made up."""
    found = outcome(RUN, completed(shown=1400, reference=1401, **uncertainty))
    assert isinstance(found, FurnaceCalibrated)
    assert found.uncertainty is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "got no readings"),
        ({"shown": 1400.0, "time": 3.0}, "got shown temperature, time"),
        ({"reference": 1400.0}, "got reference temperature"),
        ({"shown": HOTTEST, "reference": HOTTEST + 1}, "the reference 3201 °C"),
        ({"shown": 10.0, "reference": -1.0}, "the reference -1 °C"),
        ({"shown": 1400.0, "reference": 1401.0 + MOST_DEVIATION}, "the reference 1901 °C"),
    ],
)
def test_success_without_sense_is_no_calibration(values: dict[str, float], told: str) -> None:
    """Whatever the instrument calls it, without two temperatures that a furnace can have nothing was found."""
    found = outcome(RUN, completed(**values))
    assert isinstance(found, FurnaceNotCalibrated)
    assert found.offered
    assert told in found.reason
