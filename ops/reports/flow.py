"""Where the candidates went: bands from proposal over decision and making to what was learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from contracts.trust import CandidateCleared, CandidateRefused
from ops.reports.axes import drawing, label
from ops.reports.marks import WORDS, slug, told
from ops.reports.markup import Child, Node, el, number
from ops.reports.story import Candidate, Fate

WIDTH = 980.0
TOP, TALL, GAP, BAR = 34.0, 190.0, 16.0, 9.0
COLUMNS = (0.0, 270.0, 540.0, 800.0)
"""Left edge of each stage in pixels; the rest of the width is for words."""
TITLES = ("proposed", "decided", "made", "learnt")

Path = tuple[tuple[str, ...], Fate]
"""The stages that a candidate passed, and where it ended."""


def path(candidate: Candidate) -> tuple[str, ...]:
    """The stages of one candidate, as far as it came."""
    decided = candidate.decided
    if decided is None:
        return ("proposed", "not decided yet")
    if isinstance(decided, CandidateRefused):
        return ("proposed", "refused")
    first = ("proposed", "cleared" if isinstance(decided, CandidateCleared) else "put to review")
    if candidate.fate is Fate.DECLINED:
        return (*first, "declined in review")
    if candidate.lost is not None:
        return (*first, "lost in the making")
    if candidate.made is None:
        return (*first, "not made yet")
    return (*first, "synthesised", WORDS[candidate.fate])


@dataclass(frozen=True)
class _Place:
    """A bar of a stage: its top and height in pixels, and how many candidates it stands for."""

    top: float
    height: float
    count: int


def flow(candidates: Sequence[Candidate]) -> Node:
    """The bands, as thick as the number of candidates that they carry."""
    paths: Counter[Path] = Counter((path(c), c.fate) for c in candidates)
    order = sorted(paths, key=lambda p: list(Fate).index(p[1]))
    scale = (TALL - 3 * GAP) / max(len(candidates), 1)
    places = [_places(paths, order, stage, scale) for stage in range(len(COLUMNS))]
    drawn: list[Child] = [
        label(x, 16, title, kind="stage") for x, title in zip(COLUMNS, TITLES, strict=True) if candidates
    ]
    drawn += _bands(paths, order, places, scale)
    for stage, found in enumerate(places):
        drawn += [_bar(stage, name, place) for name, place in found.items()]
    lowest = max((p.top + p.height for found in places for p in found.values()), default=TOP)
    return drawing(WIDTH, lowest + 14, f"From proposal to label: {told(candidates) or 'no candidate'}", *drawn)


def _places(paths: Counter[Path], order: list[Path], stage: int, scale: float) -> dict[str, _Place]:
    counts: Counter[str] = Counter()
    for p in order:
        if stage < len(p[0]):
            counts[p[0][stage]] += paths[p]
    found, top = {}, TOP
    for name, count in counts.items():
        found[name] = _Place(top, count * scale, count)
        top += count * scale + GAP
    return found


def _bands(paths: Counter[Path], order: list[Path], places: list[dict[str, _Place]], scale: float) -> list[Node]:
    used: Counter[tuple[int, str, str]] = Counter()
    drawn = []
    for p in order:
        stages, fate = p
        thick = paths[p] * scale
        for stage, (name, following) in enumerate(pairwise(stages)):
            left = places[stage][name].top + used[stage, name, "out"] * scale
            right = places[stage + 1][following].top + used[stage + 1, following, "in"] * scale
            used[stage, name, "out"] += paths[p]
            used[stage + 1, following, "in"] += paths[p]
            drawn.append(_band((COLUMNS[stage] + BAR, left), (COLUMNS[stage + 1], right), thick, fate))
    return drawn


def _band(start: tuple[float, float], end: tuple[float, float], thick: float, fate: Fate) -> Node:
    (x0, y0), (x1, y1) = start, end
    a, b, m = number(x0), number(x1), number((x0 + x1) / 2)
    t0, t1, b0, b1 = (number(v) for v in (y0, y1, y0 + thick, y1 + thick))
    d = f"M{a},{t0}C{m},{t0} {m},{t1} {b},{t1}L{b},{b1}C{m},{b1} {m},{b0} {a},{b0}Z"
    return el("path", class_=f"band {slug(fate)}", d=d)


def _bar(stage: int, name: str, place: _Place) -> Node:
    middle = place.top + max(place.height, 2) / 2
    return el(
        "g",
        el("rect", class_="bar", x=COLUMNS[stage], y=place.top, width=BAR, height=max(place.height, 2), rx=1.5),
        el(
            "text",
            el("tspan", str(place.count), class_="count"),
            f" {name}",
            class_="halo",
            x=COLUMNS[stage] + BAR + 8,
            y=middle + 5,
        ),
    )
