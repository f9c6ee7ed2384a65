"""Last digits: a decision made again on another kind of processor may depart from itself in its sixteenth digit.

Byte for byte that is a difference, and it is told as one. But since each decision is made again upon what was
recorded, such departures do not add up, and how large the largest is says whether they are rounding or another
decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from agents.runtime.past import canonical
from agents.runtime.verdicts import Judged, Verdict
from contracts.materials import ArtifactRef

TINY = 1e-6
"""Numbers below this are compared with it: a fraction of 1e-17 and one of 0 are the same."""

Fetch = Callable[[ArtifactRef], bytes | None]
"""The content of an artefact, recorded or made again; none if it is not there."""


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


def documents(judged: Judged) -> tuple[Any, Any]:
    """What was said and what is said now, as JSON."""
    recorded, remade = judged.recorded, judged.remade
    then = orjson.loads(recorded.canonical()) if recorded else None
    if remade is None:
        return then, None
    return then, orjson.loads(recorded.as_told_then(remade) if recorded else canonical(remade))


def rounding(judged: Judged, fetch: Fetch = lambda _: None) -> float | None:
    """The largest relative departure, where nothing but numbers with fractions departs; otherwise none.

    Args:
        judged: a difference.
        fetch: gives the content of artefacts, so that two models may be compared by their numbers.
    """
    if judged.verdict is not Verdict.OTHER:
        return None
    then, now = documents(judged)
    models = {
        (one.sha256, other.sha256): (one, other)
        for one, other in zip(_artefacts(then), _artefacts(now), strict=False)
        if one.sha256 != other.sha256
    }
    sizes = {(one.size, other.size) for one, other in models.values()}
    largest = 0.0
    for where, before, after in departures(then, now):
        if isinstance(before, float) and isinstance(after, float):
            apart: float | None = abs(before - after) / max(abs(before), abs(after), TINY)
        elif isinstance(before, str) and isinstance(after, str) and (before, after) in models:
            apart = _apart(*models[before, after], fetch)
        elif where.endswith(".size") and (before, after) in sizes:
            apart = 0.0  # a last digit fewer makes a model shorter; its numbers are compared by its digest
        else:
            apart = None
        if apart is None:
            return None
        largest = max(largest, apart)
    return largest


def _artefacts(document: Any) -> Iterator[ArtifactRef]:
    """The artefacts that a document refers to, in its order."""
    if isinstance(document, dict):
        if document.keys() == ArtifactRef.model_fields.keys():
            yield ArtifactRef.model_validate(document)
        for inner in document.values():
            yield from _artefacts(inner)
    elif isinstance(document, list):
        for inner in document:
            yield from _artefacts(inner)


def _apart(one: ArtifactRef, other: ArtifactRef, fetch: Fetch) -> float | None:
    """How far two models depart; none if they are no models, or cannot be compared."""
    from science.surrogate.archive import MEDIA_TYPE, departure
    from science.surrogate.errors import ArtefactError

    before, after = fetch(one), fetch(other)
    if before is None or after is None or {one.media_type, other.media_type} != {MEDIA_TYPE}:
        return None
    try:
        return departure(before, after)
    except ArtefactError:
        return None
