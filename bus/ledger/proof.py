"""Proofs in a file: that an entry stands in a log, checkable offline (https://c2sp.org/tlog-proof).

The entry itself travels in the ``extra`` line, so that the file and a verifier key are all that is needed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass

from bus.ledger.checkpoint import Checkpoint, Opened, open_checkpoint
from bus.ledger.errors import ProofError
from bus.ledger.merkle import (
    HASH_SIZE,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from bus.ledger.note import Note, Verifier
from bus.ledger.tiles import WIDTH, TileStore

HEADER = "c2sp.org/tlog-proof@v1"
"""First line of a proof."""
SUFFIX = ".tlog-proof"
"""How its file is called."""
MAX_PATH = 63
"""Longest path that is read."""


@dataclass(frozen=True, slots=True)
class Proof:
    """An entry, and its way into a signed checkpoint."""

    entry: bytes
    """The entry."""
    index: int
    """Its index in the ledger; one less than its sequence."""
    path: tuple[bytes, ...]
    """Siblings from the leaf to the root."""
    checkpoint: bytes
    """The signed checkpoint, byte for byte."""

    def encode(self) -> bytes:
        """The bytes of the file."""
        lines = [HEADER, f"extra {_base64(self.entry)}", f"index {self.index}", *map(_base64, self.path), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, content: bytes) -> Proof:
        """The proof in these bytes; nothing is checked yet but its form.

        Raises:
            ProofError: they hold none.
        """
        head, gap, checkpoint = content.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            lines = []
        if not gap or lines[:1] != [HEADER] or len(lines) < 3:
            raise ProofError(f"Expected a proof ({HEADER}, extra, index, hashes, checkpoint), got something else.")
        extra, index = lines[1].removeprefix("extra "), lines[2].removeprefix("index ")
        if extra == lines[1] or index == lines[2] or not index.isdigit() or str(int(index[:19])) != index:
            raise ProofError(
                "Expected the entry (extra) and the index in a proof, got none. It was made by another log."
            )
        try:
            entry, path = _bytes(extra), tuple(map(_bytes, lines[3:]))
        except binascii.Error as error:
            raise ProofError(f"Expected base64 in a proof, got a mistake: {error}.") from None
        if len(path) > MAX_PATH or any(len(node) != HASH_SIZE for node in path):
            raise ProofError(f"Expected at most {MAX_PATH} hashes of {HASH_SIZE} bytes in a proof, got others.")
        return cls(entry, int(index), path, checkpoint)

    def check(self, known: Collection[Verifier]) -> Opened:
        """Opens the checkpoint and follows the path to its root.

        Args:
            known: trusted keys of the log and of witnesses.

        Raises:
            NoteError: the checkpoint is none.
            SignatureError: no trusted key has signed it.
            ProofError: the entry does not stand at that index of the log.
        """
        opened = open_checkpoint(self.checkpoint, known)
        told = opened.checkpoint
        if not verify_inclusion(leaf_hash(self.entry), self.index, told.size, self.path, told.root):
            raise ProofError(
                f"Expected a proof that the entry is number {self.index} of the {told.size} of {told.origin}, got one "
                "that leads to another root: the entry, its index or the path was altered."
            )
        return opened


def prove(store: TileStore, index: int) -> Proof:
    """A proof, from the stored tiles, that an entry stands in the log.

    Args:
        store: the ledger.
        index: which entry, from 0.

    Raises:
        ProofError: there is no such entry, or the stored tiles do not prove it.
        TileError: a file of the ledger is missing or damaged.
        NoteError: the checkpoint is none.
    """
    content = store.read_checkpoint()
    told = Checkpoint.parse(Note.parse(content).text)
    path = tuple(inclusion_proof(index, told.size, store.hashes(told.size)))
    bundle = store.read_bundle(index // WIDTH, min(WIDTH, told.size - index // WIDTH * WIDTH))
    entry = bundle[index % WIDTH]
    if not verify_inclusion(leaf_hash(entry), index, told.size, path, told.root):
        raise ProofError(
            f"Expected to prove entry {index} from the tiles, got another root: a file of the ledger is damaged. "
            "Run `athanor ledger verify` to find it."
        )
    return Proof(entry, index, path, content)


def consistent(store: TileStore, old: Checkpoint, new: Checkpoint) -> bool:
    """Whether the stored tiles prove that `new` continues `old`.

    Raises:
        TileError: a file of the ledger is missing or damaged.
    """
    if old.origin != new.origin or old.size > new.size:
        return False
    proof = consistency_proof(old.size, new.size, store.hashes(new.size))
    return verify_consistency(old.size, old.root, new.size, new.root, proof)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
