"""What an instrument remembers of the actions it was asked for, on disk, so that a crash forgets none.

One small JSON file a key, written whole or not at all. An entry that cannot be read is not guessed at: the
instrument then says that it does not know what became of that key.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One action: its key, when it began and ends, in which order, and what was asked."""

    key: str
    order: int
    started_at: datetime
    ends_at: datetime
    request: dict[str, Any]


class Journal:
    """The actions of one instrument, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self.unreadable: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.json")):
            try:
                entry = _read(path)
            except (OSError, ValueError, KeyError, TypeError):
                self.unreadable.add(path.stem)
                continue
            self.entries[entry.key] = entry

    def __iter__(self) -> Iterator[Entry]:
        """Entries in the order in which they were made."""
        return iter(sorted(self.entries.values(), key=lambda e: e.order))

    def knows(self, key: str) -> bool:
        """Whether there is a readable entry."""
        return key in self.entries

    def is_unreadable(self, key: str) -> bool:
        """Whether there is an entry that cannot be read."""
        return _name(key) in self.unreadable

    def write(self, key: str, started_at: datetime, ends_at: datetime, request: dict[str, Any]) -> Entry:
        """Makes an entry."""
        entry = Entry(key, len(self.entries) + 1, started_at, ends_at, request)
        document = {
            "key": key,
            "order": entry.order,
            "started_at": started_at.isoformat(),
            "ends_at": ends_at.isoformat(),
            "request": request,
        }
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(self.folder / f"{_name(key)}.json")
        self.entries[key] = entry
        return entry


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _read(path: Path) -> Entry:
    document = json.loads(path.read_text(encoding="utf-8"))
    return Entry(
        document["key"],
        int(document["order"]),
        datetime.fromisoformat(document["started_at"]),
        datetime.fromisoformat(document["ends_at"]),
        document["request"],
    )
