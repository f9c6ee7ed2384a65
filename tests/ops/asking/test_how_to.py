"""The questions that the how-to shows are answered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ops.asking.shelves import PROJECTIONS
from ops.asking.statement import answer

PAGE = (Path(__file__).parents[3] / "ops" / "how-to" / "ask-the-log.md").read_text(encoding="utf-8")
SHOWN = [
    *re.findall(r'athanor query DIR "([^"]+)"', PAGE),
    *(s for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) for s in block.split(";") if s.strip()),
]


@pytest.mark.parametrize("sql", SHOWN)
def test_each_question_of_the_page_has_an_answer(log: Any, sql: str) -> None:
    """Every statement runs as it stands there."""
    list(answer(log, sql).rows)
    assert answer(log, sql).names


def test_the_page_names_every_view() -> None:
    """No projection is left out, and none is invented."""
    assert len(SHOWN) > 6
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(PROJECTIONS)
