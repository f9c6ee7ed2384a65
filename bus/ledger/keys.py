"""The keys of a log: made on the first run, kept from others, exchanged without breaking the chain of trust.

The folder of private keys holds ``signing-1``, ``signing-2``, … and is nobody else's. What verifiers need lies in the
ledger's folder: ``verifiers`` has the log's first verifier key, and ``hand-over/2``, ``hand-over/3``, … are signed
notes in which the key before vouches for the next one. Whoever trusts one key of the chain can verify what comes after.

The rule: checkpoints are signed by the two newest keys, so that a verifier who has missed the last exchange still
knows one of them. An exchange retires the older of the two, and its private half is erased.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bus.ledger.errors import NoteError, SigningKeyError
from bus.ledger.files import read_regular
from bus.ledger.note import ED25519, MAX_NOTE, Note, Signer, Verifier
from bus.ledger.tiles import sync_folder

LEDGER = "ledger"
"""The ledger's folder in the folder of a run."""
KEYS = "keys/ledger"
"""The folder of its private keys there."""
VERIFIERS = "verifiers"
"""File in the ledger's folder: the first verifier key of the log, and of the witnesses that it asks, one a line."""
HAND_OVER = "hand-over"
"""Folder in the ledger's folder: who vouches for the next key."""
_HEADER = "athanor ledger key hand-over v1"
_SIGNING = "signing-"
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The private keys with which a log signs now."""

    signers: tuple[Signer, ...]
    """One or two, the newest last."""

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.signers[-1].verifier.name

    @property
    def verifier(self) -> Verifier:
        """The newest verifier key."""
        return self.signers[-1].verifier


def new_origin() -> str:
    """A name for a new log that no other log has."""
    return f"athanor-ledger/{secrets.token_hex(8)}"


def open_ring(keys: Path, ledger: Path) -> KeyRing:
    """The keys of a log; made when there are none and the log does not exist yet.

    Args:
        keys: folder of private keys.
        ledger: the ledger's folder, where the verifier key is published.

    Raises:
        SigningKeyError: others can read them, or they are not those of this log, or they are lost.
    """
    published = (ledger / VERIFIERS).is_file()
    found = _signing_files(keys) if keys.is_dir() else []
    if not found:
        if published:
            raise SigningKeyError(
                f"Expected the signing key of the ledger {ledger.name} in {keys}, got none. Put it back from your "
                "copy; without it nothing can be added to this ledger, but it can still be verified."
            )
        write_signer(keys / f"{_SIGNING}1", Signer.generate(new_origin()))
        found = _signing_files(keys)
    ring = KeyRing(tuple(read_signer(path) for path in found))
    if not published:
        publish_verifiers(ledger, [ring.signers[0].verifier])
        return ring
    known = trusted_by(ledger, read_verifiers(ledger))
    if ring.verifier not in known and ring.signers[0].verifier in known:
        _vouch(ledger, ring, found[-1].name.removeprefix(_SIGNING))  # an exchange was cut short
    elif ring.verifier not in known:
        told = ", ".join(str(v) for v in known if v.kind == ED25519)
        raise SigningKeyError(
            f"Expected a signing key of this ledger ({told}), got that of {ring.verifier}. These keys belong to "
            "another ledger; nothing was signed."
        )
    return ring


def rotate(keys: Path, ledger: Path) -> KeyRing:
    """Makes the next key; the one before vouches for it, and the one before that is erased.

    Raises:
        SigningKeyError: there is no key to begin with, or it is not this log's.
    """
    if not keys.is_dir() or not _signing_files(keys):
        raise SigningKeyError(f"Expected signing keys in {keys} to exchange, got none. Run the lab once to make them.")
    ring = open_ring(keys, ledger)
    newest = _signing_files(keys)[-1]
    number = int(newest.name.removeprefix(_SIGNING)) + 1
    signer = Signer.generate(ring.origin)
    for retired in _signing_files(keys)[:-1]:
        retired.unlink()
    write_signer(keys / f"{_SIGNING}{number}", signer)
    ring = KeyRing((ring.signers[-1], signer))
    _vouch(ledger, ring, str(number))
    return ring


def _vouch(ledger: Path, ring: KeyRing, number: str) -> None:
    """Publishes that the key before vouches for the newest one."""
    text = f"{_HEADER}\n{ring.origin}\n{ring.verifier}\n"
    folder = ledger / HAND_OVER
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / number, Note(text, tuple(s.sign(text) for s in ring.signers)).encode(), 0o644)
    sync_folder(ledger)


def trusted_by(ledger: Path, known: Iterable[Verifier]) -> tuple[Verifier, ...]:
    """Known keys, and all later keys of the log that they vouch for, one after the other.

    Args:
        ledger: the ledger's folder.
        known: keys that are trusted to begin with.

    Raises:
        NoteError: a hand-over is no signed note, or one that claims to be by a trusted key is not.
    """
    trusted = list(dict.fromkeys(known))
    for note, next_key in hand_overs(ledger):
        signed = [v for v, _ in note.signed_by([*trusted, next_key]) if v.kind == ED25519 and v.name == next_key.name]
        if next_key in signed and len(signed) > 1 and next_key not in trusted:
            trusted.append(next_key)
    return tuple(trusted)


def hand_overs(ledger: Path) -> list[tuple[Note, Verifier]]:
    """The exchanges of keys, in order: what was signed, and the next key; nobody has checked by whom yet.

    Raises:
        NoteError: one of them is no signed note of that kind.
        SigningKeyError: the next key is none.
    """
    folder, found = ledger / HAND_OVER, []
    numbered = [p for p in folder.iterdir() if _NUMBER.fullmatch(p.name)] if folder.is_dir() else []
    for path in sorted(numbered, key=lambda p: int(p.name)):
        try:
            note = Note.parse(read_regular(path, MAX_NOTE))
        except OSError as error:
            raise NoteError(f"Expected a key hand-over in {HAND_OVER}/{path.name}, got: {error.strerror}.") from None
        lines = note.text.split("\n")
        if len(lines) != 4 or lines[0] != _HEADER:
            raise NoteError(f"Expected a key hand-over in {HAND_OVER}/{path.name}, got {note.text[:80]!r}.")
        next_key = Verifier.parse(lines[2])
        if next_key.kind != ED25519 or next_key.name != lines[1]:
            raise NoteError(f"Expected the next key of {lines[1]!r} in {HAND_OVER}/{path.name}, got {next_key}.")
        found.append((note, next_key))
    return found


def read_verifiers(ledger: Path) -> tuple[Verifier, ...]:
    """The verifier keys that a ledger publishes of itself.

    Raises:
        SigningKeyError: there are none, or a line is no verifier key.
    """
    try:
        lines = read_regular(ledger / VERIFIERS, MAX_NOTE).decode().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        got = error.strerror if isinstance(error, OSError) and not isinstance(error, FileNotFoundError) else ""
        raise SigningKeyError(
            f"Expected verifier keys in {VERIFIERS} of the ledger, got {got or 'no such file'}. Give them with --key."
        ) from None
    return tuple(Verifier.parse(line) for line in lines if line.strip())


def publish_verifiers(ledger: Path, verifiers: Iterable[Verifier]) -> None:
    """Writes the verifier keys of a log and its witnesses into the ledger's folder."""
    ledger.mkdir(parents=True, exist_ok=True)
    _write(ledger / VERIFIERS, "".join(f"{v}\n" for v in verifiers).encode(), 0o644)


def read_signer(path: Path) -> Signer:
    """A private key.

    Raises:
        SigningKeyError: others can read it or replace it, or it is none.
    """
    for place, allowed in ((path.parent, 0o700), (path, 0o600)):
        mode = stat.S_IMODE(place.stat().st_mode)
        if mode & ~allowed:
            raise SigningKeyError(
                f"Expected nobody else to have access to {place} (mode {allowed:04o}), got mode {mode:04o}. Somebody "
                f"may have read the key: exchange it, or run `chmod {allowed:o} {place}` if nobody can have."
            )
    return Signer.parse(path.read_text(encoding="utf-8", errors="replace"))


def write_signer(path: Path, signer: Signer) -> None:
    """Stores a private key that nobody else can read; the folder is made if there is none.

    Raises:
        SigningKeyError: there is a key already.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not any(path.parent.iterdir()):
        path.parent.chmod(0o700)
    if path.exists():
        raise SigningKeyError(f"Expected no key at {path} yet, got one. It was not replaced.")
    _write(path, (signer.text() + "\n").encode(), 0o600)


def _signing_files(keys: Path) -> list[Path]:
    """Files of private keys, the newest last."""
    numbered = [p for p in keys.glob(f"{_SIGNING}*") if _NUMBER.fullmatch(p.name.removeprefix(_SIGNING))]
    return sorted(numbered, key=lambda p: int(p.name.removeprefix(_SIGNING)))


def _write(path: Path, content: bytes, mode: int) -> None:
    """Writes a file whole or not at all, and never more readable than `mode`."""
    temporary = path.with_name(f".new-{path.name}")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
