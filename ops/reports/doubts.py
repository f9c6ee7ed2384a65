"""What was refused, declined, lost, failed or withheld, and why: reasons counted, incidents listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.synthesis import StepCompleted, StepFailed
from contracts.trust import CandidateRefused, ReviewRequested
from ops.reports.marks import slug
from ops.reports.markup import Child, Node, el
from ops.reports.story import Candidate, Fate, Story
from ops.wording import gist, percent, plural, when

Reasons = Mapping[str, Sequence[Candidate]]
"""Reason without its numbers → the candidates that it holds for."""


def counted(pairs: Iterable[tuple[Candidate, Sequence[str]]]) -> dict[str, list[Candidate]]:
    """Candidates by reason, the commonest reason first."""
    found: dict[str, list[Candidate]] = {}
    for candidate, reasons in pairs:
        for reason in dict.fromkeys(gist(r) for r in reasons):
            found.setdefault(reason, []).append(candidate)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def groups(story: Story) -> dict[str, tuple[Fate, Reasons]]:
    """What happened → the colour of it, and the reasons that were given."""
    every = list(story.candidates.values())
    asked = [c for c in every if isinstance(c.decided, ReviewRequested)]
    refused = [c for c in every if isinstance(c.decided, CandidateRefused)]
    ended = {fate: [(c, [c.why]) for c in every if c.fate is fate] for fate in Fate}
    return {
        "Put to review": (Fate.OPEN, counted((c, _decision_reasons(c)) for c in asked)),
        "Refused by the auditor": (Fate.REFUSED, counted((c, _decision_reasons(c)) for c in refused)),
        "Declined in review": (Fate.DECLINED, counted(ended[Fate.DECLINED])),
        "Lost in the making": (Fate.LOST, counted(ended[Fate.LOST])),
        "Withheld from learning": (Fate.WITHHELD, counted(ended[Fate.WITHHELD])),
    }


def _decision_reasons(candidate: Candidate) -> Sequence[str]:
    return candidate.decided.decision.reasons if candidate.decided else ()


def bars(story: Story) -> Node:
    """Reasons as bars, group by group; names unfold."""
    every = groups(story)
    longest = max((len(names) for _, reasons in every.values() for names in reasons.values()), default=1)
    blocks: list[Child] = []
    for title, (fate, reasons) in every.items():
        if not reasons:
            continue
        who = {c.name for names in reasons.values() for c in names}
        rows = [_bar(reason, names, len(names) / longest, fate) for reason, names in reasons.items()]
        blocks.append(el("div", el("h3", f"{title} ({len(who)})"), rows, class_="reasons"))
    return el("div", blocks or el("p", "Nothing was refused, declined, lost or withheld."), class_="reason-groups")


def _bar(reason: str, names: Sequence[Candidate], share: float, fate: Fate) -> Node:
    links = [el("a", c.name, href=f"#{c.name}") for c in names]
    return el(
        "details",
        el(
            "summary",
            el("span", reason, class_="reason"),
            el("span", el("span", class_=f"fill {slug(fate)}", style=f"width:{100 * share:.1f}%"), class_="track"),
            el("span", str(len(names)), class_="n"),
        ),
        el("p", [[link, " "] for link in links]),
        class_="bar-row",
    )


def unexplained(candidate: Candidate) -> str:
    """Why a pattern was flagged, and every line that nobody could explain."""
    reason = candidate.flagged.reason if candidate.flagged else ""
    lines = candidate.analysis.unexplained_lines if candidate.analysis else ()
    if not lines:
        return reason
    told = [f"{u.two_theta:.2f}° (d = {u.d:.4f} Å, {percent(u.relative_intensity)})" for u in lines]
    return f"{reason}. Unexplained, with height relative to the strongest line: {', '.join(told)}"


def incidents(story: Story) -> Node | None:
    """What instruments complained of, what was not asked for, and bugs; none if all went well."""
    rows = [*_steps(story), *_troubles(story), *_unmeasured(story), *_strangers(story), *_beneath(story), *_bugs(story)]
    if not rows:
        return None
    head = [el("th", name, scope="col") for name in ("what", "where", "samples", "told")]
    body = [el("tr", [el("td", cell) for cell in row]) for row in rows]
    return el("div", el("table", el("thead", el("tr", head)), el("tbody", body), class_="plain"), class_="scroll")


Row = tuple[Child, Child, Child, Child]


def _steps(story: Story) -> list[Row]:
    return [
        (
            f"{failed.step.value} failed",
            [failed.instrument, el("br"), el("small", when(at))],
            ", ".join(failed.sample_ids),
            f"{failed.reason} ({'may be tried again' if failed.retryable else 'not tried again'})",
        )
        for at, failed in story.failures
    ]


def _troubles(story: Story) -> list[Row]:
    every: list[tuple[datetime, StepFailed | StepCompleted]] = [*story.failures]
    every += [(step.ended_at, step) for step in story.steps]
    rows: list[Row] = []
    for at, event in every:
        told: dict[tuple[bool, str], list[str]] = {}
        for trouble in event.troubles:
            told.setdefault((trouble.lost, trouble.reason), []).append(trouble.sample_id)
        where: Child = [event.instrument, el("br"), el("small", when(at))]
        rows += [
            ("lost" if lost else "in doubt", where, ", ".join(names), reason) for (lost, reason), names in told.items()
        ]
    return rows


def _unmeasured(story: Story) -> list[Row]:
    return [
        ("measurement failed", c.unmeasured.instrument, c.unmeasured.sample_id, c.unmeasured.reason)
        for c in story.ends
        if c.unmeasured is not None
    ]


def _strangers(story: Story) -> list[Row]:
    return [("file that nobody asked for", NOWHERE, sample, reason) for sample, reason in story.strangers]


def _beneath(story: Story) -> list[Row]:
    return [
        (f"trouble with the {told.trouble.value}", el("small", when(at)), NOWHERE, told.reason)
        for at, told in story.beneath
    ]


def _bugs(story: Story) -> list[Row]:
    return [
        (
            f"agent stumbled (attempt {fault.attempt}{', then set aside' if fault.parked else ''})",
            fault.agent,
            NOWHERE,
            f"{fault.error} at {fault.where}, over {fault.event_kind}",
        )
        for fault in story.faults
    ]


NOWHERE = "\N{EN DASH}"


def faults(summary: Mapping[str, Any] | None) -> str:
    """What the simulated world did on purpose, and how much of it was noticed."""
    told = summary or {}
    injected = told.get("faults_injected")
    if not isinstance(injected, int):
        return "How many faults the simulated world injected is not told: the run left no summary."
    missed = _list(told.get("faults_missed"))
    counts = [
        f"{told[f'faults_{key}']} {word}" for key, word in FATES.items() if isinstance(told.get(f"faults_{key}"), int)
    ]
    words = (
        f"The simulated world injected {plural(injected, 'fault')}: {', '.join([f'{len(missed)} missed', *counts])}."
    )
    if poisoned := _list(told.get("poisoned_labels")):
        words += f" Labels that are wrong because of them: {', '.join(poisoned)}."
    return words + (f" Missed: {'; '.join(missed)}." if missed else "")


FATES = {"caught": "caught", "harmless": "without consequence", "open": "still open"}
"""What may become of a fault that was not missed: name in the summary, and word."""


def injected(summary: Mapping[str, Any] | None) -> Node | None:
    """Each kind of fault and what became of it; none if the summary does not tell."""
    kinds = (summary or {}).get("faults")
    if not isinstance(kinds, dict) or not kinds or not all(isinstance(v, dict) for v in kinds.values()):
        return None
    columns = list(dict.fromkeys(str(name) for counts in kinds.values() for name in counts))
    head = el("tr", el("th", "fault", scope="col"), [el("th", name, scope="col", class_="num") for name in columns])
    rows = [
        el(
            "tr",
            el("td", str(kind).replace("_", " ")),
            [el("td", str(counts.get(c, 0)), class_="num") for c in columns],
        )
        for kind, counts in kinds.items()
    ]
    return el("div", el("table", el("thead", head), el("tbody", rows), class_="plain"), class_="scroll")


def _list(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else []
