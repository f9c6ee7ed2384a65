"""Restores the stream from the ledger: the same messages in the same order, under the same subjects and ids.

The ledger is only read. The times are new, for the server gives them, and of the headers those come back that the
ledger knows of: the id and the type of content. What the damaged stream holds beyond the ledger is stored behind it,
unsigned as it is: it was acknowledged, and losing it would be worse. That is its unsigned end, and whatever took the
sequences of lost messages.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bus.codec import CONTENT_TYPE
from bus.errors import BusError, GapError
from bus.ledger.entry import Digest, Entry, decode_entry
from bus.ledger.errors import RepairError
from bus.ledger.stream import Stored, Stream
from bus.ledger.tiles import WIDTH, TileStore
from bus.protocol import MAX_PAYLOAD
from bus.subjects import is_dead_letter
from bus.topology import DEFAULT_MAX_BYTES, STREAM, consumer_settings, stream_settings
from bus.wire import ApiError, Wire

BATCH = 200
"""Messages that are stored at once: one fsync for all of them."""
SHORT_WINDOW = 0.1
"""Seconds within which the server drops repeated ids while the stream is restored; it takes no shorter time."""
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Loose:
    """What a stream has beside the ledger's entries."""

    messages: tuple[Stored, ...]
    """Messages that the ledger does not hold, in order."""
    consumers: tuple[dict[str, Any], ...]
    """Durable consumers, as the server tells of them."""
    max_bytes: int
    """Size limit of the stream."""


NOTHING = Loose((), (), DEFAULT_MAX_BYTES)
"""Of a stream that is gone."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a repair has done."""

    entries: int
    """Messages that came from the ledger."""
    appended: tuple[str, ...]
    """Ids of messages that the damaged stream had beyond it, stored behind them."""
    consumers: int
    """Durable consumers that go on where they were."""


async def salvage(wire: Wire, store: TileStore, size: int) -> Loose:
    """Reads what the damaged stream holds that the ledger does not.

    Args:
        wire: a connection to a server over (a copy of) the damaged store.
        store: the ledger.
        size: entries of the ledger.
    """
    stream = Stream(wire)
    state = await stream.state()
    if state is None:
        return NOTHING
    ledger = _Reader(store, size)
    strange = [stored async for stored in _readable(stream, state.last) if not ledger.holds(stored)]
    known = {stored.message_id for stored in strange if stored.sequence <= size}
    if known:
        # an altered copy of a message is none of its own: the ledger's is restored
        known &= {str(decode_entry(entry).id) for entry in store.entries(0, size)}
    loose = tuple(stored for stored in strange if stored.sequence > size or stored.message_id not in known)
    told = await wire.api(f"CONSUMER.LIST.{STREAM}")
    consumers = [c for c in told.get("consumers") or () if c["config"].get("durable_name")]
    return Loose(loose, tuple(consumers), int(state.config.get("max_bytes", DEFAULT_MAX_BYTES)))


async def _readable(stream: Stream, last: int) -> AsyncIterator[Stored]:
    """What can still be read, over the gaps."""
    expected = 1
    while expected <= last:
        try:
            async for stored in stream.read(expected, last):
                yield stored
                expected = stored.sequence + 1
        except GapError as gap:
            if gap.got <= gap.expected:
                return
            expected = gap.got


class _Reader:
    """Looks up entries in the order of the log, a bundle at a time."""

    def __init__(self, store: TileStore, size: int) -> None:
        self._store, self._size = store, size
        self._n, self._bundle = -1, list[bytes]()

    def holds(self, stored: Stored) -> bool:
        """Whether a message is its entry."""
        if stored.sequence > self._size:
            return False
        n, at = divmod(stored.sequence - 1, WIDTH)
        if n != self._n:
            self._n, self._bundle = n, self._store.read_bundle(n, min(WIDTH, self._size - n * WIDTH))
        return decode_entry(self._bundle[at]).is_message(stored.subject, stored.message_id, stored.payload)


async def restore(wire: Wire, store: TileStore, size: int, loose: Loose = NOTHING) -> Restored:
    """Makes the stream anew from the ledger.

    Args:
        wire: a connection of the identity that may make streams, to a server that has no such stream.
        store: the ledger, verified.
        size: its entries.
        loose: what comes behind it.

    Raises:
        RepairError: the server has such a stream, or does not take a message, or the ledger keeps only a digest of one.
    """
    settings = stream_settings(loose.max_bytes if loose.max_bytes > 0 else DEFAULT_MAX_BYTES)
    narrow = settings | {"duplicate_window": int(SHORT_WINDOW * 1e9)}
    if await Stream(wire).state() is not None:
        raise RepairError(
            f"Expected a server without a stream {STREAM}, got one that has it. Nothing was changed: keep it "
            "aside first."
        )
    await wire.api(f"STREAM.CREATE.{STREAM}", narrow)
    publishing = _Publishing(wire)
    for content in store.entries(0, size):
        await publishing.add(_message(decode_entry(content)))
    await publishing.flush()
    for n, stored in enumerate(loose.messages):
        await publishing.add(_Message(size + n + 1, stored.subject, stored.message_id, stored.payload))
    await publishing.flush()
    await wire.api(f"STREAM.UPDATE.{STREAM}", settings)
    for consumer in loose.consumers:
        await _go_on(wire, consumer, size)
    return Restored(size, tuple(stored.message_id for stored in loose.messages), len(loose.consumers))


@dataclass(frozen=True, slots=True)
class _Message:
    sequence: int
    subject: str
    message_id: str
    payload: bytes

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Nats-Msg-Id": self.message_id} if self.message_id else {}
        if not is_dead_letter(self.subject) and len(self.payload) <= MAX_PAYLOAD:
            headers["Content-Type"] = CONTENT_TYPE
        return headers


def _message(entry: Entry) -> _Message:
    if isinstance(entry.payload, Digest) or isinstance(entry.id, Digest):
        raise RepairError(
            f"Expected the message of sequence {entry.sequence} in the ledger, got only its digest: a stranger "
            "had stored more than an entry holds. Without it the sequences behind it cannot be restored."
        )
    return _Message(entry.sequence, entry.subject, entry.id, entry.payload)


class _Publishing:
    """Stores messages in order, many at once; each must get its own sequence."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._waiting: list[_Message] = []
        self._ids: set[str] = set()

    async def add(self, message: _Message) -> None:
        """Stores a message, or keeps it for the next batch."""
        if message.message_id in self._ids or len(message.payload) > MAX_PAYLOAD:
            await self.flush()
            await asyncio.sleep(SHORT_WINDOW * 2)  # the server forgets the id
            await self._one(message)
            return
        self._waiting.append(message)
        if message.message_id:
            self._ids.add(message.message_id)
        if len(self._waiting) == BATCH:
            await self.flush()

    async def flush(self) -> None:
        """Stores what waits: all of it or nothing."""
        batch, self._waiting, self._ids = self._waiting, [], self._ids if len(self._ids) < 1_000_000 else set()
        if len(batch) < 2:
            for message in batch:
                await self._one(message)
            return
        name = uuid4().hex
        for n, message in enumerate(batch, 1):
            headers = message.headers | {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(n)}
            if n == len(batch):
                headers["Nats-Batch-Commit"] = "1"
                answer = await self._wire.ask_once(message.subject, message.payload, headers)
                self._check(batch[-1], answer.data if answer else b"")
            elif n == 1:
                await self._wire.ask_once(message.subject, message.payload, headers)
            else:
                await self._wire.client.publish(message.subject, message.payload, headers=headers)

    async def _one(self, message: _Message) -> None:
        answer = await self._wire.ask_once(message.subject, message.payload, message.headers)
        self._check(message, answer.data if answer else b"")

    @staticmethod
    def _check(message: _Message, answer: bytes) -> None:
        told = json.loads(answer or b"{}")
        if told.get("seq") != message.sequence or told.get("duplicate"):
            raise RepairError(
                f"Expected the server to store sequence {message.sequence}, got {told or 'no answer'}. The stream is "
                "not restored; the damaged one lies where it lay."
            )


async def _go_on(wire: Wire, consumer: dict[str, Any], size: int) -> None:
    """Makes a durable consumer that goes on behind what it had acknowledged without a break."""
    config = consumer["config"]
    subjects = config.get("filter_subjects") or [s for s in [config.get("filter_subject")] if s]
    floor = min(int(consumer["ack_floor"]["stream_seq"]), size)
    settings = consumer_settings(config["durable_name"], subjects, start=floor + 1 if floor else None)
    try:
        await wire.api(
            f"CONSUMER.CREATE.{STREAM}.{config['durable_name']}",
            {"stream_name": STREAM, "config": settings, "action": "create"},
        )
    except ApiError as error:
        raise RepairError(f"Expected to make the consumer {config['durable_name']} anew, got: {error}.") from error


async def drop_stream(wire: Wire) -> None:
    """Removes the stream from a server over a copy of the damaged store; the damaged one itself stays aside."""
    try:
        await wire.api(f"STREAM.DELETE.{STREAM}")
    except ApiError as error:
        if error.code != _NOT_FOUND:
            raise BusError(f"Expected to remove the damaged stream from the copy, got: {error}.") from error
