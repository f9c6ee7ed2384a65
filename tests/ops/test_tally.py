"""The counts that the console shows and the summary tells."""

from __future__ import annotations

from bus.protocol import Recorded
from contracts.diffraction import AnalysisReviewRequested, DriftDetected, StandardMeasured
from contracts.event import Event
from ops.tally import Tally
from tests.agents.said import calibrated, gone, not_calibrated, observed, rescanned, retracted, scan_of, vial, withheld
from tests.contracts.examples import EPOCH, envelope


def tally(*events: Event) -> Tally:
    """The counts over a log of these events."""
    found = Tally()
    for n, event in enumerate(events, 1):
        found.note(Recorded(n, "s", envelope(event), b"", EPOCH))
    return found


def test_calibrations_are_told_by_furnace() -> None:
    """How many there were, what each found, and how many there should have been."""
    told = tally(calibrated(0.4, "furnace-2"), calibrated(-6.2), calibrated(1.1, "furnace-2"), not_calibrated())
    summary = told.summary()
    assert (summary["calibrations"], summary["not_calibrated"]) == (3, 1)
    assert summary["calibrations_found_k"] == {"furnace-1": [-6.2], "furnace-2": [0.4, 1.1]}
    assert told.alarms == ["furnace-1 was not calibrated: because"]


def test_what_is_taken_back_counts_no_more() -> None:
    """Neither as a success nor as the best; it is told as an alarm, and stays counted among what was learnt once."""
    before = observed(1, utility=0.3), observed(2, utility=0.9, success=True), observed(3, utility=0.3)
    assert tally(*before).best == before[1]
    told = tally(*before, retracted(2), withheld(4), gone(5))
    assert (told.successes, told.best) == (0, before[0])
    assert (told.summary()["learnt"], told.summary()["retracted"], told.summary()["withheld"]) == (3, 1, 1)
    assert told.alarms[0] == "c-0002-v1: taken back: its furnace was too hot"
    assert tally(observed(1), retracted(1)).best is None


def test_doubts_and_standards_are_told() -> None:
    """Scans that were asked for again are counted; what a person should look at, and a drift, are alarms."""
    standard = StandardMeasured(
        measurement_id="standard/xrd-1/1", instrument="xrd-1", standard="Si", measured_at=EPOCH, zero=0.02,
        zero_su=0.001, displacement=0.0, displacement_su=0.001, axial=None, axial_su=None, lines=6,
    )  # fmt: skip
    drift = DriftDetected(
        measurement_id="standard/xrd-1/1", instrument="xrd-1", since=EPOCH, delay_days=7.0, by=-0.05,
        quiet_standards=200.0,
    )  # fmt: skip
    question = AnalysisReviewRequested(
        measurement_id=scan_of(1), sample_id=vial(1), priority=0.9, question="Is it there?"
    )
    told = tally(standard, drift, rescanned(1), question)
    summary = told.summary()
    assert [summary[n] for n in ("standards", "drifts", "rescans", "analysis_reviews")] == [1, 1, 1, 1]
    assert told.alarms == [
        "xrd-1: its zero is off by -0.050 degrees since 2026-01-05",
        f"{vial(1)}: a person should look at {scan_of(1)}: Is it there?",
    ]
