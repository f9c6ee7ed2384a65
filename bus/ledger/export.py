"""A ledger in one file, for a reviewer: everything that its checkpoint vouches for, its artefacts, the verifier keys.

The file is a plain tar archive whose bytes follow from the ledger alone: the same ledger at the same size is the same
file, whoever exports it and when. Private keys are not in the folders that are read. What comes in is verified before
it is put in its place.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from bus.blobs import BlobStore
from bus.ledger.artefacts import named_in
from bus.ledger.checkpoint import Checkpoint
from bus.ledger.errors import ParcelError
from bus.ledger.examining import UNTOLD, Artefact
from bus.ledger.files import open_regular, read_regular
from bus.ledger.findings import Kind, Problem, Verdict
from bus.ledger.keys import HAND_OVER, VERIFIERS
from bus.ledger.note import MAX_NOTE, Note
from bus.ledger.parcel import Unpacking, members
from bus.ledger.tiles import (
    CHECKPOINT,
    ENTRIES,
    LARGEST,
    TileStore,
    pack_bundle,
    sync_folder,
    tile_path,
    tiles_of,
    widths,
)
from bus.ledger.verify import Means, Trust, verify

SUFFIX = ".athanor-ledger.tar"
"""How such a file is called."""
BLOBS = "blobs"
"""The folder of artefacts, in the file and beside a ledger that was brought in."""
MAX_ARTEFACT = (1 << 33) - 1
"""Bytes of the largest artefact that fits such a file."""
_NAMES = re.compile(
    rf"{CHECKPOINT}|{VERIFIERS}|{HAND_OVER}/[1-9][0-9]*"
    rf"|tile/(?:{ENTRIES}|[0-7])/(?:x[0-9]{{3}}/)*[0-9]{{3}}(?:\.p/[1-9][0-9]{{0,2}})?"
)
_BLOB = re.compile(rf"{BLOBS}/[0-9a-f]{{2}}/[0-9a-f]{{62}}")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    checkpoint: Checkpoint
    """What is vouched for."""
    artefacts: int = 0
    """How many artefacts are in the file."""
    artefact_bytes: int = 0
    """How large they are together."""


def export(folder: Path, target: Path, blobs: Path | None = None, *, processes: int = 1) -> Exported:
    """Writes the ledger in a folder into one file; a running one at its newest checkpoint.

    Args:
        folder: the ledger.
        target: the file, which must not exist yet.
        blobs: folder of the artefacts that its events name; they are left out without it.
        processes: how many look for artefacts at once.

    Raises:
        LedgerError: the ledger is not whole.
        ParcelError: there is such a file already, or it cannot be written, or an artefact is missing or altered.
    """
    content = TileStore(folder).read_checkpoint()
    checkpoint = Checkpoint.parse(Note.parse(content).text)
    named = named_in(TileStore(folder), checkpoint.size, processes) if blobs is not None else {}
    try:
        handle = target.open("xb")
    except OSError as error:
        raise ParcelError(f"Expected to write {target}, got: {error.strerror}. Choose another file.") from None
    size = 0
    try:
        with handle, tarfile.open(fileobj=handle, mode="w", format=tarfile.USTAR_FORMAT) as parcel:
            for name, body in _contents(folder, content, checkpoint.size):
                _add(parcel, name, len(body), io.BytesIO(body))
            for digest in sorted(named) if blobs is not None else ():
                size += _add_artefact(parcel, blobs or folder, named[digest])
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Exported(checkpoint, len(named), size)


def _add(parcel: tarfile.TarFile, name: str, size: int, content: Any) -> None:  # whatever tarfile reads from
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    parcel.addfile(member, content)


def _add_artefact(parcel: tarfile.TarFile, blobs: Path, artefact: Artefact) -> int:
    """Adds an artefact, piece by piece; its size.

    Raises:
        ParcelError: it is not there, or it is not the one that the event names.
    """
    path, expected = BlobStore(blobs).path(artefact.sha256), f"the artefact {artefact.name!r}"
    expected += f" (SHA-256 {artefact.sha256}) of the event at index {artefact.said_at}"
    advice = "Restore it from a copy, or leave artefacts out (--no-artefacts); nothing was written."
    try:
        with open_regular(path) as file:
            size, reading = path.stat().st_size, _Digested(file)
            if size > MAX_ARTEFACT or artefact.size not in {size, UNTOLD}:
                wanted = f"of {artefact.size} bytes" if artefact.size <= MAX_ARTEFACT else "of less than 8 GiB"
                raise ParcelError(f"Expected {expected} {wanted}, got {size} bytes. {advice}")
            _add(parcel, f"{BLOBS}/{path.parent.name}/{path.name}", size, reading)
    except OSError as error:
        raise ParcelError(f"Expected {expected} at {path}, got: {error.strerror or error}. {advice}") from None
    if reading.sha256.hexdigest() != artefact.sha256:
        raise ParcelError(f"Expected {expected}, got other content: it was altered. {advice}")
    return size


class _Digested:
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.sha256 = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self.sha256.update(content)
        return content


def _contents(folder: Path, checkpoint: bytes, size: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file, in an order that follows from the size."""
    store = TileStore(folder)
    yield CHECKPOINT, checkpoint
    yield VERIFIERS, read_regular(folder / VERIFIERS, MAX_NOTE)
    handed = folder / HAND_OVER
    numbered = [p for p in handed.iterdir() if _NAMES.fullmatch(f"{HAND_OVER}/{p.name}")] if handed.is_dir() else []
    for path in sorted(numbered, key=lambda p: int(p.name)):
        yield f"{HAND_OVER}/{path.name}", read_regular(path, MAX_NOTE)
    for n, width in widths(size):
        yield tile_path(ENTRIES, n, width), pack_bundle(store.read_bundle(n, width))
    for level, n, width in tiles_of(size):
        yield tile_path(level, n, width), store.read_tile(level, n, width)


def bring_in(parcel: Path, folder: Path, trust: Trust | None = None, *, processes: int = 1) -> Verdict:
    """Unpacks an exported ledger and verifies it; it is put in its place only if nothing is wrong with it.

    Artefacts that came along are compared with what the events say of them, and lie beside the ledger then.

    Args:
        parcel: the file.
        folder: where the ledger shall lie; there must be nothing yet.
        trust: what the reader trusts and has seen.
        processes: how many verify at once.

    Raises:
        ParcelError: the file is none that `export` writes, or there is something in its place already.
        LedgerError: there is no ledger in it.
    """
    blobs = folder.with_name(BLOBS)
    _check_free(folder)
    if not parcel.exists():
        raise ParcelError(f"Expected a file of athanor ledger export at {parcel}, got nothing there. Check the path.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".importing-"))
    try:
        _unpack(parcel, scratch, folder.name)
        came = len([p for p in (scratch / BLOBS).glob("*/*") if p.is_file()])
        if came:
            _check_free(blobs)
        means = Means(artefacts=scratch / BLOBS if came else None, processes=processes)
        verdict = verify(scratch / folder.name, trust, means)
        if came > verdict.artefacts:
            detail = f"Expected {verdict.artefacts} artefacts that events name in {parcel.name}, got {came}."
            verdict = replace(verdict, problems=(*verdict.problems, Problem(None, Kind.FOREIGN, detail)))
        if verdict.ok:
            for made, place in ((scratch / BLOBS, blobs), (scratch / folder.name, folder)):
                if made.is_dir():
                    made.chmod(0o755)
                    made.replace(place)
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return verdict


def _check_free(folder: Path) -> None:
    """There is nothing yet where something shall be put.

    Raises:
        ParcelError: there is.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParcelError(
            f"Expected nothing at {folder} yet, got something. Choose another folder: nothing was replaced."
        )


def _unpack(parcel: Path, scratch: Path, name: str) -> None:
    """Unpacks the names that a ledger has, and refuses every other: an archive may come from anybody.

    Raises:
        ParcelError: it is none that `export` writes.
    """
    unpacking = Unpacking(parcel.name)
    try:
        with open_regular(parcel) as file:
            room, needed = shutil.disk_usage(scratch).free, parcel.stat().st_size
            if needed > room:
                raise ParcelError(f"Expected {needed} bytes of room to unpack {parcel.name}, got {room}. Make room.")
            for member in members(file, unpacking):
                if _BLOB.fullmatch(member.name):
                    target = scratch / member.name
                elif _NAMES.fullmatch(member.name) and member.size <= LARGEST:
                    target = scratch / name / member.name
                else:
                    raise unpacking.refused(f"{member.name[:80]!r} of {member.size} bytes")
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as made:
                    member.copy_to(made)
    except FileExistsError:
        raise ParcelError(f"Expected each file once in {parcel.name}, got one twice. Nothing was unpacked.") from None
    except OSError as error:
        raise ParcelError(
            f"Expected a file of athanor ledger export at {parcel}, got: {error.strerror or error}."
        ) from None
