"""Checkpoints: how many entries a log has and the root over them, signed (https://c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bus.ledger.errors import NoteError, SignatureError
from bus.ledger.merkle import HASH_SIZE
from bus.ledger.note import COSIGNATURE, ED25519, Note, Signer, Verifier

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
MAX_SIZE = (1 << 63) - 1
"""Largest size of a log."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log at one of its sizes."""

    origin: str
    """Which log."""
    size: int
    """How many entries."""
    root: bytes
    """Root hash over them."""

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint in the text of a note; lines after the third are passed over.

        Raises:
            NoteError: the text is none.
        """
        lines = text.split("\n")[:-1]
        if len(lines) < 3 or "" in lines:
            raise NoteError(f"Expected a checkpoint (origin, size, root), got {text[:120]!r}.")
        size = lines[1]
        try:
            root = base64.b64decode(lines[2], validate=True)
        except binascii.Error:
            root = b""
        plain = bool(_SIZE.fullmatch(size)) and int(size) <= MAX_SIZE
        if not plain or len(root) != HASH_SIZE or base64.b64encode(root).decode() != lines[2]:
            raise NoteError(f"Expected a size and a root hash of {lines[0]}, got {size[:40]!r} and {lines[2][:80]!r}.")
        return cls(lines[0], int(size), root)

    def signed(self, signers: Iterable[Signer]) -> Note:
        """This checkpoint signed by the log's keys; a log never signs what contradicts an earlier signature."""
        return Note(self.text, tuple(signer.sign(self.text) for signer in signers))


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint whose signatures have been checked."""

    checkpoint: Checkpoint
    """What it says."""
    note: Note
    """How it says so."""
    signers: tuple[Verifier, ...]
    """The trusted keys of the log that have signed."""
    witnesses: tuple[tuple[Verifier, int], ...]
    """The trusted witnesses that have cosigned, each with the time in seconds since 1970."""


def open_checkpoint(content: bytes, known: Collection[Verifier]) -> Opened:
    """The checkpoint in a note, after checking that a trusted key of the log has signed it.

    Args:
        content: the note.
        known: keys of the log and of witnesses; other signatures are ignored.

    Raises:
        NoteError: the bytes are no checkpoint.
        SignatureError: no trusted key of the log has signed, or a signature is wrong.
    """
    note = Note.parse(content)
    checkpoint = Checkpoint.parse(note.text)
    signed = note.signed_by(known)
    signers = tuple(v for v, _ in signed if v.kind == ED25519)
    if not signers:
        trusted = ", ".join(f"{v.name} {v.key_id.hex()}" for v in known if v.kind == ED25519) or "nobody"
        claimed = ", ".join(f"{s.name} {s.key_id.hex()}" for s in note.signatures)
        raise SignatureError(
            f"Expected the checkpoint of {checkpoint.origin} to be signed by {trusted}, got signatures by {claimed}. "
            "It is another log, or the key is not this log's."
        )
    return Opened(checkpoint, note, signers, tuple((v, s.time) for v, s in signed if v.kind == COSIGNATURE))
