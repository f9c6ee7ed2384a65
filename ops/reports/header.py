"""The head of the report: what was asked for, what came of it, and loudly what was only simulated."""

from __future__ import annotations

from typing import Any

from ops.reports.doubts import faults
from ops.reports.evidence import Evidence
from ops.reports.formulas import composition, prose
from ops.reports.markup import Child, Node, el
from ops.reports.story import Candidate, Story
from ops.wording import fixed, listed, percent, plural, recipe, signed, when


def header(story: Story, evidence: Evidence) -> Node:
    """Everything above the first figure."""
    return el(
        "header",
        el("p", "Athanor campaign report", class_="eyebrow"),
        el("h1", prose(story.plan.title)),
        _lead(story, evidence),
        _simulated(story),
        el("div", _best(story), _numbers(story), class_="summary"),
        el("p", faults(evidence.summary), class_="aside") if story.started.simulated else None,
    )


def _lead(story: Story, evidence: Evidence) -> Node:
    plan, started, tally = story.plan, story.started, story.tally
    goal = plan.goal
    clock = "virtual clock" if started.virtual else "real clock"
    dates = f"{when(tally.began)} to {when(tally.latest)}" if tally.began and tally.latest else "no date"
    facts: list[tuple[str, Child]] = [
        (
            "goal",
            (
                f"single-phase cubic powder with a = {fixed(goal.lattice, 3)} ± {fixed(goal.lattice_tolerance, 3)} Å "
                f"and a phase fraction of {fixed(goal.min_phase_fraction, 2)} or more"
            ),
        ),
        ("campaign", f"{story.campaign}, seed {started.seed}, {plan.planner.strategy.value} strategy"),
        ("lab time", f"{dates}, {fixed(tally.days, 1)} days on the lab's {clock}"),
        ("ended", _ending(story, evidence)),
    ]
    return el("dl", [[el("dt", name), el("dd", words)] for name, words in facts], class_="lead")


def _ending(story: Story, evidence: Evidence) -> str:
    if story.finished is not None:
        return story.finished.reason
    if evidence.summary is not None and evidence.summary.get("interrupted") is True:
        return "not finished: it was interrupted; the same command goes on"
    if story.exhausted is not None:
        return f"not finished; the planner said: {story.exhausted.reason}"
    return "not finished: the log stops before the campaign came to its end"


def _simulated(story: Story) -> Node | None:
    """Said so that nobody can miss it."""
    names = story.started.simulated
    if not names:
        return None
    lab = story.plan.laboratory
    instruments = {*(f.name for f in lab.furnaces), lab.diffractometer}
    rest = sorted(instruments - set(names))
    if rest:
        words = f"Not simulated: {listed(rest)}."
    else:
        words = "No powder was weighed, no furnace was heated and no X-ray was used: what follows is a rehearsal."
    if "reviewer" in names:
        words += " Reviews were answered by a policy, not by a human."
    return el(
        "div",
        el("strong", "Simulated"),
        el("p", f"These parts of the lab were simulated: {listed(list(names))}. {words}"),
        class_="simulated",
        role="note",
    )


def _best(story: Story) -> Node:
    best = story.best
    told = best.label if best else None
    if best is None or told is None:
        return el(
            "div", el("h2", "Best sample"), el("p", "Nothing was learnt: no sample became a label."), class_="best"
        )
    if told.lattice is None:
        count = plural(story.tally.counts["learning.observation_recorded"], "label")
        return el("div", el("h2", "Best sample"), el("p", f"None of {count} shows a perovskite."), class_="best")
    return el(
        "div",
        el("h2", "Best sample ", el("a", told.sample_id, href=f"#{best.name}")),
        el("p", composition(told.composition), class_="formula large"),
        el("p", recipe(best.proposed.recipe), class_="aside"),
        el("dl", _facts(story, best, told.lattice), class_="best-facts"),
        class_="best",
    )


def _facts(story: Story, best: Candidate, lattice: float) -> Child:
    told, goal = best.label, story.plan.goal
    if told is None:
        return None
    off = f"{signed(1000 * (lattice - goal.lattice), 1)} mÅ off the goal"
    if (expected := best.predicted("lattice")) is not None:
        off += f"; {fixed(expected[0], 4)} ± {fixed(expected[1], 4)} Å predicted"
    rows: list[tuple[str, str, str]] = [
        ("a (pseudo-cubic)", f"{fixed(lattice, 4)} Å", off),
        ("phase fraction", fixed(told.phase_fraction, 3), f"{fixed(goal.min_phase_fraction, 2)} wanted"),
        ("utility", fixed(told.utility, 3), "meets the goal" if told.success else "does not meet the goal"),
    ]
    return [el("div", el("dt", name), el("dd", value), el("dd", note, class_="note")) for name, value, note in rows]


TILES = (
    ("proposed", "proposed"),
    ("cleared", "cleared"),
    ("refused", "refused"),
    ("escalated", "reviewed"),
    ("declined_in_review", "declined"),
    ("synthesised", "synthesised"),
    ("lost", "lost"),
    ("failed_steps", "failed steps"),
    ("measured", "measured"),
    ("flagged", "flagged"),
    ("learnt", "learnt"),
    ("withheld", "withheld"),
)
"""Counts of the summary and their names."""


def _numbers(story: Story) -> Node:
    """The counts, successes first."""
    told: dict[str, Any] = story.tally.summary()
    vials = int(told["samples"])
    share = f" ({percent(told['successes'] / vials)})" if vials else ""
    tiles = [
        el("div", el("b", str(told[key])), el("span", name), class_="count", data_count=key) for key, name in TILES
    ]
    kind = "successes some" if told["successes"] else "successes"
    return el(
        "div",
        el(
            "p", el("b", str(told["successes"]), data_count="successes"),
            f" of {plural(vials, 'sample')} met the goal{share}", class_=kind,
        ),
        el("div", tiles, class_="tiles"),
        class_="numbers",
    )  # fmt: skip
