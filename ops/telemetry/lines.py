"""Files of JSON lines that do not fill a disk: the oldest part goes when there are enough."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import orjson

PART = 64 * 1024 * 1024
"""Bytes of a part, after which the next begins."""
PARTS = 4
"""Parts that are kept, the one being written included."""


class Lines:
    """Appends to ``NAME.jsonl``; a full part becomes ``NAME.1.jsonl``, the one before it ``NAME.2.jsonl``, and so on.

    Telemetry is no evidence and is not synced: what a crash of the machine takes of it is gone, and the log is whole.

    Attributes:
        lost: lines that could not be written, because the disk is full, say.
        told: told of that with the reason, once until lines can be written again; from any thread.
    """

    def __init__(self, path: Path, *, part: int = PART, parts: int = PARTS) -> None:
        self.path, self.part, self.parts = path, part, parts
        self.lost = 0
        self.told: Callable[[str], None] = lambda _: None
        self._failing = False
        self._file: IO[bytes] | None = None

    def write(self, documents: list[dict[str, Any]]) -> bool:
        """Appends a line for each document; whether they are written."""
        text = b"".join(orjson.dumps(d, default=str, option=orjson.OPT_APPEND_NEWLINE) for d in documents)
        try:
            file = self._file or self._open()
            if file.tell() and file.tell() + len(text) > self.part:
                file = self._turn()
            file.write(text)
            file.flush()
        except OSError as error:
            self.lost += len(documents)
            self._tell(error)
            return False
        self._failing = False
        return True

    def _tell(self, error: OSError) -> None:
        """Says once why nothing is written, until something is again: whoever hears it may want to write it here."""
        before, self._failing = self._failing, True
        if not before:
            self.told(
                f"Expected to write {self.path}, got: {error}. Telemetry is lost meanwhile, and nothing else is: make "
                "room there, or let the lab's user write there"
            )

    def _open(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = file = self.path.open("a+b")
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a killed process was in the middle of a line
                file.write(b"\n")
        return file

    def _turn(self) -> IO[bytes]:
        self.close()
        for n in range(self.parts - 1, 0, -1):
            if (older := self._part(n - 1)).exists():
                older.replace(self._part(n))
        return self._open()

    def _part(self, n: int) -> Path:
        return self.path if n == 0 else self.path.with_suffix(f".{n}{self.path.suffix}")

    def close(self) -> None:
        """Lets go of the file; the next line opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None
