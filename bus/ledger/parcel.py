"""Reads the one kind of archive in which a ledger travels: plain tar of regular files, and nothing that tar has beside.

Links, devices, pipes, sparse files and extended headers are refused before anything of them is read: an archive comes
from anybody, and libraries that understand all of tar do what it says. Format: POSIX.1-1988 (ustar).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from bus.ledger.errors import ParcelError
from bus.ledger.files import CHUNK

BLOCK = 512
"""Bytes of a header; contents are filled up to a multiple of it."""
_REGULAR = (b"0", b"\0")


@dataclass(frozen=True, slots=True)
class Unpacking:
    """What is being read, for messages."""

    name: str
    """The archive."""

    def refused(self, got: str) -> ParcelError:
        """Why it is not read on."""
        return ParcelError(
            f"Expected only the files of a ledger in {self.name}, got {got}. It was cut, or it was not made by athanor "
            "ledger export and is something else; nothing was unpacked."
        )


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive, of which nothing has been read yet."""

    name: str
    """Its path."""
    size: int
    """Its bytes."""
    _file: IO[bytes]
    _unpacking: Unpacking

    def copy_to(self, target: IO[bytes]) -> None:
        """Writes what it holds, piece by piece.

        Raises:
            ParcelError: the archive ends within it.
        """
        left = self.size
        while left:
            piece = self._file.read(min(left, CHUNK))
            if not piece:
                raise self._unpacking.refused(f"an end within {self.name}")
            target.write(piece)
            left -= len(piece)
        self._file.read(-self.size % BLOCK)


def members(file: IO[bytes], unpacking: Unpacking) -> Iterator[Member]:
    """The files in an archive, each to be copied before the next is asked for.

    Raises:
        ParcelError: it is no such archive, or holds something else.
    """
    while True:
        header = file.read(BLOCK)
        if header == bytes(BLOCK):
            while rest := file.read(CHUNK):
                if rest.strip(b"\0"):
                    raise unpacking.refused("something behind its end")
            return
        yield _member(header, file, unpacking)


def _member(header: bytes, file: IO[bytes], unpacking: Unpacking) -> Member:
    if len(header) < BLOCK or header[257:263] != b"ustar\0":
        raise unpacking.refused(
            "an end where a file was to come" if len(header) < BLOCK else "bytes that are no header"
        )
    told, kind = _number(header[148:156]), header[156:157]
    if told != sum(header[:148]) + 8 * ord(" ") + sum(header[156:]):
        raise unpacking.refused("a header whose sum is wrong")
    name, size = header[:100].rstrip(b"\0").decode("utf-8", "replace"), _number(header[124:136])
    if kind not in _REGULAR or size is None or header[345:500].strip(b"\0"):
        raise unpacking.refused(f"{name[:80]!r}, which is no plain file")
    return Member(name, size, file, unpacking)


def _number(field: bytes) -> int | None:
    """A number in octal digits; none for anything else."""
    digits = field.strip(b" \0")
    return int(digits, 8) if digits.isdigit() and not digits.strip(b"01234567") else None
