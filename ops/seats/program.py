"""An agent that is looked at, as a process that is started, stopped and killed."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from ops.errors import SeatError

LOOK = 0.02
"""Seconds between two looks at whether it has ended."""


class Program:
    """The agent as a process, if we may start it."""

    def __init__(self, words: Sequence[str], log: Path) -> None:
        self.words, self.log = words, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it.

        Raises:
            SeatError: there is no such program.
        """
        try:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603  the command that was asked for
                    self.words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
        except OSError as error:
            raise SeatError(f"Expected to start {shlex.join(self.words)}, got: {error}. Give another --run.") from error

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to it and its children."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    async def ended(self, within: float) -> bool:
        """Whether it ends by itself."""
        deadline = time.monotonic() + within
        while self._process is not None and self._process.poll() is None:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK)
        return True

    async def kill(self) -> None:
        """Ends it at once."""
        self.send(signal.SIGKILL)
        await self.ended(10)

    @property
    def last_words(self) -> str:
        """What it said last."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return lines[-1][:300] if lines else "nothing"
