"""Each test says in one sentence what it proves."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]


def silent_tests(source: str) -> list[str]:
    """Names of test functions without a docstring."""
    functions = (
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [f.name for f in functions if f.name.startswith("test_") and not ast.get_docstring(f)]


def test_every_test_says_what_it_proves() -> None:
    """No test function is without its sentence."""
    silent = {
        f"{path.relative_to(TESTS)}::{name}" for path in TESTS.rglob("*.py") for name in silent_tests(path.read_text())
    }
    assert not silent


def test_a_silent_test_is_noticed() -> None:
    """The check can fail."""
    assert silent_tests("def test_a():\n    pass\nasync def test_b():\n    'Says.'\n") == ["test_a"]
