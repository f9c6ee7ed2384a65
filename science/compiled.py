"""Functions compiled to machine code, which is kept on disk where there is somewhere to keep it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, TypeVar, cast

import numba
from numba.core.caching import FunctionCache

Function = TypeVar("Function", bound=Callable[..., object])
_Untyped = cast("Any", FunctionCache)


class _Cache(_Untyped):  # type: ignore[misc, valid-type]  # numba tells no types
    """Numba's cache, but for its errors: a disk that is full or was cut off in a write costs time and nothing else."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)


def compiled(*, fastmath: bool = False, inline: Literal["never", "always"] = "never") -> Callable[[Function], Function]:
    """Compiles a function at its first call, as `numba.njit` does, and keeps the code for the next process.

    It is kept beside the source, in the cache of the user or in ``NUMBA_CACHE_DIR``. Where none of them may be written
    to, as in an installation that belongs to another user, each process compiles anew: numba itself would end it.

    Args:
        fastmath: whether sums may be taken in another order.
        inline: ``always`` puts the function into those that call it.
    """

    def wrapped(function: Function) -> Function:
        done = cast("Any", numba.njit(fastmath=fastmath, inline=inline)(function))
        with suppress(RuntimeError):  # numba's word for a cache that has no place
            done._cache = _Cache(function)  # noqa: SLF001  as its `enable_caching` does
        return cast("Function", done)

    return wrapped


def kept_in() -> str | None:
    """The folder that keeps the machine code of this installation; none where nothing can be written."""
    try:
        return str(_Cache(kept_in).cache_path)
    except RuntimeError:
        return None
