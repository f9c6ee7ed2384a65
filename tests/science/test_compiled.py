"""Compiled functions work wherever Athanor is installed, and are kept where that can be."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from numba.core import caching, config

from science.compiled import compiled, kept_in


def twice(value: float) -> float:
    """A function to compile."""
    return 2 * value


def made_anew() -> Callable[[float], float]:
    """The function as another process has it."""
    return compiled(fastmath=True)(twice)


def taken_from_disk(function: Any) -> bool:
    """Whether its code was not compiled but read."""
    return bool(function.stats.cache_hits)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the test's own for machine code.

    It is told as a user tells it: numba reads its whole configuration anew at the next compilation once any of its
    variables has changed, and what was set in the configuration itself is then gone.
    """
    with monkeypatch.context() as environment:
        environment.setenv("NUMBA_CACHE_DIR", str(tmp_path))
        config.reload_config()
        yield tmp_path
    config.reload_config()


def test_machine_code_is_kept(kept: Path) -> None:
    """The next process need not compile."""
    first, second = made_anew(), made_anew()
    assert first(3.0) == 6.0
    assert not taken_from_disk(first)
    assert second(3.0) == 6.0
    assert taken_from_disk(second)
    assert Path(kept_in() or "").is_relative_to(kept)


def test_an_installation_that_may_not_be_written_to_compiles_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where numba finds no place for a cache, it would end the program: the function is compiled without."""
    monkeypatch.setattr(caching.FunctionCache._impl_class, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="no locator available"):
        caching.FunctionCache(twice)
    assert made_anew()(3.0) == 6.0
    assert kept_in() is None


def test_a_full_disk_costs_time_only(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be kept is used all the same, and kept when there is room again."""
    with monkeypatch.context() as full:

        def no_room(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(caching.IndexDataCacheFile, "_save_index", no_room)
        assert made_anew()(3.0) == 6.0
    assert not list(kept.rglob("*.nbi"))
    made_anew()(3.0)
    again = made_anew()
    assert again(3.0) == 6.0
    assert taken_from_disk(again)


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [b"", b"\x80", b"no pickle"])
def test_a_file_that_was_cut_off_is_written_anew(kept: Path, suffix: str, left: bytes) -> None:
    """The power was cut while it was written: the function is compiled, and the process after that reads it again."""
    made_anew()(3.0)
    (file,) = kept.rglob(f"*.{suffix}")
    file.write_bytes(left)
    damaged = made_anew()
    assert damaged(3.0) == 6.0
    assert not taken_from_disk(damaged)
    mended = made_anew()
    assert mended(3.0) == 6.0
    assert taken_from_disk(mended)
