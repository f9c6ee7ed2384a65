"""Differences in words: what was said, what is said now, where they part, and what led there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from agents.runtime.past import canonical
from agents.runtime.verdicts import Judged, Mismatch, Verdict

MOST = 5
"""Places at which two tellings of one event differ that are listed."""
SHORT = 160
"""Characters of a value that are shown."""


def departures(then: Any, now: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each place at which two JSON documents differ: path, value then, value now."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*then, *now)):
            yield from departures(then.get(key), now.get(key), f"{where}.{key}" if where else key)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for n, (one, other) in enumerate(zip(then, now, strict=True)):
            yield from departures(one, other, f"{where}[{n}]")
    elif then != now or type(then) is not type(now):
        yield where, then, now


def rounding(judged: Judged) -> float | None:
    """The largest relative departure, where nothing but numbers with fractions departs; otherwise none.

    A campaign decided on one kind of processor and made again on another may differ in last digits.
    """
    largest = 0.0
    for _, then, now in departures(*_documents(judged)):
        if not (isinstance(then, float) and isinstance(now, float)):
            return None
        largest = max(largest, abs(then - now) / max(abs(then), abs(now)))
    return largest if judged.verdict is Verdict.OTHER else None


def _documents(judged: Judged) -> tuple[Any, Any]:
    then = orjson.loads(judged.recorded.canonical()) if judged.recorded else None
    now = orjson.loads(canonical(judged.remade)) if judged.remade else None
    return then, now


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"


def in_words(judged: Judged) -> tuple[str, str]:
    """What was expected, and what was got."""
    then, now = _documents(judged)
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


def as_document(judged: Judged) -> dict[str, Any]:
    """A difference as JSON."""
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
    if (departure := rounding(judged)) is not None:
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


def sentence(judged: Judged) -> str:
    """A difference in a line."""
    place = f"#{judged.recorded.sequence}" if judged.recorded else "nowhere in the log"
    kind = judged.recorded.kind if judged.recorded else judged.remade.type if judged.remade else judged.verdict.value
    cause = f"#{judged.cause.sequence} {judged.cause.kind}" if judged.cause else "something that is not in the log"
    return f"{place}: {judged.agent}, {kind}, because of {cause}"
