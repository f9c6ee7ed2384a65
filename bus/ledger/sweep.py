"""One pass over the bundles and tiles of a ledger, and who is right where they disagree."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bus.ledger.checkpoint import Checkpoint
from bus.ledger.crew import Crew
from bus.ledger.errors import TileDamagedError, TileError, TileMissingError
from bus.ledger.events import Events
from bus.ledger.files import read_regular
from bus.ledger.findings import Findings, Kind
from bus.ledger.growth import Growth
from bus.ledger.merkle import EMPTY_ROOT, HASH_SIZE, Frontier, leaf_hash
from bus.ledger.tiles import HEIGHT, LARGEST, WIDTH, TileStore, place_of, whole_entries, widths


class Sweep:
    """One pass.

    Attributes:
        roots: size → root over the first entries, at the sizes that were asked for.
        roots_of_tiles: the same over the stored hashes, where they are others than those of the entries.
    """

    def __init__(self, store: TileStore, size: int, findings: Findings, events: Events | None) -> None:
        self._store, self._size, self._findings, self._events = store, size, findings, events
        self.roots: dict[int, bytes] = {0: EMPTY_ROOT}
        self.roots_of_tiles: dict[int, bytes] = {}
        self._by_entries = Growth()
        self._by_tiles: Frontier | None = None
        """The tree of the stored hashes, from the first entry on that does not have its stored hash."""
        self._differing: list[int] = []
        self._tiles: list[tuple[int, str, int]] = []

    def run(self, marks: Collection[int], crew: Crew) -> None:
        """Reads everything once.

        Args:
            marks: sizes of which the root is wanted.
            crew: who examines bundles beforehand; those without faults and marks are not looked at again.
        """
        if self._events is not None:
            self._events.know(crew.rolls(self._size))
        wanted = {-(-mark // WIDTH) - 1 for mark in marks}
        for (n, width), told in zip(widths(self._size), crew.bundles(self._size), strict=True):
            if told is not None and n not in wanted:
                self._by_entries.append_bundle(told.node)
                if self._by_tiles is not None:
                    self._by_tiles.append_subtree(told.node, HEIGHT)
                if self._events is not None:
                    self._events.take(n * WIDTH, told)
                self._compare_tiles(self._by_entries.take_full())
                continue
            leaves = self._bundle(n, width, marks)
            self._mark(n * WIDTH, leaves, marks)
            if width == WIDTH:
                self._by_entries.append_tile(leaves)
            else:
                for leaf in leaves:
                    self._by_entries.append_leaf(leaf)
            self._compare_tiles(self._by_entries.take_full())
        self._compare_tiles(self._by_entries.files())
        if self._events is not None:
            self._events.finish(self._entries())

    def entries_right(self, told: Checkpoint) -> bool:
        """Whether the entries have the root that a checkpoint tells."""
        return self._by_entries.size == told.size and self._by_entries.root() == told.root

    def tiles_right(self, told: Checkpoint) -> bool:
        """Whether the stored hashes have it, and the entries do not."""
        return self._by_tiles is not None and self._by_tiles.root() == told.root

    def reproduces(self, told: Checkpoint) -> bool:
        """Whether either has it: then it is what was signed, whatever else somebody has seen."""
        return self.entries_right(told) or self.tiles_right(told)

    def judge(self, told: Checkpoint, known_good: int, *, blameless: bool = False) -> None:
        """Says who is right where entries, tiles and the signed root disagree.

        Args:
            told: the checkpoint.
            known_good: entries that an earlier checkpoint vouches for.
            blameless: whether nobody has signed that root, so that the ledger need not have it.
        """
        findings = self._findings
        if self.entries_right(told):
            for index, path, at in self._tiles:
                findings.add(index, Kind.TILE, f"Expected {path} to hold what was signed, got another hash {at}.")
            return
        tiles_right = self.tiles_right(told)
        for index in self._differing:
            blame = "one that was altered" if tiles_right else "one that does not have the hash in its tile"
            findings.add(index, Kind.ENTRY, f"Expected the signed entry at index {index}, got {blame}.")
        if not self._differing:
            for index, path, at in self._tiles:
                findings.add(index, Kind.ENTRY, f"Expected entries with the hashes in {path}, got another hash {at}.")
        if not tiles_right and not blameless and not findings.any(Kind.ENTRY, Kind.MISSING, Kind.DAMAGED):
            findings.add(
                known_good,
                Kind.ROOT,
                f"Expected the root {told.root.hex()} over {told.size} entries, got {self._by_entries.root().hex()} "
                f"over {self._by_entries.size}: an entry from index {known_good} on was altered and the tiles made "
                "anew, or the checkpoint is another one. Compare with the stream or another copy to find which.",
            )

    def _bundle(self, n: int, width: int, marks: Collection[int]) -> list[bytes]:
        """Hashes of the entries of a bundle; where one is not there, its stored hash stands for it."""
        start = n * WIDTH
        stored, entries = self._stored_hashes(n, width), self._stored_entries(n, width)
        leaves = list(map(leaf_hash, entries))
        if len(leaves) < width:
            leaves += stored[len(leaves) :] if stored else [bytes(HASH_SIZE)] * (width - len(leaves))
        if self._events is not None:
            for index, entry in enumerate(entries, start):
                self._events.look(index, entry)
            if len(entries) < width:
                self._events.miss()
        if stored is not None and stored != leaves:
            self._differing += [start + at for at in range(width) if stored[at] != leaves[at]]
            if self._by_tiles is None:
                self._by_tiles = self._by_entries.frontier()
        if self._by_tiles is not None:
            for leaf in stored or leaves:
                self._by_tiles.append(leaf)
                if self._by_tiles.size in marks:
                    self.roots_of_tiles[self._by_tiles.size] = self._by_tiles.root()
        return leaves

    def _mark(self, start: int, leaves: list[bytes], marks: Collection[int]) -> None:
        """Keeps the roots that are wanted."""
        wanted = {mark for mark in marks if start < mark <= start + len(leaves)}
        if wanted:
            growing = self._by_entries.frontier()
            for leaf in leaves:
                growing.append(leaf)
                if growing.size in wanted:
                    self.roots[growing.size] = growing.root()

    def _stored_entries(self, n: int, width: int) -> list[bytes]:
        """The entries of a bundle; of a damaged one those before the damage."""
        try:
            return self._store.read_bundle(n, width)
        except TileMissingError as error:
            self._findings.add(n * WIDTH, Kind.MISSING, str(error))
            return []
        except TileDamagedError as error:
            entries = self._before_damage(error.path, n, width)
            self._findings.add(n * WIDTH + min(len(entries), width - 1), Kind.DAMAGED, str(error))
            return entries

    def _before_damage(self, path: str, n: int, width: int) -> list[bytes]:
        try:
            entries, _ = whole_entries(read_regular(self._store.folder / path, LARGEST), width)
        except OSError:
            return []
        stored = self._stored_hashes(n, width)
        if stored is None:
            return entries
        good = (at for at, entry in enumerate(entries) if leaf_hash(entry) != stored[at])
        return entries[: next(good, len(entries))]

    def _stored_hashes(self, n: int, width: int) -> list[bytes] | None:
        try:
            tile = self._store.read_tile(0, n, width)
        except TileError:
            return None  # said when the tiles are compared
        return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]

    def _compare_tiles(self, made: dict[str, bytes]) -> None:
        """Compares the tiles that follow from the entries with the stored ones."""
        for path, content in made.items():
            level, n, width = place_of(path)
            span = WIDTH**level
            try:
                stored = self._store.read_tile(level, n, width)
            except TileError as error:
                kind = Kind.MISSING if isinstance(error, TileMissingError) else Kind.DAMAGED
                self._findings.add(n * WIDTH * span, kind, str(error))
                continue
            if stored != content:
                spots = range(0, len(content), HASH_SIZE)
                first = next(at for at in spots if stored[at : at + HASH_SIZE] != content[at : at + HASH_SIZE])
                at = first // HASH_SIZE
                self._tiles.append(((n * WIDTH + at) * span, path, at))

    def _entries(self) -> Iterator[bytes]:
        """All entries once more, each at its place; nothing where a bundle cannot be read."""
        for n, width in widths(self._size):
            try:
                yield from self._store.read_bundle(n, width)
            except TileError:
                yield from [b""] * width
