"""The ledger's writer and its witness, kept at work beside a lab and heard by it.

Both are processes of their own: they take no turn on the lab's clock and no time from its agents, they hold keys that
agents never see, and either may die without anybody losing more than a second. The last word of a run is theirs: it
ends when what it did is signed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bus.identities import SUFFIX
from bus.ledger.alarms import Alarm, Case, read_cases
from bus.ledger.keys import KEYS, LEDGER, open_ring, read_verifiers, trusted_by
from bus.ledger.locking import FolderLock
from bus.ledger.note import ED25519
from contracts.presence import LabTroubled, TroubleKind
from ops.children import Child
from ops.errors import EvidenceError
from ops.order import BESIDE, NOBODY, Witnessing

WITNESS = "witness"
"""Folder in which a witness of our own keeps what it has seen."""
WITNESS_KEY = "keys/witness/key"
"""Its private key, in the folder of a run."""
LOGS = "notary"
"""Folder of what both say to nobody."""
STALLED = 60.0
"""Real seconds without progress after which the end of a run does not wait for the ledger any longer."""
WITNESS_BACK = 20.0
"""Real seconds that our own witness has to come up again before a run ends without its word on the last entries."""
DEATHS = 5
"""So many deaths without a word in between are the end of trying to start."""
LOOK = 0.02


@dataclass
class Notary:
    """Keeps both at work.

    Attributes:
        folder: the run's.
        url: where the log is.
        witnessing: who witnesses.
        on_trouble: told what is not well and mends itself, or can be mended.
        on_alarm: told when the log or the ledger is not what was signed; this becomes an event by itself.
        identity: the private key with which the writer reads; its own in the folder's keys if there is one, and none
            on a server that lets anybody read.
        size: entries that are signed; none before the first word.
        root: the root over them, in hexadecimal digits.
        cosigned: whether the witness has cosigned them.
        alarm: why nothing is signed any more.
    """

    folder: Path
    url: str
    witnessing: Witnessing
    on_trouble: Callable[[str], None]
    on_alarm: Callable[[Alarm], None]
    identity: Path | None = None
    size: int | None = None
    root: str = ""
    cosigned: bool = False
    alarm: Alarm | None = None
    _agrees: bool = False
    _standing_by: bool = False
    _unusable: str = ""
    _deaths: int = 0
    _target: int = 0
    _heard_at: float = field(default_factory=time.monotonic)
    _alarms: asyncio.Queue[Alarm] = field(default_factory=asyncio.Queue)
    _writer: Child | None = None
    _witness: Child | None = None

    async def open(self) -> None:
        """Starts both.

        Raises:
            LedgerError: the keys cannot be used, or are not those of this ledger.
        """
        trusted, logs = await asyncio.to_thread(self._keys), self.folder / LOGS
        if self.witnessing.witness == BESIDE:
            self._witness = Child(
                "The witness",
                lambda: self._witness_words(trusted),
                logs / "witness.log",
                self._hear_witness,
                self._died,
            )
            await self._witness.open()
        self._writer = Child(
            "The ledger's writer", self._writer_words, logs / "writer.log", self._hear, self._died, self._greeting
        )
        await self._writer.open()

    async def agreed(self) -> None:
        """Returns when log and ledger have been compared and agree, or when another process keeps them.

        Raises:
            EvidenceError: they do not, or the ledger cannot be kept.
        """
        while not (self._agrees or self._standing_by):
            if self.alarm is not None:
                raise EvidenceError(
                    f"{self.alarm.detail} Nothing was begun and nothing was written; the alarm is kept in "
                    f"{self.folder / LEDGER}."
                )
            if self._unusable or self._deaths > DEATHS:
                raise EvidenceError(
                    self._unusable
                    or f"Expected the ledger's writer to come up, got {self._deaths} deaths. Look at "
                    f"{self.folder / LOGS}/writer.log."
                )
            await asyncio.sleep(LOOK)

    async def caught_up(self, sequence: int) -> None:
        """Returns when everything up to a place in the log is signed, or when that is not to be expected.

        A witness of our own that was killed is waited for, too; a foreign one cosigns at the next start.
        """
        self._target = max(self._target, sequence)
        if self._writer is not None:
            await self._writer.say({"catch_up": sequence})
        self._heard_at = time.monotonic()
        while (self.size or 0) < sequence and not (self._standing_by or self.alarm or self._unusable):
            if time.monotonic() - self._heard_at > STALLED:
                self.on_trouble(
                    f"Expected the ledger to be signed up to {sequence}, got {self.size}: its writer does not get on. "
                    "The log is whole; the next start goes on with the ledger."
                )
                return
            await asyncio.sleep(LOOK)
        deadline = time.monotonic() + WITNESS_BACK
        while self._witness is not None and not (self.cosigned or self._standing_by or self.alarm or self._unusable):
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(LOOK)

    async def close(self) -> None:
        """Ends both, the writer first."""
        for child in (self._writer, self._witness):
            if child is not None:
                await child.close()

    async def put_on_record(self, say: Callable[[LabTroubled, str], Awaitable[None]]) -> None:
        """Says every alarm that this ledger ever had, for ever: some came when nothing could be said; and their end.

        Args:
            say: stores an event under a name; said twice it is stored once.
        """
        for case in await asyncio.to_thread(read_cases, self.folder / LEDGER):
            await say(_event(case.alarm), f"ledger/alarm/{case.name}")
            if case.over:
                await say(_end(case), f"ledger/alarm-over/{case.name}")
        while True:
            alarm = await self._alarms.get()
            try:
                cases = await asyncio.to_thread(read_cases, self.folder / LEDGER)
                name = next((case.name for case in cases if case.alarm == alarm), alarm.name)
                await say(_event(alarm), f"ledger/alarm/{name}")
            finally:
                self._alarms.task_done()

    async def recorded(self) -> None:
        """Returns when all alarms so far are on record."""
        await self._alarms.join()

    def summary(self) -> dict[str, Any]:
        """How the ledger stands, as JSON."""
        return {
            "size": self.size,
            "root": self.root,
            "cosigned": self.cosigned,
            "witness": self.witnessing.witness,
            "alarm": self.alarm.detail if self.alarm else None,
        }

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name; 0 while one does not run."""
        return {
            "writer": self._writer.pid if self._writer else 0,
            "witness": self._witness.pid if self._witness else 0,
        }

    # the processes -------------------------------------------------------------------------------

    def _keys(self) -> list[str]:
        """Makes the keys on the first run; the verifier keys of the log."""
        ledger, lock = self.folder / LEDGER, FolderLock(self.folder / LEDGER)
        try:
            if not lock.take():  # otherwise somebody writes there, and has them
                open_ring(self.folder / KEYS, ledger)
        finally:
            lock.release()
        return [str(v) for v in trusted_by(ledger, read_verifiers(ledger)) if v.kind == ED25519]

    def _card(self) -> Path:
        return self.folder / WITNESS / "address.json"

    def _writer_words(self) -> Sequence[str]:
        words = ["-m", "bus.ledger", "--url", self.url, "--ledger", str(self.folder / LEDGER)]
        words += ["--keys", str(self.folder / KEYS)]
        own = self.folder / f"{KEYS}{SUFFIX}"  # beside the folder of what it signs with
        if (identity := self.identity or (own if own.exists() else None)) is not None:
            words += ["--identity", str(identity)]
        if self.witnessing.witness == BESIDE:
            return [*words, "--witness-card", str(self._card())]
        if self.witnessing.witness != NOBODY:
            words += ["--witness", self.witnessing.witness]
            words += ["--witness-key", self.witnessing.key] if self.witnessing.key else []
        return words

    def _witness_words(self, trusted: Sequence[str]) -> Sequence[str]:
        state = self.folder / WITNESS
        words = ["-m", "ops.cli", "witness", "--key", str(self.folder / WITNESS_KEY), "--state", str(state)]
        for key in trusted:
            words += ["--trust", key]
        return [*words, "--listen", "127.0.0.1:0", "--json", "--card", str(self._card())]

    def _greeting(self) -> Sequence[Mapping[str, Any]]:
        return [{"catch_up": self._target}] if self._target else []

    def _died(self, reason: str) -> None:
        self._deaths += 1
        if not self._unusable:
            self.on_trouble(reason)

    def _hear_witness(self, words: Mapping[str, Any]) -> None:
        """Its address lies on its card; that it speaks at all is enough."""

    def _hear(self, words: Mapping[str, Any]) -> None:
        self._deaths, self._heard_at, said = 0, time.monotonic(), words.get("said")
        if said in {"signed", "agrees"}:
            self._agrees, self._standing_by = self._agrees or said == "agrees", False
            self.size, self.root = int(words["size"]), str(words["root"])
            self.cosigned = bool(words.get("cosigned", False))
        elif said == "standing_by":
            self._standing_by = True
        elif said == "alarm":
            alarm = Alarm(str(words["kind"]), words["index"], str(words["detail"]))
            if (alarm.kind != "settings" and alarm.index is not None) or alarm.kind not in {"settings", "witness"}:
                self.alarm = self.alarm or alarm
            self.on_alarm(alarm)
            self._alarms.put_nowait(alarm)
        elif said == "unusable":
            self._unusable = str(words["reason"])
            self.on_trouble(self._unusable)
        elif said == "trouble":
            self.on_trouble(str(words["reason"]))


def _event(alarm: Alarm) -> LabTroubled:
    return LabTroubled(trouble=TroubleKind.LEDGER, reason=alarm.detail)


def _end(case: Case) -> LabTroubled:
    return LabTroubled(trouble=TroubleKind.LEDGER, reason=case.end)
