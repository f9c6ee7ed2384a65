"""The real bus: one JetStream stream, durable pull consumers, acknowledgements that mean "on disk"."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from itertools import chain, groupby

from nats.aio.msg import Msg

from bus.admitting import Admission, Admitted, People
from bus.consumers import Consumers
from bus.correlating import frame
from bus.errors import (
    BusError,
    DuplicateConflictError,
    EvidenceAtRiskError,
    GapError,
    RefusedEventError,
    StreamConfigurationError,
    UndecodableEventError,
)
from bus.identities import PROVISIONER
from bus.protocol import Blobs, OnTrouble, Receipt, Recorded
from bus.publishing import PUBLICATION
from bus.pulling import Stored
from bus.saying import Said
from bus.signing import split
from bus.subjects import EVERY_ROLL, campaign_filter, dead_letters, filters, is_dead_letter
from bus.subscription import Durable, JetStreamSubscription
from bus.switchboard import Keys, Switchboard
from bus.topology import DEFAULT_MAX_BYTES, STREAM, check_stream, stream_settings
from bus.wire import API, ApiError, Inbox, Wire
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.presence import SpeakersListed

_NOT_FOUND = 404
_MISSING = "404"
OWN = 8192
"""Events of our own that are known by their bytes; their signatures are not checked again when they are delivered."""
READ_BATCH = 1000
"""Messages of the past asked for at once."""
_SILENCE = 5.0
"""Seconds without a message after which what is missing is asked for once more."""


class JetStreamBus:
    """A bus on a NATS server with JetStream.

    Attributes:
        consumers: who is sent the log, and how far they have come.
        highest: the highest sequence that the server has acknowledged to us.
        admission: which messages are events.
        said: places of what was said over this bus since somebody has looked last.
        on_refused: told of each message that is no event; `on_trouble` where nobody else listens.
    """

    def __init__(self, board: Switchboard, blobs: Blobs, people: People | None = None) -> None:
        self.board = board
        self.blobs = blobs
        self.consumers = Consumers(board.wire)
        self.highest = 0
        self.admission = Admission(people)
        self.said = set[int]()
        self.on_refused: Callable[[UndecodableEventError], None] = board.wire.on_trouble
        self._own = OrderedDict[int, bytes]()
        self._rolls_known = 0
        self._stopped: BusError | None = None

    @classmethod
    async def connect(  # noqa: PLR0913  options of a connection, each with a default
        cls,
        url: str,
        blobs: Blobs,
        *,
        on_trouble: OnTrouble = lambda _: None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        within: float = 10.0,
        keys: Keys = None,
        people: People | None = None,
    ) -> JetStreamBus:
        """Connects, and makes the stream if there is none.

        Args:
            url: ``nats://host:port``.
            blobs: where artefacts are kept.
            on_trouble: told what the bus notices by itself.
            max_bytes: size limit of a stream that is made now.
            within: seconds to wait for the first connection; later ones are tried for ever.
            keys: a folder with a key for each who speaks, or the one identity of this process; none by default.
            people: who may say what in the part of the log before its first roll; everybody everything by default.

        Raises:
            BusConnectionError: no server answers at `url`, or it does not let us in.
            StreamConfigurationError: there is a stream, and it is not as pinned.
            PermissionDeniedError: there is no stream, and we may not make it.
            IdentityError: a key cannot be used.
        """
        board = await Switchboard.connect(url, on_trouble, within, keys)
        bus = cls(board, blobs, people)
        try:
            await bus._provision(max_bytes)
            await bus._learn_rolls()
        except BaseException:
            await bus.close()
            raise
        return bus

    @property
    def wire(self) -> Wire:
        """The connection that reads."""
        return self.board.wire

    async def _provision(self, max_bytes: int) -> None:
        try:
            await self.check()
        except ApiError as error:
            if error.code != _NOT_FOUND:
                raise StreamConfigurationError(
                    f"Expected JetStream to be enabled on the server, got: {error}. Start it with JetStream."
                ) from error
            wire = await self.board.of(PROVISIONER)
            try:
                await wire.api(f"STREAM.CREATE.{STREAM}", stream_settings(max_bytes))
            except ApiError as refused:
                raise StreamConfigurationError(
                    f"Expected to make the stream {STREAM}, got: {refused}. The server must be nats-server 2.15 or "
                    "later with JetStream and room on its disk."
                ) from refused
            await self.board.let_go(PROVISIONER)
            await self.check()

    async def check(self) -> None:
        """Compares the live stream with the pinned settings.

        Raises:
            StreamConfigurationError: they differ, or messages were removed.
        """
        told = await self.wire.api(f"STREAM.INFO.{STREAM}")
        check_stream(told["config"], told["state"])

    async def publish(self, envelope: Envelope) -> Receipt:
        """Stores an event; see `bus.protocol.Bus`."""
        said = Said.of(envelope, self.board.signer)
        wire = await self._wire_of(said.speaker)
        return await self._known(said, *await wire.publisher.publish(*said.message))

    async def publish_all(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        """Stores events together; see `bus.protocol.Bus`."""
        everything = [Said.of(envelope, self.board.signer) for envelope in envelopes]
        wires = {speaker: await self._wire_of(speaker) for speaker in {said.speaker for said in everything}}
        runs = [list(run) for _, run in groupby(everything, lambda said: said.speaker)]
        stored = await asyncio.gather(
            *(wires[run[0].speaker].publisher.publish_all([said.message for said in run]) for run in runs)
        )
        receipts, errors = list[Receipt](), list[BusError]()
        for said, (end, name) in zip(everything, chain.from_iterable(stored), strict=True):
            try:
                receipts.append(await self._known(said, end, name))
            except BusError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return receipts

    async def _known(self, said: Said, end: Receipt | BusError, name: str) -> Receipt:
        """What the log's answer means: whether it was this call that has stored it.

        Raises:
            DuplicateConflictError: the id is taken by other content.
            BusError: it is not stored.
        """
        if isinstance(end, BusError):
            raise end
        self.highest = max(self.highest, end.sequence)
        if end.duplicate:
            stored = await self._stored(end.sequence)
            if split(stored.data)[0] != said.body:  # a key may have been exchanged since
                raise DuplicateConflictError(said.id, end.sequence)
            if (stored.headers or {}).get(PUBLICATION) != name:
                return end
            end = Receipt(end.sequence, duplicate=False)  # an answer was lost
        if said.payload is not said.body:  # what was signed here is remembered: nobody has to prove it to us
            if len(self._own) >= OWN:
                self._own.popitem(last=False)
            self._own[end.sequence] = said.payload
        if len(self.said) >= OWN:  # nobody looks: whoever does later reads these once more
            self.said.clear()
        self.said.add(end.sequence)
        if said.subject.endswith(SpeakersListed.kind):
            self.admission.admit(end.sequence, said.subject, said.payload)
        return end

    async def admit(self, sequence: int, subject: str, payload: bytes) -> Admitted:
        """The event in a message; see `bus.admitting.Admission`.

        Raises:
            UndecodableEventError: it is none, or nobody may take it for one.
            NewerAthanorError: one of the lab's own people has said what only a newer Athanor understands.
        """
        genuine = self._own.get(sequence) == payload
        try:
            return self.admission.admit(sequence, subject, payload, genuine=genuine)
        except RefusedEventError:
            if not await self._learn_rolls(sequence):  # somebody else may have called the roll meanwhile
                raise
            return self.admission.admit(sequence, subject, payload, genuine=genuine)

    async def _learn_rolls(self, before: int | None = None) -> bool:
        """Reads the rolls that stand in the log and are not known yet; whether there were any.

        Args:
            before: those behind this place are left for later.
        """
        learnt = False
        while before is None or self._rolls_known + 1 < before:
            ask = json.dumps({"seq": self._rolls_known + 1, "next_by_subj": EVERY_ROLL}).encode()
            message = await self.wire.ask(f"{API}.DIRECT.GET.{STREAM}", ask)
            if (message.headers or {}).get("Status") is not None:
                break
            stored = Stored.of(message.data, message.headers or {})
            with contextlib.suppress(UndecodableEventError):
                self.admission.admit(stored.sequence, stored.subject, stored.payload)
                learnt = True
            self._rolls_known = stored.sequence
        return learnt

    async def _store(self, speaker: str, subject: str, payload: bytes, headers: dict[str, str]) -> tuple[Receipt, str]:
        receipt, name = await (await self._wire_of(speaker)).publisher.publish(subject, payload, headers)
        self.highest = max(self.highest, receipt.sequence)
        return receipt, name

    async def _wire_of(self, speaker: str) -> Wire:
        if self._stopped is not None:
            raise EvidenceAtRiskError(str(self._stopped))
        return self.board.now(speaker) or await self.board.of(speaker)

    async def store_raw(self, subject: str, payload: bytes, headers: dict[str, str]) -> Receipt:
        """Stores bytes under a subject of the stream, over the connection that reads.

        Raises:
            StreamFullError: the log has reached its size limit.
            PublishError: the server refused them for another reason.
        """
        return (await self.wire.publisher.publish(subject, payload, headers))[0]

    async def set_aside(self, durable: Durable, payload: bytes, headers: dict[str, str]) -> None:
        """Copies bytes to the dead-letter subject of a durable consumer."""
        await self._store(durable.speaker, dead_letters(durable.campaign, durable.name), payload, headers)

    def stop_publishing(self, reason: BusError) -> None:
        """Takes nothing more: whoever says something from now on gets an error that tells why."""
        self._stopped = reason

    async def _stored(self, sequence: int) -> Msg:
        return await self.wire.ask(f"{API}.DIRECT.GET.{STREAM}", json.dumps({"seq": sequence}).encode())

    async def subscribe(self, durable: str, campaign: str, kinds: Collection[type[Event]]) -> JetStreamSubscription:
        """Goes on after what was acknowledged; see `bus.protocol.Bus`."""
        who = Durable(durable, campaign)
        wire, subjects = await self.board.of(who.speaker), filters(campaign, kinds)
        subscription = JetStreamSubscription(self, self.consumers, wire, who, subjects)
        await subscription.begin()
        return subscription

    async def acknowledged(self, durable: str) -> int:
        """Sequence up to which `durable` has acknowledged everything; see `bus.protocol.Bus`."""
        return await self.consumers.acknowledged(durable)

    async def read(
        self, campaign: str | None = None, start: int = 1, stop: int | None = None
    ) -> AsyncIterator[Recorded]:
        """The past, in order; see `bus.protocol.Bus`."""
        last = await self.last_sequence() if stop is None else min(stop, await self.last_sequence())
        if last < start:
            return
        prefix = campaign_filter(campaign)[:-1] if campaign else ""
        async for stored in self._raw(start, last):
            if not stored.subject.startswith(prefix) or is_dead_letter(stored.subject):
                continue
            admitted = await self.admit(stored.sequence, stored.subject, stored.payload)
            yield Recorded(
                stored.sequence, stored.subject, admitted.envelope, stored.payload, stored.at, signed=admitted.signed
            )

    async def _raw(self, start: int, last: int) -> AsyncIterator[Stored]:
        """Stored messages from `start` to `last`, checked for gaps.

        A broken connection or a restarted server loses what was on its way: whatever is missing is asked for once
        more. Only what is not there then is missing from the log.
        """
        expected = start
        while expected <= last:
            first = expected
            async for stored in self._read_on(expected):
                if stored.sequence != expected:
                    if expected == first:
                        raise GapError(expected, stored.sequence)
                    break
                expected += 1
                yield stored
                if expected > last:
                    return

    async def _read_on(self, start: int) -> AsyncIterator[Stored]:
        """Stored messages from `start` on, batch by batch, until the server falls silent.

        No consumer is made for it: whoever may only read needs no leave to make one.

        Raises:
            GapError: there is nothing at `start` or behind it.
        """
        inbox = await Inbox.open(self.wire.client)
        subject = f"{API}.DIRECT.GET.{STREAM}".encode()
        try:
            while True:
                ask = json.dumps({"seq": start, "batch": READ_BATCH}).encode()
                self.wire.correlator.write(frame(subject, inbox.subject.encode(), b"", ask))
                got = False
                while (message := await inbox.next(_SILENCE)) is not None:
                    headers = message.headers or {}
                    if (status := headers.get("Status")) is not None:
                        break
                    got, stored = True, Stored.of(message.data, headers)
                    start = stored.sequence + 1
                    yield stored
                if message is None:
                    return
                if status == _MISSING:
                    raise GapError(start, await self.last_sequence() + 1)
                if not got:  # nobody keeps the stream at this moment
                    await asyncio.sleep(0.1)
                    return
        finally:
            await inbox.close()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now; without one, everything waits for the next."""
        return bool(self.wire.client.is_connected)

    async def last_sequence(self) -> int:
        """Place of the last event."""
        told = await self.wire.api(f"STREAM.INFO.{STREAM}")
        return int(told["state"]["last_seq"])

    async def close(self) -> None:
        """Lets go of the server, whether it is still there or not."""
        await self.board.close()
