"""Finds a ledger, what lies beside it, and the keys and checkpoints that a reader brings along."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bus.errors import BusError
from bus.ledger.checkpoint import Checkpoint
from bus.ledger.errors import LedgerError, NoteError
from bus.ledger.files import read_regular
from bus.ledger.keys import KEYS, LEDGER
from bus.ledger.note import COSIGNATURE, ED25519, MAX_NOTE, Note, Verifier
from bus.ledger.tiles import CHECKPOINT, TileStore
from bus.ledger.verify import Seen, Trust
from ops.errors import NoLedgerError, OpsError
from ops.exits import UNUSABLE, complain

BLOBS = "blobs"
"""Folder of the artefacts in a run."""
WITNESS = "witness"
"""Folder in a run in which a witness beside the lab keeps what it has seen."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ledger lies."""

    ledger: Path
    """Its folder."""
    run: Path | None
    """The folder of its run; none for a ledger that was handed over by itself."""

    @property
    def store(self) -> Path | None:
        """The broker's store beside it, if there is one."""
        store = self.run / "store" if self.run else None
        return store if store and (store / "jetstream").is_dir() else None

    @property
    def keys(self) -> Path | None:
        """Where its private keys are, or would be."""
        return self.run / KEYS if self.run else None

    @property
    def artefacts(self) -> Path | None:
        """Where its artefacts are, or would have to be; none for a ledger that was handed over without them."""
        if self.run is None:
            return None
        at_home = self.store is not None or (self.run / KEYS).is_dir()
        return self.run / BLOBS if at_home or (self.run / BLOBS).is_dir() else None

    def witnessed(self, origin: str) -> list[Seen]:
        """What a witness beside the lab has seen of this log."""
        kept = []
        for path in sorted((self.run / WITNESS).rglob(CHECKPOINT)) if self.run else ():
            try:
                content = read_regular(path, MAX_NOTE)
            except OSError as error:
                kept.append(Seen("the witness beside the lab", b"", str(error.strerror)))
                continue
            try:
                if Checkpoint.parse(Note.parse(content).text).origin != origin:
                    continue
            except NoteError:
                pass  # a witness's memory that cannot be read is told
            kept.append(Seen("the witness beside the lab", content))
        return kept


def find(folder: Path) -> Place:
    """The ledger in the folder of a run, or in a folder of its own.

    Raises:
        NoLedgerError: there is none.
    """
    for ledger, run in ((folder / LEDGER, folder), (folder, None)):
        if (ledger / CHECKPOINT).is_file() or (ledger / "tile").is_dir():
            return Place(ledger, run)
    raise NoLedgerError(
        f"Expected the folder of a run or of a ledger (with {LEDGER}/{CHECKPOINT} or {CHECKPOINT} inside), got "
        f"{folder}. Give the --out folder of athanor run or athanor up, or what athanor ledger import has made."
    )


def origin_of(place: Place) -> str:
    """The log that the checkpoint says it is of; nobody has checked that yet.

    Raises:
        TileMissingError: there is no checkpoint.
    """
    return TileStore(place.ledger).read_checkpoint().partition(b"\n")[0].decode("utf-8", "replace")


def trust_of(keys: Sequence[str] | None, witnesses: Sequence[str] | None, seen: Sequence[Path] | None = None) -> Trust:
    """What the reader brings along.

    Raises:
        SigningKeyError: a key is none.
        NoLedgerError: a kept checkpoint cannot be read.
    """
    kept = []
    for path in seen or ():
        try:
            kept.append(Seen(f"whoever kept {path.name}", read_regular(path, MAX_NOTE)))
        except OSError as error:
            raise NoLedgerError(f"Expected a checkpoint at {path}, got: {error.strerror}.") from None
    logs, cosigners = read_keys(keys or ()), read_keys(witnesses or ())
    for verifier, kind, role in [(v, ED25519, "log") for v in logs] + [(v, COSIGNATURE, "witness") for v in cosigners]:
        if verifier.kind != kind:
            raise NoLedgerError(
                f"Expected the verifier key of a {role}, got {verifier}, which is one of the other kind."
            )
    return Trust(logs, cosigners, tuple(kept), witness_of_log=True)


def read_keys(told: Sequence[str]) -> tuple[Verifier, ...]:
    """Verifier keys, each as its text or as a file that holds some.

    Raises:
        SigningKeyError: a text is none.
    """
    found = []
    for text in told:
        path = Path(text)
        lines = (
            read_regular(path, MAX_NOTE).decode("utf-8", "replace").split("\n")
            if "+" not in text and path.is_file()
            else [text]
        )
        found += [Verifier.parse(line) for line in lines if line.strip()]
    return tuple(found)


def answered(work: Callable[[], int]) -> int:
    """Does the work; what is unusable is told in one paragraph."""
    try:
        return work()
    except (LedgerError, BusError, OpsError) as error:
        complain(str(error))
        return UNUSABLE
    except OSError as error:
        complain(
            f"Expected to read and write {error.filename or 'files'}, got: {error.strerror or error}. Check the path."
        )
        return UNUSABLE


def say(document: Mapping[str, Any], lines: Sequence[str], *, as_json: bool) -> None:
    """Prints a result, for programs or for people."""
    sys.stdout.write(json.dumps(document) + "\n" if as_json else "".join(f"{line}\n" for line in lines))
