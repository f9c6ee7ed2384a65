"""One writer a folder: a lock that the kernel takes back when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

LOCK = "lock"


class FolderLock:
    """The right to write in a folder, while it is held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[str] | None = None

    def take(self) -> str:
        """Tries to take it; empty when it is ours now, and otherwise who has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = (self.folder / LOCK).open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            return owner
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        self._file = file
        return ""

    def release(self) -> None:
        """Gives it back."""
        if self._file is not None:
            self._file.close()
            self._file = None
