"""A diffractometer that drops files into a folder, as most in the world can be made to do.

A file whose name (without suffix) is that of a vial answers the scan that was asked for, whether it is there
before or comes after; any other is handed in unasked. A file that cannot be used is handed in with its
problem, once, and stays where it was. What was asked and what answered it is kept in a hidden file of the
folder, so that after a restart an answer is neither awaited again nor taken for an unasked file.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.drivers.inbox import Dropped, Inbox
from contracts.errors import InstrumentError
from contracts.instruments import ActionState, Clock, Radiation, ScanReport, ScanRequest

POLL = 0.5
"""Real seconds between looks into the folder."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The file that answered a scan."""

    name: str
    digest: str
    at: str
    """When it was taken, ISO 8601."""


class FileDropDiffractometer:
    """Keeps the promises of `contracts.instruments.Diffractometer` over a watched folder."""

    def __init__(
        self,
        name: str,
        folder: Path,
        clock: Clock,
        *,
        memory: Path | None = None,
        stopwatch: Callable[[], float] | None = None,
    ) -> None:
        """Args: its name, the folder, the lab's clock; where it remembers, if not in the folder; real seconds."""
        self._name, self.folder, self.clock = name, folder, clock
        self._memory = memory or folder / f".{name}.jsonl"
        self._stopwatch = stopwatch or (lambda: asyncio.get_running_loop().time())
        self._inbox = Inbox(folder)
        self._asked: dict[str, ScanRequest] = {}
        self._answers: dict[str, _Answer] = {}
        self._handed: set[str] = set()
        self._unasked: list[ScanReport] = []
        self._looking = asyncio.Lock()
        self._lost_folder = False
        folder.mkdir(parents=True, exist_ok=True)
        self._remember()

    @property
    def name(self) -> str:
        """Name of the instrument."""
        return self._name

    async def start(self, request: ScanRequest) -> None:
        """Awaits a file with the vial's name; one that is there already counts."""
        if request.key in self._asked:
            return
        self._write({"asked": request.model_dump(mode="json")})
        self._asked[request.key] = request
        self._inbox.again(request.sample_id)

    async def ask(self, key: str) -> ActionState:
        """Whether the file has come, and is still there."""
        if key not in self._asked:
            return ActionState.NEVER_SEEN
        return ActionState.DONE if await self._content(key) is not None else ActionState.RUNNING

    async def finish(self, key: str) -> ScanReport:
        """Waits for the file."""
        if key not in self._asked:
            raise InstrumentError(
                self._name,
                f"Expected a scan that {self._name} was asked for, got the unknown key {key!r}. Start it first.",
            )
        while (content := await self._content(key)) is None:
            await self._look()
            if key not in self._answers:
                await self.clock.poll(POLL)
        answer = self._answers[key]
        at = datetime.fromisoformat(answer.at)
        return self._report(key, self._asked[key].sample_id, Dropped(answer.name, "", "", content), at)

    async def unasked(self) -> AsyncIterator[ScanReport]:
        """Files of other names, as they come, for ever."""
        while True:
            await self._look()
            while self._unasked:
                yield self._unasked.pop(0)
            await self.clock.poll(POLL)

    # the folder ----------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Takes in what has come into the folder."""
        async with self._looking:
            reach = {r.sample_id: r.stop for k, r in self._asked.items() if k not in self._answers}
            try:
                found = await asyncio.to_thread(self._inbox.look, self._stopwatch(), reach)
            except OSError as error:
                self._miss_folder(error)
                return
            self._lost_folder = False
            for dropped in found:
                self._sort(dropped)

    def _sort(self, dropped: Dropped) -> None:
        """An answer to the scan that has waited longest for this name, or a file that nobody asked for."""
        taken = {a.digest for a in self._answers.values()}
        waiting = (k for k, r in self._asked.items() if r.sample_id == dropped.stem and k not in self._answers)
        key = next(waiting, None)
        if key is not None and not dropped.problem and dropped.digest not in taken:
            answer = _Answer(dropped.name, dropped.digest, self.clock.now().isoformat())
            self._write({"answered": key, **asdict(answer)})
            self._answers[key] = answer
        elif dropped.digest not in taken | self._handed:
            self._handed.add(dropped.digest)
            kind = "flag" if dropped.problem else "file"
            sample = _sample_name(dropped.stem)
            self._unasked.append(self._report(f"{kind}/{dropped.digest}", sample, dropped, self.clock.now()))

    def _miss_folder(self, error: OSError) -> None:
        """Says once that the folder is away; it may come back, as network drives do."""
        if self._lost_folder:
            return
        self._lost_folder = True
        now = self.clock.now()
        problem = f"Expected to read the folder {self.folder.name}, got: {error.strerror}. Is its drive there?"
        digest = hashlib.sha256(f"{self.folder.name} {now.isoformat()}".encode()).hexdigest()
        folder = Dropped(self.folder.name, self.folder.name, digest, b"", problem)
        self._unasked.append(self._report(f"flag/{digest}", _sample_name(self.folder.name), folder, now))

    async def _content(self, key: str) -> bytes | None:
        """What answered a scan, if it is still there as it was; if it is not, the scan waits again."""
        if (answer := self._answers.get(key)) is None:
            return None
        content = await asyncio.to_thread(self._inbox.content, answer.name, answer.digest)
        if content is None and self._answers.get(key) == answer:
            del self._answers[key]
            self._inbox.again(self._asked[key].sample_id)
        return content

    @staticmethod
    def _report(key: str, sample: str, dropped: Dropped, at: datetime) -> ScanReport:
        return ScanReport(
            key=key,
            sample_id=sample,
            content=dropped.content,
            file_name=dropped.name,
            radiation=Radiation(),
            started_at=at,
            ended_at=at,
            problem=dropped.problem,
        )

    # memory --------------------------------------------------------------------------------------

    def _write(self, line: dict[str, Any]) -> None:
        """Adds a line to the memory, durable before anybody is told.

        Raises:
            InstrumentError: it cannot be written.
        """
        try:
            with self._memory.open("ab") as file:
                file.write(b"\n" + json.dumps(line).encode())  # a line that a crash tore ends here
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InstrumentError(
                self._name, f"Expected to write to {self._memory}, got: {error.strerror}. Let this program write there."
            ) from error

    def _remember(self) -> None:
        """Reads the memory; a line that is torn is forgotten, and its scan asked for once more.

        Raises:
            InstrumentError: it is there and cannot be read.
        """
        try:
            lines = self._memory.read_bytes().splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            raise InstrumentError(
                self._name, f"Expected to read {self._memory}, got: {error.strerror}. Let this program read it."
            ) from error
        for line in lines:
            try:
                said = json.loads(line)
                if "asked" in said:
                    request = ScanRequest.model_validate(said["asked"])
                    self._asked[request.key] = request
                else:
                    self._answers[said["answered"]] = _Answer(said["name"], said["digest"], said["at"])
            except (ValueError, KeyError, TypeError):
                continue
        self._answers = {k: a for k, a in self._answers.items() if k in self._asked}


def _sample_name(stem: str) -> str:
    """A file name as a sample name: letters, digits, ``_`` and ``-``."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in stem).strip("-_")[:60]
    return kept or "unnamed"
