"""The alarms of a ledger, on disk before anybody is told: a damaged log may not be able to take them.

Whoever runs the lab puts them into the log as events, as soon as that can be written again. An alarm is never struck
out; when the ledger's writer has looked at what it told of once more and found it in order, a line behind it says that
it is over.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from bus.ledger.book import DisagreementError
from bus.ledger.tiles import WIDTH

ALARMS = "alarms.jsonl"
"""File in the ledger's folder, one alarm a line, or the end of one."""
_OF_THE_STREAM = frozenset({"altered", "missing", "deleted", "truncated"})
"""What a comparison of stream and ledger that finds nothing refutes."""


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


@dataclass(frozen=True, slots=True)
class Case:
    """An alarm, and what became of it."""

    alarm: Alarm
    """What was found."""
    occasion: int
    """How often the same was found after it was over, from 1."""
    over: bool
    """Whether what it told of was looked at later, and was as it was signed."""

    @property
    def name(self) -> str:
        """Names this occasion of it."""
        return self.alarm.name if self.occasion == 1 else f"{self.alarm.name}/{self.occasion}"

    @property
    def end(self) -> str:
        """What is to be said when it is over."""
        return (
            f"An earlier alarm is over: what it told of was compared again, and is as it was signed. It said: "
            f"{self.alarm.detail}"
        )


def read_cases(ledger: Path) -> list[Case]:
    """All alarms of a ledger, in order, and which of them are over; lines that were cut by a crash are passed over."""
    found: dict[str, Case] = {}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for line in (ledger / ALARMS).read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError):
                told = json.loads(line)
                if (case := found.get(told.get("over", ""))) is not None:
                    found[case.alarm.name] = replace(case, over=True)
                    continue
                alarm = Alarm(str(told["kind"]), told["index"], str(told["detail"]))
                before = found.get(alarm.name)
                if before is None or before.over:
                    found[alarm.name] = Case(alarm, before.occasion + 1 if before else 1, over=False)
    return list(found.values())


def read_alarms(ledger: Path) -> list[Alarm]:
    """All alarms of a ledger, in order, each once, whether they are over or not."""
    return [case.alarm for case in read_cases(ledger)]


def keep_alarm(ledger: Path, alarm: Alarm) -> None:
    """Writes an alarm down, unless it stands there already."""
    if not any(case.alarm.name == alarm.name and not case.over for case in read_cases(ledger)):
        _append(ledger, asdict(alarm))


def refute(ledger: Path, size: int, last: int) -> Iterator[tuple[int | None, Callable[[], None]]]:
    """Alarms that stand and are about the stream, which has just been looked at.

    Args:
        ledger: the ledger's folder.
        size: entries in it.
        last: the last sequence of the stream, none of which is missing.

    Returns:
        Of each the first index that is to be compared with the stream before it may be called over (none if its
        counts say enough), and what calls it so.
    """
    for case in read_cases(ledger):
        alarm = case.alarm
        if not case.over and alarm.kind in _OF_THE_STREAM and (alarm.index is None or alarm.index < last):
            start = None if alarm.index is None or alarm.index >= size else alarm.index // WIDTH * WIDTH
            yield start, partial(_append, ledger, {"over": alarm.name})


def _append(ledger: Path, told: Mapping[str, object]) -> None:
    with (ledger / ALARMS).open("ab") as file:
        if file.tell() and not _ends_in_newline(ledger / ALARMS):
            file.write(b"\n")
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        file.write(json.dumps({"at": at, **told}, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _ends_in_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
