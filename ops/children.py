"""Processes of our own that run beside the lab: told what to do and heard line by line, started again when they die.

A child hears that its parent is gone by the end of its standard input, however the parent ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Real seconds before a child that died is started again; the pause doubles while it dies without a word."""
GOODBYE = 10.0
"""Real seconds that it may take to end."""
LONGEST_LINE = 1 << 20


@dataclass
class Child:
    """One process of this Python, for as long as it is wanted.

    Attributes:
        name: what people call it.
        words: options of Python, such as ``-m`` and a module; asked for at each start, since they may depend on what
            was heard before.
        log: file for what it says to nobody; each life adds to it.
        heard: called with each line of its standard output, a JSON object.
        died: called with its last words when it ends unasked.
        greeting: what each new life is told first.
    """

    name: str
    words: Callable[[], Sequence[str]]
    log: Path
    heard: Callable[[Mapping[str, Any]], None]
    died: Callable[[str], None]
    greeting: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    _process: Process | None = None
    _keeper: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """Its process id; 0 while it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    async def open(self) -> None:
        """Starts it, and from then on again whenever it dies."""
        process = await self._start()
        self._keeper = asyncio.create_task(self._keep(process))

    async def say(self, words: Mapping[str, Any]) -> None:
        """One line to it; lost when it is dead at that moment."""
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            return
        with suppress(ConnectionError, RuntimeError):
            process.stdin.write(json.dumps(words).encode() + b"\n")
            await process.stdin.drain()

    async def close(self) -> None:
        """Ends it in good order, or at once when it takes too long."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None  # noqa: S101  it is a pipe
        process.stdin.close()
        assert process.stdout is not None  # noqa: S101  it is a pipe
        try:
            async with asyncio.timeout(GOODBYE):
                async for line in process.stdout:  # its last words
                    self._hear(line)
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep(self, process: Process) -> None:
        pause = FIRST_PAUSE
        while True:
            assert process.stdout is not None  # noqa: S101  it is a pipe
            async for line in process.stdout:
                pause = FIRST_PAUSE
                self._hear(line)
            code = await process.wait()
            self.died(f"{self.name} ended with code {code} and is started again. {self.last_words()}".strip())
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            process = await self._start()

    def _hear(self, line: bytes) -> None:
        try:
            words = json.loads(line)
        except ValueError:
            words = None
        if isinstance(words, dict):
            self.heard(words)

    async def _start(self) -> Process:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable, *self.words(), stdin=PIPE, stdout=PIPE, stderr=log, limit=LONGEST_LINE,
                start_new_session=True,
            )  # fmt: skip  # Ctrl-C is for us; we end it when nobody needs it any more
        for words in self.greeting():
            await self.say(words)
        return process

    def last_words(self) -> str:
        """The last line that it wrote to its log; empty if it wrote none."""
        with suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            return (lines or [""])[-1][-400:]
        return ""
