"""The ledger's single writer: follows the log in order, keeps the second copy, signs it and has it witnessed.

It takes everything as it is stored, dead letters and garbage too. Before it adds anything it compares the log with
what it signed before, and while it works it reads the rest again, piece by piece. What disagrees is an alarm, after
which nothing is written any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bus.errors import GapError, UnreadableLogError
from bus.ledger.alarms import Alarm, keep_alarm, refute
from bus.ledger.asking import Asker, WitnessAwayError, WitnessRefusedError
from bus.ledger.book import Book, DisagreementError
from bus.ledger.comparing import check_counts, check_settings, compare, first_ranges
from bus.ledger.entry import encode_entry
from bus.ledger.errors import LedgerError
from bus.ledger.locking import FolderLock
from bus.ledger.note import Signature
from bus.ledger.stream import Stored, Stream
from bus.ledger.tiles import WIDTH

EVERY_EVENTS = WIDTH
"""Events after which a checkpoint is signed."""
EVERY_SECONDS = 1.0
"""Seconds of wall time after which one is signed, if there is anything new."""
PATROL = 5.0
"""Seconds between two looks at the log: its counts and settings, and one bundle read again."""
AHEAD = 4096
"""Events that are read ahead while a checkpoint is being written."""
MEETING = 5.0
"""Seconds that a witness may take to come up beside us, before anything is added without it."""
LEAST_ROOM = 8 * 1024**2
"""Bytes on the disk below which nothing is begun; the lab stops long before."""
CONFIRMED = 3
"""A disagreement that is not seen so many times in a row was a server that was just coming up."""
PAUSE = 0.2
"""Seconds before the server is asked again after it has lost us."""
AGAIN = 1.0
"""Seconds before a look, a full disk or a taken lock is looked at again."""

Tell = Callable[[Mapping[str, Any]], None]
"""Told what happens, as an object for JSON with the word ``said``."""


@dataclass(frozen=True)
class Place:
    """Where a ledger and its keys lie."""

    ledger: Path
    keys: Path


class Writer:
    """Writes one ledger until it is cancelled."""

    def __init__(self, place: Place, stream: Stream, asker: Asker | None, tell: Tell) -> None:
        self.place, self.stream, self.asker, self.tell = place, stream, asker, tell
        self._queue: asyncio.Queue[Stored] = asyncio.Queue(AHEAD)
        self._target = 0
        self._hurry, self._connected_anew = asyncio.Event(), asyncio.Event()
        self._expected = 1
        self._patrolled_at, self._patrolled = time.monotonic(), 0
        self._cosigned, self._met, self._missed = False, False, ""
        self._told: set[str] = set()
        self._alarmed: set[str] = set()

    def catch_up(self, sequence: int) -> None:
        """Wants everything up to a place of the log signed at once, and is told when it is."""
        self._target = max(self._target, sequence)
        self._hurry.set()

    def connected_anew(self) -> None:
        """The connection broke and holds again: what was on its way is lost, and need not be waited for."""
        self._connected_anew.set()

    async def run(self) -> None:
        """Waits for the right to write, compares, and writes. Never returns; after an alarm it only stands there.

        Raises:
            SigningKeyError: the keys cannot be used.
        """
        lock = FolderLock(self.place.ledger)
        try:
            while owner := lock.take():
                self._tell_once("standing_by", f"The ledger is being written by {owner}; waiting to take over.")
                await asyncio.sleep(AGAIN)
            try:
                await self._write()
            except DisagreementError as error:
                self._alarm(Alarm.of(error), stopped=True)
                await asyncio.Event().wait()
        finally:
            lock.release()

    async def _write(self) -> None:
        book = await asyncio.to_thread(Book.open, self.place.ledger, self.place.keys)
        compared = 0
        for start, stop in first_ranges(book.size, random.Random(time.time_ns())):
            compared += await self._confirmed(book, start, stop)
        await self._confirmed(book, 0, 0)
        self._patrolled = book.size if compared == book.size else 0
        await self._refute(book)
        await self._meet_witness(book)
        checkpoint = book.checkpoint
        self.tell(
            {"said": "agrees", "size": checkpoint.size, "root": checkpoint.root.hex(), "compared": compared}
            | {"key": str(book.ring.verifier), "cosigned": self._cosigned}
        )
        book.drop_unsigned()
        reader = asyncio.create_task(self._read(book))
        try:
            while True:
                batch = await self._gather(book, reader)
                if batch:
                    await self._commit(book, batch)
                elif not self._cosigned and self.asker is not None and self.asker.due:
                    await self._have_witnessed(book)
                if self._target and book.checkpoint.size >= self._target:
                    self._target = 0
                    self._hurry.clear()
                    self._tell_signed(book)
                if time.monotonic() - self._patrolled_at > PATROL:
                    await self._patrol(book)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    # reading -------------------------------------------------------------------------------------

    async def _read(self, book: Book) -> None:
        """Puts what is stored into the queue, in order, over restarts of the server.

        Raises:
            DisagreementError: a message is missing, or what was signed is not there any more.
        """
        self._expected, gaps = book.size + 1, 0
        while True:
            self._connected_anew.clear()
            following = asyncio.create_task(self._follow())
            anew = asyncio.create_task(self._connected_anew.wait())
            before = self._expected
            try:
                await asyncio.wait({following, anew}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (following, anew):
                    task.cancel()
                await asyncio.gather(following, anew, return_exceptions=True)
            gaps = gaps if self._expected == before else 0
            if not following.cancelled() and isinstance(error := following.exception(), GapError):
                gaps += 1
                if gaps >= CONFIRMED:
                    raise DisagreementError("missing", error.expected - 1, str(error)) from error
            elif not following.cancelled() and isinstance(error := following.exception(), UnreadableLogError):
                self._tell_once("trouble", str(error), about="reading")
                await asyncio.sleep(AGAIN)
            elif not following.cancelled():
                following.result()
            await asyncio.sleep(PAUSE)
            # the server was restarted, perhaps over another store
            size = book.checkpoint.size
            await self._confirmed(book, max(0, size - WIDTH), size)

    async def _follow(self) -> None:
        """Puts what is stored into the queue, until the server has lost us.

        Raises:
            GapError: a message is missing, or was lost on the way.
        """
        async for stored in self.stream.follow(self._expected):
            await self._queue.put(stored)
            self._expected = stored.sequence + 1

    async def _confirmed(self, book: Book, start: int, stop: int) -> int:
        """Looks at counts, settings and messages; a server that is coming up is looked at again.

        A server that does not let them be read says nothing about them: that is a trouble and no disagreement.

        Raises:
            DisagreementError: they disagree each time.
        """
        attempt = 1
        while True:
            try:
                state = await self.stream.state()
                check_counts(state, book.checkpoint.size)
                if state is not None:
                    try:
                        check_settings(state)
                    except DisagreementError as error:  # what is still stored must be kept all the more
                        self._alarm(Alarm.of(error))
                compared = await compare(self.stream, book.entries(start, stop), start) if stop > start else 0
            except DisagreementError:
                if attempt == CONFIRMED:
                    raise
                attempt += 1
            except UnreadableLogError as error:
                self._tell_once("trouble", str(error), about="reading")
            else:
                self._told.discard("reading")
                return compared
            await asyncio.sleep(AGAIN)

    async def _patrol(self, book: Book) -> None:
        """Looks at the log as a whole, and reads one bundle of it again."""
        size = book.checkpoint.size
        start = self._patrolled if self._patrolled < size else 0
        stop = min(start // WIDTH * WIDTH + WIDTH, size)
        if self.stream.wire.client.is_connected:
            await self._confirmed(book, start, stop)
            self._patrolled = stop
        self._patrolled_at = time.monotonic()

    # writing -------------------------------------------------------------------------------------

    async def _gather(self, book: Book, reader: asyncio.Task[None]) -> list[Stored]:
        """What the next checkpoint adds: up to the end of a bundle, or what came within a second.

        Raises:
            DisagreementError: the reader found that something is missing.
        """
        room, batch = EVERY_EVENTS - book.size % WIDTH, list[Stored]()
        deadline = time.monotonic() + EVERY_SECONDS
        while len(batch) < room:
            if not self._queue.empty():
                batch.append(self._queue.get_nowait())
                continue
            left = deadline - time.monotonic()
            if left <= 0 or (self._hurry.is_set() and (batch or book.checkpoint.size >= self._target)):
                break
            news = asyncio.create_task(self._queue.get())
            hurry = asyncio.create_task(self._hurry.wait())
            waiting: set[asyncio.Task[Any]] = {news, reader}
            if not self._hurry.is_set():
                waiting.add(hurry)
            try:
                await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                hurry.cancel()
                if news.done():
                    batch.append(news.result())
                else:
                    news.cancel()
            if reader.done():
                reader.result()
        return batch

    async def _commit(self, book: Book, batch: list[Stored]) -> None:
        """Appends, writes, signs, has it witnessed, publishes. A full disk is waited for."""
        for s in batch:
            book.append(encode_entry(s.sequence, s.subject, s.message_id, s.nanoseconds, s.payload))
        while True:
            try:
                await asyncio.to_thread(self._sign, book)
            except OSError as error:
                self._tell_once("trouble", f"The ledger cannot be written: {error}. It goes on when there is room.")
                await asyncio.sleep(AGAIN)
            except LedgerError as error:
                if isinstance(error, DisagreementError):
                    raise
                raise DisagreementError("ledger", None, str(error)) from error
            else:
                self._told.clear()
                break
        await self._have_witnessed(book)

    def _sign(self, book: Book) -> None:
        free = shutil.disk_usage(self.place.ledger).free
        if free < LEAST_ROOM:
            raise OSError(f"only {free / 1024**2:.0f} MiB are free on the disk")
        book.sign()

    async def _meet_witness(self, book: Book) -> None:
        """Asks the witness before anything is added; one that comes up beside us is given its time."""
        patience = time.monotonic() + MEETING
        await self._have_witnessed(book)
        while self.asker is not None and not self._cosigned and time.monotonic() < patience:
            await asyncio.sleep(0.05)
            if self.asker.due:
                await self._have_witnessed(book)
        self._met = True
        if self.asker is not None and self.asker.away:
            self._miss(self.asker.away)

    def _miss(self, reason: str) -> None:
        """Tells once that the witness is away."""
        if self._met and not self._missed:
            self._missed = reason
            self.tell({"said": "trouble", "reason": reason})

    async def _have_witnessed(self, book: Book) -> None:
        """Asks the witness, as long as it answers, and publishes with or without it.

        Raises:
            DisagreementError: it has cosigned another history than this one.
        """
        signatures: tuple[Signature, ...] = ()
        asker = self.asker
        self._cosigned = False
        if asker is not None and asker.due:
            try:
                signatures = await asyncio.to_thread(asker.ask, book.note, book.checkpoint.size, book.proof)
                self._cosigned = True
                if self._missed:
                    self.tell({"said": "trouble", "reason": f"The witness at {asker.url} answers again."})
                self._missed = ""
            except WitnessAwayError as error:
                self._miss(str(error))
            except WitnessRefusedError as error:
                if error.forked:
                    raise DisagreementError("witness", error.seen, str(error)) from error
                asker.away = self._missed = str(error)
                self._alarm(Alarm("witness", None, str(error)))
        while True:
            try:
                await asyncio.to_thread(book.publish, signatures)
            except OSError as error:
                self._tell_once("trouble", f"The ledger cannot be written: {error}. It goes on when there is room.")
                await asyncio.sleep(AGAIN)
            else:
                break
        self._tell_signed(book)

    # telling -------------------------------------------------------------------------------------

    def _tell_signed(self, book: Book) -> None:
        checkpoint = book.checkpoint
        self.tell(
            {"said": "signed", "size": checkpoint.size, "root": checkpoint.root.hex(), "cosigned": self._cosigned}
        )

    def _tell_once(self, said: str, reason: str, about: str = "") -> None:
        """Once until it is over."""
        if (about or said) not in self._told:
            self._told.add(about or said)
            self.tell({"said": said, "reason": reason})

    async def _refute(self, book: Book) -> None:
        """Tells which alarms of earlier lives are over: what they told of has just been looked at, and agrees."""
        state = await self.stream.state()
        for start, over in refute(self.place.ledger, book.size, state.last if state else 0):
            if start is not None:
                await self._confirmed(book, start, min(start + WIDTH, book.size))
            with contextlib.suppress(OSError):  # a full disk: the next start tells it
                over()

    def _alarm(self, alarm: Alarm, *, stopped: bool = False) -> None:
        if alarm.name in self._alarmed:
            return
        self._alarmed.add(alarm.name)
        with contextlib.suppress(OSError):  # a full disk; it is told all the same
            keep_alarm(self.place.ledger, alarm)
        self.tell({"said": "alarm", "stopped": stopped, **asdict(alarm)})
