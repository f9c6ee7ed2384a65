"""Arrays and a note in one file: NumPy's .npz without pickles, the same bytes in every process."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from science.surrogate.errors import ArtefactError

MEDIA_TYPE = "application/vnd.athanor.model+npz"


def pack(kind: str, note: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An archive of named arrays and a JSON note."""
    text = json.dumps({"kind": kind, "format": 1, **note}, sort_keys=True)
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
        note = json.loads(arrays.pop("note").tobytes())
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ArtefactError(f"Expected a {kind} archive, got: {error}.") from error
    if note.get("kind") != kind or note.get("format") != 1:
        raise ArtefactError(f"Expected a {kind} of format 1, got {note.get('kind')!r} of {note.get('format')!r}.")
    return note, arrays
