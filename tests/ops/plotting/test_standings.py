"""A log and a folder of scans tell alike how a diffractometer stood, and what tells nothing is refused in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bus.blobs import MemoryBlobs
from bus.protocol import Recorded
from contracts.diffraction import DriftDetected, StandardMeasured
from contracts.event import Event
from ops.plotting.standings import StandingsError, document, from_files, told_by
from tests.ops.reports.telling import recorded, started
from tests.science.diffraction.test_standards import scan

BEGUN = datetime(2026, 1, 5, 8, tzinfo=UTC)


class Log:
    """A past of some events."""

    def __init__(self, *events: Event) -> None:
        self.log, self.blobs = recorded([started(), *events]), MemoryBlobs()

    async def events(self, stop: int | None = None, *, passed_over: object = None) -> AsyncIterator[Recorded]:
        """All of them."""
        for event in self.log:
            yield event


def measured(week: int, zero: float, instrument: str = "xrd-1") -> StandardMeasured:
    """A standard of one week."""
    return StandardMeasured(
        measurement_id=f"standard-Si-{instrument}-{week}", instrument=instrument, standard="Si",
        measured_at=BEGUN + timedelta(weeks=week), zero=zero, zero_su=0.002, displacement=0.03,
        displacement_su=0.01, axial=None, axial_su=None, lines=9,
    )  # fmt: skip


def drifted(week: int, since: int, instrument: str = "xrd-1") -> DriftDetected:
    """A drift that was noticed at the standard of one week."""
    return DriftDetected(
        measurement_id=f"standard-Si-{instrument}-{week}", instrument=instrument, since=BEGUN + timedelta(weeks=since),
        delay_days=7 * (week - since), by=0.05, quiet_standards=200,
    )  # fmt: skip


async def test_the_log_tells_each_instrument_for_itself() -> None:
    """Standards come in order of time, twice told ones once, and drifts with the time at which they were noticed."""
    first = [measured(n, 0.0) for n in (0, 2, 1, 1)]
    rest = [measured(3, 0.05), drifted(3, 2), measured(0, 0.3, "xrd-2")]
    one, other = await told_by(Log(*first, *rest), "here")
    assert [s.at for s in one.standings] == [BEGUN + timedelta(weeks=n) for n in range(4)]
    assert [(d.since, d.found, d.delay) for d in one.departures] == [
        (BEGUN + timedelta(weeks=2), BEGUN + timedelta(weeks=3), 7.0)
    ]
    assert (other.instrument, len(other.standings), other.departures) == ("xrd-2", 1, ())


async def test_the_document_says_what_the_chart_shows() -> None:
    """Each standard with its zero and sums, the drift with its delay, and the zero that holds now."""
    zeros = [0.0] * 6 + [0.05] * 2
    events = [measured(n, z) for n, z in enumerate(zeros)] + [drifted(6, 5)]
    (history,) = await told_by(Log(*events), "here")
    told = document(history)
    assert [s["zero_deg"] for s in told["standards"]] == zeros
    assert told["standards"][6]["sums"][0] > told["limit"] > told["standards"][5]["sums"][0]
    assert (told["drifts"][0]["delay_days"], told["drifts"][0]["by_deg"]) == (7.0, 0.05)
    assert told["zero_now_deg"][0] == pytest.approx(0.05, abs=1e-3)


async def test_a_log_without_standards_says_how_to_run_one() -> None:
    """There is nothing to draw, and the message names a file that would change that."""
    with pytest.raises(StandingsError, match="standard-Si-2026-11-25.xy"):
        await told_by(Log(), "here")


def written(folder: Path, name: str, zero: float, seed: int) -> Path:
    """A scan of silicon as a file."""
    pattern = scan("Si", zero, 0.0, seed)
    rows = (f"{x:.2f} {y:.0f}" for x, y in zip(pattern.two_theta, pattern.intensity, strict=True))
    (folder / name).write_text("\n".join(["# Wavelength: 1.540598", *rows]))
    return folder / name


def test_files_are_ordered_by_the_day_in_their_names(tmp_path: Path) -> None:
    """Scans given in any order are a row in time; a step in it is a drift with its delay in days.

    The one before the step lies below the others, so that no chance can have begun the rise a week early.
    """
    zeros = [0.0, 0.0, 0.0, -0.01, 0.06]
    files = [written(tmp_path, f"standard-Si-2026-03-{7 * n + 1:02d}.xy", z, n) for n, z in enumerate(zeros)]
    (history,) = from_files(files[::-1], "Si", None)
    assert [s.at.day for s in history.standings] == [1, 8, 15, 22, 29]
    assert [s.zero for s in history.standings] == pytest.approx(zeros, abs=0.006)
    (drift,) = history.departures
    assert (drift.delay, drift.by) == (7.0, pytest.approx(0.06, abs=0.006))


@pytest.mark.parametrize(
    ("name", "complaint"), [("scan.xy", "got neither"), ("standard-Si-2026-13-41.xy", "Expected a day in the name")]
)
def test_a_scan_without_a_day_is_refused(name: str, complaint: str, tmp_path: Path) -> None:
    """No order is guessed: the file must tell when it was measured, or its name must hold a day that exists."""
    with pytest.raises(StandingsError, match=complaint):
        from_files([written(tmp_path, name, 0.0, 1)], "Si", None)
