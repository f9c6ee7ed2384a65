"""A ledger in one file, for a reviewer: everything that its checkpoint vouches for, and the verifier keys.

The file is a plain tar archive whose bytes follow from the ledger alone: the same ledger at the same size is the same
file, whoever exports it and when. Private keys are not in the folder that is read. What comes in is verified before
it is put in its place.
"""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bus.ledger.checkpoint import Checkpoint
from bus.ledger.errors import ParcelError
from bus.ledger.findings import Verdict
from bus.ledger.keys import HAND_OVER, VERIFIERS
from bus.ledger.note import MAX_NOTE, Note
from bus.ledger.tiles import CHECKPOINT, ENTRIES, WIDTH, TileStore, pack_bundle, tile_path, tiles_of, widths
from bus.ledger.verify import Trust, verify

SUFFIX = ".athanor-ledger.tar"
"""How such a file is called."""
_NAMES = re.compile(
    rf"{CHECKPOINT}|{VERIFIERS}|{HAND_OVER}/[1-9][0-9]*"
    rf"|tile/(?:{ENTRIES}|[0-7])/(?:x[0-9]{{3}}/)*[0-9]{{3}}(?:\.p/[1-9][0-9]{{0,2}})?"
)
_LARGEST = max(MAX_NOTE, WIDTH * (2 + 0xFFFF))


def export(folder: Path, target: Path) -> Checkpoint:
    """Writes the ledger in a folder into one file; a running one at its newest checkpoint.

    Args:
        folder: the ledger.
        target: the file, which must not exist yet.

    Raises:
        LedgerError: the ledger is not whole.
        ParcelError: there is such a file already, or it cannot be written.
    """
    content = TileStore(folder).read_checkpoint()
    checkpoint = Checkpoint.parse(Note.parse(content).text)
    try:
        handle = target.open("xb")
    except OSError as error:
        raise ParcelError(f"Expected to write {target}, got: {error.strerror}. Choose another file.") from None
    try:
        with handle, tarfile.open(fileobj=handle, mode="w", format=tarfile.USTAR_FORMAT) as parcel:
            for name, body in _contents(folder, content, checkpoint.size):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(body), 0o644
                parcel.addfile(member, io.BytesIO(body))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return checkpoint


def _contents(folder: Path, checkpoint: bytes, size: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file, in an order that follows from the size."""
    store = TileStore(folder)
    yield CHECKPOINT, checkpoint
    yield VERIFIERS, (folder / VERIFIERS).read_bytes()
    handed = folder / HAND_OVER
    numbered = [p for p in handed.iterdir() if _NAMES.fullmatch(f"{HAND_OVER}/{p.name}")] if handed.is_dir() else []
    for path in sorted(numbered, key=lambda p: int(p.name)):
        yield f"{HAND_OVER}/{path.name}", path.read_bytes()
    for n, width in widths(size):
        yield tile_path(ENTRIES, n, width), pack_bundle(store.read_bundle(n, width))
    for level, n, width in tiles_of(size):
        yield tile_path(level, n, width), store.read_tile(level, n, width)


def bring_in(parcel: Path, folder: Path, trust: Trust | None = None) -> Verdict:
    """Unpacks an exported ledger and verifies it; it is put in its place only if nothing is wrong with it.

    Args:
        parcel: the file.
        folder: where the ledger shall lie; there must be nothing yet.
        trust: what the reader trusts and has seen.

    Raises:
        ParcelError: the file is none that `export` writes, or there is something in its place already.
        LedgerError: there is no ledger in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParcelError(
            f"Expected nothing at {folder} yet, got something. Choose another folder: nothing was replaced."
        )
    if not parcel.is_file():
        raise ParcelError(f"Expected a file of athanor ledger export at {parcel}, got nothing there. Check the path.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".importing-"))
    try:
        _unpack(parcel, scratch)
        verdict = verify(scratch, trust)
        if verdict.ok:
            scratch.chmod(0o755)
            scratch.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return verdict


def _unpack(parcel: Path, scratch: Path) -> None:
    """Unpacks the names that a ledger has, and refuses every other: an archive may come from anybody."""
    try:
        with tarfile.open(parcel, mode="r:") as archive:
            for member in archive:
                if not member.isreg() or not _NAMES.fullmatch(member.name) or member.size > _LARGEST:
                    raise ParcelError(
                        f"Expected only the files of a ledger in {parcel.name}, got {member.name[:80]!r}. It was not "
                        "made by athanor ledger export; nothing was unpacked."
                    )
                content = archive.extractfile(member)
                assert content is not None  # noqa: S101  regular files have content
                path = scratch / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    shutil.copyfileobj(content, file)
    except FileExistsError:
        raise ParcelError(f"Expected each file once in {parcel.name}, got one twice. Nothing was unpacked.") from None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ParcelError(
            f"Expected a file of athanor ledger export at {parcel}, got: {error}. It was cut, or it is something else."
        ) from None
