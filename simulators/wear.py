"""What wears out: thermocouples that drift, X-ray tubes that fade and die, programs that are brought up to date.

Each is a function of time alone, so that an instrument that is started again finds itself as it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulators.dice import dice
from simulators.faults import Faults

WEEK = timedelta(days=7)
MONTH = timedelta(days=365.25 / 12)
WEEKS_PER_YEAR = 365.25 / 7
KNOWN_SCHEMA, NEW_SCHEMA = "1.5", "3.0"
"""Versions of the XRDML schema: before an update of the program, and after it."""


REFERENCE_UNCERTAINTY = 1.0
"""Standard uncertainty in K of the reference thermocouple that furnaces are held against."""


def drifted(faults: Faults, since: timedelta) -> float:
    """Kelvin by which a furnace has grown hotter than its thermocouple says in this time."""
    return faults.rates.thermocouple_drift * (since / WEEK)


def thermocouple_drift(faults: Faults, line: str, since: timedelta) -> float:
    """The same for a furnace in which something is fired: only then is it a fault, and in the ledger.

    Args:
        faults: of the world.
        line: whose furnace it is.
        since: time since it was calibrated, or since it was put into service.
    """
    kelvin = drifted(faults, since)
    if kelvin > 0:
        faults.note_most(line, "thermocouple_drift", kelvin)
    return kelvin


def reference_error(seed: int, key: str) -> float:
    """Kelvin by which the reference thermocouple of one calibration reads too high."""
    return float(dice(seed, key, "reference thermocouple").normal(0, REFERENCE_UNCERTAINTY))


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without X-rays."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Tube:
    """The X-ray tube of a diffractometer: it fades, now and then it dies, and a new one is put in."""

    faults: Faults
    instrument: str
    begun: datetime
    """When the first tube was put in."""

    def outages(self, until: datetime) -> tuple[Outage, ...]:
        """All that have begun by a time, in order."""
        found: list[Outage] = []
        dies = 1 - math.exp(-self.faults.rates.dead_tube / WEEKS_PER_YEAR)
        lasts = timedelta(days=self.faults.rates.tube_repair_days)
        week = 0
        while self.begun + week * WEEK <= until:
            rng = dice(self.faults.seed, self.instrument, f"tube, week {week}")
            begins = self.begun + (week + rng.random()) * WEEK
            if rng.random() < dies and begins <= until and not (found and begins < found[-1].ends):
                found.append(Outage(begins, begins + lasts))
                # each death is an entry of its own
                number = f"{self.instrument} tube {len(found)}"
                self.faults.note(number, "dead_tube", self.faults.rates.tube_repair_days, logged=True)
            week += 1
        return tuple(found)

    def dark_until(self, at: datetime) -> datetime | None:
        """When there will be X-rays again; none if there are."""
        return next((o.ends for o in self.outages(at) if at < o.ends), None)

    def dies_within(self, begins: datetime, ends: datetime) -> Outage | None:
        """The outage that cuts a scan short, if one does."""
        return next((o for o in self.outages(ends) if begins < o.begins < ends), None)

    def age(self, at: datetime) -> timedelta:
        """How long the tube that shines at a time has been in."""
        put_in = max((o.ends for o in self.outages(at) if o.ends <= at), default=self.begun)
        return max(at - put_in, timedelta())

    def brightness(self, at: datetime) -> float:
        """Its brightness as a share of a new tube's."""
        left = (1 - self.faults.rates.tube_decay) ** (self.age(at) / MONTH)
        if left < 1:
            self.faults.note_most(self.instrument, "tube_decay", 1 - left)
        return float(left)


def schema_written(faults: Faults, instrument: str, begun: datetime, at: datetime, sample: str) -> str:
    """Version of the schema in which a scan of a sample is written that ends at a time.

    Args:
        faults: of the world.
        instrument: whose program is brought up to date.
        begun: when the weeks begin to count.
        at: when the file is written.
        sample: whose file it is.
    """
    week = faults.rates.schema_change_week
    if week < 0:
        return KNOWN_SCHEMA
    changed = begun + (week + dice(faults.seed, instrument, "update").random()) * WEEK
    if not changed <= at < changed + timedelta(days=faults.rates.schema_change_days):
        return KNOWN_SCHEMA
    faults.note(sample, "schema_change", (at - changed) / timedelta(days=1), logged=False)
    return NEW_SCHEMA
