"""Sets telemetry up over the folder of a run: ``spans.jsonl``, ``log.jsonl`` and, at the end, ``metrics.json``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bus.protocol import Recorded
from bus.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from ops.telemetry.numbers import Family

FOLDER = "telemetry"


class Observatory:
    """Nobody listens; `observe` makes one that does.

    Attributes:
        telemetry: what the runtime tells its work to.
        losing: told why lines cannot be written; from any thread.
    """

    telemetry: Telemetry = SILENT

    def __init__(self) -> None:
        self.losing: Callable[[str], object] = lambda _: None

    def note(self, recorded: Recorded) -> None:
        """An event of ours is in the log."""

    def trouble(self, kind: str, reason: str) -> None:
        """Something beneath the agents is in trouble."""

    def queued(self, agent: str, events: int) -> None:
        """So many events wait for an agent."""

    def families(self) -> Iterable[Family]:
        """The numbers as Prometheus reads them."""
        return ()

    def close(self) -> None:
        """Writes what is left."""


class _Listening(Observatory):
    """Writes everything into a folder."""

    def __init__(self, folder: Path, about: dict[str, str | int]) -> None:
        # imported here, so that a lab without telemetry does not wait for them
        from ops.telemetry.diary import Diary
        from ops.telemetry.lines import Lines
        from ops.telemetry.numbers import Numbers
        from ops.telemetry.recorder import Recorder
        from ops.telemetry.spans import provider

        super().__init__()
        self.folder = folder
        self._span_lines, self._log_lines = Lines(folder / "spans.jsonl"), Lines(folder / "log.jsonl")
        for lines in (self._span_lines, self._log_lines):
            lines.told = self._lose
        self.numbers = Numbers()
        self._diary = Diary(self._log_lines)
        self._provider = provider(self._span_lines, about)
        self.telemetry = Recorder(self._provider.get_tracer("athanor"), self.numbers)

    def note(self, recorded: Recorded) -> None:
        """Into the log, if people want to know of it."""
        self._diary.note(recorded)

    def trouble(self, kind: str, reason: str) -> None:
        """Into the log, and counted."""
        self.numbers.troubled(kind)
        self._diary.trouble(kind, reason)

    def queued(self, agent: str, events: int) -> None:
        """Into the numbers."""
        self.numbers.queued(agent, events)

    def families(self) -> Iterable[Family]:
        """The numbers as Prometheus reads them."""
        self.numbers.lost(self._span_lines.lost + self._log_lines.lost)
        return self.numbers.families()

    def _lose(self, words: str) -> None:
        self.losing(words)

    def close(self) -> None:
        """Writes the spans that wait, and the numbers."""
        self._provider.shutdown()
        self._log_lines.close()
        self.numbers.lost(self._span_lines.lost + self._log_lines.lost)
        text = json.dumps(self.numbers.plain(), indent=1) + "\n"
        self.numbers.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "metrics.json").write_text(text, encoding="utf-8")


def observe(out: Path, campaign: str, version: str, *, wanted: bool = True) -> Observatory:
    """Telemetry of a campaign in the folder of its run.

    Args:
        out: the folder of the run.
        campaign: the campaign.
        version: the Athanor that runs.
        wanted: whether anybody wants to listen.
    """
    if not wanted:
        return Observatory()
    about: dict[str, str | int] = {
        "service.name": "athanor", "service.version": version, "process.pid": os.getpid(), "campaign": campaign,
    }  # fmt: skip
    return _Listening(out / FOLDER, about)
