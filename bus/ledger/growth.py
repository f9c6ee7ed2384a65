"""A ledger that grows: from appended entries to the tiles and bundles that must be written, and the root over them.

The same code makes the files of a live log and, for `fsck`, makes them again from the entries.
"""

from __future__ import annotations

from collections.abc import Sequence

from bus.ledger.errors import TileDamagedError
from bus.ledger.merkle import EMPTY_ROOT, HASH_SIZE, Frontier, combine, leaf_hash, node_hash
from bus.ledger.tiles import ENTRIES, WIDTH, TileStore, pack_bundle, tile_path


class _Row:
    """The growing tile of one level."""

    __slots__ = ("frontier", "full", "hashes")

    def __init__(self, full: int) -> None:
        self.full, self.hashes, self.frontier = full, bytearray(), Frontier()


class Growth:
    """The right edge of a ledger.

    Attributes:
        size: entries so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._rows: list[_Row] = []
        self._bundle: list[bytes] = []
        self._ready: dict[str, bytes] = {}

    @classmethod
    def resume(cls, store: TileStore, size: int) -> Growth:
        """Goes on behind the first `size` entries of a stored ledger.

        Raises:
            TileMissingError: a tile or bundle at the edge is not there.
            TileDamagedError: one is not whole, or entries and hashes at the edge contradict each other.
        """
        growth = cls()
        growth.size = size
        level, count = 0, size
        while count:
            row = _Row(count // WIDTH)
            if count % WIDTH:
                row.hashes += store.read_tile(level, count // WIDTH, count % WIDTH)
                for at in range(0, len(row.hashes), HASH_SIZE):
                    row.frontier.append(bytes(row.hashes[at : at + HASH_SIZE]))
            growth._rows.append(row)
            level, count = level + 1, count // WIDTH
        if size % WIDTH:
            growth._bundle = store.read_bundle(size // WIDTH, size % WIDTH)
            if b"".join(map(leaf_hash, growth._bundle)) != growth._rows[0].hashes:
                path = tile_path(ENTRIES, size // WIDTH, size % WIDTH)
                raise TileDamagedError(path, "entries that do not have the hashes in their tile")
        return growth

    def append(self, entry: bytes) -> None:
        """Adds an entry."""
        self._bundle.append(entry)
        if len(self._bundle) == WIDTH:
            self._ready[tile_path(ENTRIES, self.size // WIDTH)] = pack_bundle(self._bundle)
            self._bundle = []
        self.append_leaf(leaf_hash(entry))

    def append_leaf(self, leaf: bytes) -> None:
        """Adds an entry by its hash, when only the tiles are wanted and not the bundles."""
        self.size += 1
        self._push(0, leaf)

    def append_tile(self, leaves: Sequence[bytes]) -> None:
        """Adds the hashes of 256 entries at once, behind a full tile; cheaper than one by one."""
        assert len(leaves) == WIDTH  # noqa: S101  the caller's arithmetic
        self._ready[tile_path(0, self.size // WIDTH)] = b"".join(leaves)
        self.append_bundle(combine(leaves))

    def append_bundle(self, node: bytes) -> None:
        """Adds 256 entries by the hash over them, behind a full tile; their own tile is not made."""
        assert self.size % WIDTH == 0  # noqa: S101  the caller's arithmetic
        self.size += WIDTH
        if not self._rows:
            self._rows.append(_Row(0))
        self._rows[0].full += 1
        self._push(1, node)

    def _push(self, level: int, node: bytes) -> None:
        if level == len(self._rows):
            self._rows.append(_Row(0))
        row = self._rows[level]
        row.hashes += node
        row.frontier.append(node)
        if row.frontier.size == WIDTH:
            self._ready[tile_path(level, row.full)] = bytes(row.hashes)
            (root,) = row.frontier.peaks
            row.full, row.hashes, row.frontier = row.full + 1, bytearray(), Frontier()
            self._push(level + 1, root)

    def root(self) -> bytes:
        """Root hash over the entries so far."""
        root: bytes | None = None
        for row in self._rows:
            for peak in reversed(row.frontier.peaks):
                root = peak if root is None else node_hash(peak, root)
        return EMPTY_ROOT if root is None else root

    def frontier(self) -> Frontier:
        """The same tree, to grow apart from this one."""
        return Frontier(self.size, [peak for row in reversed(self._rows) for peak in row.frontier.peaks])

    def edge(self) -> list[bytes]:
        """Hashes of the entries that stand in no full bundle yet."""
        row = bytes(self._rows[0].hashes) if self._rows else b""
        return [row[at : at + HASH_SIZE] for at in range(0, len(row), HASH_SIZE)]

    def files(self) -> dict[str, bytes]:
        """What must be written before a checkpoint of this size: everything new that is full, and the partial edge."""
        files = self.take_full()
        if self._bundle:
            files[tile_path(ENTRIES, self.size // WIDTH, len(self._bundle))] = pack_bundle(self._bundle)
        for level, row in enumerate(self._rows):
            if row.hashes:
                files[tile_path(level, row.full, row.frontier.size)] = bytes(row.hashes)
        return files

    def take_full(self) -> dict[str, bytes]:
        """The tiles and bundles that have become full since they were taken last."""
        ready, self._ready = self._ready, {}
        return ready
