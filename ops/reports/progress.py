"""How the campaign went: utility, lattice and phase fraction of one sample after the other."""

from __future__ import annotations

from ops.reports.axes import Frame, drawing, label, line, root_span
from ops.reports.marks import census, legend, linked, shape
from ops.reports.markup import Child, Node, el
from ops.reports.story import Candidate, Story
from ops.wording import fixed, plural

WIDTH, LEFT, RIGHT = 980.0, 74.0, 24.0
PANELS = {"utility": (40.0, 210.0), "lattice": (274.0, 130.0), "fraction": (428.0, 110.0)}
"""Panel → top and height in pixels."""
HEIGHT = 584.0


def best_so_far(story: Story) -> list[float]:
    """Highest utility after each sample whose fate is known; 0 before anything was learnt."""
    best, found = 0.0, []
    for candidate in story.ends:
        best = max(best, candidate.label.utility if candidate.label else 0.0)
        found.append(best)
    return found


def samples_until(story: Story, utility: float) -> int | None:
    """How many samples it took to reach a utility."""
    return next((n + 1 for n, best in enumerate(best_so_far(story)) if best >= utility), None)


def progress(story: Story, beside: Story | None = None) -> Node:
    """Three panels over the samples in the order in which their fate was known.

    Args:
        story: the campaign.
        beside: another campaign with the same goal, drawn as a line.
    """
    count = max(len(story.ends), len(beside.ends) if beside else 0, 1)
    frames = _frames(story, (0.4, count + 0.6))
    drawn: list[Child] = [
        legend(census(story.ends), LEFT, 18),
        _batches(story, frames),
        frames["utility"].axes(None, "utility", y_ticks=5, whole=True),
        _goal(story, frames["lattice"]),
        frames["lattice"].axes(None, "(a − goal) / mÅ", y_ticks=6, whole=True),
        _least(story, frames["fraction"]),
        frames["fraction"].axes("sample (in the order in which its fate was known)", "phase fraction", whole=True),
    ]
    if beside is not None:
        drawn.append(_trace(best_so_far(beside), frames["utility"], "trace beside"))
        drawn.append(_name(best_so_far(beside), frames["utility"], naming(beside), 16))
    drawn.append(_trace(best_so_far(story), frames["utility"], "trace"))
    drawn += [_sample(story, n + 1, candidate, frames) for n, candidate in enumerate(story.ends)]
    title = f"Utility, lattice parameter and phase fraction of {plural(len(story.ends), 'sample')}"
    return drawing(WIDTH, HEIGHT, title, *drawn)


def _frames(story: Story, x: tuple[float, float]) -> dict[str, Frame]:
    goal = story.plan.goal
    off = [_off(story, c.label.lattice) for c in story.ends if c.label and c.label.lattice is not None]
    wide = 1000 * goal.lattice_tolerance
    ranges = {
        "utility": (-0.06, 1.06),
        "lattice": root_span([*off, -2 * wide, 2 * wide]),
        "fraction": (-0.04, 1.08),
    }
    return {
        name: Frame.at((LEFT, top, WIDTH - LEFT - RIGHT, height), x, ranges[name], root=name == "lattice")
        for name, (top, height) in PANELS.items()
    }


def _trace(best: list[float], frame: Frame, kind: str) -> Node:
    """The steps of the best so far."""
    points, before = [frame.point(frame.x.low, 0.0)], 0.0
    for n, value in enumerate(best):
        points += [frame.point(n + 1, before), frame.point(n + 1, value)]
        before = value
    points.append(frame.point(len(best) + 0.5, before))
    return el("path", class_=kind, d=line(points))


def _name(best: list[float], frame: Frame, words: str, below: float) -> Node:
    """The name of a line at its end."""
    return label(frame.x(len(best) + 0.4), frame.y(best[-1] if best else 0) + below, words, anchor="end", kind="note")


def _batches(story: Story, frames: dict[str, Frame]) -> Node:
    """Faint lines where a batch was closed and the models were fitted again."""
    last = len(story.ends)
    inner = sorted({n for n in story.batches if 0 < n < last})
    return el(
        "g",
        [
            el("line", class_="batch", x1=f.x(n + 0.5), x2=f.x(n + 0.5), y1=f.y.start, y2=f.y.end)
            for n in inner
            for f in frames.values()
        ],
    )


def _goal(story: Story, frame: Frame) -> Node:
    """The wanted lattice, as wide as its tolerance and never too thin to see."""
    goal = story.plan.goal
    top, bottom = frame.y(1000 * goal.lattice_tolerance), frame.y(-1000 * goal.lattice_tolerance)
    size = {"width": frame.x.end - frame.x.start, "height": bottom - top}
    words = f"goal {fixed(goal.lattice, 3)} ± {fixed(goal.lattice_tolerance, 3)} Å"
    return el(
        "g",
        el("rect", class_="goal", x=frame.x.start, y=top, **size),
        label(frame.x.start + 6, top - 5, words, kind="note"),
    )


def _off(story: Story, lattice: float) -> float:
    """How far a lattice is from the wanted one, in mÅ."""
    return 1000 * (lattice - story.plan.goal.lattice)


def _least(story: Story, frame: Frame) -> Node:
    least = story.plan.goal.min_phase_fraction
    at = frame.y(least)
    return el(
        "rect", class_="goal", x=frame.x.start, width=frame.x.end - frame.x.start, y=frame.y(1), height=at - frame.y(1)
    )


def _sample(story: Story, n: int, candidate: Candidate, frames: dict[str, Frame]) -> Node:
    told = candidate.label
    if told is None:
        frame = frames["utility"]
        return linked(candidate, shape(candidate.fate, frame.x(n), frame.y.start, 3.5))
    marks = [shape(candidate.fate, *frames["utility"].point(n, told.utility))]
    marks.append(shape(candidate.fate, *frames["fraction"].point(n, told.phase_fraction), 3.2))
    if told.lattice is not None:
        marks.append(shape(candidate.fate, *frames["lattice"].point(n, _off(story, told.lattice)), 3.2))
    return linked(candidate, el("g", marks))


def caption(story: Story, beside: Story | None) -> str:
    """What the figure shows, and against what."""
    goal = story.plan.goal
    words = (
        "Each mark is a vial. Utility runs from 0 to 1: it falls off as a Gaussian of width "
        f"{fixed(goal.lattice_scale, 3)} Å around the wanted lattice parameter and grows with phase fraction, cubicity "
        "and evenness of the powder. The line is the best so far; vertical lines are where a batch was closed. Marks "
        "on the axis taught nothing. Distances from the goal are on a square-root scale."
    )
    if beside is None:
        return f"{words} No random search was given to compare with (athanor report DIR --beside OTHER)."
    return f"{words} {_compared(story, beside)}"


def _compared(story: Story, beside: Story) -> str:
    mine, theirs = best_so_far(story), best_so_far(beside)
    level = 0.5
    reached = [samples_until(s, level) for s in (story, beside)]
    took = [
        f"after {n}" if n is not None else f"never in {len(b)}" for n, b in zip(reached, (mine, theirs), strict=True)
    ]
    return (
        f"The dashed line is {naming(beside)}: best {fixed(theirs[-1] if theirs else 0, 3)} after "
        f"{plural(len(theirs), 'sample')}, against {fixed(mine[-1] if mine else 0, 3)} after {len(mine)} here. "
        f"A utility of {fixed(level, 1)} was reached {took[0]} samples here and {took[1]} there. "
        "One pair of runs is no statistics."
    )


def naming(story: Story) -> str:
    """A campaign in a few words."""
    strategy = story.plan.planner.strategy.value
    words = "random search" if strategy == "random" else f"{strategy} strategy"
    return f"{words} ({story.campaign}, seed {story.started.seed})"
