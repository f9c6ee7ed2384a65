"""Measured patterns: the best sample's with its fit, and those that nobody could account for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agents.designs import elements_in
from agents.instrument_check import instrument_before
from contracts.diffraction import StandardMeasured
from ops.reports.axes import Frame, Scale, drawing, enveloped, label, line, thinned
from ops.reports.evidence import Evidence
from ops.reports.markup import Child, Node, el, number
from ops.reports.story import Candidate
from ops.wording import fixed, percent, unicode_formula

if TYPE_CHECKING:
    from science.diffraction.pattern import Pattern
    from science.diffraction.picture import PhasePicture, Picture

Array = NDArray[np.float64]
WIDTH, LEFT, RIGHT = 980.0, 74.0, 12.0
SMALL, SMALL_TALL = 480.0, 180.0
REACH = 0.25
"""Degrees around a line in which its peak is looked for."""
MANY = 6000
"""Points above which a curve is drawn by its envelope."""
PHASES = 5
"""Colours of phases; further ones begin again."""
SAME_LATTICE, SAME_SHARE = 2e-4, 0.005
"""Å and share of the whole by which a second look at a pattern may differ from the recorded one."""


@dataclass(frozen=True)
class Seen:
    """A second look at a recorded pattern.

    Attributes:
        picture: its curves; none if it could not be looked at.
        words: what came of comparing it with the log, for people.
        agrees: whether it says what the log says.
    """

    picture: Picture | None
    words: str
    agrees: bool


def look_again(candidate: Candidate, evidence: Evidence) -> Seen:
    """Identifies a candidate's recorded pattern again and compares the answer with the log."""
    from science.diffraction.errors import DiffractionError
    from science.diffraction.picture import explain_bytes

    if candidate.pattern is None or candidate.made is None:
        return Seen(None, "Its log holds no measured pattern.", agrees=False)
    content = evidence.fetch(candidate.pattern.pattern)
    if content is None:
        return Seen(None, f"Its pattern is missing: {evidence.troubles[-1]}", agrees=False)
    made = candidate.made
    sites = (made.composition.site("A").fractions, made.composition.site("B").fractions)
    elements = tuple(sorted(elements_in(made.composition, made.recipe)))
    name, told = candidate.pattern.pattern.name, candidate.pattern.radiation.k_alpha1
    standards = [r.envelope.data for r in evidence.log if isinstance(r.envelope.data, StandardMeasured)]
    mine = (s for s in standards if candidate.pattern is not None and s.instrument == candidate.pattern.instrument)
    instrument = instrument_before(mine, candidate.pattern.started_at)
    try:
        picture = explain_bytes(name, content, elements, sites, told, evidence.library, instrument)
    except DiffractionError as error:
        return Seen(None, f"Its pattern could not be identified again. {error}", agrees=False)
    difference = _difference(candidate, picture)
    if difference:
        return Seen(
            picture, f"Identified again for this report, the pattern gives another answer: {difference}.", False
        )
    return Seen(picture, "Identified again for this report from the stored file: the answer is the recorded one.", True)


def _difference(candidate: Candidate, picture: Picture) -> str:
    """What a second look sees differently, or nothing."""
    recorded = candidate.analysis.phases if candidate.analysis else ()
    again = picture.answer.phases
    if [p.name for p in recorded] != [p.name for p in again]:
        names = [", ".join(p.name for p in phases) or "no phase" for phases in (recorded, again)]
        return f"the log names {names[0]}, now it is {names[1]}"
    for was, now in zip(recorded, again, strict=True):
        if abs(was.cell.a - now.lattice.a) > SAME_LATTICE:
            return f"a of {was.name} was {was.cell.a:.4f} Å, now it is {now.lattice.a:.4f} Å"
        if abs(was.weight_fraction - now.weight_fraction) > SAME_SHARE:
            return f"the share of {was.name} was {was.weight_fraction:.3f}, now it is {now.weight_fraction:.3f}"
    return ""


def diffractogram(picture: Picture) -> Node:
    """Observed, calculated, background, difference, and the lines of each phase."""
    rows = len(picture.phases)
    ticks_top, row = 352.0, 18.0
    rest_top = ticks_top + row * rows + 10
    x = (float(picture.x[0]), float(picture.x[-1]))
    top = float(max(picture.observed.max(), picture.calculated.max()))
    box = (LEFT, 20.0, WIDTH - LEFT - RIGHT)
    frame = Frame.at((*box, 322), x, (0.0, top * 1.1), root=True)
    scatter = float(np.abs(picture.difference).max()) or 1.0
    rest = Frame.at((*box[:1], rest_top, box[2], 74), x, (-scatter * 1.1, scatter * 1.1))
    drawn: list[Child] = [
        frame.axes(None, "counts (square-root scale)", y_ticks=6, x_ticks=12),
        _curves(picture, frame, slice(None)),
        _indexed(picture, frame),
        [_phase_row(p, n, picture, frame.x, ticks_top + row * n) for n, p in enumerate(picture.phases)],
        rest.axes(f"2θ / ° (λ = {fixed(picture.answer.wavelength, 5)} Å)", "Δ / counts", y_ticks=2, x_ticks=12),
        _curve(picture.x, picture.difference, rest, "difference"),
        _key(),
    ]
    height = rest_top + 74 + 48
    picture_node = drawing(WIDTH, height, "Powder pattern with fit, lines of each phase and difference", *drawn)
    reading = el(
        "g",
        el("line", class_="cursor", x1=0, x2=0, y1=20, y2=rest_top + 74),
        label(0, 14, "", anchor="middle", kind="cursor-text"),
        class_="crosshair", data_low=x[0], data_high=x[1], data_start=frame.x.start, data_end=frame.x.end,
        data_wavelength=f"{picture.answer.wavelength:.6f}",
    )  # fmt: skip
    return Node(picture_node.tag, picture_node.attributes, (*picture_node.children, reading))


def _key() -> Node:
    at, drawn = WIDTH - RIGHT - 330, []
    for kind, words in (("observed", "measured"), ("calculated", "calculated"), ("background", "background")):
        mark = (
            el("circle", class_="observed", cx=at + 9, cy=36, r=1.8)
            if kind == "observed"
            else el("path", class_=kind, d=line([(at, 36), (at + 18, 36)]))
        )
        drawn += [mark, label(at + 24, 40, words, kind="legend")]
        at += 112
    return el("g", drawn)


def _curves(picture: Picture, frame: Frame, part: slice) -> Node:
    x = picture.x[part]
    dots = "".join(f"M{number(frame.x(a))},{number(frame.y(b))}h0" for a, b in _pairs(x, picture.observed[part]))
    return el(
        "g",
        el("path", class_="observed-dots", d=dots),
        _curve(x, picture.background[part], frame, "background"),
        _curve(x, picture.calculated[part], frame, "calculated"),
    )


def _pairs(x: Array, y: Array) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _curve(x: Array, y: Array, frame: Frame, kind: str) -> Node:
    points = [frame.point(a, b) for a, b in _pairs(x, y)]
    return el("path", class_=kind, d=line(thinned(enveloped(points) if len(points) > MANY else points)))


def _phase_row(phase: PhasePicture, n: int, picture: Picture, x: Scale, top: float) -> Node:
    """Ticks where the lines of a phase are, with its name and share."""
    named = picture.answer.phases[n]
    ticks = [
        el(
            "line", el("title", f"{named.formula} {_indices(hkl)} at {at:.2f}°"), class_="hkl",
            x1=x(at), x2=x(at), y1=top, y2=top + 11,
        )
        for at, hkl in zip(phase.ticks.tolist(), phase.hkl.tolist(), strict=True)
    ]  # fmt: skip
    return el(
        "g", ticks, label(LEFT - 8, top + 10, percent(named.weight_fraction, 1), anchor="end", kind="label"),
        class_=f"phase p{n % PHASES}",
    )  # fmt: skip


def _indexed(picture: Picture, frame: Frame) -> Node | None:
    """Miller indices over the strong lines of the first phase, where there is room for them."""
    if not picture.phases:
        return None
    phase, drawn, free = picture.phases[0], list[Child](), -np.inf
    for at, hkl in zip(phase.ticks.tolist(), phase.hkl.tolist(), strict=True):
        part = np.abs(picture.x - at) < REACH
        if phase.part[part].max(initial=0) < 0.01 * phase.part.max() or frame.x(at) < free:
            continue
        top = float(max(picture.calculated[part].max(), picture.observed[part].max()))
        words = "".join(f"{i:.0f}".replace("-", "\N{MINUS SIGN}") for i in hkl)
        drawn.append(label(frame.x(at), frame.y(top) - 6, words, anchor="middle", kind="peak"))
        free = frame.x(at) + 26
    return el("g", drawn, class_="p0")


def _indices(hkl: Sequence[float]) -> str:
    return "(" + " ".join(f"{i:.0f}" for i in hkl) + ")"


def close_up(picture: Picture, centre: float, title: str, half: float = 1.5) -> Node:
    """A few degrees of the pattern on a linear scale."""
    centre = min(max(centre, float(picture.x[0]) + half), float(picture.x[-1]) - half)
    part = slice(*np.searchsorted(picture.x, (centre - half, centre + half)).tolist())
    top = float(max(picture.observed[part].max(), picture.calculated[part].max()))
    low = float(min(picture.observed[part].min(), picture.background[part].min()))
    frame = Frame.at((74, 30, SMALL - 84, SMALL_TALL), (centre - half, centre + half), (0.9 * low, top * 1.04))
    drawn: list[Child] = [
        label(74, 16, title, kind="panel-title"),
        frame.axes("2θ / °", "counts", x_ticks=5),
        _curves(picture, frame, part),
    ]
    for n, phase in enumerate(picture.phases):
        inside = [t for t in phase.ticks.tolist() if frame.x.low <= t <= frame.x.high]
        at = frame.y.start - 2 - 7 * n
        drawn.append(
            el(
                "g",
                [el("line", class_="hkl", x1=frame.x(t), x2=frame.x(t), y1=at - 6, y2=at) for t in inside],
                class_=f"phase p{n % PHASES}",
            )
        )
    return drawing(SMALL, SMALL_TALL + 80, title, *drawn)


def close_ups(picture: Picture) -> list[Node]:
    """The strongest line, and the place where the fit is worst; where that is the same, a line at high angles."""
    net = picture.observed - picture.background
    strongest = float(picture.x[int(net.argmax())])
    off = np.convolve(np.abs(picture.difference), np.ones(9) / 9, "same")
    other = float(picture.x[int(off.argmax())])
    words = "Largest misfit"
    if abs(other - strongest) < 1:
        far = picture.x > picture.x[0] + 2 / 3 * (picture.x[-1] - picture.x[0])
        other = float(picture.x[int(np.where(far, net, -np.inf).argmax())])
        words = "Strongest line at high angles"
    return [
        close_up(picture, strongest, f"Strongest line, {strongest:.1f}°"),
        close_up(picture, other, f"{words}, {other:.1f}°"),
    ]


def flagged(candidate: Candidate, pattern: Pattern) -> Node:
    """A pattern that was not accounted for, its unexplained lines marked."""
    x, y = pattern.two_theta, pattern.intensity
    ends = (float(x[0]), float(x[-1]))
    frame = Frame.at((74, 30, SMALL - 84, SMALL_TALL - 30), ends, (0, float(y.max()) * 1.12), root=True)
    title = f"{candidate.sample}  {unicode_formula(candidate.proposed.composition.formula)}"
    drawn: list[Child] = [
        label(74, 16, title, kind="panel-title"),
        frame.axes("2θ / °", "counts (√ scale)", x_ticks=6, y_ticks=3),
        _curve(x, y, frame, "measured"),
    ]
    for unexplained in candidate.analysis.unexplained_lines if candidate.analysis else ():
        at = frame.x(unexplained.two_theta)
        foot = frame.y(float(np.interp(unexplained.two_theta, x, y))) - 4
        told = (
            f"2θ = {unexplained.two_theta:.2f}°, d = {unexplained.d:.4f} Å, "
            f"{percent(unexplained.relative_intensity)} of the strongest line"
        )
        corners = " ".join(f"{number(at + dx)},{number(foot + dy)}" for dx, dy in ((0, 0), (-4, -8), (4, -8)))
        drawn.append(el("polygon", el("title", told), class_="unexplained", points=corners))
    return drawing(SMALL, SMALL_TALL + 50, f"Pattern of {candidate.sample}", *drawn)
