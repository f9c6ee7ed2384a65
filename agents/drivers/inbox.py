"""A folder into which somebody drops files: which of them are whole, and which are in trouble.

Nothing in it is moved, changed or passed over in silence. A file is handed out once it can be read and has
stopped changing; one that still cannot be read then is handed out with its problem, once. What is no file at
all (a folder, a link that leads nowhere) is a problem too. Names that begin with a dot are left alone.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SETTLED = 3.0
"""Seconds without change after which a file is taken as it is."""
PATIENCE = 600.0
"""The same for a file that ends before the angle that was asked for: an instrument may write while it measures."""
MAX_BYTES = 200_000_000
"""No powder pattern is larger."""
SELF_ENDING = frozenset({".xrdml", ".brml", ".rasx"})
"""Formats that cannot be read before their end is there; of any other, half a file looks like a whole one."""
SHORT_BY = 0.5
"""Degrees by which a scan may end early and still be the one that was asked for."""

Mark = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that is ready, or a problem with one."""

    name: str
    """Its name, fit to be printed."""
    stem: str
    """The name without its suffix."""
    digest: str
    """SHA-256 over name and content (or over name and kind of trouble where the content cannot be had)."""
    content: bytes
    """The bytes; empty where there is a problem."""
    problem: str = ""
    """What is wrong: expected, got, and what to do."""


@dataclass(slots=True)
class _Watched:
    """One name in the folder."""

    mark: Mark
    since: float
    told: bool = False
    """Whether it was handed out as it is now."""
    last: float | None = None
    """Last angle in degrees of what is there now, once that was read."""
    flagged: tuple[int, str] | None = None
    """Length and digest of the content that was last in trouble."""


@dataclass
class Inbox:
    """Watches one folder."""

    folder: Path
    _watched: dict[str, _Watched] = field(default_factory=dict)

    def look(self, now: float, wanted: Mapping[str, float]) -> list[Dropped]:
        """What has become ready since the last look, in order of names.

        Args:
            now: seconds on a stopwatch.
            wanted: name without suffix → angle in degrees that its scan should reach.

        Raises:
            OSError: the folder cannot be read.
        """
        with os.scandir(self.folder) as listing:
            names = sorted(entry.name for entry in listing if not entry.name.startswith("."))
        self._watched = {name: self._watched[name] for name in names if name in self._watched}
        found = (self._examine(name, now, wanted) for name in names)
        return [dropped for dropped in found if dropped is not None]

    def again(self, stem: str) -> None:
        """Lets files of this name be handed out once more, because somebody asks for them only now."""
        for name, watched in list(self._watched.items()):
            if Path(name).stem == stem:
                watched.told = False

    def content(self, name: str, digest: str) -> bytes | None:
        """A file that was handed out, if it is still there as it was."""
        try:
            content = (self.folder / name).read_bytes()
        except OSError:
            return None
        return content if _digest(name, content) == digest else None

    def _examine(self, name: str, now: float, wanted: Mapping[str, float]) -> Dropped | None:
        path = self.folder / name
        try:
            mark, trouble = _mark(path)
        except FileNotFoundError:
            return None
        watched = self._watched.get(name)
        if watched is None or watched.mark != mark:
            self._watched[name] = _Watched(mark, now, flagged=watched.flagged if watched else None)
            return None
        still = now - watched.since
        if watched.told or (still < SETTLED and (trouble or path.suffix.lower() not in SELF_ENDING)):
            return None
        if trouble:
            watched.told = True
            return _flag(name, trouble, trouble)
        if mark[1] > MAX_BYTES:
            watched.told = True
            return _flag(name, f"Expected a pattern of at most {MAX_BYTES} bytes, got {mark[1]}.", "too large")
        if _may_grow(path, watched, still, wanted.get(path.stem)):
            return None
        return self._read(path, watched, still, wanted.get(path.stem))

    def _read(self, path: Path, watched: _Watched, still: float, reach: float | None) -> Dropped | None:
        """The content of a file, if it is whole or will not become so."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            if still < SETTLED:
                return None
            watched.told = True
            trouble = f"Expected a file that may be read, got: {error.strerror}. Let this program read it."
            return _flag(path.name, trouble, trouble)
        if len(content) != watched.mark[1]:
            return None  # it grows under our hands
        problem, watched.last = _judge(path.name, content)
        if (problem and still < SETTLED) or _may_grow(path, watched, still, reach):
            return None
        watched.told = True
        if not problem:
            watched.flagged = None
            shown = _printable(path.name)
            return Dropped(shown, Path(shown).stem, _digest(path.name, content), content)
        before, watched.flagged = watched.flagged, (len(content), _sha256(content))
        if before is not None and _sha256(content[: before[0]]) == before[1]:
            return None  # the same trouble, grown longer
        return _flag(path.name, problem, content)


def _may_grow(path: Path, watched: _Watched, still: float, reach: float | None) -> bool:
    """Whether a file that can be read ends too early for the scan that was asked for, and may still be written."""
    if reach is None or watched.last is None or path.suffix.lower() in SELF_ENDING:
        return False
    return watched.last < reach - SHORT_BY and still < PATIENCE


def _mark(path: Path) -> tuple[Mark, str]:
    """What changes when a file changes (its second number is the size), and why it is no file, if it is none.

    Raises:
        FileNotFoundError: it is gone.
    """
    try:
        status = path.stat()
    except OSError as error:
        if path.is_symlink():
            return (0, 0), "Expected a file, got a link that leads nowhere. Put the file itself here."
        if isinstance(error, FileNotFoundError):
            raise
        return (3, 0), f"Expected a file that may be looked at, got: {error.strerror}. Let this program read it."
    if stat.S_ISDIR(status.st_mode):
        return (1, 0), "Expected a file, got a folder. Put its files here: nobody looks inside."
    if not stat.S_ISREG(status.st_mode):
        return (2, 0), "Expected a file, got a device, pipe or socket. Remove it."
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns), ""


def _judge(name: str, content: bytes) -> tuple[str, float | None]:
    """Why the content is no pattern, if it is none; and the last angle in degrees, if it is one."""
    from science.diffraction.errors import DiffractionError
    from science.diffraction.readers import read_pattern_bytes

    try:
        return "", float(read_pattern_bytes(_printable(name), content).two_theta[-1])
    except DiffractionError as error:
        return str(error), None


def _flag(name: str, problem: str, what: str | bytes) -> Dropped:
    """A problem with a file; `what` tells one trouble under this name from another."""
    shown = _printable(name)
    content = what.encode() if isinstance(what, str) else what
    return Dropped(shown, Path(shown).stem, _digest(name, content), b"", problem)


def _printable(name: str) -> str:
    """A file name as text: bytes that are no UTF-8 become question marks."""
    return os.fsencode(name).decode("utf-8", "replace")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest(name: str, content: bytes) -> str:
    """The same bytes under another name are another file."""
    return _sha256(os.fsencode(name) + b"\x00" + content)
