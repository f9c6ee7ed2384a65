"""Reads files that strangers may have put there: regular ones only, and never more of them than they may hold.

A pipe in the place of a tile would keep a reader waiting for ever, and a link to a device would fill its memory.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import IO

CHUNK = 1 << 20
"""Bytes of a large file that are held at once."""
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path) -> IO[bytes]:
    """A regular file, open for reading; without waiting for whoever is at the other end of anything else.

    Raises:
        OSError: there is none, it cannot be read, or it is something else.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _check_regular(path, os.fstat(handle).st_mode)
    except OSError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def _check_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"{kind} in the place of a file", str(path))


def read_regular(path: Path, largest: int) -> bytes:
    """What a regular file holds.

    Args:
        path: the file.
        largest: bytes that it may hold.

    Raises:
        OSError: there is none, it cannot be read, it is something else, or it holds more.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(largest + 1) if size <= largest else b""
    if size > largest or len(content) > largest:
        told = max(size, len(content))
        raise OSError(errno.EFBIG, f"{told} bytes, which is more than the {largest} that it may hold", str(path))
    return content


def names_in(folder: Path) -> list[str]:
    """Everything in a folder that is no folder itself, however deep, relative to it and sorted; links are not followed.

    What vanishes meanwhile is passed over: a ledger that grows takes partial files away.
    """
    found = []
    for within, folders, files in os.walk(folder):
        there = Path(within)
        named = [*files, *(name for name in folders if (there / name).is_symlink())]
        found += [(there / name).relative_to(folder).as_posix() for name in named]
    return sorted(found)


def digest_of(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a regular file of any size, read piece by piece.

    Raises:
        OSError: there is none, it cannot be read, or it is something else.
    """
    size, sha256 = 0, hashlib.sha256()
    with open_regular(path) as file:
        while piece := file.read(CHUNK):
            size += len(piece)
            sha256.update(piece)
    return size, sha256.hexdigest()
