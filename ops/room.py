"""Room on the disk: a lab stops in good order while there is still enough to write down that it does.

A broker that hits a full disk switches its storage off and answers nobody any more, so that is not waited for. A disk
that has bytes and no names for new files left (inodes) is waited out: what is open goes on being written.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ops.errors import NoRoomError

LEAST = 48 * 1024**2
"""Bytes that stay free: the last events, an artefact in the making, the broker's own state."""
LEAST_FILES = 64
"""Files that can still be made, where the file system has a limit."""
LOOK = 0.5
"""Real seconds between looks."""
PATIENCE = 20.0
"""Real seconds in which the last words are written, if they still can be."""


def check_room(folder: Path) -> None:
    """There is room to work in.

    Raises:
        NoRoomError: there is not.
    """
    _check_bytes(folder)
    if scarce := few_files(folder):
        raise NoRoomError(f"{scarce} Nothing is lost: then give the same command, it goes on from here.")


def _check_bytes(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < LEAST:
        raise NoRoomError(
            f"Expected {LEAST / 1024**2:.0f} MiB of room on the disk of {folder}, got {free / 1024**2:.0f}. Nothing is "
            "lost: make room and give the same command, it goes on from here."
        )


def few_files(folder: Path) -> str:
    """Why no more files can be made on the disk of a folder, in a sentence; empty if they can."""
    there = os.statvfs(folder)
    if not there.f_files or there.f_favail >= LEAST_FILES:  # some file systems know no limit, and say 0 of 0
        return ""
    return (
        f"Expected room for {LEAST_FILES} more files on the disk of {folder}, got {there.f_favail} of "
        f"{there.f_files} (df -i). Delete files that nobody needs."
    )


async def watch_room(folder: Path, seen: Callable[[str], None] = lambda _: None) -> None:
    """Returns never; raises as soon as the disk is nearly full.

    Args:
        folder: whose disk.
        seen: told why there is no room for more files when that begins, and of an empty reason when there is again.

    Raises:
        NoRoomError: it is.
    """
    before = ""
    while True:
        _check_bytes(folder)
        now = few_files(folder)
        if bool(now) != bool(before):
            seen(now)
        before = now
        await asyncio.sleep(LOOK)
