"""Room on a disk, in bytes and in names for files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from ops import room
from ops.errors import NoRoomError
from ops.room import LEAST_FILES, check_room, few_files, watch_room


def told(left: int, of: int) -> SimpleNamespace:
    """What a file system says that has so many names for files left, of so many, and plenty of bytes."""
    return SimpleNamespace(f_favail=left, f_files=of, f_bavail=10**6, f_bfree=10**6, f_blocks=10**6, f_frsize=4096)


def disk(monkeypatch: pytest.MonkeyPatch, left: int, of: int) -> None:
    """A disk with so many names for files left, of so many."""
    monkeypatch.setattr(room.os, "statvfs", lambda _: told(left, of))


def test_names_for_files_are_room_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab is not started where no file can be made; the sentence has the folder, the counts and what to do."""
    check_room(tmp_path)
    disk(monkeypatch, LEAST_FILES - 1, 1000)
    with pytest.raises(NoRoomError, match=f"{LEAST_FILES} more files on the disk of .*, got 63 of 1000 .df -i."):
        check_room(tmp_path)
    disk(monkeypatch, LEAST_FILES, 1000)
    check_room(tmp_path)


def test_file_systems_that_know_no_limit_have_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They say 0 of 0."""
    disk(monkeypatch, 0, 0)
    assert few_files(tmp_path) == ""


async def test_it_is_told_when_names_run_out_and_when_there_are_some_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once each time, and the watch goes on: what is open can still be written."""
    left = iter([500, 0, 0, 3, 500, 500, 0, 500])
    there = {"left": 500}

    async def turn(_seconds: float) -> None:
        there["left"] = next(left, -1)
        if there["left"] < 0:
            raise asyncio.CancelledError

    monkeypatch.setattr(room.os, "statvfs", lambda _: told(there["left"], 1000))
    monkeypatch.setattr(room.asyncio, "sleep", turn)
    seen: list[str] = []
    with pytest.raises(asyncio.CancelledError):
        await watch_room(tmp_path, seen.append)
    assert [bool(words) for words in seen] == [True, False, True, False]
