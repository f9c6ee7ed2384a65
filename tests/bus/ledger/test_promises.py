"""Both ways of writing a ledger keep its promises: the plain one of the formats, and the book of the live writer."""

from __future__ import annotations

from pathlib import Path

from bus.ledger.book import Book
from bus.ledger.checkpoint import Checkpoint
from bus.ledger.growth import Growth
from bus.ledger.keys import KEYS, LEDGER, open_ring
from bus.ledger.note import Note
from bus.ledger.tiles import CHECKPOINT, TileStore
from tests.bus.ledger.growing import grow
from tests.promises.ledger_promises import LedgerPromises


class TestFormats(LedgerPromises):
    """Files straight from a growing tree."""

    def write(self, run: Path, more: list[bytes]) -> None:
        """Grows what is there."""
        store, ring = TileStore(run / LEDGER), open_ring(run / KEYS, run / LEDGER)
        size = 0
        if (run / LEDGER / CHECKPOINT).is_file():
            size = Checkpoint.parse(Note.parse(store.read_checkpoint()).text).size
        grow(store, ring, more, Growth.resume(store, size))


class TestBook(LedgerPromises):
    """What the live writer uses."""

    def write(self, run: Path, more: list[bytes]) -> None:
        """Opens the book, appends, signs and publishes."""
        book = Book.open(run / LEDGER, run / KEYS)
        for entry in more:
            book.append(entry)
        book.sign()
        book.publish()
