"""What standards have shown of each diffractometer over time, from a log or from files of scans."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bus.protocol import Recorded
from bus.replay import Source, opened
from contracts.diffraction import DriftDetected, StandardMeasured
from contracts.event import Event
from ops.given import judged_by
from ops.roll import people

if TYPE_CHECKING:
    from science.diffraction.drift import Reading, Watch

DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[T_-]?(\d{2})[.:-]?(\d{2}))?")
"""A day in the name of a file, with or without the time."""


class StandingsError(Exception):
    """There is nothing to draw a chart of."""


@dataclass(frozen=True)
class Standing:
    """What one scan of a standard showed: when, of which powder, and the zero in degrees 2θ with its uncertainty."""

    at: datetime
    standard: str
    zero: float
    zero_su: float
    displacement: float


@dataclass(frozen=True)
class Departure:
    """A drift: between which times it went unnoticed, and by how many degrees 2θ the zero is off since then."""

    since: datetime
    found: datetime
    by: float

    @property
    def delay(self) -> float:
        """Days from the last standard before it to when it was noticed."""
        return (self.found - self.since) / timedelta(days=1)


@dataclass(frozen=True)
class History:
    """One diffractometer over time.

    Attributes:
        instrument: its name.
        standings: in order of time.
        departures: in order of time.
    """

    instrument: str
    standings: tuple[Standing, ...]
    departures: tuple[Departure, ...]

    @property
    def readings(self) -> list[Reading]:
        """The standings as the test for drifts takes them, in days since the first."""
        from science.diffraction.drift import Reading

        first = self.standings[0].at
        return [Reading((s.at - first) / timedelta(days=1), s.zero, s.zero_su) for s in self.standings]

    @property
    def watched(self) -> list[Watch]:
        """How the instrument stood at each standing."""
        from science.diffraction.drift import followed

        return followed(self.readings)[1]


async def from_log(place: str) -> list[History]:
    """What the log in the folder of a run, or on a server, tells of each diffractometer.

    Raises:
        BusError: there is no log, or it cannot be read.
        StandingsError: no standard was measured.
    """
    server = place if "://" in place else None
    async with opened(None if server else Path(place), server, people()) as source:
        return await told_by(source, place)


async def told_by(source: Source, place: str) -> list[History]:
    """The same of a log that is open already."""
    found = histories([recorded.envelope.data async for recorded in source.events() if _counts(recorded)])
    if not found:
        raise StandingsError(
            f"Expected scans of a standard in the log of {place}, got none. Drop one into the watched folder, named "
            "standard-Si-2026-11-25.xy or the like."
        )
    return found


def _counts(recorded: Recorded) -> bool:
    return isinstance(recorded.envelope.data, StandardMeasured | DriftDetected)


def histories(events: Iterable[Event]) -> list[History]:
    """What standards among some events tell of each diffractometer; what is told twice counts once."""
    measured: dict[str, dict[str, StandardMeasured]] = {}
    drifted: dict[str, dict[str, DriftDetected]] = {}
    for event in events:
        if isinstance(event, StandardMeasured):
            measured.setdefault(event.instrument, {})[event.measurement_id] = event
        elif isinstance(event, DriftDetected):
            drifted.setdefault(event.instrument, {})[event.measurement_id] = event
    return [
        History(
            instrument,
            tuple(sorted((_standing(e) for e in events.values()), key=lambda s: s.at)),
            tuple(
                sorted(
                    (
                        Departure(d.since, events[key].measured_at, d.by)
                        for key, d in drifted.get(instrument, {}).items()
                        if key in events  # a damaged log may have lost it
                    ),
                    key=lambda d: d.found,
                )
            ),
        )
        for instrument, events in sorted(measured.items())
    ]


def _standing(event: StandardMeasured) -> Standing:
    return Standing(event.measured_at, event.standard, event.zero, event.zero_su, event.displacement)


def from_files(files: Sequence[Path], standard: str, wavelength: float | None) -> list[History]:
    """What scans of one standard on one diffractometer tell.

    Args:
        files: the scans, in any order.
        standard: name of the powder.
        wavelength: Kα1 in Å, if better known than in the files.

    Raises:
        ValueError: no standard has that name.
        DiffractionError: a file cannot be read, or shows too little of the standard.
        StandingsError: a file does not tell when it was measured.
    """
    from science.diffraction.drift import drifts

    standings = []
    for file in files:
        judge = judged_by(file, standard, wavelength)
        standings.append(
            Standing(
                _when(file, judge.began), standard, judge.found.zero, judge.found.zero_su, judge.found.displacement
            )
        )
    standings.sort(key=lambda s: s.at)
    history = History("these scans", tuple(standings), ())
    departures = tuple(
        Departure(standings[0].at + timedelta(days=d.since), standings[d.found].at, d.by)
        for d in drifts(history.readings)
    )
    return [History(history.instrument, history.standings, departures)]


def _when(file: Path, began: str) -> datetime:
    """When a scan was begun, by its own words or by its name."""
    try:
        moment = datetime.fromisoformat(began)
    except ValueError:
        found = DATE.search(file.stem)
        if found is None:
            raise StandingsError(
                f"Expected a time of measurement in {file}, or a day such as 2026-11-25 in its name, got neither."
            ) from None
        try:
            year, month, day, hour, minute = (int(part) for part in found.groups(default="0"))
            moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
        except ValueError as error:
            raise StandingsError(f"Expected a day in the name of {file}, got {found.group()}: {error}.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def document(history: History) -> dict[str, Any]:
    """A history as JSON."""
    from science.diffraction.drift import QUIET, threshold_for, zero_at

    readings = history.readings
    now = zero_at(readings, readings[-1].day)
    return {
        "instrument": history.instrument,
        "standards": [
            {
                "measured_at": s.at.isoformat(),
                "standard": s.standard,
                "zero_deg": round(s.zero, 5),
                "zero_su_deg": round(s.zero_su, 5),
                "displacement_mm": round(s.displacement, 4),
                "sums": [round(w.up, 3), round(w.down, 3)],
            }
            for s, w in zip(history.standings, history.watched, strict=True)
        ],
        "drifts": [
            {
                "since": d.since.isoformat(),
                "found_at": d.found.isoformat(),
                "delay_days": round(d.delay, 2),
                "by_deg": round(d.by, 5),
            }
            for d in history.departures
        ],
        "zero_now_deg": None if now is None else [round(v, 5) for v in now],
        "limit": round(threshold_for(QUIET), 3),
        "standards_between_false_alarms": QUIET,
    }
