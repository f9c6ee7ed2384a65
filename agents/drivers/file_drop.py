"""A diffractometer that drops files into a folder, as most in the world can be made to do.

A file whose name (without suffix) is that of a vial answers the scan that was asked for; any other is
handed in unasked. A file counts as whole when it can be read, or when it has not changed for a while and
still cannot: then it is handed in with its problem, once, and stays where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from contracts.instruments import ActionState, Clock, Radiation, ScanReport, ScanRequest

POLL = 0.5
"""Real seconds between looks into the folder."""
SETTLED = 3.0
"""Real seconds without change after which an unreadable file is taken as it is."""
MAX_BYTES = 200_000_000


class FileDropDiffractometer:
    """Keeps the promises of `contracts.instruments.Diffractometer` over a watched folder."""

    def __init__(self, name: str, folder: Path, clock: Clock) -> None:
        self._name, self.folder, self.clock = name, folder, clock
        self._asked: dict[str, ScanRequest] = {}
        self._answers: dict[str, ScanReport] = {}
        self._seen: set[tuple[str, str]] = set()
        self._unasked: list[ScanReport] = []
        self._first_look: dict[tuple[str, int, int], int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def name(self) -> str:
        """Name of the instrument."""
        return self._name

    async def start(self, request: ScanRequest) -> None:
        """Awaits a file with the vial's name; one that is there already counts."""
        self._asked.setdefault(request.key, request)

    async def ask(self, key: str) -> ActionState:
        """Whether the file has come. Asking is harmless to repeat: the folder itself is the memory."""
        if key in self._answers:
            return ActionState.DONE
        return ActionState.RUNNING if key in self._asked else ActionState.NEVER_SEEN

    async def finish(self, key: str) -> ScanReport:
        """Waits for the file."""
        while key not in self._answers:
            await self._look()
            if key not in self._answers:
                await self.clock.poll(POLL)
        return self._answers[key]

    async def unasked(self) -> AsyncIterator[ScanReport]:
        """Files of other names, as they come, for ever."""
        while True:
            await self._look()
            while self._unasked:
                yield self._unasked.pop(0)
            await self.clock.poll(POLL)

    async def _look(self) -> None:
        """Takes in what has come into the folder."""
        waiting = {r.sample_id: k for k, r in self._asked.items() if k not in self._answers}
        for path in sorted(p for p in self.folder.iterdir() if p.is_file() and not p.name.startswith(".")):
            report = await asyncio.to_thread(self._take, path)
            if report is None:
                continue
            key = waiting.get(path.stem)
            self._seen.add((path.name, report.key.removeprefix("file/")))
            if key is not None and not report.problem:
                self._answers[key] = report.model_copy(update={"key": key})
            else:
                self._unasked.append(report)

    def _take(self, path: Path) -> ScanReport | None:
        """The file as a report; none while it may still be being written, or if it was taken before."""
        from science.diffraction.errors import DiffractionError
        from science.diffraction.readers import read_pattern_bytes

        try:
            status = path.stat()
            mark = (path.name, status.st_size, status.st_mtime_ns)
            looks = self._first_look[mark] = self._first_look.get(mark, 0) + 1
            if looks < 2 or status.st_size > MAX_BYTES:  # the same at two looks
                return None
            content = path.read_bytes()
        except OSError:
            return None  # gone again, or not ours to read yet
        digest = hashlib.sha256(content).hexdigest()
        if (path.name, digest) in self._seen:
            return None
        problem = ""
        try:
            read_pattern_bytes(path.name, content)
        except DiffractionError as error:
            if looks * POLL < SETTLED:
                return None
            problem = str(error)
        now = self.clock.now()
        return ScanReport(
            key=f"file/{digest}",
            sample_id=_sample_name(path.stem),
            content=b"" if problem else content,
            file_name=path.name,
            radiation=Radiation(),
            started_at=now,
            ended_at=now,
            problem=problem,
        )


def _sample_name(stem: str) -> str:
    """A file name as a sample name: letters, digits, ``_`` and ``-``."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in stem).strip("-_")[:60]
    return kept or "unnamed"
