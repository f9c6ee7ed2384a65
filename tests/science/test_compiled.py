"""Compiled functions work wherever Athanor is installed, and are kept where that can be."""

from __future__ import annotations

import pytest
from numba.core import caching

from science.compiled import compiled


def twice(value: float) -> float:
    """A function to compile."""
    return 2 * value


def test_machine_code_is_kept() -> None:
    """The next process need not compile: numba has a place to keep the code."""
    kept = compiled(fastmath=True)(twice)
    assert kept(3.0) == 6.0
    assert isinstance(kept._cache, caching.FunctionCache)  # type: ignore[attr-defined]


def test_an_installation_that_may_not_be_written_to_compiles_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where numba finds no place for a cache, it would end the program: the function is compiled without."""
    monkeypatch.setattr(caching.FunctionCache._impl_class, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="no locator available"):
        caching.FunctionCache(twice)
    assert compiled()(twice)(3.0) == 6.0
