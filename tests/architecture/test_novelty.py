"""No part of the software calls anything new: that word belongs to people who sign for it, and none has yet."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.catalogue import kinds
from contracts.diffraction import Analysis, Verdict
from science.diffraction.triage import Answer, Claim, Scan, question, rescan

ROOT = Path(__file__).parents[2]
FOLDERS = ("contracts", "science/diffraction", "agents", "bus", "ops")
CLAIM = re.compile(
    r"\bnovel|\b(new|unreported|undiscovered)[ -](phase|compound|material|structure|substance|crystal)s?\b"
    r"|\bdiscover(y|ies|ed)\b",
    re.IGNORECASE,
)
"""Words by which somebody would claim that a phase was never seen before."""


def spoken(tree: ast.AST) -> Iterator[str]:
    """String constants of a module that are not docstrings: what it can say, in a log, a report or on a screen."""
    silent = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            silent |= {id(s.value) for s in body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.value


def modules() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def test_nothing_that_the_software_can_say_claims_that_a_phase_is_new() -> None:
    """Flags, verdicts, reasons, questions and reports are made of these strings, and none of them makes the claim."""
    claims = {
        (path.relative_to(ROOT).as_posix(), text)
        for path in modules()
        for text in spoken(ast.parse(path.read_text(encoding="utf-8")))
        if CLAIM.search(text)
    }
    assert claims == set()


def test_the_search_would_find_such_a_claim() -> None:
    """The same search finds it in a flag, in a sentence with numbers and on a page; docstrings may speak of it."""
    source = '"""A novel docstring."""\nflags = ["novel"]\ntext = f"{1} new phase found"\npage = "We discovered it"\n'
    found = {text for text in spoken(ast.parse(source)) if CLAIM.search(text)}
    assert found == {"novel", " new phase found", "We discovered it"}


def test_no_verdict_and_no_event_has_a_word_for_it() -> None:
    """There is no field, kind or value into which such a claim could be put."""
    assert {v.value for v in Verdict} == {"identified", "ambiguous", "unknown"}
    names = {kind.kind for kind in kinds()} | {f for kind in kinds() for f in kind.model_fields}
    assert not [name for name in names | set(Analysis.model_fields) if CLAIM.search(name.replace("_", " "))]


@pytest.mark.parametrize("verdict", [v.value for v in Verdict])
@pytest.mark.parametrize("lines", [(), (33.9,), (33.9, 29.9, 23.2)])
def test_whatever_is_left_unexplained_is_asked_about_as_something_known(verdict: str, lines: tuple[float, ...]) -> None:
    """A question about unknown lines names disordered, substituted and isostructural known phases first."""
    answer = Answer(verdict, (Claim("A", 0.5, 0.05, ("B",)),), missing=0.8, lines=lines)
    told = [q.text for q in [question(answer)] if q] + [r.reason for r in [rescan(answer, Scan(15, 90, 0.02, 1))] if r]
    assert not [text for text in told if CLAIM.search(text)]
    if verdict == "unknown" and lines:
        assert "disordered, substituted or isostructural form of a known phase" in told[0]
