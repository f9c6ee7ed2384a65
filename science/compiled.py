"""Functions compiled to machine code, which is kept on disk where there is somewhere to keep it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Literal, TypeVar, cast

import numba
from numba.core.dispatcher import Dispatcher

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(*, fastmath: bool = False, inline: Literal["never", "always"] = "never") -> Callable[[Function], Function]:
    """Compiles a function at its first call, as `numba.njit` does, and keeps the code for the next process.

    It is kept beside the source, in the cache of the user or in ``NUMBA_CACHE_DIR``. Where none of them may be written
    to, as in an installation that belongs to another user, each process compiles anew: numba itself refuses to.

    Args:
        fastmath: whether sums may be taken in another order.
        inline: ``always`` puts the function into those that call it.
    """

    def wrapped(function: Function) -> Function:
        done = numba.njit(fastmath=fastmath, inline=inline)(function)
        with suppress(RuntimeError):  # numba's word for a cache that has no place
            done.enable_caching()
        return cast("Function", done)

    return wrapped


def kept_in() -> str | None:
    """The folder that keeps the machine code of this installation; none where nothing can be written."""
    path = cast("Dispatcher", compiled()(kept_in)).stats.cache_path
    return None if path is None else str(path)
