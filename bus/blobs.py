"""Artefacts: content addressed by its SHA-256, so that a reference cannot come to mean something else."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from bus.errors import BlobCorruptError, BlobMissingError
from contracts.materials import ArtifactRef


def reference(content: bytes, media_type: str, name: str) -> ArtifactRef:
    """The reference that names this content."""
    return ArtifactRef(sha256=hashlib.sha256(content).hexdigest(), size=len(content), media_type=media_type, name=name)


def _checked(content: bytes, ref: ArtifactRef, where: str) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    if digest != ref.sha256:
        raise BlobCorruptError(
            f"Expected the content of {where} to have SHA-256 {ref.sha256}, got {digest}: the file was changed or "
            "damaged. Restore it from a copy; nothing was read from it."
        )
    return content


class BlobStore:
    """Artefacts in a folder: ``blobs/ab/cdef…``, written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Where content of that digest lies."""
        return self.folder / sha256[:2] / sha256[2:]

    def put(self, content: bytes, media_type: str, name: str) -> ArtifactRef:
        """Stores content: temporary file, fsync, rename, fsync of the folder."""
        ref = reference(content, media_type, name)
        target = self.path(ref.sha256)
        if target.exists() and target.stat().st_size == ref.size:
            return ref
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return ref

    def get(self, ref: ArtifactRef) -> bytes:
        """The content, checked against its digest."""
        path = self.path(ref.sha256)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise BlobMissingError(
                f"Expected the artefact {ref.name} (SHA-256 {ref.sha256}) at {path}, got nothing there. "
                "Copy the campaign's blobs folder beside its log."
            ) from None
        return _checked(content, ref, str(path))


class MemoryBlobs:
    """Artefacts in memory, for tests."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def put(self, content: bytes, media_type: str, name: str) -> ArtifactRef:
        """Keeps content."""
        ref = reference(content, media_type, name)
        self._contents[ref.sha256] = content
        return ref

    def get(self, ref: ArtifactRef) -> bytes:
        """The content, checked against its digest."""
        if ref.sha256 not in self._contents:
            raise BlobMissingError(f"Expected the artefact {ref.name} (SHA-256 {ref.sha256}), got nothing.")
        return _checked(self._contents[ref.sha256], ref, ref.name)
