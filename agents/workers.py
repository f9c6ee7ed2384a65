"""Worker processes for heavy science, one numerical thread each.

Fits take seconds and would stop every agent if they ran in the event loop. Workers are spawned, not
forked, so that no lock or thread of the parent is copied into them.

Agents may have to take turns; what they ask for is a function of its arguments and of nothing else. So several workers
may share the pieces of one task, and one that is idle may begin what will be asked next (decision 29). Neither
changes an answer, nor the order in which answers are given.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import Any, ParamSpec, TypeVar, cast

from agents.forethought import Forethought
from science.pieces import Divisible, Piece, Rounds

P = ParamSpec("P")
R = TypeVar("R")

THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def _begin() -> None:
    """Runs first in each worker: leave Ctrl-C to the parent, and do not outlive it.

    A worker waits for work on a pipe that it holds open itself, so it would never notice that its parent was killed.
    """
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, name="follow-parent", daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _nothing() -> Iterable[Piece]:
    return ()


class Workers:
    """A pool of worker processes; with none, work runs where it is asked for (tests).

    Attributes:
        coming: what will probably be asked for next, soonest first. Asked whenever something is; a guess that turns
            out wrong costs time of a processor that was idle, and nothing else.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.coming: Callable[[], Iterable[Piece]] = _nothing
        self._pool: ProcessPoolExecutor | None = None
        self._ahead = Forethought(max(count - 1, 0))  # one does what was asked for; farther guesses are oftener wrong

    def _start(self) -> ProcessPoolExecutor:
        if self._pool is None:
            for name in THREAD_LIMITS:  # inherited by the children, read when their libraries load
                os.environ.setdefault(name, "1")
            self._pool = ProcessPoolExecutor(
                self.count, mp_context=multiprocessing.get_context("spawn"), initializer=_begin
            )
        return self._pool

    async def run(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of ``fn(*args, **kwargs)``, computed in a worker.

        A worker that dies (killed for memory, say) takes the pool with it: it is made anew and the
        work, being pure, is done once more.

        Raises:
            BrokenProcessPool: a worker died twice over the same work.
        """
        if self.count == 0:
            return fn(*args, **kwargs)
        if isinstance(fn, Divisible) and self.count > 1:
            return cast("R", await self._shared(fn.rounds(*args, **kwargs)))
        piece = Piece(fn, args, kwargs)
        begun = self._ahead.taken(piece)
        if self.count > 1:
            self._ahead.begin(self.coming(), self._submitted)
        return cast("R", await self._answered(piece, begun))

    async def _shared(self, rounds: Rounds[R]) -> R:
        """The result of a task whose pieces all workers share."""
        try:
            pieces = next(rounds)
            while True:
                outcomes: list[Any] = await asyncio.gather(*map(self._answered, pieces), return_exceptions=True)
                if lost := next((o for o in outcomes if isinstance(o, BrokenProcessPool)), None):
                    raise lost
                pieces = rounds.send(tuple(outcomes))
        except StopIteration as done:
            return cast("R", done.value)

    async def _answered(self, piece: Piece, begun: Future[Any] | None = None) -> Any:
        try:
            answer = await asyncio.wrap_future(begun or self._submitted(piece))
        except BrokenProcessPool:
            answer = await asyncio.wrap_future(self._submitted(piece))
        if isinstance(answer, _Raised):
            raise answer.error()
        return answer

    def _submitted(self, piece: Piece) -> Future[Any]:
        task = partial(_carry, piece.fn, *piece.args, **piece.kwargs)
        try:
            return self._start().submit(task)
        except BrokenProcessPool:  # a worker has died, be it over what nobody has asked for yet
            self.close()
            return self._start().submit(task)

    def close(self) -> None:
        """Ends the workers; what they are doing is abandoned."""
        self._ahead.forget()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


@dataclass(frozen=True)
class _Raised:
    """An exception on its way home; errors with arguments of their own do not survive pickling otherwise."""

    kind: type[Exception]
    arguments: tuple[Any, ...]
    state: dict[str, Any]

    def error(self) -> Exception:
        error = self.kind.__new__(self.kind)
        error.args = self.arguments
        error.__dict__.update(self.state)
        return error


def _carry(fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R | _Raised:
    try:
        return fn(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  raised again by whoever asked
        return _Raised(type(error), error.args, dict(error.__dict__))
    finally:
        _give_back(getattr(fn, "__qualname__", type(fn).__name__))


_DONE: set[str] = set()
"""Tasks that this worker has done before."""


def _give_back(task: str) -> None:
    """Lets the system have the memory that a task has freed.

    Models refer to themselves and wait for the collector, which comes by less often the longer a worker has lived:
    meanwhile they would pile up by the dozen. To collect is quick where all that libraries bring along is set apart,
    which they do when a task is first done. glibc, in turn, would keep the most that ever was in use.
    """
    gc.collect()
    if task not in _DONE:
        _DONE.add(task)
        gc.freeze()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
