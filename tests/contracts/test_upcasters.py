"""Versions of a fact: told up in today's words, and down in those of an older one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from contracts.catalogue import CATALOGUE
from contracts.errors import CatalogueError, FutureVersionError, MalformedEventError, UnknownKindError
from contracts.upcasters import STEPS, read_event, told_as, upcast
from tests.histories.kept import read
from tests.histories.making import MAKINGS

STALE = sorted({kind for kind, _ in STEPS})


def recorded(kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Version and fields of each event of a kind in the recorded campaigns."""
    for name in MAKINGS:
        for document in map(orjson.loads, read(name).payloads):
            if document["type"] == kind:
                yield int(document["dataschema"].rpartition(":")[2]), document["data"]


@pytest.mark.parametrize("kind", STALE)
def test_what_an_old_version_told_is_told_by_it_again(kind: str) -> None:
    """Up to today and down again, each recorded event has the very words that it had."""
    seen = 0
    for version, fields in recorded(kind):
        seen += 1
        today = orjson.loads(read_event(kind, version, fields).model_dump_json())
        again = told_as(kind, version, today)
        assert read_event(kind, version, again) == read_event(kind, version, fields)
        assert _words(fields) <= _words(again), "no word is lost on the way down"
        if version < CATALOGUE[kind].version and fields.get("analysis", True) is not None:
            assert _words(today) - _words(again), "what the old version could not tell is left out"
    assert seen


def _words(fields: Any, where: str = "") -> set[str]:
    """Every key in some fields, with where it stands."""
    if isinstance(fields, dict):
        return {f"{where}.{k}" for k in fields} | {w for k, v in fields.items() for w in _words(v, f"{where}.{k}")}
    if isinstance(fields, list):
        return {w for v in fields for w in _words(v, where)}
    return set()


@pytest.mark.parametrize("kind", STALE)
def test_fields_that_are_no_event_of_an_old_version_are_malformed(kind: str) -> None:
    """A step up takes whatever a stranger wrote: validation says what is wrong with it."""
    for fields in ({}, {"plan": 1}, {"plan": {"laboratory": []}}, {"analysis": {"phases": 3}}, {"analysis": [1]}):
        with pytest.raises(MalformedEventError, match=f"Expected the fields of {kind}@1"):
            read_event(kind, 1, fields)


def test_a_version_of_the_future_and_an_unknown_kind_are_named() -> None:
    """Neither is told up nor down."""
    for told in (told_as, upcast):
        with pytest.raises(FutureVersionError):
            told("campaign.started", 99, {})
        with pytest.raises(UnknownKindError):
            told("campaign.never", 1, {})


def test_a_version_without_its_step_is_found_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever raises a version and writes no step, or leaves a stray one, cannot start anything."""
    import contracts.upcasters as module

    for steps in ({k: v for k, v in STEPS.items() if k != ("campaign.started", 3)}, {**STEPS, ("a.b", 2): None}):
        monkeypatch.setattr(module, "STEPS", steps)
        with pytest.raises(CatalogueError, match="Expected one step for each version"):
            module._check_steps()
