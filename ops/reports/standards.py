"""How the zero of each diffractometer stood while the campaign ran, as scans of standards have shown it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ops.plotting.drifting import sentence
from ops.plotting.standings import Departure, History
from ops.reports.axes import Frame, drawing, label, line, span
from ops.reports.markup import Child, Node, el
from ops.wording import fixed

WIDTH, TALL, ROW = 980.0, 130.0, 196.0
DAY = timedelta(days=1)


def standards(histories: Sequence[History]) -> Node:
    """A panel for each diffractometer: its standards with their uncertainties, and from when to when it drifted."""
    drawn = [_panel(history, 26 + n * ROW) for n, history in enumerate(histories)]
    return drawing(WIDTH, ROW * len(histories), "Zero error of each diffractometer over time", *drawn)


def _panel(history: History, top: float) -> Node:
    first = history.standings[0].at
    days = [(s.at - first) / DAY for s in history.standings]
    ends = [1e3 * (s.zero + sign * s.zero_su) for s in history.standings for sign in (-1, 1)]
    frame = Frame.at((74, top, WIDTH - 98, TALL), span(days, margin=0.03, least=1.0), span(ends, margin=0.2, least=4.0))
    held = [frame.point(day, 1e3 * w.centre) for day, w in zip(days, history.watched, strict=True)]
    marks: list[Child] = []
    for day, standing in zip(days, history.standings, strict=True):
        x, y = frame.point(day, 1e3 * standing.zero)
        reach = [frame.y(1e3 * (standing.zero + sign * standing.zero_su)) for sign in (-1, 1)]
        told = f"{standing.standard}, {standing.at:%Y-%m-%d}: {fixed(standing.zero, 4)} ± {fixed(standing.zero_su, 4)}°"
        marks += [
            el("line", class_="interval held", x1=x, x2=x, y1=reach[0], y2=reach[1]),
            el("circle", el("title", told), class_="guess held", cx=x, cy=y, r=3.6),
        ]
    return el(
        "g",
        label(74, top - 9, history.instrument, kind="legend"),
        [_departure(d, history, frame) for d in history.departures],
        frame.axes("days since the first standard", "zero / 0.001°"),
        el("path", class_="trace beside", d=line(held)),
        marks,
    )


def _departure(departure: Departure, history: History, frame: Frame) -> Node:
    first = history.standings[0].at
    left, right = (frame.x((at - first) / DAY) for at in (departure.since, departure.found))
    size = {"width": max(right - left, 1.0), "height": frame.y.start - frame.y.end}
    words = f"{1e3 * departure.by:+.0f}, found after {departure.delay:.0f} d"
    return el(
        "g",
        el("rect", class_="drifted", x=left, y=frame.y.end, **size),
        label(right - 4, frame.y.end + 14, words, anchor="end", kind="note"),
    )


def caption(histories: Sequence[History]) -> str:
    """What is shown, and what became of each instrument."""
    return (
        "Each mark is a scan of a reference powder; the dashed line is the mean that the instrument is held against, "
        f"and bands are times in which it had drifted and nobody knew. {' '.join(sentence(h) for h in histories)}"
    )
