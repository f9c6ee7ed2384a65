"""The corruption matrix, offline: everything that can be done to the files of a ledger is found, at its place."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.ledger.entry import encode_entry
from bus.ledger.findings import Kind, Verdict
from bus.ledger.growth import Growth
from bus.ledger.keys import VERIFIERS, open_ring
from bus.ledger.merkle import leaf_hash
from bus.ledger.tiles import CHECKPOINT, ENTRIES, TileStore, pack_bundle, tile_path
from bus.ledger.verify import Seen, Trust, verify
from tests.bus.ledger.growing import entries, envelope, grow, make, message

COUNT = 700
FULL, EDGE = tile_path(ENTRIES, 1), tile_path(ENTRIES, 2, COUNT - 512)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 700 events with three bundles, as a lab leaves it."""
    folder = tmp_path_factory.mktemp("clean")
    make(folder, COUNT, steps=[100, 256, 300, 650])
    assert verify(folder / "ledger").ok
    return folder


@pytest.fixture
def ledger(clean: Path, tmp_path: Path) -> Path:
    """A copy to be ill-treated."""
    shutil.copytree(clean, tmp_path / "run")
    return tmp_path / "run" / "ledger"


def flip(path: Path, bit: int) -> None:
    """Flips one bit of a file."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def index_in_bundle(path: Path, byte: int) -> int:
    """Which entry of a bundle a byte belongs to, its length included."""
    content, at, n = path.read_bytes(), 0, 0
    while True:
        at += 2 + (content[at] << 8 | content[at + 1])
        if byte < at:
            return n
        n += 1


def first(verdict: Verdict) -> int | None:
    """The first bad index."""
    return verdict.problems[0].index


@pytest.mark.parametrize("trial", range(12))
@pytest.mark.parametrize(("path", "start"), [(FULL, 256), (EDGE, 512)])
def test_a_flipped_bit_in_a_bundle_is_found(ledger: Path, path: str, start: int, trial: int) -> None:
    """One bit of an entry, wherever it is, payload or frame: found, and the first bad index is that entry."""
    dice = random.Random(f"{path} {trial}")
    bit = dice.randrange((ledger / path).stat().st_size * 8)
    expected = start + index_in_bundle(ledger / path, bit // 8)
    flip(ledger / path, bit)
    verdict = verify(ledger)
    assert not verdict.ok
    assert first(verdict) == expected
    assert verdict.problems[0].kind in {Kind.ENTRY, Kind.EVENT, Kind.SEQUENCE, Kind.NEWER, Kind.DAMAGED, Kind.ID,
                                        Kind.SUBJECT, Kind.CAUSE}  # fmt: skip


@pytest.mark.parametrize("trial", range(4))
@pytest.mark.parametrize(
    ("path", "start", "span"), [("tile/0/001", 256, 1), ("tile/0/002.p/188", 512, 1), ("tile/1/000.p/2", 0, 256)]
)
def test_a_flipped_bit_in_a_tile_is_found(ledger: Path, path: str, start: int, span: int, trial: int) -> None:
    """One bit of a hash: found as a tile's fault, at the first entry below that hash."""
    bit = random.Random(f"{path} {trial}").randrange((ledger / path).stat().st_size * 8)
    flip(ledger / path, bit)
    verdict = verify(ledger)
    assert [(p.index, p.kind) for p in verdict.problems] == [(start + bit // 256 * span, Kind.TILE)]
    assert path in verdict.problems[0].detail


def test_every_flipped_bit_in_a_checkpoint_is_found(ledger: Path) -> None:
    """Whichever bit of the checkpoint is flipped, the ledger does not verify."""
    content = (ledger / CHECKPOINT).read_bytes()
    found = 0
    for bit in random.Random(1).sample(range(len(content) * 8), 60):
        flip(ledger / CHECKPOINT, bit)
        found += not verify(ledger, read_events=False).ok
        (ledger / CHECKPOINT).write_bytes(content)
    assert found == 60
    assert verify(ledger).ok


@pytest.mark.parametrize(("path", "start"), [(FULL, 256), (EDGE, 512)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_truncated_bundle_is_found(ledger: Path, path: str, start: int, share: float) -> None:
    """A bundle that was cut anywhere: the first entry that is no longer whole is named."""
    content = (ledger / path).read_bytes()
    cut = int(len(content) * share)
    expected = start + index_in_bundle(ledger / path, cut)
    (ledger / path).write_bytes(content[:cut])
    verdict = verify(ledger)
    assert [(p.index, p.kind) for p in verdict.problems] == [(expected, Kind.DAMAGED)]


@pytest.mark.parametrize(
    ("path", "index"),
    [(FULL, 256), (EDGE, 512), ("tile/0/000", 0), ("tile/0/002.p/188", 512), ("tile/1/000.p/2", 0)],
)
def test_a_missing_file_is_found(ledger: Path, path: str, index: int) -> None:
    """A bundle or tile that was removed is named with the first entry that it held."""
    (ledger / path).unlink()
    assert [(p.index, p.kind) for p in verify(ledger).problems] == [(index, Kind.MISSING)]


@pytest.mark.parametrize(("path", "index"), [("tile/0/000", 0), ("tile/1/000.p/2", 0), ("tile/0/002.p/188", 512)])
def test_a_truncated_tile_is_found(ledger: Path, path: str, index: int) -> None:
    """A tile that was cut is named with the first entry below it."""
    (ledger / path).write_bytes((ledger / path).read_bytes()[:-5])
    assert [(p.index, p.kind) for p in verify(ledger).problems] == [(index, Kind.DAMAGED)]


def rebundle(ledger: Path, change: Callable[[list[bytes]], list[bytes]], n: int = 1) -> None:
    """Writes another bundle in the place of one, and the hashes of its entries nowhere."""
    store = TileStore(ledger)
    (ledger / tile_path(ENTRIES, n)).write_bytes(pack_bundle(change(store.read_bundle(n))))


FORGED = encode_entry(*message(300, envelope(300, cause=5)))


def test_a_forged_event_is_found(ledger: Path) -> None:
    """An event exchanged for another one that makes sense, tiles left alone: its index is named and nothing else."""
    rebundle(ledger, lambda b: [*b[:44], FORGED, *b[45:]])
    verdict = verify(ledger)
    assert [(p.index, p.kind) for p in verdict.problems] == [(300, Kind.ENTRY)]
    assert "was altered" in verdict.problems[0].detail


def test_a_forged_event_with_its_hash_is_found(ledger: Path) -> None:
    """The same with its hash exchanged in the tile too: the tile above tells in which 256 it is."""
    rebundle(ledger, lambda b: [*b[:44], FORGED, *b[45:]])
    tile = bytearray((ledger / tile_path(0, 1)).read_bytes())
    tile[44 * 32 : 45 * 32] = leaf_hash(FORGED)
    (ledger / tile_path(0, 1)).write_bytes(tile)
    verdict = verify(ledger)
    assert [(p.index, p.kind) for p in verdict.problems] == [(256, Kind.ENTRY)]


def test_a_forged_event_with_all_tiles_made_anew_is_found(ledger: Path, clean: Path, tmp_path: Path) -> None:
    """Everything rebuilt around a forgery: the signed root gives it away, and a kept checkpoint says from where on."""
    old, store = TileStore(ledger), TileStore(ledger)
    said = list(old.entries(0, COUNT))
    said[300] = FORGED
    checkpoint = old.read_checkpoint()
    shutil.rmtree(ledger / "tile")
    growth = Growth()
    for entry in said:
        growth.append(entry)
    store.write(growth.files())
    verdict = verify(ledger)
    assert [(p.index, p.kind) for p in verdict.problems] == [(0, Kind.ROOT)]
    short = TileStore(tmp_path / "short")
    grow(short, open_ring(clean / "keys", clean / "ledger"), list(TileStore(clean / "ledger").entries(0, 256)))
    kept = Seen("a reviewer", short.read_checkpoint())
    verdict = verify(ledger, Trust(seen=(kept,)))
    assert [(p.index, p.kind) for p in verdict.problems] == [(256, Kind.ROOT)]
    assert store.read_checkpoint() == checkpoint


def test_a_forger_with_the_key_is_found_by_who_has_seen_the_log(ledger: Path) -> None:
    """Even rebuilt and signed with the stolen key, another past contradicts the checkpoint that a witness keeps."""
    witness = Seen("the witness", (ledger / CHECKPOINT).read_bytes())
    ring = open_ring(ledger.parent / "keys", ledger)
    said = list(TileStore(ledger).entries(0, COUNT))
    said[300] = FORGED
    shutil.rmtree(ledger / "tile")
    grow(TileStore(ledger), ring, said)
    assert verify(ledger).ok, "alone, nobody could tell"
    assert [p.kind for p in verify(ledger, Trust(seen=(witness,))).problems] == [Kind.SPLIT]


def test_a_removed_entry_is_found(ledger: Path) -> None:
    """An entry taken out, and the rest moved up, as if it had never been."""
    rebundle(ledger, lambda b: [*b[:20], *b[21:], b[0]])
    verdict = verify(ledger)
    assert first(verdict) == 276
    assert {p.kind for p in verdict.problems if p.index == 276} >= {Kind.ENTRY, Kind.SEQUENCE}


def test_a_reused_sequence_is_found(tmp_path: Path) -> None:
    """Two entries of one sequence, signed by the log itself: density is checked, not believed."""
    said = entries(20)
    said[11] = encode_entry(11, *message(11)[1:])
    verdict = verify(make(tmp_path, 20, content=said).folder)
    assert [(p.index, p.kind) for p in verdict.problems] == [(11, Kind.SEQUENCE)]


def test_a_swapped_pair_is_found(ledger: Path) -> None:
    """Two neighbours exchanged: both places are named, the first one first."""
    rebundle(ledger, lambda b: [*b[:7], b[8], b[7], *b[9:]])
    indices = [p.index for p in verify(ledger).problems if p.kind is Kind.ENTRY]
    assert indices == [263, 264]


def test_a_ledger_put_back_is_found_by_who_has_seen_it(ledger: Path, clean: Path, tmp_path: Path) -> None:
    """An older state, complete and rightly signed: whoever keeps the newer checkpoint names the first lost entry."""
    ring = open_ring(clean / "keys", clean / "ledger")
    older = TileStore(tmp_path / "older")
    grow(older, ring, list(TileStore(ledger).entries(0, 300)))
    shutil.copy(ledger / VERIFIERS, older.folder)
    witness = Seen("the witness", (ledger / CHECKPOINT).read_bytes())
    assert verify(older.folder).ok, "alone it is what it was"
    assert [(p.index, p.kind) for p in verify(older.folder, Trust(seen=(witness,))).problems] == [(300, Kind.ROLLBACK)]


def test_two_faults_are_both_found(ledger: Path) -> None:
    """A forged event and a flipped hash elsewhere do not hide each other."""
    rebundle(ledger, lambda b: [*b[:44], FORGED, *b[45:]])
    flip(ledger / "tile/0/000", 256 * 10)
    assert {p.index for p in verify(ledger).problems} >= {10, 300}
