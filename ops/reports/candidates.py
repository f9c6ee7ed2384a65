"""Each candidate's fate and why: a strip of all of them, and a table with a row for each."""

from __future__ import annotations

from agents.labels import wanted_phase
from contracts.campaigns import Goal
from contracts.learning import ObservationRecorded
from contracts.trust import CandidateCleared, CandidateRefused
from ops.reports.formulas import composition, prose
from ops.reports.marks import WORDS, census, slug, tip
from ops.reports.markup import Child, Node, el
from ops.reports.story import Candidate, Story
from ops.wording import NONE, fixed, percent, recipe, signed

COLUMNS = (
    ("candidate", "", "c"),
    ("composition and recipe", "", "wide"),
    ("predicted a", "Å", "num"),
    ("decision", "", ""),
    ("fate", "", ""),
    ("a", "Å", "num"),
    ("phase fraction", "", "num"),
    ("utility", "", "num"),
    ("why", "", "wide"),
)
"""Heading, unit and kind of each column."""


def strip(story: Story) -> Node:
    """A tile for each candidate in the order of proposal, coloured by its fate."""
    tiles = [
        el("a", href=f"#{c.name}", class_=f"tile {slug(c.fate)}", title=tip(c), aria_label=f"{c.name}: {WORDS[c.fate]}")
        for c in story.candidates.values()
    ]
    return el("div", tiles, class_="strip")


def key(story: Story) -> Node:
    """What the colours of the tiles mean."""
    return el(
        "ul",
        [
            el("li", el("span", class_=f"tile {slug(fate)}"), f"{WORDS[fate]} ({count})")
            for fate, count in census(story.candidates.values())
        ],
        class_="key",
    )


def table(story: Story) -> Node:
    """A row for each candidate."""
    head = [
        el("th", el("span", name), el("span", f" / {unit}", class_="unit") if unit else None, scope="col", class_=kind)
        for name, unit, kind in COLUMNS
    ]
    best = story.best
    rows = [_row(c, story.plan.goal, best=c is best) for c in story.candidates.values()]
    body = el("table", el("thead", el("tr", head)), el("tbody", rows), class_="candidates sortable")
    return el("div", body, class_="scroll breakout")


def _row(candidate: Candidate, goal: Goal, *, best: bool) -> Node:
    told, fate = candidate.label, candidate.fate
    expected = candidate.predicted("lattice")
    cells = [
        el("td", el("strong", candidate.name), el("br"), el("small", candidate.proposed.family), class_="c"),
        el(
            "td", el("span", composition(candidate.proposed.composition), class_="formula"), el("br"),
            el("small", recipe(candidate.proposed.recipe)), class_="wide",
        ),
        el("td", _expected(candidate), class_="num", data_value=f"{expected[0]:.6f}" if expected else ""),
        el("td", _decision(candidate)),
        el("td", el("span", fate.value, class_=f"fate {slug(fate)}")),
        *_measured(candidate),
        _number(told.utility if told else None, 3),
        el("td", _why(candidate, goal), class_="wide why"),
    ]  # fmt: skip
    return el("tr", cells, id=candidate.name, class_=f"{slug(fate)}{' top' if best else ''}")


def _measured(candidate: Candidate) -> tuple[Node, Node]:
    """Lattice and phase fraction: of the label, or in brackets of an analysis that did not become one."""
    if (told := candidate.label) is not None:
        return _number(told.lattice, 4), _number(told.phase_fraction, 3)
    doubtful = wanted_phase(candidate.analysis) if candidate.analysis else None
    if doubtful is None:
        return _number(None, 4), _number(None, 3)
    return _number(doubtful.pseudo_cubic, 4, sure=False), _number(doubtful.weight_fraction, 3, sure=False)


def _number(value: float | None, digits: int, *, sure: bool = True) -> Node:
    """A measured number; in brackets where it was not believed."""
    if value is None:
        return el("td", NONE, class_="num", data_value="")
    text = fixed(value, digits)
    return el("td", text if sure else el("small", f"({text})"), class_="num", data_value=f"{value:.6f}")


def _expected(candidate: Candidate) -> Child:
    """Mean and standard deviation, and below them the conformal interval."""
    expected, sure = candidate.predicted("lattice"), candidate.interval("lattice")
    if expected is None:
        return NONE
    words: list[Child] = [f"{fixed(expected[0], 4)} ± {fixed(expected[1], 4)}"]
    if sure is not None:
        words += [el("br"), el("small", f"{fixed(sure.lower, 4)} to {fixed(sure.upper, 4)}")]
    return words


def _decision(candidate: Candidate) -> Child:
    """What was decided; the reasons unfold."""
    decided, review = candidate.decided, candidate.review
    if decided is None:
        return "not decided yet"
    if isinstance(decided, CandidateCleared):
        word = "cleared"
    elif isinstance(decided, CandidateRefused):
        word = "refused for good" if decided.hard else "refused for now"
    elif review is None:
        word = "put to review"
    else:
        word = f"review: {'approved' if review.approved else 'declined'}"
    reasons: list[Child] = [el("p", reason) for reason in decided.decision.reasons]
    if review is not None:
        who = f"{review.reviewer}{' (a policy, not a human)' if review.simulated else ''}"
        reasons.append(el("p", f"{who}: {review.reason}"))
    reasons += [
        el("p", f"{r.component}: {r.basis}, {r.n_calibration} labels of {r.family}") for r in decided.decision.conformal
    ]
    return el("details", el("summary", word), reasons)


def _why(candidate: Candidate, goal: Goal) -> Child:
    told = candidate.label
    if told is None:
        return prose(candidate.why)
    return "meets the goal" if told.success else prose("; ".join(_short_of(candidate, told, goal)))


def _short_of(candidate: Candidate, told: ObservationRecorded, goal: Goal) -> list[str]:
    """What kept a learnt sample from the goal."""
    words = []
    phases = candidate.analysis.phases if candidate.analysis else ()
    wanted = wanted_phase(candidate.analysis) if candidate.analysis else None
    if told.lattice is None:
        words.append("no perovskite")
    elif abs(off := told.lattice - goal.lattice) > goal.lattice_tolerance:
        words.append(f"a is {signed(1000 * off, 1)} mÅ off")
    if told.cubicity is not None and told.cubicity < 1 and wanted is not None:
        words.append(f"not cubic (space group {wanted.space_group})")
    others = [f"{percent(p.weight_fraction)} {p.formula}" for p in phases if p is not wanted]
    if others:
        words.append(f"also {', '.join(others)}")
    return words
