"""Arrays and a note in one file: NumPy's .npz without pickles, the same bytes in every process.

A zip's own checksums cover contents and not names, so the note carries a digest of both.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
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


def unpack(kind: str | None, content: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The note and the arrays of an archive.

    Args:
        kind: what it must be; without it any kind will do.
        content: its bytes.

    Raises:
        ArtefactError: the bytes are no archive of that kind.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        note = dict(json.loads(arrays.pop("note").tobytes()))
    except Exception as error:  # a damaged zip raises anything from EOFError to NotImplementedError
        raise ArtefactError(f"Expected a {kind} archive, got: {error!r}. Train the model again.") from error
    if kind not in (None, note.get("kind")) or note.get("format") != FORMAT:
        found = f"{note.get('kind')!r} of {note.get('format')!r}"
        raise ArtefactError(f"Expected a {kind} of format {FORMAT}, got {found}. Train the model again.")
    if note.pop("digest", None) != _digest(arrays):
        raise ArtefactError(f"Expected an undamaged {kind}, got arrays that miss their digest. Train the model again.")
    return note, arrays


def expect_properties(kind: str, wanted: Iterable[str], found: Iterable[str]) -> None:
    """An archive that was made for other properties is refused by their names.

    Raises:
        ArtefactError: it was.
    """
    mine, told = ", ".join(sorted(set(wanted))), ", ".join(sorted(set(found)))
    if mine != told:
        raise ArtefactError(f"Expected a {kind} of {mine}, got one of {told or 'nothing'}. Train it again.")


def departure(one: bytes, other: bytes) -> float | None:
    """How far the numbers of two archives depart, relative to the largest of their array.

    Fits end in other last digits on other processors; two archives that depart by less than anybody could tell are
    one model.

    Returns:
        The largest departure; none if anything else than numbers with fractions differs.

    Raises:
        ArtefactError: the bytes are no archives.
    """
    (note, arrays), (other_note, others) = unpack(None, one), unpack(None, other)
    return _apart({"note": note, "arrays": arrays}, {"note": other_note, "arrays": others})


def _apart(one: Any, other: Any) -> float | None:
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return None
        return _largest(_apart(value, other[name]) for name, value in one.items())
    if isinstance(one, float | np.ndarray) and isinstance(other, float | np.ndarray):
        return _numbers_apart(np.asarray(one), np.asarray(other))
    return 0.0 if one == other else None


def _largest(departures: Iterable[float | None]) -> float | None:
    found = list(departures)
    return None if None in found else max((d for d in found if d is not None), default=0.0)


def _numbers_apart(one: NDArray[Any], other: NDArray[Any]) -> float | None:
    if one.shape != other.shape or one.dtype != other.dtype:
        return None
    if one.tobytes() == other.tobytes():
        return 0.0
    if one.dtype.kind != "f" or not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return None
    there = np.isfinite(one)
    apart = np.max(np.abs(one[there] - other[there]), initial=0.0)
    return float(apart / np.max(np.abs(one[there]), initial=1e-300))


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Digest of names, kinds, shapes and contents."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
