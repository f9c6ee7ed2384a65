"""Where every number comes from: the log, the code, the library, the models, and how to look for oneself."""

from __future__ import annotations

from contracts.learning import ModelReleased
from ops.reports.evidence import Evidence
from ops.reports.markup import Child, Node, el
from ops.reports.story import Story
from ops.wording import when


def provenance(story: Story, evidence: Evidence) -> Node:
    """The facts of the record."""
    log, started, told = evidence.log, story.started, story.tally.summary()
    first, last = log[0], log[-1]
    rows: list[tuple[str, Child]] = [
        ("events in the log", f"{len(log)} (sequence {first.sequence} to {last.sequence})"),
        ("first event", f"{first.envelope.type}, {when(first.envelope.time)}, {first.envelope.id}"),
        ("last event", f"{last.envelope.type}, {when(last.envelope.time)}, {last.envelope.id}"),
        ("log, SHA-256 over its stored bytes", el("code", evidence.digest)),
        ("decisions, SHA-256", el("code", str(told["decisions_sha256"]))),
        ("seed", str(started.seed)),
        ("code", f"athanor {started.code_version}"),
        ("phase library, SHA-256", el("code", started.library_sha256)),
        ("clock", "virtual: it jumps when everybody waits" if started.virtual else "real"),
        ("to fold the log again and compare every memory", el("code", f"athanor replay {evidence.name}")),
        ("to make this page again", el("code", f"athanor report {evidence.name}")),
    ]
    return el("dl", [[el("dt", name), el("dd", value)] for name, value in rows], class_="facts")


def models(story: Story) -> Node | None:
    """The released models by their digests; none if there is none."""
    released = [m for m in story.models if isinstance(m, ModelReleased)]
    if not released:
        return None
    names = ("model", "labels", "component models, SHA-256", "trust model, SHA-256", "training snapshot, SHA-256")
    rows = [
        el(
            "tr",
            el("td", m.model.model_id),
            el("td", str(m.n_observations), class_="num"),
            [
                el("td", el("code", _short(d), title=d))
                for d in (m.model.sha256, m.trust_model.sha256, m.dataset.sha256)
            ],
        )
        for m in released
    ]
    head = el("tr", [el("th", name, scope="col") for name in names])
    return el("div", el("table", el("thead", head), el("tbody", rows), class_="plain"), class_="scroll")


def memories(evidence: Evidence) -> Node | None:
    """Digest of each agent's memory at the end of the run; none if the run left no summary."""
    state = (evidence.summary or {}).get("state")
    if not isinstance(state, dict) or not state:
        return None
    head = el("tr", [el("th", name, scope="col") for name in ("agent", "memory at the end, SHA-256")])
    rows = [el("tr", el("td", str(a)), el("td", el("code", _short(str(d)), title=str(d)))) for a, d in state.items()]
    return el("div", el("table", el("thead", head), el("tbody", rows), class_="plain"), class_="scroll")


def _short(digest: str) -> str:
    return f"{digest[:16]}…"


def contradictions(story: Story, evidence: Evidence) -> list[str]:
    """Where the summary that the run wrote and its log differ."""
    if evidence.summary is None:
        return ["The run left no summary: it was ended from outside, or is still going on. The log is all there is."]
    told = story.tally.summary()
    different = [k for k, v in told.items() if k in evidence.summary and evidence.summary[k] != v]
    if not different:
        return []
    words = [f"{k} is {_brief(evidence.summary[k])} there and {_brief(told[k])} in the log" for k in different[:4]]
    more = f" and {len(different) - 4} more" if len(different) > 4 else ""
    return [f"The summary of the run does not tell what its log tells: {'; '.join(words)}{more}."]


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
