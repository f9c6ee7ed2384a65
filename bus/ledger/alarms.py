"""The alarms of a ledger, on disk before anybody is told: a damaged log may not be able to take them.

Whoever runs the lab puts them into the log as events, as soon as that can be written again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bus.ledger.book import DisagreementError

ALARMS = "alarms.jsonl"
"""File in the ledger's folder, one alarm a line."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that is not what was signed."""

    kind: str
    """A word: altered, missing, deleted, truncated, settings, ledger, witness."""
    index: int | None
    """First index of the ledger that is not right; none if it is not known."""
    detail: str
    """What was expected, what is there, and what to do."""

    @classmethod
    def of(cls, error: DisagreementError) -> Alarm:
        """What an error tells."""
        return cls(error.kind, error.index, str(error))

    @property
    def name(self) -> str:
        """Names this finding: the same one found again is the same alarm."""
        said = json.dumps([self.kind, self.index, self.detail]).encode()
        return hashlib.sha256(said).hexdigest()[:32]


def read_alarms(ledger: Path) -> list[Alarm]:
    """All alarms of a ledger, in order, each once; lines that were cut by a crash are passed over."""
    found: dict[str, Alarm] = {}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for line in (ledger / ALARMS).read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError):
                told = json.loads(line)
                alarm = Alarm(str(told["kind"]), told["index"], str(told["detail"]))
                found.setdefault(alarm.name, alarm)
    return list(found.values())


def keep_alarm(ledger: Path, alarm: Alarm) -> None:
    """Writes an alarm down, unless it stands there already."""
    if any(known.name == alarm.name for known in read_alarms(ledger)):
        return
    with (ledger / ALARMS).open("ab") as file:
        if file.tell() and not _ends_in_newline(ledger / ALARMS):
            file.write(b"\n")
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        file.write(json.dumps({"at": at, **asdict(alarm)}, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _ends_in_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
