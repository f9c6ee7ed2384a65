"""Tests of archives: arrays and a note, without pickles."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from science.surrogate.archive import departure, pack, unpack
from science.surrogate.errors import ArtefactError

ARRAYS = {"b/x": np.arange(6.0).reshape(2, 3), "a": np.array([np.nan, -0.0, 1e-300]), "c": np.zeros((0, 4))}
CONTENT = pack("thing", {"n": 3, "words": ["Å", "β"]}, ARRAYS)


def test_arrays_and_note_come_back_and_pack_to_the_same_bytes() -> None:
    """Shapes, NaN, signed zero and letters survive; packing what came out gives the same bytes."""
    note, arrays = unpack("thing", CONTENT)
    assert note["n"] == 3
    assert note["words"] == ["Å", "β"]
    assert {k: v.tobytes() for k, v in arrays.items()} == {k: v.tobytes() for k, v in ARRAYS.items()}
    assert {k: v.shape for k, v in arrays.items()} == {k: v.shape for k, v in ARRAYS.items()}
    again = {k: v for k, v in note.items() if k not in ("kind", "format")}
    assert pack("thing", again, dict(reversed(arrays.items()))) == CONTENT


def test_an_archive_of_another_kind_or_format_is_refused() -> None:
    """A trust model is not read as a component model; the message says what was found."""
    with pytest.raises(ArtefactError, match=r"Expected a other of format \d, got 'thing'"):
        unpack("other", CONTENT)
    with pytest.raises(ArtefactError, match=r"format \d, got 'thing' of 0"):
        unpack("thing", pack("thing", {"format": 0}, {}))


@pytest.mark.parametrize("content", [b"", b"PK", b"[]", CONTENT[:-30], CONTENT[: len(CONTENT) // 2], CONTENT[40:]])
def test_bytes_cut_short_are_refused(content: bytes) -> None:
    """What was only half written is an ArtefactError."""
    with pytest.raises(ArtefactError):
        unpack("thing", content)


def test_an_archive_without_a_note_is_refused() -> None:
    """NumPy's own archives are none of ours."""
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    with pytest.raises(ArtefactError, match="note"):
        unpack("thing", buffer.getvalue())


def test_a_pickle_inside_is_never_loaded() -> None:
    """An array of objects, which could run code when it is loaded, is refused unread."""

    class Trap:
        def __reduce__(self) -> tuple:
            return pytest.fail, ("the pickle was loaded",)

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        inner = io.BytesIO()
        np.lib.format.write_array(inner, np.array([Trap()], object), allow_pickle=True)
        archive.writestr("a.npy", inner.getvalue())
        archive.writestr("note.npy", pickle.dumps({}))
    with pytest.raises(ArtefactError):
        unpack("thing", buffer.getvalue())


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
@example(911, 1)
@settings(max_examples=500)
def test_one_flipped_byte_is_refused_or_harmless(position: int, flip: int) -> None:
    """A damaged archive is an ArtefactError, or harmless: numbers never change in silence."""
    damaged = bytearray(CONTENT)
    damaged[position] ^= flip
    try:
        _, arrays = unpack("thing", bytes(damaged))
    except ArtefactError:
        return
    assert {k: v.tobytes() for k, v in arrays.items()} == {k: v.tobytes() for k, v in ARRAYS.items()}


def test_last_digits_are_told_from_another_model() -> None:
    """Numbers that depart are measured against the largest of their array; whatever else differs is no rounding."""
    content = {"w": np.array([1e-9, -2.0, np.nan]), "n": np.array([1, 2])}

    def packed(**changes: np.ndarray) -> bytes:
        return pack("thing", {"n": 3}, content | changes)

    assert departure(packed(), packed()) == 0
    noted = [pack("thing", {"limits": {"a": limit, "n": 2}}, content) for limit in (0.5, 0.5 + 1e-12)]
    assert departure(*noted) == pytest.approx(2e-12, rel=0.1)
    assert departure(packed(), packed(w=np.array([3e-9, -2.0, np.nan]))) == pytest.approx(1e-9)
    for other in (
        packed(n=np.array([1, 3])),
        packed(w=np.array([1e-9, -2.0, 0.0])),
        packed(w=np.array([1e-9, -2.0])),
        packed(more=np.zeros(2)),
        pack("thing", {"n": 4}, content),
    ):
        assert departure(packed(), other) is None
