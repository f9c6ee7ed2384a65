"""The twin: the promises of a bus kept in memory, without a server. For unit tests; nothing outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bus.admitting import Admission, People
from bus.blobs import MemoryBlobs
from bus.codec import encode
from bus.errors import DuplicateConflictError, EventTooLargeError, UndecodableEventError
from bus.protocol import MAX_EVENT, Delivery, OnTrouble, Receipt, Recorded
from bus.subjects import campaign_filter, dead_letters, filters, is_dead_letter, subject_of
from contracts.envelope import Envelope
from contracts.event import Event


@dataclass
class _Stored:
    sequence: int
    subject: str
    payload: bytes
    at: datetime


@dataclass
class _Durable:
    subjects: frozenset[str]
    done: set[int] = field(default_factory=set)
    attempts: dict[int, int] = field(default_factory=dict)


class MemoryDelivery:
    """One event on its way to one consumer."""

    def __init__(self, subscription: MemorySubscription, recorded: Recorded, attempt: int) -> None:
        self._subscription, self.recorded, self.attempt = subscription, recorded, attempt

    async def ack(self) -> None:
        """Done."""
        self._subscription.durable.done.add(self.recorded.sequence)

    async def nak(self, delay: float = 0) -> None:
        """Comes again after `delay` seconds."""
        asyncio.get_running_loop().call_later(delay, self._subscription.again, self.recorded.sequence)

    async def park(self, reason: str) -> None:
        """Sets it aside."""
        self._subscription.park(self.recorded.payload, reason)
        await self.ack()


class MemorySubscription:
    """Deliveries of one durable consumer."""

    def __init__(self, bus: MemoryBus, name: str, campaign: str, durable: _Durable) -> None:
        self.bus, self.name, self.campaign, self.durable = bus, name, campaign, durable
        self._next = bus.floor(name) + 1
        self._again: list[int] = []
        self._closed = False

    def again(self, sequence: int) -> None:
        """Delivers an event once more."""
        self._again.append(sequence)
        self.bus.news.set()

    def park(self, payload: bytes, _reason: str) -> None:
        """Keeps a dead letter."""
        self.bus.store(dead_letters(self.campaign, self.name), payload)

    async def close(self) -> None:
        """Stops."""
        self._closed = True
        self.bus.news.set()

    def __aiter__(self) -> AsyncIterator[MemoryDelivery]:
        """Deliveries as they come."""
        return self._deliveries()

    async def together(self) -> AsyncIterator[Sequence[MemoryDelivery]]:
        """Deliveries as they come; each by itself."""
        async for delivery in self._deliveries():
            yield (delivery,)

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Done with each."""
        for delivery in deliveries:
            await delivery.ack()

    async def _deliveries(self) -> AsyncIterator[MemoryDelivery]:
        while not self._closed:
            sequence = self._pick()
            if sequence is None:
                self.bus.news.clear()
                await self.bus.news.wait()
                continue
            stored = self.bus.log[sequence - 1]
            if stored.subject not in self.durable.subjects or sequence in self.durable.done:
                continue
            try:
                recorded = self.bus.recorded(stored)
            except UndecodableEventError as error:
                self.park(stored.payload, str(error))
                self.durable.done.add(sequence)
                self.bus.on_trouble(error)
                continue
            attempt = self.durable.attempts[sequence] = self.durable.attempts.get(sequence, 0) + 1
            yield MemoryDelivery(self, recorded, attempt)

    def _pick(self) -> int | None:
        if self._again:
            return self._again.pop(0)
        if self._next <= len(self.bus.log):
            self._next += 1
            return self._next - 1
        return None


class MemoryBus:
    """A bus without a server."""

    def __init__(self, on_trouble: OnTrouble = lambda _: None, people: People | None = None) -> None:
        self.blobs = MemoryBlobs()
        self.admission = Admission(people)
        self.log: list[_Stored] = []
        self.news = asyncio.Event()
        self.on_trouble = on_trouble
        self._ids: dict[str, int] = {}
        self._durables: dict[str, _Durable] = {}

    def recorded(self, stored: _Stored) -> Recorded:
        """The event in stored bytes; see `bus.admitting.Admission`.

        Raises:
            UndecodableEventError: it is none, or nobody may take it for one.
        """
        admitted = self.admission.admit(stored.sequence, stored.subject, stored.payload)
        return Recorded(
            stored.sequence, stored.subject, admitted.envelope, stored.payload, stored.at, signed=admitted.signed
        )

    def store(self, subject: str, payload: bytes) -> int:
        """Appends bytes to the log, as a stranger could, and returns their sequence."""
        self.log.append(_Stored(len(self.log) + 1, subject, payload, datetime.now(UTC)))
        self.news.set()
        return len(self.log)

    async def publish(self, envelope: Envelope) -> Receipt:
        """Appends an event once."""
        payload, key = encode(envelope), str(envelope.id)
        if len(payload) > MAX_EVENT:
            raise EventTooLargeError(envelope.type, len(payload), MAX_EVENT)
        if (sequence := self._ids.get(key)) is not None:
            if self.log[sequence - 1].payload != payload:
                raise DuplicateConflictError(key, sequence)
            return Receipt(sequence, duplicate=True)
        self._ids[key] = sequence = self.store(subject_of(envelope.campaign, envelope.type), payload)
        return Receipt(sequence, duplicate=False)

    async def publish_all(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        """Appends events."""
        ends = await asyncio.gather(*(self.publish(envelope) for envelope in envelopes), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return [end for end in ends if isinstance(end, Receipt)]

    async def subscribe(self, durable: str, campaign: str, kinds: Collection[type[Event]]) -> MemorySubscription:
        """Goes on after what was acknowledged."""
        state = self._durables.setdefault(durable, _Durable(frozenset()))
        state.subjects = frozenset(filters(campaign, kinds))
        floor = self.floor(durable)
        state.done = {sequence for sequence in state.done if sequence <= floor}
        return MemorySubscription(self, durable, campaign, state)

    def floor(self, durable: str) -> int:
        """Sequence up to which everything was acknowledged or does not concern the consumer."""
        state = self._durables.get(durable)
        if state is None or not state.done:
            return 0
        for stored in self.log:
            if stored.subject in state.subjects and stored.sequence not in state.done:
                return stored.sequence - 1
        return max(state.done)

    async def acknowledged(self, durable: str) -> int:
        """Sequence up to which `durable` has acknowledged everything."""
        return self.floor(durable)

    async def read(
        self, campaign: str | None = None, start: int = 1, stop: int | None = None
    ) -> AsyncIterator[Recorded]:
        """The past, in order."""
        prefix = campaign_filter(campaign)[:-1] if campaign else ""
        for stored in self.log[start - 1 : stop]:
            if not stored.subject.startswith(prefix) or is_dead_letter(stored.subject):
                continue
            yield self.recorded(stored)

    async def last_sequence(self) -> int:
        """Place of the last event."""
        return len(self.log)

    async def close(self) -> None:
        """Nothing to let go of."""
