"""Files broken in every place: each is read, or refused with a sentence, and never with a traceback."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.checking import tell_question
from ops.errors import OpsError
from ops.questions.reading import campaign_in
from tests.ops.questions.files import ALLOY, PEROVSKITE, TABLE, written

GONE = object()
INSTEAD: tuple[Any, ...] = (
    GONE, "", 0, -1, 1.5, True, [], {}, "x", [1, "a"], {"a": 1}, [[1]], float("nan"), float("inf"), 10**30, "\0",
)  # fmt: skip
"""What stands where something else was meant."""


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*before, key)
        yield from places(inner, (*before, key))


@pytest.mark.parametrize("text", [PEROVSKITE, TABLE, ALLOY], ids=["formula", "table", "simplex"])
def test_whatever_stands_anywhere_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Another type, nothing, too much: at each place of a file, one after the other."""
    monkeypatch.setattr("ops.questions.counting.DRAWN", 3)
    path, document = written(tmp_path, text), tomllib.loads(text)
    read = refused = 0
    for place in places(document):
        for value in INSTEAD:
            broken = copy.deepcopy(document)
            table = broken
            for key in place[:-1]:
                table = table[key]
            if value is GONE:
                del table[place[-1]]
            else:
                table[place[-1]] = copy.deepcopy(value)
            try:
                tell_question(campaign_in(broken, path), tmp_path)
                read += 1
            except OpsError:
                refused += 1
    assert refused > 5 * read > 0, "most of it makes no sense, and some of it does"
