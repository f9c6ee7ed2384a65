"""Several processes that examine the bundles of a ledger at once, each a stretch of them.

What comes back of a bundle in which nothing is wrong is short: a hash, the ids, the causes. Of any other nothing comes
back, and whoever has asked looks at it himself: so what is found, and in which words, does not depend on how many
processes there are. Processes help from some ten thousand entries on; a smaller ledger is looked at here.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

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


class _Stretch(NamedTuple):
    """What a process is asked to look at."""

    folder: Path
    first: int
    stop: int
    read_events: bool
    rolls: tuple[Message, ...] = ()


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

    def rolls(self, size: int) -> tuple[Message, ...]:
        """The rolls of a log of that size, in order, if processes have to know them beforehand."""
        if self._read_events and self._start(size) is not None:
            self._rolls = tuple(roll for found in self._map(_find_rolls, size) for roll in found or ())
        return self._rolls

    def bundles(self, size: int) -> Iterator[Faultless | None]:
        """Of each bundle of a log of that size, in order, what it tells if nothing is wrong in it."""
        count, done = -(-size // WIDTH), 0
        if self._start(size) is not None:
            for found in self._map(_examine, size):
                if found is None:  # somebody has killed one of them: the rest is looked at here
                    break
                for told in found:
                    yield told
                    done += 1
                self._progress(done * WIDTH, size)
        for n in range(done, count):
            if n % STRETCH == 0:
                self._progress(n * WIDTH, size)
            yield None
        self._progress(size, size)

    def _start(self, size: int) -> ProcessPoolExecutor | None:
        """The processes, if there is enough to do for them."""
        if self._pool is None and self._processes > 1 and size // WIDTH >= WORTHWHILE:
            # a copy of a process with threads could wait for ever for a lock that one of them held
            way = "fork" if threading.active_count() == 1 else "spawn"
            self._pool = ProcessPoolExecutor(self._processes, multiprocessing.get_context(way))
        return self._pool

    def _map(self, work: Callable[[_Stretch], list[_Told]], size: int) -> Iterator[list[_Told] | None]:
        """What the processes find of each stretch of whole bundles, in order; nothing from where one of them died."""
        whole = size // WIDTH
        stretches = [
            _Stretch(self._folder, first, min(first + STRETCH, whole), self._read_events, self._rolls)
            for first in range(0, whole, STRETCH)
        ]
        assert self._pool is not None  # noqa: S101  the caller has started it
        try:
            yield from self._pool.map(work, stretches)
        except BrokenExecutor:
            yield None


def _find_rolls(asked: _Stretch) -> list[Message]:
    store, found = TileStore(asked.folder), list[Message]()
    for n in range(asked.first, asked.stop):
        try:
            found += rolls_in(n * WIDTH, store.read_bundle(n))
        except TileError:
            continue  # told where it is looked at
    return found


def _examine(asked: _Stretch) -> list[Faultless | None]:
    store, examiner = TileStore(asked.folder), Examiner(asked.rolls)
    return [_faultless(store, n, examiner if asked.read_events else None) for n in range(asked.first, asked.stop)]


def _faultless(store: TileStore, n: int, examiner: Examiner | None) -> Faultless | None:
    try:
        entries, tile = store.read_bundle(n), store.read_tile(0, n)
    except TileError:
        return None
    leaves = list(map(leaf_hash, entries))
    if b"".join(leaves) != tile:
        return None
    return faultless(n * WIDTH, entries, combine(leaves), examiner)
