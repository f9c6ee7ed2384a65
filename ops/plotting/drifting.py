"""`athanor plot-drift`: the zero of each diffractometer over time, and when it left where it was."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bus.errors import BusError
from ops.exits import FOUND_WANTING, UNUSABLE, complain
from ops.plotting.canvas import ALARM, COLOURS, FAINT, INK, PALE, PictureError, checked, figure, save, styled
from ops.plotting.standings import History, StandingsError, document, from_files, from_log
from ops.wording import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WIDTH, ZERO, SUMS, REST = 10.0, 2.9, 1.2, 1.0
"""Inches: of the figure, of the two panels of an instrument, and of the rest."""
POINTS = 300
"""Places at which the zero between standards is drawn."""
STEADY, UP, DOWN = COLOURS[0], COLOURS[1], COLOURS[2]


@dataclass(frozen=True)
class DriftOrder:
    """What was asked for.

    Attributes:
        standard: name of the powder, where scans are given.
        wavelength: Kα1 in Å, if better known than in the scans.
        as_json: one JSON object.
    """

    standard: str = "Si"
    wavelength: float | None = None
    as_json: bool = False


def plot_drift(places: Sequence[str], out: Path, order: DriftOrder) -> int:
    """Draws the chart; 0 where nothing drifted, 1 where something did, 2 when there is nothing to draw."""
    from science.diffraction.errors import DiffractionError

    try:
        checked(out)
        histories = _histories(places, order)
        draw_drift(histories, out)
    except (ValueError, DiffractionError, PictureError, StandingsError, BusError, OSError) as error:
        complain(str(error))
        return UNUSABLE
    if order.as_json:
        told = {"picture": str(out), "instruments": [document(h) for h in histories]}
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{sentence(h)}\n" for h in histories)
        sys.stdout.write(f"drawn in {out}\n")
    return FOUND_WANTING if any(h.departures for h in histories) else 0


def _histories(places: Sequence[str], order: DriftOrder) -> list[History]:
    logs = [p for p in places if "://" in p or Path(p).is_dir()]
    if not logs:
        return from_files([Path(p) for p in places], order.standard, order.wavelength)
    if len(places) > 1:
        raise StandingsError(f"Expected the folder of one run, one server, or files of scans, got {', '.join(places)}.")
    return asyncio.run(from_log(places[0]))


def sentence(history: History) -> str:
    """A history in words."""
    first, last = history.standings[0], history.standings[-1]
    words = (
        f"{history.instrument}: {plural(len(history.standings), 'standard')} from {first.at:%Y-%m-%d} to "
        f"{last.at:%Y-%m-%d}, the last zero {last.zero:+.4f} ± {last.zero_su:.4f} degrees"
    )
    if not history.departures:
        return f"{words}; no drift."
    told = "; ".join(
        f"off by {d.by:+.4f} degrees since after {d.since:%Y-%m-%d}, found {d.found:%Y-%m-%d}, {d.delay:.0f} days later"
        for d in history.departures
    )
    return f"{words}; {told}."


def draw_drift(histories: Sequence[History], out: Path) -> None:
    """Writes the chart: for each diffractometer its zeros, and below them the sums that give a drift away.

    Raises:
        PictureError: the file cannot be written.
    """
    with styled():
        drawn = figure(WIDTH, (ZERO + SUMS + REST) * len(histories))
        panels = drawn.subplots(2 * len(histories), 1, squeeze=False, height_ratios=[ZERO, SUMS] * len(histories))
        for n, history in enumerate(histories):
            above, below = panels[2 * n, 0], panels[2 * n + 1, 0]
            below.sharex(above)
            _zeros(above, history)
            _sums(below, history)
            above.tick_params(labelbottom=False)
            _dates(below, history)
        drawn.align_ylabels([panel for (panel,) in panels])
        save(drawn, out)


def _mdeg(values: Sequence[float]) -> Array:
    return 1e3 * np.asarray(values, float)


def _zeros(axes: Axes, history: History) -> None:
    """Each standard with its uncertainty, what it is held against, and the zero that cells are corrected by."""
    from science.diffraction.drift import SETTLED, zero_at

    readings, first = history.readings, history.standings[0].at
    times = _days([s.at for s in history.standings])
    days = np.linspace(0, readings[-1].day, POINTS)
    known = np.array([zero_at(readings, day) for day in days])
    at = _days([first])[0] + days
    corridor, width = _mdeg([w.centre for w in history.watched]), 1e3 * 3 * SETTLED
    axes.fill_between(times, corridor - width, corridor + width, step="post", color="#f0f0f0", lw=0)
    axes.step(times, corridor, where="post", color=PALE, lw=0.9, ls=(0, (5, 3)), label="held against, ± 3 scatters")
    axes.fill_between(
        at, 1e3 * (known[:, 0] - known[:, 1]), 1e3 * (known[:, 0] + known[:, 1]), color=STEADY, alpha=0.16, lw=0
    )
    axes.plot(at, 1e3 * known[:, 0], "-", color=STEADY, lw=1.1, label="zero that cells are corrected by")
    axes.errorbar(
        times,
        _mdeg([s.zero for s in history.standings]),
        _mdeg([s.zero_su for s in history.standings]),
        fmt="o",
        ms=4,
        color=INK,
        ecolor=PALE,
        elinewidth=1,
        label="standards",
        zorder=3,
    )
    _departures(axes, history, words=True)
    axes.set_ylabel("zero / 0.001° 2θ")
    axes.margins(y=0.22)
    axes.legend(loc="lower left", ncols=3, facecolor="white", edgecolor="none", framealpha=0.85, fontsize=8)
    axes.set_title(history.instrument, loc="left", fontweight="bold", fontsize=11)
    _summary(axes, history)


def _summary(axes: Axes, history: History) -> None:
    count, drifts = len(history.standings), len(history.departures)
    words = "no drift" if not drifts else f"{drifts} drift{'s' if drifts > 1 else ''}"
    powders = ", ".join(sorted({s.standard for s in history.standings}))
    axes.set_title(f"{count} standards ({powders}), {words}", loc="right", fontsize=9, color=ALARM if drifts else DOWN)


def _departures(axes: Axes, history: History, *, words: bool) -> None:
    """From the last standard before a drift to where it was noticed."""
    for departure in history.departures:
        since, found = _days([departure.since, departure.found])
        axes.axvspan(since, found, color=ALARM, alpha=0.09, lw=0)
        axes.axvline(found, color=ALARM, lw=1.1)
        if words:
            axes.annotate(
                f"{departure.by:+.3f}°\nfound after {departure.delay:.0f} days".replace("-", "−"),
                (found, 1),
                xycoords=("data", "axes fraction"),
                xytext=(-4, -3),
                textcoords="offset points",
                ha="right",
                va="top",
                fontsize=8,
                color=ALARM,
            )


def _sums(axes: Axes, history: History) -> None:
    """The sums that give a drift away, and the limit at which they do."""
    from science.diffraction.drift import QUIET, threshold_for

    times, limit = _days([s.at for s in history.standings]), threshold_for(QUIET)
    for values, colour, words in (
        ([w.up for w in history.watched], UP, "too high"),
        ([w.down for w in history.watched], DOWN, "too low"),
    ):
        axes.plot(times, values, "-o", ms=2.6, lw=1.1, color=colour, label=words)
    axes.axhline(limit, color=ALARM, lw=0.9, ls=(0, (5, 3)))
    axes.annotate(
        f"limit {limit:.1f}: one false alarm in {QUIET:.0f} standards",
        (0, limit),
        xycoords=("axes fraction", "data"),
        xytext=(4, 3),
        textcoords="offset points",
        fontsize=8,
        color=ALARM,
    )
    _departures(axes, history, words=False)
    axes.set_ylim(0, 1.5 * max(limit, *(max(w.up, w.down) for w in history.watched)))
    axes.set_ylabel("CUSUM / scatter")
    axes.legend(loc="upper right", ncols=2, frameon=False, fontsize=8)


def _dates(axes: Axes, history: History) -> None:
    import matplotlib.dates

    calendar: Any = matplotlib.dates  # its classes carry no types
    locator = calendar.AutoDateLocator(maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(calendar.ConciseDateFormatter(locator))
    first, last = _days([history.standings[0].at, history.standings[-1].at])
    room = max(0.03 * (last - first), 0.5)
    axes.set_xlim(first - room, last + room)
    axes.grid(axis="x", color=FAINT, lw=0.5)
    axes.set_axisbelow(True)


def _days(moments: Sequence[datetime]) -> Array:
    """Times as an axis of dates counts them: ``(n,)`` days since 1970."""
    return np.array([(m - EPOCH) / timedelta(days=1) for m in moments])
