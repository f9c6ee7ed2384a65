"""Marks of figures: a shape and a colour for each fate, so that neither has to be told apart alone."""

from __future__ import annotations

from collections.abc import Iterable

from ops.reports.axes import label
from ops.reports.markup import Node, el, number
from ops.reports.story import Candidate, Fate
from ops.wording import fixed, plural

WORDS = {
    Fate.SUCCESS: "met the goal",
    Fate.LEARNT: "learnt from",
    Fate.WITHHELD: "withheld from learning",
    Fate.LOST: "lost in the making",
    Fate.DECLINED: "declined in review",
    Fate.REFUSED: "refused by the auditor",
    Fate.OPEN: "under way",
}
"""Each fate in words, best first."""
HEAT = 10
"""Steps of the colour scale of utilities."""


def slug(fate: Fate) -> str:
    """The fate as a CSS class."""
    return f"f-{fate.value.replace(' ', '-')}"


def heat(utility: float) -> str:
    """The step of the colour scale as a CSS class: ``u0`` below 0.1 to ``u9`` from 0.9 on."""
    return f"u{min(int(utility * HEAT + 1e-9), HEAT - 1)}"


def tip(candidate: Candidate) -> str:
    """What a mark says when one points at it."""
    words = [f"{candidate.name}: {candidate.proposed.composition.formula}", WORDS[candidate.fate]]
    if (told := candidate.label) is not None:
        words.append(f"a = {fixed(told.lattice, 4)} Å, phase fraction {fixed(told.phase_fraction, 3)}")
        words.append(f"utility {fixed(told.utility, 3)}")
    elif candidate.why:
        words.append(candidate.why)
    return "\n".join(words)


def shape(fate: Fate, x: float, y: float, size: float = 4.5) -> Node:
    """The mark of a fate at a place."""
    kind = f"mark {slug(fate)}"
    if fate in (Fate.SUCCESS, Fate.LEARNT):
        return el("circle", class_=kind, cx=x, cy=y, r=size + 1 if fate is Fate.SUCCESS else size)
    s = size
    corners: tuple[tuple[float, float], ...]
    if fate is Fate.WITHHELD:
        corners = ((x, y - s - 1), (x + s + 1, y), (x, y + s + 1), (x - s - 1, y))
    elif fate is Fate.LOST:
        return el("path", class_=f"{kind} cross", d=_cross(x, y, s))
    elif fate is Fate.OPEN:
        return el("circle", class_=f"{kind} hollow", cx=x, cy=y, r=s)
    elif fate is Fate.DECLINED:
        corners = ((x - s, y - s), (x + s, y - s), (x, y + s))
    else:
        corners = ((x - s, y - s), (x + s, y - s), (x + s, y + s), (x - s, y + s))
    return el("polygon", class_=kind, points=" ".join(f"{number(a)},{number(b)}" for a, b in corners))


def _cross(x: float, y: float, s: float) -> str:
    a, b, c, d = (number(v) for v in (x - s, y - s, x + s, y + s))
    return f"M{a},{b}L{c},{d}M{a},{d}L{c},{b}"


def linked(candidate: Candidate, mark: Node) -> Node:
    """A mark that tells about its candidate and leads to its row."""
    return el("a", el("title", tip(candidate)), mark, href=f"#{candidate.name}", class_="to-row")


def legend(fates: Iterable[tuple[Fate, int]], x: float, y: float) -> Node:
    """The fates that occur, with their counts, in one line."""
    drawn, at = [], x
    for fate, count in fates:
        drawn.append(shape(fate, at + 6, y - 4))
        text = f"{WORDS[fate]} ({count})"
        drawn.append(label(at + 17, y, text, kind="legend"))
        at += 34 + 6.6 * len(text)
    return el("g", drawn)


def census(candidates: Iterable[Candidate]) -> list[tuple[Fate, int]]:
    """How many candidates met each fate, best first, without those that nobody met."""
    fates = [c.fate for c in candidates]
    return [(fate, fates.count(fate)) for fate in Fate if fate in fates]


def told(candidates: Iterable[Candidate]) -> str:
    """The census as a phrase."""
    return ", ".join(f"{plural(count, 'candidate')} {WORDS[fate]}" for fate, count in census(candidates))
