"""Files of histories: the same bytes from the same history, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.codec import encode
from tests.agents.toys import lost
from tests.contracts.examples import envelope
from tests.histories import kept
from tests.histories.arithmetic import arithmetic
from tests.histories.kept import History, path_of, read, write

HISTORY = History(
    "made",
    "up",
    "0" * 64,
    {"planner": "1" * 64},
    tuple(encode(envelope(lost(n, "Å"), n=n)) for n in range(3)),
    {"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03": b"hello\n"},
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path)


def test_what_is_written_is_read() -> None:
    """Every byte of every event, and every artefact; written again it is the same file."""
    size = write(HISTORY)
    first = path_of("made").read_bytes()
    assert read("made") == HISTORY
    assert len(first) == size == write(HISTORY)
    assert path_of("made").read_bytes() == first


def test_an_artefact_that_is_not_what_it_says_is_refused() -> None:
    """A damaged file is no evidence."""
    digest = next(iter(HISTORY.artefacts))
    write(History(**{**vars(HISTORY), "artefacts": {digest: b"other"}}))
    with pytest.raises(AssertionError):
        read("made")


async def test_a_history_is_a_source() -> None:
    """Its events are told in order, as far as is asked for."""
    assert [r.sequence async for r in HISTORY.events()] == [1, 2, 3]
    assert [r.envelope.data async for r in HISTORY.events(2)] == [lost(0, "Å"), lost(1, "Å")]


def test_the_arithmetic_of_a_machine_is_the_same_each_time() -> None:
    """It is a digest of sums, not of chance."""
    assert arithmetic() == arithmetic()
    assert len(arithmetic()) == 64
