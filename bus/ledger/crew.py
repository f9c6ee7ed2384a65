"""Several processes that examine the bundles of a ledger at once, each a stretch of them.

What comes back of a bundle in which nothing is wrong is short: a hash, the ids, the causes. Of any other nothing comes
back, and whoever has asked looks at it himself: so what is found, and in which words, does not depend on how many
processes there are. Processes help from some ten thousand entries on; a smaller ledger is looked at here.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Self, TypeVar

from bus.ledger.errors import TileError
from bus.ledger.examining import Examiner, Faultless, Message, faultless, rolls_in
from bus.ledger.merkle import combine, leaf_hash
from bus.ledger.tiles import WIDTH, TileStore

STRETCH = 64
"""Bundles that a process takes at once."""
WORTHWHILE = 128
"""Bundles from which on processes are started."""

_Told = TypeVar("_Told")
Progress = Callable[[int, int], None]
"""Told how many entries have been looked at, and of how many."""


class Crew:
    """Who examines a ledger.

    Args:
        folder: the ledger's.
        processes: how many; with one or none everything is left to whoever asks.
        read_events: whether to look into the events too, and not only at hashes.
        progress: told how far it is.
    """

    def __init__(
        self, folder: Path, processes: int = 1, *, read_events: bool = True, progress: Progress = lambda _, __: None
    ) -> None:
        self._folder, self._processes, self._read_events, self._progress = folder, processes, read_events, progress
        self._pool: ProcessPoolExecutor | None = None
        self._rolls: tuple[Message, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def helps(self, size: int) -> bool:
        """Whether there is enough to do for processes."""
        return self._start(size) is not None

    def rolls(self, size: int) -> tuple[Message, ...]:
        """The rolls of a log of that size, in order, if processes have to know them beforehand."""
        if self._read_events and self._start(size) is not None:
            found = self.each(partial(_find_rolls, self._folder), size)
            self._rolls = tuple(roll for _, _, rolls in found for roll in rolls or ())
        return self._rolls

    def bundles(self, size: int) -> Iterator[Faultless | None]:
        """Of each bundle of a log of that size, in order, what it tells if nothing is wrong in it."""
        examine = partial(_examine, self._folder, self._read_events, self._rolls)
        for first, stop, told in self.each(examine, size):
            self._progress(first * WIDTH, size)
            yield from told if told is not None else repeat(None, stop - first)
        self._progress(size, size)

    def each(self, work: Callable[[int, int], _Told], size: int) -> Iterator[tuple[int, int, _Told | None]]:
        """Has stretches of the bundles of a log of that size worked on at once.

        Args:
            work: what to do with the bundles from one number to before another; it and its results travel.
            size: entries of the log.

        Yields:
            First bundle, the one behind the last, and what came of them, in order; nothing where it is left to the
            caller: there is too little for processes, the last bundle is not full, or somebody has killed a process.
        """
        whole, done = size // WIDTH, 0
        stretches = [(first, min(first + STRETCH, whole)) for first in range(0, whole, STRETCH)]
        if (pool := self._start(size)) is not None:
            with contextlib.suppress(BrokenExecutor):
                for (first, stop), told in zip(stretches, pool.map(work, *zip(*stretches, strict=True)), strict=True):
                    yield first, stop, told
                    done = stop
        yield from ((first, stop, None) for first, stop in stretches if first >= done)
        if size % WIDTH:
            yield whole, whole + 1, None

    def _start(self, size: int) -> ProcessPoolExecutor | None:
        """The processes, if there is enough to do for them."""
        if self._pool is None and self._processes > 1 and size // WIDTH >= WORTHWHILE:
            # a copy of a process with threads could wait for ever for a lock that one of them held
            way = "fork" if threading.active_count() == 1 else "spawn"
            # what a copy has from us it need not look through for garbage, which would copy all of it in earnest
            self._pool = ProcessPoolExecutor(self._processes, multiprocessing.get_context(way), gc.freeze)
        return self._pool


def _find_rolls(folder: Path, first: int, stop: int) -> list[Message]:
    store, found = TileStore(folder), list[Message]()
    for n in range(first, stop):
        with contextlib.suppress(TileError):  # told where it is looked at
            found += rolls_in(n * WIDTH, store.read_bundle(n))
    return found


def _examine(
    folder: Path,
    read_events: bool,  # noqa: FBT001  the pool calls it by position
    rolls: Iterable[Message],
    first: int,
    stop: int,
) -> list[Faultless | None]:
    store, examiner = TileStore(folder), Examiner(rolls) if read_events else None
    return [_faultless(store, n, examiner) for n in range(first, stop)]


def _faultless(store: TileStore, n: int, examiner: Examiner | None) -> Faultless | None:
    try:
        entries, tile = store.read_bundle(n), store.read_tile(0, n)
    except TileError:
        return None
    leaves = list(map(leaf_hash, entries))
    if b"".join(leaves) != tile:
        return None
    return faultless(n * WIDTH, entries, combine(leaves), examiner)
