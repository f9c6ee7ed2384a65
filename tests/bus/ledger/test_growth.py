"""A growing ledger: its files, its roots, and that it goes on from what is stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.ledger.errors import TileDamagedError, TileMissingError
from bus.ledger.growth import Growth
from bus.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from bus.ledger.tiles import ENTRIES, TileStore, tile_path, tiles_of, widths

ENTRY = [n.to_bytes(3) for n in range(66_000)]


def plain_root(count: int) -> bytes:
    """The root by a frontier that knows nothing of tiles."""
    tree = Frontier()
    for entry in ENTRY[:count]:
        tree.append(leaf_hash(entry))
    return tree.root()


@given(st.integers(0, 1100))
@settings(max_examples=25, deadline=None)
def test_the_root_is_that_of_the_tree(count: int) -> None:
    """Tile by tile or leaf by leaf, the root over the same entries is the same."""
    growth = Growth()
    for entry in ENTRY[:count]:
        growth.append(entry)
    assert growth.root() == plain_root(count)


def test_nothing_has_the_empty_root() -> None:
    """A ledger without entries has the root of the empty tree and no files."""
    assert Growth().root() == EMPTY_ROOT
    assert Growth().files() == {}


def test_all_tiles_of_the_specification_are_written(tmp_path: Path) -> None:
    """What is written for a size is exactly the files that the specification asks for, over three levels."""
    growth = Growth()
    for entry in ENTRY:
        growth.append(entry)
    files = growth.files()
    wanted = {tile_path(*tile) for tile in tiles_of(len(ENTRY))}
    wanted |= {tile_path(ENTRIES, n, width) for n, width in widths(len(ENTRY))}
    assert set(files) == wanted
    assert any(path.startswith("tile/2/") for path in wanted)
    TileStore(tmp_path).write(dict(list(files.items())[:3]))
    assert set(growth.files()) < wanted, "full files are handed out once"


def test_a_ledger_goes_on_from_what_is_stored(tmp_path: Path) -> None:
    """Stopped and resumed at any size, a ledger has the same files and roots as one that never stopped."""
    store, growth = TileStore(tmp_path), Growth()
    size = 0
    for stop in (1, 2, 255, 256, 257, 512, 700, 1025):
        growth = Growth.resume(store, size)
        for entry in ENTRY[size:stop]:
            growth.append(entry)
        store.write(growth.files())
        size = stop
        assert growth.root() == plain_root(stop) == root_hash(stop, store.hashes(stop))
    assert list(store.entries(0, size)) == ENTRY[:size]


@pytest.mark.parametrize(("old", "new"), [(1, 700), (255, 257), (256, 700), (300, 513), (699, 700)])
def test_proofs_come_from_the_tiles(tmp_path: Path, old: int, new: int) -> None:
    """Inclusion and consistency are proved from the stored tiles alone."""
    store, growth = TileStore(tmp_path), Growth()
    for entry in ENTRY[:new]:
        growth.append(entry)
    store.write(growth.files())
    read, root = store.hashes(new), plain_root(new)
    assert verify_consistency(old, plain_root(old), new, root, consistency_proof(old, new, read))
    assert verify_inclusion(leaf_hash(ENTRY[old]), old, new, inclusion_proof(old, new, read), root)


def test_an_edge_that_contradicts_itself_is_not_gone_on_from(tmp_path: Path) -> None:
    """A ledger whose last entries do not have the hashes in their tile is not added to, nor one whose edge is gone."""
    store, growth = TileStore(tmp_path), Growth()
    for entry in ENTRY[:5]:
        growth.append(entry)
    store.write(growth.files())
    with pytest.raises(TileMissingError):
        Growth.resume(store, 6)
    bundle = tmp_path / tile_path(ENTRIES, 0, 5)
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"\xff")
    with pytest.raises(TileDamagedError, match="hashes in their tile"):
        Growth.resume(store, 5)
