"""The entries of a ledger, each handed out only after its hash has led to the root that was signed.

So any reader of such a log goes about it who trusts the signature and not the folder: the hashes over whole bundles are
checked against the root once, and each bundle against its hash when it is read. `bus.ledger.verify` looks at everything
and tells all that is wrong; this stops at the first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from bus.ledger.checkpoint import Checkpoint, open_checkpoint
from bus.ledger.errors import RootError, TileDamagedError
from bus.ledger.keys import read_verifiers, trusted_by
from bus.ledger.merkle import HASH_SIZE, Frontier, combine, fold, leaf_hash
from bus.ledger.note import Verifier
from bus.ledger.tiles import ENTRIES, WIDTH, TileStore, tile_path, widths


class Authentic:
    """A ledger whose checkpoint was opened.

    Attributes:
        store: its files.
        checkpoint: what was signed.
    """

    def __init__(self, store: TileStore, checkpoint: Checkpoint) -> None:
        self.store, self.checkpoint = store, checkpoint
        size = checkpoint.size
        self._over_bundles = [node for n, width in widths(size // WIDTH) for node in _hashes(store, 1, n, width)]
        self._at_edge = list(_hashes(store, 0, size // WIDTH, size % WIDTH)) if size % WIDTH else []
        whole, edge = Frontier(), Frontier()
        for node in self._over_bundles:
            whole.append(node)
        for leaf in self._at_edge:
            edge.append(leaf)
        if fold([*whole.peaks, *edge.peaks]) != checkpoint.root:
            raise RootError(
                f"Expected the tiles of {store.folder} to lead to the root that was signed for {size} entries, got "
                "another one. Run athanor ledger verify to see what was altered."
            )

    @classmethod
    def open(cls, folder: Path, known: Collection[Verifier] = ()) -> Authentic:
        """A ledger at its published checkpoint.

        Args:
            folder: the ledger's.
            known: keys of the log that are trusted; those that it publishes without them.

        Raises:
            SignatureError: nobody who is trusted has signed its checkpoint.
            RootError: its tiles do not lead to what was signed.
            LedgerError: it is not whole.
        """
        store = TileStore(folder)
        trusted = trusted_by(folder, known or read_verifiers(folder))
        return cls(store, open_checkpoint(store.read_checkpoint(), trusted).checkpoint)

    def bundles(self, first: int = 0, stop: int | None = None) -> Iterator[list[bytes]]:
        """The entries, a bundle at a time.

        Args:
            first: number of the first bundle.
            stop: index up to which they are wanted at least; all by default.

        Raises:
            TileMissingError: a bundle is not there.
            TileDamagedError: a bundle is not the one that was signed.
        """
        size = self.checkpoint.size if stop is None else min(stop, self.checkpoint.size)
        for n in range(first, -(-size // WIDTH)):
            width = min(WIDTH, self.checkpoint.size - n * WIDTH)
            entries = self.store.read_bundle(n, width)
            leaves = list(map(leaf_hash, entries))
            right = combine(leaves) == self._over_bundles[n] if width == WIDTH else leaves == self._at_edge
            if not right:
                raise TileDamagedError(tile_path(ENTRIES, n, width), "other entries than those that were signed")
            yield entries


def _hashes(store: TileStore, level: int, n: int, width: int) -> Iterator[bytes]:
    tile = store.read_tile(level, n, width)
    return (tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE))
