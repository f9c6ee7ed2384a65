"""Whether an instrument drifts, by what its standards showed one after the other.

A two-sided CUSUM (Page 1954, doi:10.1093/biomet/41.1-2.100) over zero errors in units of their scatter. Its
threshold is chosen for a stated rate of false alarms by Siegmund's approximation (Siegmund 1985,
ISBN 978-1-4419-3075-6): no drift, and it still rings once in so many standards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from science.diffraction.instrument import COARSE, Instrument

BASELINE = 3
"""Standards whose mean is what an instrument is held against."""
ALLOWANCE = 0.5
"""Half of the shift, in standard deviations, that is found soonest."""
QUIET = 200.0
"""Standards between two false alarms, on average: one in four years at a standard a week."""
SETTLED = 0.004
"""Degrees 2θ by which a zero may scatter between standards without meaning anything: less is never a drift."""
WANDER = SETTLED / 7**0.5
"""Degrees by which a zero wanders in the square root of a day: as much as it may scatter, in a week."""


@dataclass(frozen=True)
class Reading:
    """One standard.

    Attributes:
        day: when it was measured, in days on any scale.
        zero: the zero error in degrees 2θ.
        su: its standard uncertainty.
        axial: axial divergence in degrees and its standard uncertainty; none if nobody asked the lines.
    """

    day: float
    zero: float
    su: float
    axial: tuple[float, float] | None = None


@dataclass(frozen=True)
class Drift:
    """An instrument left where it was.

    Attributes:
        found: index of the reading at which it is noticed.
        since: day of the last reading before the sum began to rise.
        delay: days from there to the reading at which it is noticed.
        by: degrees 2θ by which the readings since then are off, on average.
    """

    found: int
    since: float
    delay: float
    by: float


def quiet_for(threshold: float, allowance: float = ALLOWANCE, shift: float = 0.0) -> float:
    """Readings until a two-sided CUSUM rings, on average, after a shift in standard deviations (Siegmund 1985).

    Args:
        threshold: at which it rings, in standard deviations.
        allowance: subtracted at each reading.
        shift: of the mean; 0 gives the time between false alarms.
    """

    def one_sided(shift: float) -> float:
        drift, height = shift - allowance, threshold + 1.166
        if abs(drift) < 1e-9:
            return height**2
        return float((np.exp(-2 * drift * height) + 2 * drift * height - 1) / (2 * drift**2))

    up, down = one_sided(shift), one_sided(-shift)
    return 1 / (1 / up + 1 / down)


def threshold_for(quiet: float = QUIET, allowance: float = ALLOWANCE) -> float:
    """The threshold at which a CUSUM of that allowance is quiet for so many readings, on average."""
    low, high = 0.1, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if quiet_for(middle, allowance) < quiet else (low, middle)
    return high


def zero_at(readings: Sequence[Reading], day: float) -> tuple[float, float] | None:
    """The zero error on a day and its standard uncertainty, as the standards before it tell; none without any.

    Between standards the zero wanders (`WANDER`), so that the latest counts most (Kalman 1960, doi:10.1115/1.3662552);
    what was before a drift counts no longer.

    Args:
        readings: in order of days.
        day: on the scale of the readings.
    """
    kept = _counting(readings, day)
    return _zero(kept, day) if kept else None


def instrument_at(readings: Sequence[Reading], day: float) -> Instrument | None:
    """The instrument on a day as the standards before it tell; none without any.

    The zero is that of `zero_at`. Axial divergence belongs to slits that nobody touches between drifts: each standard
    counts alike.

    Args:
        readings: in order of days.
        day: on the scale of the readings.
    """
    kept = _counting(readings, day)
    if not kept:
        return None
    zero, told = _zero(kept, day), [r.axial for r in kept if r.axial is not None]
    if not told:
        return Instrument(*zero)
    values, errors = np.array(told).T
    axial = float(np.average(values, weights=1 / errors**2))
    return Instrument(*zero, axial, max(float((1 / errors**2).sum() ** -0.5), COARSE * axial))


def _zero(kept: Sequence[Reading], day: float) -> tuple[float, float]:
    """See `zero_at`, of the readings that count."""
    zero, variance = kept[0].zero, kept[0].su ** 2
    for last, reading in pairwise(kept):
        variance += WANDER**2 * (reading.day - last.day)
        gain = variance / (variance + reading.su**2)
        zero += gain * (reading.zero - zero)
        variance *= 1 - gain
    return zero, float(np.sqrt(variance + WANDER**2 * (day - kept[-1].day)))


def _counting(readings: Sequence[Reading], day: float) -> Sequence[Reading]:
    """The readings up to a day that no drift has made worthless."""
    before = [r for r in readings if r.day <= day]
    found = drifts(before)
    return before[found[-1].found :] if found else before


def drifts(readings: Sequence[Reading], quiet: float = QUIET) -> list[Drift]:
    """All drifts in a row of readings; after each the instrument is held against where it is then.

    Args:
        readings: in order of days.
        quiet: readings between two false alarms, on average.
    """
    return followed(readings, quiet)[0]


@dataclass(frozen=True)
class Watch:
    """How an instrument stood at a reading, as a control chart shows it.

    Attributes:
        centre: degrees 2θ of the mean that it is held against.
        up: sum by which readings lie above it, in standard deviations.
        down: the same below.
    """

    centre: float
    up: float
    down: float


def followed(readings: Sequence[Reading], quiet: float = QUIET) -> tuple[list[Drift], list[Watch]]:
    """All drifts, and the sums that gave them away: one for each reading, with its sums before they begin anew.

    Args:
        readings: in order of days.
        quiet: readings between two false alarms, on average.
    """
    found: list[Drift] = []
    watched: list[Watch] = []
    begin, threshold = 0, threshold_for(quiet)
    while begin < len(readings):
        drift, seen = _first(readings, begin, threshold)
        watched += seen if not watched else seen[1:]
        if drift is None:
            break
        found.append(drift)
        begin = drift.found
    return found, watched


def _first(readings: Sequence[Reading], begin: int, threshold: float) -> tuple[Drift | None, list[Watch]]:
    """The first drift after a reading, and how the instrument stood from there to where it was noticed."""
    known = readings[begin : begin + BASELINE]
    centre = float(np.average([r.zero for r in known], weights=[1 / _scatter(r) ** 2 for r in known]))
    watched = [Watch(centre, 0.0, 0.0) for _ in known]
    of_centre = 1 / sum(1 / _scatter(r) ** 2 for r in known) ** 0.5
    sums, risen = np.zeros(2), [begin + BASELINE - 1, begin + BASELINE - 1]
    for n in range(begin + BASELINE, len(readings)):
        off = (readings[n].zero - centre) / np.hypot(_scatter(readings[n]), of_centre)
        sums = np.maximum(sums + np.array([off, -off]) - ALLOWANCE, 0)
        watched.append(Watch(centre, float(sums[0]), float(sums[1])))
        for side in (0, 1):
            if sums[side] == 0:
                risen[side] = n
        if sums.max() > threshold:
            last = risen[int(np.argmax(sums))]
            by = float(np.mean([r.zero for r in readings[last + 1 : n + 1]])) - centre
            return Drift(n, readings[last].day, readings[n].day - readings[last].day, by), watched
    return None, watched


def _scatter(reading: Reading) -> float:
    return float(np.hypot(reading.su, SETTLED))
