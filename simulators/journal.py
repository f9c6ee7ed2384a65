"""What an instrument remembers of the actions it was asked for, on disk, so that a crash forgets none.

One small JSON file a key, written whole or not at all, with a digest over what it says. An entry that cannot
be read, or that says something else than was written, is not guessed at: the instrument then says that it
does not know what became of that key.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState


@dataclass(frozen=True, slots=True)
class Entry:
    """One action: its key, when it began and ends, in which order, and what was asked."""

    key: str
    order: int
    started_at: datetime
    ends_at: datetime
    request: dict[str, Any]


class Journal:
    """The actions of one instrument, in a folder of its name."""

    def __init__(self, folder: Path, instrument: str) -> None:
        self.folder, self.instrument = folder / instrument, instrument
        self._entries: dict[str, Entry] = {}
        self._unreadable: set[str] = set()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._seen: set[str] = set()
        self.look()

    def __iter__(self) -> Iterator[Entry]:
        """Entries in the order in which they were made."""
        return iter(self._entries.values())

    def look(self) -> list[Entry]:
        """Reads what has come since the last look, from whichever process; the new entries in their order."""
        found = []
        for path in self.folder.glob("*.json"):
            if path.stem in self._seen:
                continue
            self._seen.add(path.stem)
            try:
                found.append(_read(path))
            except (OSError, ValueError, KeyError, TypeError):
                self._unreadable.add(path.stem)
        found.sort(key=lambda e: e.order)
        self._entries.update((entry.key, entry) for entry in found)
        return found

    def state(self, key: str, now: datetime) -> ActionState:
        """What became of a key."""
        if self._is_unreadable(key):
            return ActionState.UNKNOWN
        entry = self._entries.get(key)
        if entry is None:
            return ActionState.NEVER_SEEN
        return ActionState.DONE if entry.ends_at <= now else ActionState.RUNNING

    def entry(self, key: str) -> Entry:
        """The entry of an action that was begun.

        Raises:
            InstrumentError: it was never begun, or its entry is damaged.
        """
        if (entry := self._entries.get(key)) is not None:
            return entry
        if self._is_unreadable(key):
            raise self._damaged(key)
        raise InstrumentError(
            self.instrument,
            f"Expected an action that {self.instrument} was asked for, got the unknown key {key!r}. Start it first.",
        )

    def begin(self, key: str, now: datetime, lasts: timedelta, request: dict[str, Any]) -> Entry | None:
        """Makes an entry, once for each key; none when there is one.

        Raises:
            InstrumentBusyError: something else is running.
            InstrumentError: the entry of that key is damaged.
        """
        if key in self._entries:
            return None
        if self._is_unreadable(key):
            raise self._damaged(key)
        if (busy := self.running(now)) is not None:
            raise InstrumentBusyError(self.instrument, busy.key, busy.ends_at)
        return self._write(key, now, now + lasts, request)

    def path(self, key: str) -> Path:
        """The file of an entry."""
        return self.folder / f"{_name(key)}.json"

    def running(self, now: datetime) -> Entry | None:
        """The action that is under way at a time, if any."""
        return next((e for e in reversed(self._entries.values()) if e.ends_at > now), None)

    def _is_unreadable(self, key: str) -> bool:
        return _name(key) in self._unreadable

    def _damaged(self, key: str) -> InstrumentError:
        return InstrumentError(
            self.instrument,
            f"Expected a whole journal entry for {key!r}, got the damaged file {self.path(key)}. "
            "Find out by hand what became of this action: it is not begun again.",
        )

    def _write(self, key: str, started_at: datetime, ends_at: datetime, request: dict[str, Any]) -> Entry:
        last = next(reversed(self._entries.values()), None)
        order = last.order + 1 if last else 1
        entry = Entry(key, order, started_at, ends_at, request)
        said = {
            "key": key,
            "order": order,
            "started_at": started_at.isoformat(),
            "ends_at": ends_at.isoformat(),
            "request": request,
        }
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"entry": said, "sha256": _digest(said)}, file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(self.path(key))
        _sync(self.folder)
        self._seen.add(_name(key))
        self._entries[key] = entry
        return entry


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _digest(said: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _sync(folder: Path) -> None:
    """Makes the new name as durable as the content."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> Entry:
    document = json.loads(path.read_text(encoding="utf-8"))
    said = document["entry"]
    if _digest(said) != document["sha256"] or _name(said["key"]) != path.stem:
        raise ValueError(f"Expected the entry that was written, got another one in {path}")
    return Entry(
        said["key"],
        int(said["order"]),
        datetime.fromisoformat(said["started_at"]),
        datetime.fromisoformat(said["ends_at"]),
        said["request"],
    )
