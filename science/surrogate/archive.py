"""Arrays and a note in one file: NumPy's .npz without pickles, the same bytes in every process.

A zip's own checksums cover contents and not names, so the note carries a digest of both.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from science.surrogate.errors import ArtefactError

MEDIA_TYPE = "application/vnd.athanor.model+npz"
FORMAT = 2
"""Grows when the arrays of a kind change their meaning, so that an older model is refused and not misread."""


def pack(kind: str, note: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An archive of named arrays and a JSON note."""
    text = json.dumps({"kind": kind, "format": FORMAT, "digest": _digest(arrays), **note}, sort_keys=True)
    buffer = io.BytesIO()
    members: dict[str, Any] = {"note": np.frombuffer(text.encode(), np.uint8), **{k: arrays[k] for k in sorted(arrays)}}
    np.savez(buffer, **members)
    return buffer.getvalue()


def unpack(kind: str, content: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The note and the arrays of an archive.

    Raises:
        ArtefactError: the bytes are no archive of that kind.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        note = dict(json.loads(arrays.pop("note").tobytes()))
    except Exception as error:  # a damaged zip raises anything from EOFError to NotImplementedError
        raise ArtefactError(f"Expected a {kind} archive, got: {error!r}. Train the model again.") from error
    if note.get("kind") != kind or note.get("format") != FORMAT:
        found = f"{note.get('kind')!r} of {note.get('format')!r}"
        raise ArtefactError(f"Expected a {kind} of format {FORMAT}, got {found}. Train the model again.")
    if note.pop("digest", None) != _digest(arrays):
        raise ArtefactError(f"Expected an undamaged {kind}, got arrays that miss their digest. Train the model again.")
    return note, arrays


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Digest of names, kinds, shapes and contents."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
