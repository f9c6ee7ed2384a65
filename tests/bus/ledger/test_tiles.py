"""The files of a ledger: their names, their lengths, and that a published one never changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.ledger.errors import TileConflictError, TileDamagedError, TileMissingError
from bus.ledger.merkle import leaf_hash
from bus.ledger.tiles import ENTRIES, TileStore, pack_bundle, tile_path, tiles_of, unpack_bundle, widths


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((0, 0, 7), "tile/0/000.p/7"),
        ((1, 999, 256), "tile/1/999"),
        ((2, 1000, 1), "tile/2/x001/000.p/1"),
        ((0, 1234067, 256), "tile/0/x001/x234/067"),
        ((ENTRIES, 1234067, 255), "tile/entries/x001/x234/067.p/255"),
    ],
)
def test_paths_are_those_of_the_specification(where: tuple[int | str, int, int], path: str) -> None:
    """Tiles and bundles lie where any client of such logs looks for them."""
    assert tile_path(*where) == path


def test_a_log_of_70000_has_the_tiles_of_the_specification() -> None:
    """The specification's example: 273 full tiles and one of 112, one full and one of 17, and one of width 1."""
    tiles = list(tiles_of(70_000))
    assert tiles[:273] == [(0, n, 256) for n in range(273)]
    assert tiles[273:] == [(0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)]
    assert list(tiles_of(256)) == [(0, 0, 256), (1, 0, 1)]
    assert list(tiles_of(0)) == list(widths(0)) == []


def test_a_bundle_reads_as_it_was_packed() -> None:
    """Entries of every length that is possible, the empty one included, come back from a bundle."""
    entries = [b"", b"a", b"b" * 65535, b"c" * 256]
    assert unpack_bundle("x", pack_bundle(entries), 4) == entries


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: c + b"\0", lambda c: c + b"\0\0", lambda c: c[:1]])
def test_a_bundle_of_another_length_is_damaged(change: object) -> None:
    """A bundle that was cut, or has something behind its entries, is not read at all."""
    content = change(pack_bundle([b"one", b"two"]))  # type: ignore[operator]
    with pytest.raises(TileDamagedError, match="tile/entries/000.p/2"):
        unpack_bundle("tile/entries/000.p/2", content, 2)


def test_a_published_file_never_changes(tmp_path: Path) -> None:
    """Writing a tile again is nothing, writing another one in its place is refused before anything is written."""
    store = TileStore(tmp_path)
    store.write({"tile/0/000.p/1": b"a" * 32})
    store.write({"tile/0/000.p/1": b"a" * 32, "tile/0/000.p/2": b"b" * 64})
    with pytest.raises(TileConflictError, match="tile/0/000.p/1"):
        store.write({"tile/0/000.p/3": b"c" * 96, "tile/0/000.p/1": b"x" * 32})
    assert not (tmp_path / "tile/0/000.p/3").exists()
    assert store.read_tile(0, 0, 1) == b"a" * 32
    assert [p.name for p in tmp_path.rglob(".new-*")] == []


def test_the_checkpoint_is_replaced(tmp_path: Path) -> None:
    """The one file that changes is the checkpoint; before the first there is none."""
    store = TileStore(tmp_path)
    with pytest.raises(TileMissingError, match="checkpoint"):
        store.read_checkpoint()
    store.write_checkpoint(b"one")
    store.write_checkpoint(b"two")
    assert store.read_checkpoint() == b"two"


def test_a_tile_of_another_length_is_damaged(tmp_path: Path) -> None:
    """A truncated tile is noticed by its length alone."""
    store = TileStore(tmp_path)
    store.write({"tile/0/000.p/2": b"a" * 63})
    with pytest.raises(TileDamagedError, match="63 bytes instead of 64"):
        store.read_tile(0, 0, 2)
    with pytest.raises(TileMissingError, match="tile/0/001"):
        store.read_tile(0, 1)


def test_a_full_file_serves_for_its_partial_ones(tmp_path: Path) -> None:
    """Partial tiles and bundles may be dropped once the full one is there; what they held is still read."""
    store = TileStore(tmp_path)
    entries = [bytes([n]) for n in range(256)]
    hashes = b"".join(map(leaf_hash, entries))
    store.write({tile_path(0, 0, 3): hashes[:96], tile_path(ENTRIES, 0, 3): pack_bundle(entries[:3])})
    store.drop_partials()
    assert (tmp_path / "tile/0/000.p/3").exists(), "nothing is dropped before the full one is there"
    store.write({tile_path(0, 0): hashes, tile_path(ENTRIES, 0): pack_bundle(entries), "tile/0/001.p/1": b"z" * 32})
    store.drop_partials()
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == [
        "tile/0/000",
        "tile/0/001.p/1",
        "tile/entries/000",
    ]
    assert store.read_tile(0, 0, 3) == hashes[:96]
    assert store.read_bundle(0, 3) == entries[:3]
    assert list(store.entries(254, 256)) == entries[254:]


def test_a_wider_partial_file_serves_too(tmp_path: Path) -> None:
    """Who reads an older checkpoint while the log grows finds what was replaced in the next wider file."""
    store = TileStore(tmp_path)
    entries = [bytes([n]) for n in range(9)]
    for width in (5, 9):
        store.write({tile_path(ENTRIES, 0, width): pack_bundle(entries[:width])})
    assert store.read_bundle(0, 3) == entries[:3]
    assert store.read_bundle(0, 7) == entries[:7]
    with pytest.raises(TileMissingError, match=r"000.p/10"):
        store.read_bundle(0, 10)
