"""Where a past is read from: a copy of a broker's store, a live server, or the bundles of a ledger.

Reading never writes. The server that opens a store writes into it, so it is given a copy; a live server is asked to
read and for nothing else.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from bus.admitting import Admission, People
from bus.blobs import BlobStore
from bus.errors import BusError, GapError, NoLogError, UndecodableEventError
from bus.jetstream import JetStreamBus
from bus.ledger.reaching import connected, copy_store
from bus.protocol import Blobs, Bus, Recorded
from bus.reading import readable
from bus.server import EmbeddedServer
from bus.subjects import is_dead_letter
from bus.topology import STREAM
from bus.wire import ApiError

if TYPE_CHECKING:
    from bus.ledger.authentic import Authentic

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PassedOver = Callable[[UndecodableEventError], None]
"""Told of bytes that never were an event."""


class Source(Protocol):
    """A past, and the artefacts that it speaks of."""

    @property
    def blobs(self) -> Blobs:
        """Its artefacts."""
        ...

    def events(self, stop: int | None = None, *, passed_over: PassedOver = ...) -> AsyncIterator[Recorded]:
        """All events in order, up to `stop` if that is given.

        Raises:
            GapError: a sequence number is missing.
            NewerAthanorError: one of the lab's own people has said what only a newer Athanor understands.
        """
        ...


class BusSource:
    """The past as a bus remembers it."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    @property
    def blobs(self) -> Blobs:
        """Its artefacts."""
        return self.bus.blobs

    async def events(
        self, stop: int | None = None, *, passed_over: PassedOver = lambda _: None
    ) -> AsyncIterator[Recorded]:
        """All events in order."""
        async for recorded in readable(self.bus, stop=stop, passed_over=passed_over):
            yield recorded


class LedgerSource:
    """The past as the bundles of a ledger hold it.

    Args:
        folder: the ledger's.
        blobs: the artefacts beside it.
        people: who may say what in the part of the log before its first roll; everybody everything by default.
        authentic: hands out only what leads to the signed root, and only as far as that was signed; without it, whether
            the bundles are what was signed is for `ledger verify` to say.
    """

    def __init__(self, folder: Path, blobs: Blobs, people: People | None = None, *, authentic: bool = False) -> None:
        self.folder, self._blobs, self.people, self.authentic = folder, blobs, people, authentic

    @property
    def blobs(self) -> Blobs:
        """Its artefacts."""
        return self._blobs

    async def events(
        self, stop: int | None = None, *, passed_over: PassedOver = lambda _: None
    ) -> AsyncIterator[Recorded]:
        """All events in order.

        Raises:
            LedgerError: where it is `authentic`: a bundle is not what was signed.
        """
        for recorded in self.recorded(stop, passed_over=passed_over):
            yield recorded

    def recorded(self, stop: int | None = None, *, passed_over: PassedOver = lambda _: None) -> Iterator[Recorded]:
        """The same for whoever need not wait for anything."""
        for recorded in _told(self._bundles(stop), 0, Admission(self.people), passed_over):
            if stop is not None and recorded.sequence > stop:
                return
            yield recorded

    def folded(
        self, fold: Callable[[Iterable[Recorded]], T], processes: int, *, passed_over: PassedOver = lambda _: None
    ) -> list[T]:
        """Folds stretches of the past at once, for folds whose parts can be put together: counts, rows of a table.

        Each process reads, authenticates, judges and types its stretches; only what the fold makes of them comes back.

        Args:
            fold: what to make of a stretch; it and what it makes travel between processes.
            processes: how many work at once.
            passed_over: told of messages that are no events, or that nobody may take for one.

        Returns:
            What the fold has made of each stretch, in order.

        Raises:
            GapError: a sequence number is missing.
            LedgerError: the ledger is not what was signed.
            NewerAthanorError: one of the lab's own people has said what only a newer Athanor understands.
        """
        from bus.ledger.authentic import Authentic
        from bus.ledger.crew import Crew

        ledger, made = Authentic.open(self.folder), list[T]()
        with Crew(self.folder, processes) as crew:
            if not crew.helps(ledger.checkpoint.size):
                return [fold(_told(ledger.bundles(), 0, Admission(self.people), passed_over))]
            work = _Stretches(ledger, self.people, crew.rolls(ledger.checkpoint.size), fold)
            for first, stop, there in crew.each(work.fold_there, ledger.checkpoint.size):
                # what goes wrong in another process is met again here, and told in its own words
                folded, passed = there or work.fold_here(first, stop)
                made.append(folded)
                for kind, sequence, reason, subject in passed:
                    passed_over(kind(sequence, reason, subject))
        return made

    def _bundles(self, stop: int | None) -> Iterator[list[bytes]]:
        from bus.ledger.authentic import Authentic
        from bus.ledger.tiles import TileStore

        if self.authentic:
            return Authentic.open(self.folder).bundles(stop=stop)
        store = TileStore(self.folder)
        return store.bundles(store.extent())


def _told(
    bundles: Iterable[list[bytes]], before: int, admission: Admission, passed_over: PassedOver
) -> Iterator[Recorded]:
    """The events in bundles that stand behind so many entries.

    Raises:
        GapError: a sequence number is missing.
        NewerAthanorError: one of the lab's own people has said what only a newer Athanor understands.
    """
    from bus.ledger.entry import Digest, decode_entry

    admit, expected, dead = admission.admit, before, dict[str, bool]()
    for bundle in bundles:
        for content in bundle:
            expected += 1
            sequence, subject, _, time, payload = decode_entry(content)
            if sequence != expected:
                raise GapError(expected, sequence)
            if (is_dead := dead.get(subject)) is None:
                is_dead = dead[subject] = is_dead_letter(subject)
            if is_dead:
                continue
            if isinstance(payload, Digest):
                passed_over(UndecodableEventError(sequence, f"{payload.size} bytes of a stranger", subject))
                continue
            try:
                admitted = admit(sequence, subject, payload)
            except UndecodableEventError as error:
                passed_over(error)
                continue
            at = EPOCH + timedelta(0, 0, time // 1000)
            yield Recorded(sequence, subject, admitted.envelope, payload, at, signed=admitted.signed)


_Passed = tuple[type[UndecodableEventError], int, str, str]


@dataclass(frozen=True)
class _Stretches(Generic[T]):
    """How stretches of a ledger are folded."""

    ledger: Authentic
    people: People | None
    rolls: Sequence[tuple[int, str, bytes]]
    fold: Callable[[Iterable[Recorded]], T]

    def fold_here(self, first: int, stop: int) -> tuple[T, list[_Passed]]:
        """What the fold makes of the bundles from one number to before another, and what was passed over."""
        from bus.ledger.tiles import WIDTH

        admission, passed = Admission(self.people), list[_Passed]()
        for roll in self.rolls:
            with contextlib.suppress(BusError):  # it is judged again at its place
                admission.admit(*roll)
        bundles = self.ledger.bundles(first, stop * WIDTH)

        def pass_over(error: UndecodableEventError) -> None:
            passed.append((type(error), error.sequence, error.reason, error.subject))

        told = _told(bundles, first * WIDTH, admission, pass_over)
        return self.fold(told), passed

    def fold_there(self, first: int, stop: int) -> tuple[T, list[_Passed]] | None:
        """The same in another process; nothing if something goes wrong."""
        try:
            return self.fold_here(first, stop)
        except BusError:
            return None


@asynccontextmanager
async def opened(folder: Path | None, server: str | None = None, people: People | None = None) -> AsyncIterator[Source]:
    """The past in the folder of a run, or on a server.

    Args:
        folder: of a run; with a server, where its artefacts are.
        server: NATS URL of a live server that keeps the log.
        people: who may say what in the part of the log before its first roll; everybody everything by default.

    Raises:
        NoLogError: there is no log in the folder.
        BusError: it cannot be read.
    """
    blobs = BlobStore((folder or Path()) / "blobs")
    if server is not None:
        await _look_for_a_log(server)
        bus = await JetStreamBus.connect(server, blobs, people=people)
        try:
            yield BusSource(bus)
        finally:
            await bus.close()
        return
    if folder is None or not folder.is_dir():
        raise NoLogError(str(folder))
    if not (folder / "store" / "jetstream").is_dir():
        if not (folder / "ledger" / "tile" / "entries").is_dir():
            raise NoLogError(str(folder))
        yield LedgerSource(folder / "ledger", blobs, people)
        return
    with tempfile.TemporaryDirectory(prefix="athanor-replay-") as scratch:
        # the server writes into its store: the evidence itself is only read
        copy_store(folder / "store", Path(scratch) / "store")
        own = await EmbeddedServer.start(Path(scratch) / "store")
        try:
            async with opened(folder, own.url, people) as source:
                yield source
        finally:
            await own.stop()


async def _look_for_a_log(server: str) -> None:
    """Who connects to a bus makes its stream where there is none; who only reads must not.

    Raises:
        NoLogError: there is no log on the server.
    """
    async with connected(server) as wire:
        try:
            await wire.api(f"STREAM.INFO.{STREAM}")
        except ApiError as error:
            raise NoLogError(f"{server}, whose answer is: {error}") from error
