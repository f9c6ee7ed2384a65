"""Room on the disk: a lab stops in good order while there is still enough to write down that it does.

A broker that hits a full disk switches its storage off and answers nobody any more, so that is not waited for.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from ops.errors import NoRoomError

LEAST = 48 * 1024**2
"""Bytes that stay free: the last events, an artefact in the making, the broker's own state."""
LOOK = 0.5
"""Real seconds between looks."""
PATIENCE = 20.0
"""Real seconds in which the last words are written, if they still can be."""


def check_room(folder: Path) -> None:
    """There is room to work in.

    Raises:
        NoRoomError: there is not.
    """
    free = shutil.disk_usage(folder).free
    if free < LEAST:
        raise NoRoomError(
            f"Expected {LEAST / 1024**2:.0f} MiB of room on the disk of {folder}, got {free / 1024**2:.0f}. Nothing is "
            "lost: make room and give the same command, it goes on from here."
        )


async def watch_room(folder: Path) -> None:
    """Returns never; raises as soon as the disk is nearly full.

    Raises:
        NoRoomError: it is.
    """
    while True:
        check_room(folder)
        await asyncio.sleep(LOOK)
