"""The ledger, opened by the one who may write: appends entries, signs what is on disk, publishes what was signed.

A signature is a promise for ever, so it is written down (``signed``) before anybody sees it: whoever goes on after
a crash knows the newest promise, although it may never have been published. Nothing is signed that does not
begin with the tree that was signed last, as its tiles lie on the disk.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bus.ledger.checkpoint import Checkpoint, open_checkpoint
from bus.ledger.errors import LedgerError, TileDamagedError, TileMissingError
from bus.ledger.files import read_regular
from bus.ledger.growth import Growth
from bus.ledger.keys import KeyRing, open_ring, read_verifiers, trusted_by
from bus.ledger.merkle import HASH_SIZE, consistency_proof, leaf_hash, root_hash, verify_consistency
from bus.ledger.note import MAX_NOTE, Note, Signature, Verifier
from bus.ledger.tiles import CHECKPOINT, ENTRIES, WIDTH, TileStore, tile_path

SIGNED = "signed"
"""Where the newest signature lies until it is published."""
KEPT = 32
"""Partial bundles that stay beside a wider one, for readers of a checkpoint that was replaced a moment ago."""


class DisagreementError(LedgerError):
    """The log or the ledger is not what was signed; nothing is written any more.

    Attributes:
        index: first index of the ledger that is not right; none if it is not known.
        kind: a word for what is wrong.
    """

    def __init__(self, kind: str, index: int | None, message: str) -> None:
        self.kind, self.index = kind, index
        super().__init__(message)


class Book:
    """The ledger of one log.

    Attributes:
        store: its files.
        checkpoint: the newest one that was signed.
        note: the same as it was signed, with the cosignatures that came.
        growth: the tree with what was appended since.
    """

    def __init__(self, store: TileStore, ring: KeyRing, note: Note | None) -> None:
        self.store, self.ring = store, ring
        self._partial: list[str] = []
        self._unwritten: dict[str, bytes] = {}
        if note is None:
            self.growth = Growth()
            self.checkpoint = Checkpoint(ring.origin, 0, self.growth.root())
            self.note = self.checkpoint.signed(ring.signers)
            store.write_checkpoint(self.note.encode())
        else:
            self.note, self.checkpoint = note, Checkpoint.parse(note.text)
            self.growth = Growth.resume(store, self.checkpoint.size)

    @classmethod
    def open(cls, ledger: Path, keys: Path) -> Book:
        """The ledger in a folder, which is made when there is none; whoever calls this holds the folder's lock.

        Raises:
            DisagreementError: it is not whole, or not what was signed.
            SigningKeyError: its keys cannot be used.
        """
        store, ring = TileStore(ledger), open_ring(keys, ledger)
        try:
            note = _newest(store, ring)
            book = cls(store, ring, note)
            book._check_root()
        except DisagreementError:
            raise
        except LedgerError as error:
            raise DisagreementError("ledger", None, f"{error} Nothing is added to this ledger until then.") from error
        return book

    @property
    def size(self) -> int:
        """Entries in the tree, signed or not."""
        return self.growth.size

    def append(self, entry: bytes) -> None:
        """Adds an entry to the tree; it is on disk after the next signature."""
        self.growth.append(entry)

    def sign(self) -> Note:
        """Writes what was appended to disk, then signs it and writes the signature down.

        Raises:
            TileConflictError: a file is published with other content.
            DisagreementError: what is on disk does not begin with what was signed.
        """
        files = self._unwritten | self.growth.files()
        # what is full is given out once: it is kept until it is on disk, for the disk may be full
        self._unwritten = {path: content for path, content in files.items() if ".p/" not in path}
        self.store.write(files)
        self._unwritten = {}
        new = Checkpoint(self.ring.origin, self.growth.size, self.growth.root())
        proof = self.proof(self.checkpoint.size, new.size)
        if not verify_consistency(self.checkpoint.size, self.checkpoint.root, new.size, new.root, proof):
            raise DisagreementError(
                "ledger",
                None,
                f"Expected the first {self.checkpoint.size} entries of the ledger to be what was signed, got other "
                "hashes on the disk. Nothing was signed: verify the ledger.",
            )
        note = new.signed(self.ring.signers)
        self._place(SIGNED, note)
        self.note, self.checkpoint = note, new
        self._tidy(files)
        return note

    def proof(self, old: int, new: int) -> list[bytes]:
        """Consistency proof between two sizes, from the tiles on disk."""
        return consistency_proof(old, new, self.store.hashes(new))

    def publish(self, cosignatures: tuple[Signature, ...] = ()) -> None:
        """Puts the newest signature where readers look, with the cosignatures that it got."""
        self.note = self.note.with_signatures(cosignatures)
        self.store.write_checkpoint(self.note.encode())

    def drop_unsigned(self) -> None:
        """Removes what a writer that was killed had written and not signed: it may not come again in that form."""
        size, level = self.checkpoint.size, 0
        names: list[int | str] = [ENTRIES, 0]
        while names:
            for name in names:
                n, width = divmod(size, WIDTH)
                for path in (self.store.folder / f"{tile_path(name, n)}.p").glob("*"):
                    if path.name.isdigit() and int(path.name) > width:
                        path.unlink()
                for path in _existing(self.store.folder, name, n):
                    path.unlink()
                for path in _existing(self.store.folder, name, n + 1, ".p"):
                    shutil.rmtree(path)
            level, size = level + 1, size // WIDTH
            names = [level] if (self.store.folder / "tile" / str(level)).is_dir() else []

    def entries(self, start: int, stop: int) -> list[bytes]:
        """Signed entries from index `start` to before `stop`, each checked against the hash in its tile.

        Raises:
            DisagreementError: an entry or a tile is not whole; which one.
        """
        return checked_entries(self.store, self.checkpoint.size, start, stop)

    def _check_root(self) -> None:
        """The tiles on disk have the root that was signed."""
        signed, size = self.checkpoint, self.checkpoint.size
        if self.growth.root() != signed.root or root_hash(size, self.store.hashes(size)) != signed.root:
            raise DisagreementError(
                "ledger",
                None,
                f"Expected the tiles of the ledger to have the root that was signed for {size} entries, got another "
                "one: a tile was changed or damaged. Run athanor ledger verify to see which.",
            )

    def _place(self, name: str, note: Note) -> None:
        self.store._place({name: note.encode()})  # noqa: SLF001  same folder, same way to write

    def _tidy(self, files: dict[str, bytes]) -> None:
        """Removes partial files that nobody can need any more."""
        for path in files:
            if ".p/" not in path:
                shutil.rmtree(self.store.folder / f"{path}.p", ignore_errors=True)
        self._partial += [p for p in files if ".p/" in p and p.startswith(f"tile/{ENTRIES}/")]
        while len(self._partial) > KEPT:
            (self.store.folder / self._partial.pop(0)).unlink(missing_ok=True)


def checked_entries(store: TileStore, size: int, start: int, stop: int) -> list[bytes]:
    """Entries from index `start` to before `stop` of a ledger of that size, each checked against the hash in its tile.

    Raises:
        DisagreementError: an entry or a tile is not whole; which one.
    """
    found: list[bytes] = []
    for n in range(start // WIDTH, -(-stop // WIDTH)):
        width = min(WIDTH, size - n * WIDTH)
        path = tile_path(ENTRIES, n, width)
        try:
            bundle, hashes = store.read_bundle(n, width), store.read_tile(0, n, width)
        except LedgerError as error:
            raise DisagreementError("ledger", n * WIDTH, str(error)) from error
        for at, entry in enumerate(bundle):
            if leaf_hash(entry) != hashes[at * HASH_SIZE : (at + 1) * HASH_SIZE]:
                index = n * WIDTH + at
                raise DisagreementError(
                    "ledger",
                    index,
                    f"Expected entry {index} of the ledger ({path}) to have the hash in its tile, got another one: "
                    "one of the two files was changed or damaged.",
                )
        found += bundle[max(0, start - n * WIDTH) : stop - n * WIDTH]
    return found


def _existing(folder: Path, level: int | str, n: int, suffix: str = "") -> Iterator[Path]:
    """Files or folders of a level from number `n` on, as long as there are any."""
    while (path := folder / (tile_path(level, n) + suffix)).exists():
        yield path
        n += 1


def _newest(store: TileStore, ring: KeyRing) -> Note | None:
    """The newest signature, published or not; none in a new ledger."""
    trusted: tuple[Verifier, ...] = trusted_by(store.folder, read_verifiers(store.folder))
    found: list[tuple[int, Note]] = []
    for name in (CHECKPOINT, SIGNED):
        try:
            content = read_regular(store.folder / name, MAX_NOTE)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise TileDamagedError(name, f"{error.strerror} when it was read") from None
        opened = open_checkpoint(content, trusted)
        if opened.checkpoint.origin != ring.origin:
            raise DisagreementError(
                "ledger",
                None,
                f"Expected {name} to be signed for {ring.origin}, got one for {opened.checkpoint.origin}: it belongs "
                "to another ledger.",
            )
        found.append((opened.checkpoint.size, opened.note))
    if found:
        return max(found, key=lambda f: f[0])[1]
    if (store.folder / "tile").is_dir():
        raise TileMissingError(CHECKPOINT)
    return None
