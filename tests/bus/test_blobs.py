"""Artefacts are what their digest says, or an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.blobs import BlobStore, reference
from bus.errors import BlobCorruptError, BlobMissingError


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    """One flipped byte is an error that names file, expected and found digest."""
    store = BlobStore(tmp_path)
    ref = store.put(b"counts", "text/plain", "a.xy")
    store.path(ref.sha256).write_bytes(b"Counts")
    with pytest.raises(BlobCorruptError, match=ref.sha256):
        store.get(ref)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """The message says where it was expected."""
    with pytest.raises(BlobMissingError, match="blobs folder"):
        BlobStore(tmp_path).get(reference(b"x", "text/plain", "a.xy"))


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    """A store holds whole artefacts and no leftovers."""
    store = BlobStore(tmp_path)
    refs = [store.put(bytes([n]) * 1000, "application/octet-stream", f"{n}") for n in range(20)]
    assert sorted(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) == [1000] * 20
    assert all(len(store.get(ref)) == 1000 for ref in refs)
