"""Whoever watches a ledger is shown one history, whoever serves it and whatever is done to it meanwhile."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bus.ledger.alarms import Alarm, keep_alarm
from bus.ledger.book import Book, DisagreementError
from bus.ledger.errors import TileDamagedError, TileMissingError
from bus.ledger.keys import KEYS, LEDGER, read_verifiers
from bus.ledger.tiles import ENTRIES, TileStore, tile_path
from bus.ledger.watch import FetchedStore, Watcher
from tests.bus.ledger.growing import entries


def write(folder: Path, start: int, stop: int) -> None:
    """One life of a writer."""
    book = Book.open(folder / LEDGER, folder / KEYS)
    for entry in entries(stop - start, start):
        book.append(entry)
    book.sign()
    book.publish()


def watcher(store: TileStore, ledger: Path) -> Watcher:
    """Watches with the keys that the ledger publishes now."""
    known = read_verifiers(ledger)
    return Watcher(store, lambda: known, ledger=ledger)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[FetchedStore]:
    """The folder's ledger over HTTP."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path / "run" / LEDGER)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield FetchedStore(f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("way", ["folder", "http"])
async def test_each_new_checkpoint_is_seen_once(tmp_path: Path, served: FetchedStore, way: str) -> None:
    """A ledger that grows shows its sizes one after the other, from the folder and over HTTP alike."""
    run = tmp_path / "run"
    write(run, 0, 10)
    watching = watcher(served if way == "http" else TileStore(run / LEDGER), run / LEDGER)
    sight = await watching.look()
    assert sight is not None
    assert (sight.checkpoint.size, sight.added) == (10, 10)
    assert await watching.look() is None
    for start, stop in ((10, 256), (256, 700), (700, 701)):
        write(run, start, stop)
        sight = await watching.look()
        assert sight is not None
        assert (sight.checkpoint.size, sight.added) == (stop, stop - start)
    assert not watching.alarms()


@pytest.mark.parametrize("way", ["folder", "http"])
async def test_a_ledger_that_goes_back_or_apart_is_caught(tmp_path: Path, served: FetchedStore, way: str) -> None:
    """Put back to an older copy, grown in another direction, or exchanged for another one: each by its name."""
    run = tmp_path / "run"
    write(run, 0, 100)
    shutil.copytree(run, tmp_path / "older")
    write(run, 100, 300)
    watching = watcher(served if way == "http" else TileStore(run / LEDGER), run / LEDGER)
    await watching.look()
    shutil.rmtree(run)
    shutil.copytree(tmp_path / "older", run)
    with pytest.raises(DisagreementError) as found:
        await watching.look()
    assert (found.value.kind, found.value.index) == ("rollback", 100)
    book = Book.open(run / LEDGER, run / KEYS)
    for entry in entries(300, 7000):
        book.append(entry)
    book.sign()
    book.publish()
    with pytest.raises(DisagreementError) as found:
        await watching.look()
    assert found.value.kind == "split view"


async def test_damage_in_what_is_new_is_caught(tmp_path: Path) -> None:
    """A flipped bit in a new entry is named at its index."""
    run = tmp_path / "run"
    write(run, 0, 100)
    watching = watcher(TileStore(run / LEDGER), run / LEDGER)
    await watching.look()
    write(run, 100, 400)
    path = run / LEDGER / tile_path(ENTRIES, 0)
    content = bytearray(path.read_bytes())
    at = content.index(b'"start":151')
    content[at + 9] ^= 1
    path.write_bytes(content)
    with pytest.raises(DisagreementError) as found:
        await watching.look()
    assert found.value.index == 150


def test_only_new_alarms_are_news(tmp_path: Path) -> None:
    """Alarms from before are history, one that comes while one watches is told once."""
    write(tmp_path, 0, 10)
    keep_alarm(tmp_path / LEDGER, Alarm("altered", 3, "old"))
    watching = watcher(TileStore(tmp_path / LEDGER), tmp_path / LEDGER)
    assert watching.alarms() == []
    keep_alarm(tmp_path / LEDGER, Alarm("altered", 3, "new"))
    keep_alarm(tmp_path / LEDGER, Alarm("altered", 3, "new"))
    assert [a.detail for a in watching.alarms()] == ["new"]
    assert watching.alarms() == []


def test_what_cannot_be_fetched(served: FetchedStore) -> None:
    """A file that is not there and a server that is not there are told apart."""
    with pytest.raises(TileMissingError):
        served.read_checkpoint()
    with pytest.raises(TileDamagedError, match="no answer"):
        FetchedStore("http://127.0.0.1:1").read_checkpoint()
