"""The one who writes a ledger signs what is on disk, and never what contradicts an earlier signature."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bus.ledger.book import KEPT, SIGNED, Book, DisagreementError
from bus.ledger.checkpoint import Checkpoint
from bus.ledger.errors import LedgerError, SigningKeyError
from bus.ledger.growth import Growth
from bus.ledger.merkle import Frontier
from bus.ledger.note import Note
from bus.ledger.tiles import CHECKPOINT, ENTRIES, tile_path
from bus.ledger.verify import verify
from tests.bus.ledger.growing import entries


def opened(folder: Path) -> Book:
    """The book of a folder."""
    return Book.open(folder / "ledger", folder / "keys" / "ledger")


def published(folder: Path) -> int:
    """The size that readers see."""
    return Checkpoint.parse(Note.parse((folder / "ledger" / CHECKPOINT).read_bytes()).text).size


def write(book: Book, start: int, stop: int) -> None:
    """Appends, signs, publishes."""
    for entry in entries(stop - start, start):
        book.append(entry)
    book.sign()
    book.publish()


def test_a_new_ledger_begins_with_a_signature_over_nothing(tmp_path: Path) -> None:
    """Before the first entry there is a signed checkpoint of size zero, so that tiles without one are a finding."""
    book = opened(tmp_path)
    assert book.checkpoint.size == 0
    assert verify(tmp_path / "ledger").ok


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Over many lives the files are those that one life would have written, and they verify each time."""
    for start, stop in ((0, 1), (1, 255), (255, 256), (256, 300), (300, 700)):
        write(opened(tmp_path), start, stop)
        assert verify(tmp_path / "ledger").ok
    once = Growth()
    for entry in entries(700):
        once.append(entry)
    assert opened(tmp_path).checkpoint.root == once.root()
    assert opened(tmp_path).entries(250, 700) == entries(450, 250)


def test_partial_files_go_when_nobody_needs_them(tmp_path: Path) -> None:
    """Partial files vanish beside full ones, and of a bundle that grows slowly only the last few are kept."""
    book = opened(tmp_path)
    for n in range(60):
        write(book, n, n + 1)
    assert len(list((tmp_path / "ledger/tile/entries/000.p").iterdir())) == KEPT
    assert verify(tmp_path / "ledger").ok
    write(book, 60, 300)
    assert not list((tmp_path / "ledger/tile/0").glob("000.p"))
    assert not list((tmp_path / "ledger/tile/entries").glob("000.p"))
    assert verify(tmp_path / "ledger").ok


def test_a_signature_is_written_down_before_it_is_published(tmp_path: Path) -> None:
    """Killed between signing and publishing, the next life knows the newest signature and does not sign less."""
    book = opened(tmp_path)
    write(book, 0, 10)
    for entry in entries(5, 10):
        book.append(entry)
    book.sign()
    again = opened(tmp_path)
    assert again.checkpoint.size == 15
    assert published(tmp_path) == 10
    again.publish()
    assert published(tmp_path) == 15


def test_what_was_written_and_not_signed_does_not_bind(tmp_path: Path) -> None:
    """A writer that was killed while it wrote leaves files that nobody vouches for; the next life removes them."""
    book = opened(tmp_path)
    write(book, 0, 250)
    lost = Growth.resume(book.store, 250)
    for entry in entries(1100, 2000):  # other entries than those that come
        lost.append(entry)
    book.store.write(lost.files())
    again = opened(tmp_path)
    again.drop_unsigned()
    write(again, 250, 1400)
    assert verify(tmp_path / "ledger").ok
    assert again.entries(0, 1400) == entries(1400)


def test_a_full_disk_loses_no_tile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What became full while the disk was full is written when there is room again."""
    book = opened(tmp_path)
    write(book, 0, 200)
    for entry in entries(400, 200):
        book.append(entry)
    with monkeypatch.context() as patch:
        patch.setattr("bus.ledger.tiles.os.fsync", _refuse)
        with pytest.raises(OSError, match="full"):
            book.sign()
    assert opened(tmp_path).checkpoint.size == 200
    write(book, 600, 610)
    assert verify(tmp_path / "ledger").ok
    assert opened(tmp_path).checkpoint.size == 610


def _refuse(_: int) -> None:
    raise OSError(28, "the disk is full")


@pytest.mark.parametrize(
    ("path", "at"),
    [
        (tile_path(0, 1), 70),
        (tile_path(0, 2, 188), 3),
        (tile_path(1, 0, 2), 40),
        (tile_path(ENTRIES, 2, 188), 40),
        (CHECKPOINT, 60),
    ],
)
def test_a_damaged_edge_is_not_built_upon(tmp_path: Path, path: str, at: int) -> None:
    """A flipped bit in a tile or bundle at the edge, or in what was signed, keeps the book shut and is not touched."""
    write(opened(tmp_path), 0, 700)
    (tmp_path / "ledger" / SIGNED).unlink()
    file = tmp_path / "ledger" / path
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    before = {p: p.read_bytes() for p in (tmp_path / "ledger").rglob("*") if p.is_file()}
    if path == tile_path(0, 1):  # below the edge: found when it is read, not when the book is opened
        with pytest.raises(DisagreementError) as found:
            opened(tmp_path).entries(0, 700)
        assert found.value.index == 256 + 70 // 32
    else:
        with pytest.raises(DisagreementError):
            opened(tmp_path)
    assert before == {p: p.read_bytes() for p in (tmp_path / "ledger").rglob("*") if p.is_file()}


def test_a_checkpoint_that_is_gone(tmp_path: Path) -> None:
    """Tiles without any signature are not signed anew."""
    write(opened(tmp_path), 0, 10)
    for name in (CHECKPOINT, SIGNED):
        (tmp_path / "ledger" / name).unlink()
    with pytest.raises(DisagreementError, match="checkpoint"):
        opened(tmp_path)


def test_a_foreign_ledger_and_foreign_keys(tmp_path: Path) -> None:
    """Somebody else's ledger, or somebody else's keys, are told apart and nothing is added."""
    write(opened(tmp_path / "a"), 0, 10)
    write(opened(tmp_path / "b"), 0, 10)
    shutil.copy(tmp_path / "a/ledger/checkpoint", tmp_path / "b/ledger/checkpoint")
    with pytest.raises(DisagreementError, match="signed"):
        opened(tmp_path / "b")
    with pytest.raises(SigningKeyError, match="another ledger"):
        Book.open(tmp_path / "a/ledger", tmp_path / "b/keys/ledger")


def test_a_tree_that_does_not_continue_what_was_signed_is_not_signed(tmp_path: Path) -> None:
    """Should memory tell other entries than those that were signed, no second history is signed or remembered."""
    book = opened(tmp_path)
    write(book, 0, 300)
    before = (book.note.text, (tmp_path / "ledger" / SIGNED).read_bytes())
    book.growth = Growth()
    for entry in entries(600, 5000):
        book.append(entry)
    with pytest.raises(LedgerError):
        book.sign()  # the full tiles of the other history are refused
    book = opened(tmp_path)
    book.growth._rows[0].hashes[:32] = bytes(32)
    for entry in entries(10, 300):
        book.append(entry)
    book.growth._rows[0].frontier = _frontier(book.growth._rows[0].hashes)
    with pytest.raises(DisagreementError, match="Nothing was signed"):
        book.sign()
    assert (book.note.text, (tmp_path / "ledger" / SIGNED).read_bytes()) == before


def _frontier(hashes: bytearray) -> Frontier:
    grown = Frontier()
    for at in range(0, len(hashes), 32):
        grown.append(bytes(hashes[at : at + 32]))
    return grown
