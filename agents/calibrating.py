"""What the calibration of a furnace has found, or why there is none."""

from __future__ import annotations

import math

from contracts.instruments import REFERENCE, SHOWN, UNCERTAINTY, StepKind, Synthesiser
from contracts.scheduling import RunScheduled
from contracts.synthesis import FurnaceCalibrated, FurnaceNotCalibrated, StepCompleted, StepFailed

HOTTEST = 3200.0
"""Highest temperature in °C that a furnace or a reference can mean."""
MOST_DEVIATION = 500.0
"""Largest difference in K between the two that can be meant."""


def not_offered(event: RunScheduled, instrument: Synthesiser) -> FurnaceNotCalibrated:
    """The furnace cannot be asked."""
    return FurnaceNotCalibrated(
        furnace=event.furnace,
        run_id=event.run_id,
        offered=False,
        reason=(
            f"Expected {instrument.name} to offer the step {StepKind.CALIBRATE.value}, got a furnace that does not. "
            "Its temperatures are taken as it tells them: calibrate it by hand, and regularly."
        ),
    )


def outcome(event: RunScheduled, fact: StepCompleted | StepFailed) -> FurnaceCalibrated | FurnaceNotCalibrated:
    """What the last attempt at a calibration means."""
    if isinstance(fact, StepFailed):
        return _failed(event, fact.reason)
    read = {r.name: r.value for r in fact.readings}
    shown, reference, uncertainty = read.get(SHOWN), read.get(REFERENCE), read.get(UNCERTAINTY)
    if shown is None or reference is None:
        told = ", ".join(sorted(read)) or "no readings"
        return _failed(event, f"expected the readings {SHOWN} and {REFERENCE} of a calibration, got {told}")
    if not (0 <= reference <= HOTTEST and abs(reference - shown) <= MOST_DEVIATION):
        return _failed(event, f"the furnace showed {shown:g} °C and the reference {reference:g} °C")
    known = uncertainty is not None and math.isfinite(uncertainty) and 0 <= uncertainty <= MOST_DEVIATION
    return FurnaceCalibrated(
        furnace=event.furnace,
        run_id=event.run_id,
        key=fact.key,
        calibrated_at=fact.ended_at,
        temperature=reference,
        deviation=round(reference - shown, 6),  # what was shown has few digits, their difference has rounding errors
        uncertainty=uncertainty if known else None,
    )


def _failed(event: RunScheduled, reason: str) -> FurnaceNotCalibrated:
    return FurnaceNotCalibrated(furnace=event.furnace, run_id=event.run_id, offered=True, reason=reason)
