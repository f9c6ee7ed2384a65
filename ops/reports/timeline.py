"""What the instruments did, on the lab's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from contracts.instruments import StepKind
from contracts.synthesis import StepFailed
from ops.reports.axes import Frame, drawing, label
from ops.reports.markup import Child, Node, el
from ops.reports.story import Story
from ops.wording import percent, plural

WIDTH, LEFT, RIGHT, TOP, ROW = 980.0, 112.0, 72.0, 30.0, 26.0
DAY = 86_400.0
"""Seconds."""

Block = tuple[datetime, datetime, str, str]
"""Start, end, CSS class and what it was."""


def occupied(story: Story) -> dict[str, list[Block]]:
    """Instrument → what it did, in order."""
    plan = story.plan.laboratory
    rows: dict[str, list[Block]] = {name: [] for name in (*(f.name for f in plan.furnaces), plan.diffractometer)}
    for step in story.steps:
        kind = "fire" if step.step is StepKind.FIRE else "handle"
        told = f"{step.step.value}: {', '.join(step.sample_ids) or step.instrument}"
        rows.setdefault(step.instrument, []).append((step.started_at, step.ended_at, kind, told))
    for scan in story.scans:
        rows.setdefault(scan.instrument, []).append((scan.started_at, scan.ended_at, "scan", f"scan: {scan.sample_id}"))
    return rows


@dataclass(frozen=True)
class _Days:
    """Days since the campaign began, as a scale."""

    begun: datetime
    frame: Frame

    def __call__(self, moment: datetime) -> float:
        return self.frame.x((moment - self.begun).total_seconds() / DAY)


def timeline(story: Story) -> Node | None:
    """A row for each instrument; none before anything has been done."""
    rows = occupied(story)
    every = [block for blocks in rows.values() for block in blocks]
    if story.tally.began is None or not every:
        return None
    begun = min(story.tally.began, *(start for start, _, _, _ in every))
    total = (max(end for _, end, _, _ in every) - begun).total_seconds() / DAY
    bottom = TOP + ROW * len(rows)
    frame = Frame.at((LEFT, TOP, WIDTH - LEFT - RIGHT, bottom - TOP), (0, max(total, 1e-6)), (0, 1))
    days = _Days(begun, frame)
    drawn: list[Child] = [_key(), _axis(frame)]
    drawn += [_row(name, blocks, days, TOP + n * ROW) for n, (name, blocks) in enumerate(rows.items())]
    drawn += [_failure(at, failed, days, list(rows)) for at, failed in story.failures]
    return drawing(WIDTH, bottom + 48, "Occupation of each instrument over time", *drawn)


def _axis(frame: Frame) -> Node:
    bottom = frame.y.start
    drawn: list[Child] = []
    for value, text in frame.x.ticks(10):
        at = frame.x(value)
        drawn.append(el("line", class_="grid", x1=at, x2=at, y1=TOP, y2=bottom))
        drawn.append(label(at, bottom + 18, text, anchor="middle"))
    middle = (frame.x.start + frame.x.end) / 2
    drawn.append(label(middle, bottom + 38, "time on the lab's clock / d", anchor="middle", kind="axis-title"))
    return el("g", drawn)


def _row(name: str, blocks: list[Block], days: _Days, top: float) -> Node:
    drawn: list[Child] = [label(LEFT - 8, top + ROW / 2 + 4, name, anchor="end")]
    busy = 0.0
    for start, end, kind, told in blocks:
        left, right = days(start), days(end)
        busy += (end - start).total_seconds()
        size = {"width": max(right - left, 0.6), "height": ROW - 10}
        drawn.append(el("rect", el("title", told), class_=f"block {kind}", x=left, y=top + 5, **size))
    share = min(busy / (days.frame.x.high * DAY), 1)
    drawn.append(label(WIDTH - RIGHT + 8, top + ROW / 2 + 4, f"{percent(share)} busy", kind="note"))
    return el("g", drawn)


def _failure(at: datetime, failed: StepFailed, days: _Days, rows: list[str]) -> Node:
    row = rows.index(failed.instrument) if failed.instrument in rows else 0
    told = f"{failed.step.value} failed: {failed.reason}"
    return el("circle", el("title", told), class_="failed", cx=days(at), cy=TOP + (row + 0.5) * ROW, r=4)


def _key() -> Node:
    at, drawn = LEFT, []
    words = {
        "fire": "firing",
        "handle": "weighing, milling, loading, calibration",
        "scan": "diffraction",
        "failed": "failed step",
    }
    for kind, told in words.items():
        if kind == "failed":
            drawn.append(el("circle", class_="failed", cx=at + 7, cy=12, r=4))
        else:
            drawn.append(el("rect", class_=f"block {kind}", x=at, y=6, width=15, height=12))
        drawn.append(label(at + 21, 16, told, kind="legend"))
        at += 42 + 6.6 * len(told)
    return el("g", drawn)


def caption(story: Story) -> str:
    """What is shown."""
    clock = "virtual" if story.started.virtual else "real"
    words = f"{plural(len(story.steps), 'step')} and {plural(len(story.scans), 'scan')} on the lab's {clock} clock."
    found = {name: max(deviations, key=abs) for name, deviations in sorted(story.tally.deviations.items())}
    if not found:
        return words
    number = sum(map(len, story.tally.deviations.values()))
    told = ", ".join(f"{name} by {deviation:+.1f} K" for name, deviation in found.items())
    return f"{words} {plural(number, 'calibration')}; furthest off was found {told}."
