"""Worker processes: results and errors come home, and a worker that dies takes nothing with it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from agents import workers as workers_module
from agents.workers import THREAD_LIMITS, Workers
from contracts.errors import InstrumentBusyError
from science.pieces import Divisible, Piece, whole
from tests.contracts.examples import EPOCH


def square(n: int) -> int:
    """Something to compute."""
    return n * n


def busy() -> None:
    """Raises an error with arguments of its own, which plain pickling would lose."""
    raise InstrumentBusyError("furnace-1", "firing", EPOCH)


def die_once(mark: str) -> str:
    """Kills its worker the first time, as the kernel does when memory runs out."""
    if not Path(mark).exists():
        Path(mark).touch()
        os._exit(9)
    return "done the second time"


def die(_n: int = 0) -> None:
    """Kills its worker each time."""
    os._exit(9)


def environment() -> tuple[int, dict[str, str | None]]:
    """Who works, and with how many threads."""
    return os.getpid(), {name: os.environ.get(name) for name in THREAD_LIMITS}


async def test_without_workers_work_is_done_where_it_is_asked_for() -> None:
    """Tests need no processes, and errors are the errors themselves."""
    workers = Workers(0)
    assert await workers.run(square, 7) == 49
    with pytest.raises(InstrumentBusyError):
        await workers.run(busy)
    workers.close()


async def test_workers_over_their_whole_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results come home, errors keep their attributes, a dead worker's work is done again, a deadly one gives up."""
    pools = []

    class Counted(workers_module.ProcessPoolExecutor):
        def __init__(self, *args, **kwargs) -> None:
            pools.append(self)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(workers_module, "ProcessPoolExecutor", Counted)
    workers = Workers(1)
    try:
        assert await workers.run(square, 7) == 49
        pid, limits = await workers.run(environment)
        assert pid != os.getpid()
        assert all(limits.values()), "each worker computes with a fixed number of threads"
        with pytest.raises(InstrumentBusyError, match="Expected furnace-1 to be free") as caught:
            await workers.run(busy)
        assert (caught.value.instrument, caught.value.until) == ("furnace-1", EPOCH)
        # all are in the pool when it breaks: the second must not close what the first has made anew
        answers = await asyncio.gather(
            workers.run(die_once, str(tmp_path / "mark")), workers.run(square, 3), workers.run(square, 4)
        )
        assert answers == ["done the second time", 9, 16]
        assert len(pools) == 2
        with pytest.raises(BrokenProcessPool):
            await workers.run(die)
        assert await workers.run(square, 5) == 25, "and those after it are served"
    finally:
        workers.close()
    assert workers._pool is None


def where(n: int, folder: str) -> tuple[int, int]:
    """Who does this piece; it waits until another piece is under way, too."""
    (Path(folder) / str(n)).touch()
    for _ in range(1200):
        if len(list(Path(folder).iterdir())) > 1:
            break
        time.sleep(0.05)
    return n, os.getpid()


def lost(_n: int, _folder: str) -> None:
    """A piece that fails."""
    raise InstrumentBusyError("furnace-1", "firing", EPOCH)


@Divisible
def spread(fn, folder: str):
    """Two pieces that each wait for the other."""
    return whole((yield tuple(Piece(fn, (n, folder)) for n in range(2))))


async def test_workers_share_the_pieces_of_a_task(tmp_path: Path) -> None:
    """Two pieces run side by side, results come in their order, and an error keeps its attributes."""
    workers = Workers(2)
    try:
        (zero, one), (first, second) = zip(*await workers.run(spread, where, str(tmp_path)), strict=True)
        assert (zero, one) == (0, 1)
        assert first != second
        with pytest.raises(InstrumentBusyError, match="Expected furnace-1 to be free") as caught:
            await workers.run(spread, lost, str(tmp_path))
        assert caught.value.instrument == "furnace-1"
    finally:
        workers.close()


def counted(n: int, folder: str) -> int:
    """Leaves a mark each time that it is done."""
    descriptor, _ = tempfile.mkstemp(dir=folder, prefix=f"{n}-")
    os.close(descriptor)
    return n * n


async def test_what_is_coming_is_begun_by_an_idle_worker_and_done_once(tmp_path: Path) -> None:
    """It is done before it is asked for, and not again; a wrong guess is not used, and a broken pool mends itself."""
    workers, guess = Workers(3), [Piece(counted, (2, str(tmp_path))), Piece(counted, (7, str(tmp_path)))]
    workers.coming = lambda: guess
    try:
        assert await workers.run(counted, 1, str(tmp_path)) == 1
        async with asyncio.timeout(240):
            while len(list(tmp_path.iterdir())) < 3:
                await asyncio.sleep(0.05)
        del guess[0]
        assert await workers.run(counted, 2, str(tmp_path)) == 4
        assert await workers.run(counted, 3, str(tmp_path)) == 9
        done = sorted(path.name.partition("-")[0] for path in tmp_path.iterdir())
        assert done == ["1", "2", "3", "7"]
        for n in (4, 5, 6):  # each guess kills the worker that has begun it, the pool with it
            guess[:] = [Piece(die, (n,))]
            assert await workers.run(counted, n, str(tmp_path)) == n * n
            async with asyncio.timeout(240):
                while not all(begun.done() for begun in workers._ahead._ahead.values()):
                    await asyncio.sleep(0.05)
    finally:
        workers.close()


KEPT: list[bytes] = []


def free_much_but_the_last() -> None:
    """Fills the heap with small things and lets go of all but the one at its end."""
    things = [bytes(1000) for _ in range(200_000)]
    KEPT.append(things[-1])


def resident() -> float:
    """MB of the worker."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def test_what_a_task_has_freed_goes_back_to_the_system() -> None:
    """Otherwise a worker would for months be as large as its largest fit."""
    workers = Workers(1)
    before = await workers.run(resident)
    await workers.run(free_much_but_the_last)
    after = await workers.run(resident)
    workers.close()
    assert after - before < 50  # of 200 and more


class Model:
    """Something large that refers to itself, as fitted models do."""

    def __init__(self) -> None:
        self.me, self.bulk = self, bytearray(20_000_000)


def fit_something() -> None:
    """Makes such a thing and lets go of it."""
    Model()


async def test_what_refers_to_itself_is_not_kept_until_somebody_tidies_up() -> None:
    """A worker is as large after its tenth model as after its first."""
    workers = Workers(1)
    await workers.run(fit_something)
    before = await workers.run(resident)
    for _ in range(9):
        await workers.run(fit_something)
    after = await workers.run(resident)
    workers.close()
    assert after - before < 30  # of 180
