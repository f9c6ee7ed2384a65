"""Where in composition space the campaign looked: tolerance factor against lattice, and each site's mixture.

The first map has the axes that decide whether a perovskite is cubic (Goldschmidt's factor) and whether it matches
(the pseudo-cubic lattice). The others show the mixture itself: a composition lies at the centre of mass of its
elements, which stand at the corners.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.campaigns import Goal
from ops.reports.axes import Frame, drawing, label, line, root_span, span
from ops.reports.marks import HEAT, heat, linked
from ops.reports.markup import Child, Node, el
from ops.reports.story import Candidate, Story
from ops.wording import fixed, listed, percent, unicode_formula

TRACE = 0.25
"""Elements that may hold no more than this share of their site get no corner."""
SIDE = 300.0

Fractions = Mapping[str, float]


@dataclass(frozen=True)
class Spot:
    """A candidate on the map: tolerance factor, lattice in Å, and whether the lattice was measured."""

    candidate: Candidate
    tolerance: float
    lattice: float
    measured: bool


def site(candidate: Candidate, name: str) -> Fractions:
    """Element → share of one site; empty if the composition has no such site."""
    found = (s for s in candidate.proposed.composition.sublattices if s.label == name)
    return next((s.fractions for s in found), {})


def spots(story: Story) -> list[Spot]:
    """All candidates whose place is known, the best last so that it is drawn on top."""
    from science.chemistry.errors import ChemistryError
    from science.chemistry.perovskite.cells import vegard
    from science.chemistry.perovskite.ions import tolerance_factor

    found = []
    for candidate in story.candidates.values():
        a_site, b_site = site(candidate, "A"), site(candidate, "B")
        told = candidate.label.lattice if candidate.label else None
        if not a_site or not b_site:
            continue
        try:
            tolerance = tolerance_factor(a_site, b_site)
            lattice = vegard(a_site, b_site) if told is None else told
        except ChemistryError:
            continue
        found.append(Spot(candidate, tolerance, lattice, told is not None))
    return sorted(found, key=lambda s: (s.measured, s.candidate.label.utility if s.candidate.label else 0.0))


def _end_members(story: Story) -> dict[str, tuple[float, float]]:
    """Formula → tolerance factor and lattice in Å of the pure perovskites of the design space."""
    from science.chemistry.errors import ChemistryError
    from science.chemistry.perovskite.cells import vegard
    from science.chemistry.perovskite.ions import tolerance_factor

    found = {}
    for a in story.plan.space.a_site:
        for b in story.plan.space.b_site:
            try:
                found[f"{a}{b}O3"] = (tolerance_factor({a: 1.0}, {b: 1.0}), vegard({a: 1.0}, {b: 1.0}))
            except ChemistryError:
                continue
    return found


def lattice_map(story: Story) -> Node:
    """Lattice parameter over tolerance factor, coloured by utility, with the goal and the pure perovskites."""
    found, goal = spots(story), story.plan.goal
    low, high = story.plan.space.tolerance_factor
    x = span([low, high, *(s.tolerance for s in found)], margin=0.05)
    ends = {f: (t, 1000 * (a - goal.lattice)) for f, (t, a) in _end_members(story).items() if x[0] <= t <= x[1]}
    off = [1000 * (s.lattice - goal.lattice) for s in found]
    wide = 1000 * goal.lattice_tolerance
    y = root_span([*off, *(a for _, a in ends.values()), -2 * wide, 2 * wide])
    frame = Frame.at((74, 34, 560, 400), x, y, root=True)
    drawn: list[Child] = [
        _target(frame, goal),
        [
            el("line", class_="limit", x1=frame.x(t), x2=frame.x(t), y1=frame.y.start, y2=frame.y.end)
            for t in (low, high)
        ],
        frame.axes("Goldschmidt's tolerance factor t (1)", "(a − goal) / mÅ", x_ticks=6, y_ticks=9),
        [_end_member(frame, formula, at) for formula, at in ends.items()],
        [_spot(s, *frame.point(s.tolerance, a)) for s, a in zip(found, off, strict=True)],
        _best(story, found, frame),
        _scale(74, 12),
    ]
    return drawing(660, 486, "Lattice parameter over tolerance factor", *drawn)


def _target(frame: Frame, goal: Goal) -> Node:
    top, bottom = frame.y(1000 * goal.lattice_tolerance), frame.y(-1000 * goal.lattice_tolerance)
    size = {"width": frame.x.end - frame.x.start, "height": bottom - top}
    words = f"goal {fixed(goal.lattice, 3)} ± {fixed(goal.lattice_tolerance, 3)} Å"
    return el(
        "g",
        el("rect", class_="goal", x=frame.x.start, y=top, **size),
        label(frame.x.end - 6, top - 5, words, anchor="end", kind="note"),
    )


def _end_member(frame: Frame, formula: str, at: tuple[float, float]) -> Node:
    x, y = frame.point(*at)
    right = x > frame.x.end - 60
    anchor = "end" if right else "start"
    return el(
        "g",
        el("path", class_="end-member", d=f"{line([(x - 4, y), (x + 4, y)])}{line([(x, y - 4), (x, y + 4)])}"),
        label(x - 7 if right else x + 7, y + 4, unicode_formula(formula), anchor=anchor, kind="note"),
    )


def _spot(spot: Spot, x: float, y: float, size: float = 5.5) -> Node:
    told = spot.candidate.label
    kind = f"spot {heat(told.utility)}" if told is not None else "spot none"
    return linked(spot.candidate, el("circle", class_=kind, cx=x, cy=y, r=size if told is not None else size - 1.5))


def _best(story: Story, found: Sequence[Spot], frame: Frame) -> Node | None:
    best = next((s for s in found if s.candidate is story.best), None)
    if best is None:
        return None
    x, y = frame.point(best.tolerance, 1000 * (best.lattice - story.plan.goal.lattice))
    flip = x > frame.x.end - 130
    return el(
        "g",
        el("circle", class_="ring", cx=x, cy=y, r=10),
        el(
            "text", f"best: {best.candidate.sample}", class_="halo", x=x - 15 if flip else x + 15, y=y - 12,
            text_anchor="end" if flip else "start",
        ),
    )  # fmt: skip


def _scale(x: float, y: float) -> Node:
    """The colours of utility."""
    wide = 17.0
    boxes = [el("rect", class_=f"u{n}", x=x + 52 + n * wide, y=y - 9, width=wide, height=10) for n in range(HEAT)]
    end = x + 52 + HEAT * wide
    return el(
        "g",
        label(x, y, "utility 0", kind="legend"),
        boxes,
        label(end + 5, y, "1", kind="legend"),
        el("circle", class_="spot none", cx=end + 36, cy=y - 4, r=4),
        label(end + 45, y, "no label; place expected by Vegard's rule", kind="legend"),
    )


def corners(story: Story, name: str) -> tuple[str, ...]:
    """Elements that stand at the corners of a site's map: those that may hold more than a trace of it."""
    space = story.plan.space
    elements = space.a_site if name == "A" else space.b_site
    main = tuple(e for e in elements if space.max_fraction.get(e, 1.0) > TRACE)
    return main or elements


def mixture(fractions: Fractions, elements: Sequence[str]) -> tuple[float, float]:
    """Centre of mass of a mixture whose elements stand at the corners of a polygon of radius 1, the first on top."""
    total = sum(fractions.get(e, 0.0) for e in elements)
    if not total:
        return 0.0, 0.0
    places = _polygon(len(elements))
    shares = [fractions.get(e, 0.0) / total for e in elements]
    return sum(s * x for s, (x, _) in zip(shares, places, strict=True)), sum(
        s * y for s, (_, y) in zip(shares, places, strict=True)
    )


def _polygon(count: int) -> list[tuple[float, float]]:
    """Corners as (right, up); two elements stand side by side."""
    if count == 1:
        return [(0.0, 0.0)]
    start = math.pi if count == 2 else math.pi / 2
    return [
        (math.cos(start - 2 * math.pi * n / count), math.sin(start - 2 * math.pi * n / count)) for n in range(count)
    ]


def site_map(story: Story, name: str) -> Node:
    """The mixture on one site of all candidates: a ternary diagram where three elements share it."""
    elements = corners(story, name)
    radius, middle = 118.0, (SIDE / 2, 158.0 if len(elements) == 3 else 130.0)

    def at(x: float, y: float) -> tuple[float, float]:
        return middle[0] + radius * x, middle[1] - radius * y

    places = [at(*corner) for corner in _polygon(len(elements))]
    drawn: list[Child] = [label(0, 14, f"{name} site", kind="panel-title")]
    drawn.append(el("path", class_="outline", d=line([*places, places[0]])))
    if len(elements) == 3:
        drawn.append(el("path", class_="grid", d=_ternary_grid(places)))
    for element, (x, y) in zip(elements, places, strict=True):
        dx, dy = (x - middle[0]) / radius, (y - middle[1]) / radius
        drawn.append(label(x + 18 * dx, y + 5 + 15 * dy, element, anchor="middle", kind="corner"))
    order = sorted(story.candidates.values(), key=lambda c: c.label.utility if c.label else -1.0)
    for candidate in order:
        x, y = at(*mixture(site(candidate, name), elements))
        drawn.append(_spot(Spot(candidate, 0, 0, measured=True), x, y, 5))
        if any(e not in elements for e in site(candidate, name)):
            drawn.append(el("circle", class_="dot", cx=x, cy=y, r=1.4))
    return drawing(SIDE, 232, f"Mixtures on the {name} site", *drawn)


def _ternary_grid(places: Sequence[tuple[float, float]]) -> str:
    """Lines of equal share at quarters."""
    found = []
    for n in range(3):
        (x0, y0), (x1, y1), (x2, y2) = (places[(n + k) % 3] for k in range(3))
        found += [
            line([(x0 + t * (x1 - x0), y0 + t * (y1 - y0)), (x0 + t * (x2 - x0), y0 + t * (y2 - y0))])
            for t in (0.25, 0.5, 0.75)
        ]
    return "".join(found)


def caption(story: Story) -> str:
    """How to read the maps."""
    words = (
        "Distances from the goal are on a square-root scale. Crosses are the pure perovskites of the design space; "
        "dashed lines bound the allowed tolerance factors."
    )
    for name in ("A", "B"):
        shown = corners(story, name)
        left_out = [e for e in (story.plan.space.a_site if name == "A" else story.plan.space.b_site) if e not in shown]
        if left_out:
            caps = [f"{e} (at most {percent(story.plan.space.max_fraction[e])})" for e in left_out]
            words += f" {listed(caps)} has no corner on the {name} site: mixtures that hold it carry a dot."
        if len(shown) > 3:
            words += f" With {len(shown)} corners on the {name} site different mixtures may share a place."
    return words
