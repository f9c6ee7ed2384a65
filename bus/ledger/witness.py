"""A witness: cosigns a checkpoint only after a proof that it continues what it cosigned before.

The rules are those of https://c2sp.org/tlog-witness. Of each log it remembers the last checkpoint that it cosigned,
on disk before the cosignature leaves; so it can never be led to sign two histories, not by a log that rolls back and
not by its own death in between.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bus.ledger.checkpoint import Checkpoint, open_checkpoint
from bus.ledger.errors import LedgerError, NoteError, SignatureError, SigningKeyError
from bus.ledger.keys import read_signer, write_signer
from bus.ledger.locking import FolderLock
from bus.ledger.merkle import EMPTY_ROOT, HASH_SIZE, verify_consistency
from bus.ledger.note import COSIGNATURE, ED25519, Note, Signer, Verifier
from bus.ledger.tiles import TileStore

MAX_PROOF = 63
"""Lines of a proof; more are refused."""
MAX_BODY = 64 * 1024
"""Bytes of the largest request."""
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_SEEN = "checkpoint"


@dataclass(frozen=True, slots=True)
class Request:
    """What a log asks: to cosign a checkpoint that continues an old one."""

    old: int
    """Size of the old one."""
    proof: tuple[bytes, ...]
    """That the new one begins with it."""
    note: bytes
    """The new one, signed."""

    def encode(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *(base64.b64encode(node).decode() for node in self.proof), "", ""]
        return "\n".join(lines).encode() + self.note

    @classmethod
    def parse(cls, body: bytes) -> Request:
        """The request in a body.

        Raises:
            NoteError: it holds none.
        """
        head, gap, note = body.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
            old = _OLD.fullmatch(lines[0])
            proof = tuple(base64.b64decode(line, validate=True) for line in lines[1:])
        except (UnicodeDecodeError, binascii.Error):
            old, proof = None, ()
        if old is None or not gap or len(proof) > MAX_PROOF or any(len(node) != HASH_SIZE for node in proof):
            raise NoteError("Expected an old size, at most 63 hashes, an empty line and a checkpoint.")
        return cls(int(old[1]), proof, note)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers."""

    status: int
    """By HTTP's numbers."""
    body: bytes
    """Cosignatures, a size, or a sentence."""
    media_type: str = "text/plain; charset=utf-8"
    """What the body is."""


class Witness:
    """Remembers the last checkpoint of each log that it knows, and cosigns what continues it.

    Attributes:
        verifier: its public key.
    """

    def __init__(self, signer: Signer, state: Path, trusted: Iterable[Verifier]) -> None:
        self._signer, self.verifier = signer, signer.verifier
        self._state, self._lock = state, FolderLock(state)
        self._known: dict[str, list[Verifier]] = {}
        for verifier in trusted:
            if verifier.kind != ED25519:
                raise SigningKeyError(f"Expected the verifier key of a log, got that of a witness: {verifier}.")
            self._known.setdefault(verifier.name, []).append(verifier)

    def taken(self) -> str:
        """Takes its state for itself; empty when that is done, and otherwise who has it.

        Raises:
            LedgerError: it was damaged.
        """
        owner = self._lock.take()
        if not owner:
            for origin in self._known:
                self.last(origin)
        return owner

    def open(self) -> None:
        """Takes its state for itself.

        Raises:
            LedgerError: another witness has it, or it was damaged.
        """
        if owner := self.taken():
            raise LedgerError(
                f"Expected the witness's state {self._state} to be free, got one that is in use by {owner}. "
                "Stop that one, or choose another --state."
            )

    def close(self) -> None:
        """Lets go of its state."""
        self._lock.release()

    def last(self, origin: str) -> Checkpoint:
        """The last checkpoint of a log that it cosigned; that of the empty log before the first.

        Raises:
            LedgerError: what it remembers was damaged or altered.
        """
        try:
            content = (self._folder(origin) / _SEEN).read_bytes()
        except FileNotFoundError:
            return Checkpoint(origin, 0, EMPTY_ROOT)
        try:
            note = Note.parse(content)
            seen = Checkpoint.parse(note.text)
            mine = [s for v, s in note.signed_by([self.verifier]) if v == self.verifier]
        except LedgerError as error:
            raise LedgerError(
                f"Expected what was cosigned of {origin}, got damage in {self._state}: {error}"
            ) from error
        if not mine or seen.origin != origin:
            raise LedgerError(
                f"Expected my own cosignature of {origin} in {self._state}, got none. Restore it from a copy: a "
                "witness that has forgotten is none."
            )
        return seen

    def add_checkpoint(self, body: bytes, now: int) -> Answer:
        """Answers ``POST /add-checkpoint``; to be asked one at a time.

        Args:
            body: the request's.
            now: seconds since 1970.

        Raises:
            LedgerError: what it remembers was damaged.
            OSError: it could not be written down; nothing was cosigned.
        """
        try:
            request = Request.parse(body)
            offered = Checkpoint.parse(Note.parse(request.note).text)
        except NoteError as error:
            return _refusal(400, str(error))
        if offered.origin not in self._known:
            return _refusal(404, f"Expected a log that I was told to trust, got {offered.origin}.")
        try:
            opened = open_checkpoint(request.note, self._known[offered.origin])
        except SignatureError as error:
            return _refusal(403, str(error))
        if request.old > offered.size:
            return _refusal(400, f"Expected an old size up to {offered.size}, got {request.old}.")
        last = self.last(offered.origin)
        if request.old != last.size:
            return Answer(409, f"{last.size}\n".encode(), "text/x.tlog.size")
        if not verify_consistency(last.size, last.root, offered.size, offered.root, request.proof):
            return _refusal(
                422,
                f"Expected a proof that {offered.size} entries of {offered.origin} begin with the {last.size} that I "
                "cosigned, got none. This log tells two histories.",
            )
        cosignature = self._signer.sign(opened.note.text, now)
        kept = Note(opened.note.text, (*(s for _, s in opened.note.signed_by(opened.signers)), cosignature))
        # TileStore writes whole files or none, and syncs them
        TileStore(self._folder(offered.origin)).write_checkpoint(kept.encode())
        return Answer(200, f"{cosignature.line()}\n".encode())

    def _folder(self, origin: str) -> Path:
        """Where it remembers a log; named by a digest, for an origin may hold any characters."""
        return self._state / hashlib.sha256(origin.encode()).hexdigest()[:32]


def _refusal(status: int, words: str) -> Answer:
    return Answer(status, f"{words}\n".encode())


def witness_key(path: Path) -> Signer:
    """The private key of a witness; made when there is none.

    Raises:
        SigningKeyError: it cannot be used.
    """
    if not path.exists():
        write_signer(path, Signer.generate(f"athanor-witness/{secrets.token_hex(8)}", COSIGNATURE))
    signer = read_signer(path)
    if signer.verifier.kind != COSIGNATURE:
        raise SigningKeyError(f"Expected the key of a witness in {path}, got that of a log.")
    return signer
