"""Memories on disk, so that the time of a restart does not grow with the log; the log stays the only truth.

A snapshot is a shortcut and no evidence: it is used only where this code would have made it, where the broker has
the acknowledgements that it presumes, and where the log still holds the very event that it ends with. Otherwise it
is passed over, the reason is told, and the log is folded from its beginning.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict

from agents.memory import Memory
from agents.runtime.parked import ParkedWork
from bus.protocol import Recorded

EVERY = 500
"""Events in the log between two snapshots of a memory."""
START = hashlib.sha256(b"athanor memory chain 1").hexdigest()
"""The chain before the first event."""


def chained(chain: str, recorded: Recorded) -> str:
    """The chain with one more event: a digest over place and id of everything that was folded."""
    link = bytes.fromhex(chain) + recorded.sequence.to_bytes(8, "big") + recorded.envelope.id.bytes
    return hashlib.sha256(link).hexdigest()


def schema_of(memory: type[Memory]) -> str:
    """Digest of what a memory is made of."""
    return hashlib.sha256(orjson.dumps(memory.model_json_schema(), option=orjson.OPT_SORT_KEYS)).hexdigest()


class Anchor(BaseModel):
    """The last event that went in, by which a snapshot is tied to its log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequence: int
    event_id: UUID
    payload_sha256: str

    @classmethod
    def of(cls, recorded: Recorded) -> Anchor:
        """The anchor of an event as it stands in the log."""
        return cls(
            sequence=recorded.sequence,
            event_id=recorded.envelope.id,
            payload_sha256=hashlib.sha256(recorded.payload).hexdigest(),
        )


class MemorySnapshot(BaseModel):
    """What an agent remembered after an event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign: str
    agent: str
    code_version: str
    schema_sha256: str
    anchor: Anchor | None
    """The last event that went in; none if nothing has happened yet that concerns the agent."""
    complete: int
    """Place up to which nothing that concerns the agent is missing."""
    folded: int
    """Events that went in."""
    chain: str
    """Digest over all of them."""
    starts: int
    """How often the agent had started."""
    memory_sha256: str
    memory: str
    """JSON, whose digest it is."""

    @property
    def place(self) -> int:
        """Place of the last event that went in."""
        return self.anchor.sequence if self.anchor else 0


class VoiceSnapshot(BaseModel):
    """What was said without a cause in the log, such as the start of the campaign: not to be said again, ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign: str
    place: int
    """Place up to which nothing is missing."""
    roots: dict[UUID, str]
    """Id → kind."""
    parked: tuple[ParkedWork, ...] | None = None
    """What was set aside up to there; none if an older Athanor wrote this, which did not keep it."""


S = TypeVar("S", MemorySnapshot, VoiceSnapshot)


class Snapshots:
    """The snapshots in a folder: the last two of each, each written whole or not at all.

    Attributes:
        every: events in the log between two snapshots of a memory.
        passed_over: told of each snapshot that is not used, and why.
    """

    def __init__(self, folder: Path, *, every: int = EVERY) -> None:
        self.folder, self.every = folder, every
        self.passed_over: Callable[[str], None] = lambda _: None

    def write(self, name: str, snapshot: BaseModel) -> None:
        """Keeps a snapshot, and the one before it.

        A disk that is full costs the next start time and this one nothing: it is told and passed over.
        """
        content = snapshot.model_dump_json()
        document = json.dumps({"snapshot": content, "sha256": hashlib.sha256(content.encode()).hexdigest()})
        temporary = ""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(document)
                file.flush()
                os.fsync(file.fileno())
            latest, previous = self._paths(name)
            with suppress(FileNotFoundError):
                latest.replace(previous)
            Path(temporary).replace(latest)
        except OSError as error:
            self.passed_over(
                f"{name}: expected to keep a snapshot in {self.folder}, got: {error}. Make room there, or let the "
                "lab's user write there; until then a restart reads more of the log"
            )
            if temporary:
                Path(temporary).unlink(missing_ok=True)

    def read(self, name: str, kind: type[S]) -> list[S]:
        """What is there under a name, latest first; what is damaged is passed over."""
        found: list[S] = []
        for path in self._paths(name):
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
                content: str = document["snapshot"]
                if hashlib.sha256(content.encode()).hexdigest() == document["sha256"]:
                    found.append(kind.model_validate_json(content))
                else:
                    self.passed_over(f"{path.name} is not used: its bytes are not those that were written")
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                self.passed_over(f"{path.name} is not used: it cannot be read: {error}")
        return found

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.json", self.folder / f"{name}.previous.json"
