"""Scales, ticks and frames: what every figure stands on.

A frame maps values to places in the drawing and draws its own axes; each axis carries a title with its unit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ops.reports.markup import Child, Node, el, number
from ops.wording import fixed

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Mantissas that people can count in."""
ROUND = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0)
"""Mantissas of single values that look round."""


def tick_step(low: float, high: float, count: int) -> float:
    """The round distance that gives about `count` ticks between two values."""
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return float(min((m * power for m in STEPS), key=lambda step: abs(math.log(step / raw))))


def decimals(step: float) -> int:
    """Decimals that tell multiples of a step apart."""
    for digits in range(12):
        if abs(round(step, digits) - step) < 1e-6 * step:
            return digits
    return 12


@dataclass(frozen=True)
class Scale:
    """Values on a line of the drawing.

    Attributes:
        low: value at `start`.
        high: value at `end`.
        start: place in pixels.
        end: place in pixels.
        root: whether distances go with the square root of the value, as counting noise does.
    """

    low: float
    high: float
    start: float
    end: float
    root: bool = False

    def __call__(self, value: float) -> float:
        """Where a value lies."""
        bend = _root if self.root else float
        share = (bend(value) - bend(self.low)) / (bend(self.high) - bend(self.low))
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Round values inside, and how they are written."""
        if self.root:
            return self._root_ticks(count)
        step = tick_step(self.low, self.high, count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(n * step, grouped(fixed(n * step, decimals(step)))) for n in range(first, last + 1)]

    def _root_ticks(self, count: int) -> list[tuple[float, str]]:
        """Round values about evenly spaced on the bent line; zero comes first, what is too close to another goes."""
        low, high = _root(self.low), _root(self.high)
        step = (high - low) / count
        wanted = [_rounded(_square(low + n * step)) for n in range(count + 1)]
        kept: list[float] = []
        for value in sorted({0.0, *wanted}, key=abs):
            if self.low <= value <= self.high and all(abs(_root(value) - _root(v)) > 0.5 * step for v in kept):
                kept.append(value)
        return [(value, grouped(fixed(value, 0 if value == int(value) else 1))) for value in sorted(kept)]


def _root(value: float) -> float:
    return math.copysign(math.sqrt(abs(value)), value)


def _square(root: float) -> float:
    return math.copysign(root * root, root)


def _rounded(value: float) -> float:
    """The round value that is nearest on the bent line."""
    power = 10.0 ** math.floor(math.log10(abs(value))) if abs(value) >= 0.1 else 0.1
    return math.copysign(min((m * power for m in ROUND), key=lambda v: abs(_root(v) - _root(abs(value)))), value)


def grouped(text: str) -> str:
    """A written number with its thousands set apart, from five digits on."""
    whole, point, rest = text.partition(".")
    if sum(c.isdigit() for c in whole) < 5:
        return text
    return re.sub(r"(?<=\d)(?=(?:\d{3})+$)", "\N{NARROW NO-BREAK SPACE}", whole) + point + rest


def span(values: Iterable[float], *, margin: float = 0.06, least: float = 1e-9) -> tuple[float, float]:
    """A range that holds all values with some room; `least` wide, and 0 to 1 where there are none."""
    seen = list(values)
    if not seen:
        return 0.0, 1.0
    low, high = min(seen), max(seen)
    room = margin * max(high - low, 0.0)
    lack = max(least - (high - low + 2 * room), 0.0) / 2
    return low - room - lack, high + room + lack


def root_span(values: Iterable[float], *, margin: float = 0.08, least: float = 1.0) -> tuple[float, float]:
    """As `span`, with room on a scale that goes with the square root."""
    low, high = span([_root(v) for v in values], margin=margin, least=least)
    return _square(low), _square(high)


@dataclass(frozen=True)
class Frame:
    """A rectangle of the drawing with a scale along each side."""

    x: Scale
    y: Scale

    @classmethod
    def at(
        cls,
        box: tuple[float, float, float, float],
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        root: bool = False,
    ) -> Frame:
        """A frame in (left, top, width, height) pixels over two ranges; `root` bends the upward scale."""
        left, top, width, height = box
        return cls(Scale(*x, left, left + width), Scale(*y, top + height, top, root))

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where a pair of values lies."""
        return self.x(x), self.y(y)

    def axes(
        self, x_title: str | None, y_title: str, *, x_ticks: int = 8, y_ticks: int = 4, whole: bool = False
    ) -> Node:
        """Grid, ticks and titles.

        Args:
            x_title: quantity and unit; none for a panel that shares the axis of the panel below.
            y_title: quantity and unit.
            x_ticks: about how many.
            y_ticks: about how many.
            whole: whether the values along x are counted, not measured.
        """
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        drawn: list[Child] = []
        for value, text in self.y.ticks(y_ticks):
            at = self.y(value)
            drawn.append(el("line", class_="grid", x1=left, x2=right, y1=at, y2=at))
            drawn.append(label(left - 8, at + 4, text, anchor="end"))
        for value, text in self.x.ticks(x_ticks):
            if whole and abs(value - round(value)) > 1e-9:
                continue
            at = self.x(value)
            drawn.append(el("line", class_="tick", x1=at, x2=at, y1=bottom, y2=bottom + 4))
            if x_title is not None:
                drawn.append(label(at, bottom + 18, f"{value:.0f}" if whole else text, anchor="middle"))
        drawn.append(el("line", class_="axis", x1=left, x2=right, y1=bottom, y2=bottom))
        if x_title is not None:
            drawn.append(label((left + right) / 2, bottom + 38, x_title, anchor="middle", kind="axis-title"))
        middle, edge = (bottom + top) / 2, left - 50
        turn = f"rotate(-90 {number(edge)} {number(middle)})"
        drawn.append(label(edge, middle, y_title, anchor="middle", kind="axis-title", transform=turn))
        return el("g", drawn)


def label(
    x: float, y: float, text: str, *, anchor: str = "start", kind: str = "label", transform: str | None = None
) -> Node:
    """A piece of text."""
    return el("text", text, class_=kind, x=x, y=y, text_anchor=anchor, transform=transform)


def line(points: Sequence[tuple[float, float]]) -> str:
    """The ``d`` of a path through points."""
    return "M" + "L".join(f"{number(x)},{number(y)}" for x, y in points) if points else ""


def thinned(points: Sequence[tuple[float, float]], tolerance: float = 0.2) -> list[tuple[float, float]]:
    """Points without those that lie within `tolerance` pixels of the line that stays.

    A pattern of thousands of points draws the same with a third of them (Douglas & Peucker 1973,
    doi:10.3138/FM57-6770-U75U-7727).
    """
    if len(points) < 3:
        return list(points)
    keep = {0, len(points) - 1}
    open_pieces = [(0, len(points) - 1)]
    while open_pieces:
        first, last = open_pieces.pop()
        (x0, y0), (x1, y1) = points[first], points[last]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        farthest, at = 0.0, first
        for n in range(first + 1, last):
            off = abs((points[n][0] - x0) * (y1 - y0) - (points[n][1] - y0) * (x1 - x0)) / length
            if off > farthest:
                farthest, at = off, n
        if farthest > tolerance:
            keep.add(at)
            open_pieces += [(first, at), (at, last)]
    return [points[n] for n in sorted(keep)]


def enveloped(points: Sequence[tuple[float, float]], width: float = 0.5) -> list[tuple[float, float]]:
    """The highest and lowest point of each column of so many pixels: peaks stay, whatever the number of points."""
    columns: dict[int, list[tuple[float, float]]] = {}
    for point in points:
        columns.setdefault(math.floor(point[0] / width), []).append(point)
    kept: list[tuple[float, float]] = []
    for column in columns.values():
        ends = {min(column, key=lambda p: p[1]), max(column, key=lambda p: p[1])}
        kept += [p for p in dict.fromkeys(column) if p in ends]
    return kept


def drawing(width: float, height: float, title: str, *children: Child) -> Node:
    """A whole drawing; the title is what a screen reader says."""
    return el(
        "svg",
        el("title", title),
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        preserveAspectRatio="xMidYMid meet",
    )
