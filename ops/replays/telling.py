"""Differences in words: what was said, what is said now, where they part, and what led there."""

from __future__ import annotations

import re
from typing import Any

import orjson

from agents.runtime.verdicts import Judged, Mismatch, Verdict
from ops.replays.rounding import Fetch, departures, documents, rounding

MOST = 5
"""Places at which two tellings of one event differ that are listed."""
SHORT = 160
"""Characters of a value that are shown."""


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"


def in_words(judged: Judged) -> tuple[str, str]:
    """What was expected, and what was got."""
    then, now = documents(judged)
    if judged.verdict is Verdict.OTHER:
        parted = list(departures(then, now))
        expected = "; ".join(f"{path} = {_shown(value)}" for path, value, _ in parted[:MOST])
        got = "; ".join(f"{path} = {_shown(value)}" for path, _, value in parted[:MOST])
        return expected, got
    if judged.verdict is Verdict.UNSAID:
        return "nothing", f"{now['type']} {now.get('subject') or ''}".strip()
    if judged.verdict is Verdict.NOT_REMADE:
        return f"{then['type']} {then.get('subject') or ''}".strip(), "nothing"
    if judged.verdict is Verdict.UNANSWERED:
        return "a question that the log answers", f"the question {judged.words}"
    return "what the log says", judged.words


def as_document(judged: Judged, fetch: Fetch = lambda _: None) -> dict[str, Any]:
    """A difference as JSON.

    Args:
        judged: the difference.
        fetch: gives the content of artefacts.
    """
    expected, got = in_words(judged)
    recorded, cause, remade = judged.recorded, judged.cause, judged.remade
    named = str(recorded.id) if recorded else str(remade.id) if remade else None
    document: dict[str, Any] = {
        "what": judged.verdict.value,
        "seq": recorded.sequence if recorded else None,
        "agent": judged.agent,
        "kind": recorded.kind if recorded else remade.type if remade else None,
        "id": named,
        "because_of": {"seq": cause.sequence, "kind": cause.kind, "id": str(cause.id)} if cause else None,
        "expected": expected,
        "got": got,
    }
    if (departure := rounding(judged, fetch)) is not None:
        document["rounding"] = departure
    return document


def memory_document(mismatch: Mismatch) -> dict[str, Any]:
    """A memory that differs, as JSON."""
    return {
        "what": "memory",
        "seq": None,
        "agent": mismatch.agent,
        "where": mismatch.where,
        "expected": mismatch.expected,
        "got": mismatch.got,
    }


def decided_by(decider: str, ours: str) -> str:
    """Whose decisions they are, in words.

    Args:
        decider: version of the code that decided.
        ours: version of this code.
    """
    then = _ordered(decider)
    if not then:
        return "decided by another program"
    return f"decided by {'a later' if then > _ordered(ours) else 'an earlier'} Athanor"


def _ordered(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared; empty if it is none of ours."""
    numbers = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:\+decisions\.(\d+))?", version)
    return tuple(int(n or 1) for n in numbers.groups()) if numbers else ()


def sentence(judged: Judged) -> str:
    """A difference in a line."""
    place = f"#{judged.recorded.sequence}" if judged.recorded else "nowhere in the log"
    kind = judged.recorded.kind if judged.recorded else judged.remade.type if judged.remade else judged.verdict.value
    cause = f"#{judged.cause.sequence} {judged.cause.kind}" if judged.cause else "something that is not in the log"
    return f"{place}: {judged.agent}, {kind}, because of {cause}"
