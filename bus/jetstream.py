"""The real bus: one JetStream stream, durable pull consumers, acknowledgements that mean "on disk"."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Collection
from datetime import datetime
from typing import Any
from uuid import uuid4

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from bus.codec import CONTENT_TYPE, decode, encode
from bus.errors import (
    BusConnectionError,
    BusError,
    DuplicateConflictError,
    EventTooLargeError,
    GapError,
    PublishError,
    StreamConfigurationError,
    StreamFullError,
    UndecodableEventError,
)
from bus.protocol import MAX_EVENT, Blobs, OnTrouble, Receipt, Recorded
from bus.pulling import NANOSECONDS, ConsumerGoneError, position_of, pull
from bus.subjects import campaign_filter, filters, is_dead_letter, subject_of
from bus.subscription import JetStreamSubscription
from bus.topology import DEFAULT_MAX_BYTES, STREAM, check_stream, consumer_settings, stream_settings
from bus.wire import API, ApiError, Inbox, Wire
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.event import Event

CLOSE_WITHIN = 5.0
"""Real seconds that a connection may take to close."""
REMAKE = 5
"""How often a consumer is made anew that comes with another one's memory."""
_NOT_FOUND = 404
_PUBLICATION = "Athanor-Publication"
"""Header that tells one call of `publish` from another one that says the same."""
_FULL = frozenset({10077, 10122, 10023, 10047})


class JetStreamBus:
    """A bus on a NATS server with JetStream."""

    def __init__(self, wire: Wire, blobs: Blobs) -> None:
        self.wire = wire
        self.blobs = blobs

    @classmethod
    async def connect(
        cls,
        url: str,
        blobs: Blobs,
        *,
        on_trouble: OnTrouble = lambda _: None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        within: float = 10.0,
    ) -> JetStreamBus:
        """Connects, and makes the stream if there is none.

        Args:
            url: ``nats://host:port``.
            blobs: where artefacts are kept.
            on_trouble: told what the bus notices by itself.
            max_bytes: size limit of a stream that is made now.
            within: seconds to wait for the first connection; later ones are tried for ever.

        Raises:
            BusConnectionError: no server answers at `url`.
            StreamConfigurationError: there is a stream, and it is not as pinned.
        """
        wire = Wire(Client(), on_trouble)
        try:
            await asyncio.wait_for(
                wire.client.connect(
                    url,
                    name="athanor",
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.2,  # type: ignore[arg-type]  # any number of seconds does
                    error_cb=wire.noticed,
                    disconnected_cb=wire.disconnected,
                    reconnected_cb=wire.reconnected,
                    pending_size=8 * 1024 * 1024,
                ),
                within,
            )
        except (TimeoutError, OSError, nats.errors.Error) as error:
            await cls(wire, blobs).close()
            raise BusConnectionError(
                f"Expected a NATS server at {url}, got no connection within {within:.0f} s ({error or 'no answer'}). "
                "Start the server, or leave --nats out to use the embedded one."
            ) from error
        bus = cls(wire, blobs)
        await bus._provision(max_bytes)
        return bus

    async def _provision(self, max_bytes: int) -> None:
        try:
            await self.check()
        except ApiError as error:
            if error.code != _NOT_FOUND:
                raise StreamConfigurationError(
                    f"Expected JetStream to be enabled on the server, got: {error}. Start it with JetStream."
                ) from error
            try:
                await self.wire.api(f"STREAM.CREATE.{STREAM}", stream_settings(max_bytes))
            except ApiError as refused:
                raise StreamConfigurationError(
                    f"Expected to make the stream {STREAM}, got: {refused}. The server must be nats-server 2.15 or "
                    "later with JetStream and room on its disk."
                ) from refused
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
        payload = encode(envelope)
        if len(payload) > MAX_EVENT:
            raise EventTooLargeError(envelope.type, len(payload), MAX_EVENT)
        headers = {"Nats-Msg-Id": str(envelope.id), "Content-Type": CONTENT_TYPE}
        if envelope.traceparent:
            headers["traceparent"] = envelope.traceparent
        headers[_PUBLICATION] = uuid4().hex
        receipt = await self.store_raw(subject_of(envelope.campaign, envelope.type), payload, headers)
        if receipt.duplicate:
            stored = await self._stored(receipt.sequence)
            if stored.data != payload:
                raise DuplicateConflictError(str(envelope.id), receipt.sequence)
            if (stored.headers or {}).get(_PUBLICATION) == headers[_PUBLICATION]:
                return Receipt(receipt.sequence, duplicate=False)  # the first answer was lost with its server
        return receipt

    async def store_raw(self, subject: str, payload: bytes, headers: dict[str, str]) -> Receipt:
        """Stores bytes under a subject of the stream.

        Raises:
            StreamFullError: the log has reached its size limit.
            PublishError: the server refused them for another reason.
        """
        answer = json.loads((await self.wire.ask(subject, payload, headers)).data)
        if (error := answer.get("error")) is None:
            return Receipt(int(answer["seq"]), duplicate=bool(answer.get("duplicate", False)))
        if error.get("err_code") in _FULL:
            raise StreamFullError(
                f"Expected room in the stream {STREAM}, got: {error['description']}. Nothing was dropped: make room "
                "or raise the limit, then start again."
            )
        raise PublishError(f"Expected {subject} to be stored, got: {error.get('description', error)}.")

    async def _stored(self, sequence: int) -> Msg:
        return await self.wire.ask(f"{API}.DIRECT.GET.{STREAM}", json.dumps({"seq": sequence}).encode())

    async def subscribe(self, durable: str, campaign: str, kinds: Collection[type[Event]]) -> JetStreamSubscription:
        """Goes on after what was acknowledged; see `bus.protocol.Bus`."""
        subscription = JetStreamSubscription(self, durable, campaign, filters(campaign, kinds))
        await subscription.begin()
        return subscription

    async def make_consumer(self, durable: str, subjects: list[str], floor: int) -> None:
        """A durable consumer of what comes after `floor`, in place of any of that name.

        A server that was killed while it made a consumer denies that there is one, and gives the next of that name the
        forgotten one's memory: what it had been sent would never come again. That one is deleted in turn.

        Raises:
            BusError: the server cannot make one that begins there.
        """
        settings = consumer_settings(durable, subjects, start=floor + 1 if floor else None)
        for _ in range(REMAKE):
            with contextlib.suppress(ApiError):  # there may be none
                await self.wire.api(f"CONSUMER.DELETE.{STREAM}.{durable}")
            if await self._create_consumer(durable, settings) <= floor:
                return
        raise BusError(
            f"Expected a consumer {durable} that begins after {floor}, got one with the memory of another {REMAKE} "
            "times. Stop the broker, and start it again."
        )

    async def _create_consumer(self, durable: str, settings: dict[str, Any]) -> int:
        """Makes it, and gives the last place that it takes for acknowledged or sent."""
        told = await self.wire.api(
            f"CONSUMER.CREATE.{STREAM}.{durable}", {"stream_name": STREAM, "config": settings, "action": "create"}
        )
        return max(int(told[what]["stream_seq"]) for what in ("ack_floor", "delivered"))

    async def acknowledged(self, durable: str) -> int:
        """Sequence up to which `durable` has acknowledged everything."""
        return (await self.position(durable))[0]

    async def position(self, durable: str) -> tuple[int, int]:
        """Last sequences that a durable consumer has acknowledged without a break, and that it was sent."""
        try:
            told = await self.wire.api(f"CONSUMER.INFO.{STREAM}.{durable}")
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return 0, 0
            raise
        return int(told["ack_floor"]["stream_seq"]), int(told["delivered"]["stream_seq"])

    async def pending(self, durable: str) -> int:
        """How many events wait for a durable consumer: not yet sent to it, or sent and not acknowledged."""
        try:
            told = await self.wire.api(f"CONSUMER.INFO.{STREAM}.{durable}")
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return 0
            raise
        return int(told["num_pending"]) + int(told["num_ack_pending"])

    async def read(
        self, campaign: str | None = None, start: int = 1, stop: int | None = None
    ) -> AsyncIterator[Recorded]:
        """The past, in order; see `bus.protocol.Bus`."""
        last = await self.last_sequence() if stop is None else min(stop, await self.last_sequence())
        if last < start:
            return
        prefix = campaign_filter(campaign)[:-1] if campaign else ""
        async for subject, sequence, at, payload in self._raw(start, last):
            if not subject.startswith(prefix) or is_dead_letter(subject):
                continue
            try:
                envelope = decode(payload)
            except ContractError as error:
                raise UndecodableEventError(sequence, str(error)) from error
            yield Recorded(sequence, subject, envelope, payload, at)

    async def _raw(self, start: int, last: int) -> AsyncIterator[tuple[str, int, datetime, bytes]]:
        """Stored messages from `start` to `last`, checked for gaps.

        A broken connection or a restarted server loses what was on its way, and forgets the reader: whatever is
        missing is asked for once more by a new one. Only what a new reader does not get is missing from the log.
        """
        expected = start
        while expected <= last:
            first = expected
            async for message in self._read_on(expected):
                place = position_of(message)
                if place.sequence != expected:
                    if expected == first:
                        raise GapError(expected, place.sequence)
                    break
                expected += 1
                yield message.subject, place.sequence, place.stored_at, message.data
                if expected > last:
                    return

    async def _read_on(self, start: int) -> AsyncIterator[Msg]:
        """Stored messages from `start` by a consumer of their own, until it falls silent.

        Raises:
            GapError: there is nothing at `start` or behind it.
        """
        inbox = await Inbox.open(self.wire.client)
        config = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": start,
            "ack_policy": "none",
            "inactive_threshold": 60 * NANOSECONDS,
            "replay_policy": "instant",
        }
        try:
            made = await self.wire.api(f"CONSUMER.CREATE.{STREAM}", {"stream_name": STREAM, "config": config})
            if int(made.get("num_pending", 0)) == 0:
                raise GapError(start, await self.last_sequence() + 1)
            with contextlib.suppress(ConsumerGoneError):
                async for message in pull(self.wire, made["name"], inbox, until_quiet=True):
                    yield message
            with contextlib.suppress(ApiError):  # a restarted server has forgotten it already
                await self.wire.api(f"CONSUMER.DELETE.{STREAM}.{made['name']}")
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
        client = self.wire.client
        if not client.is_connected:
            # the client library would try to send what waits, and leave everything open when it cannot
            client._pending, client._pending_data_size = [], 0  # noqa: SLF001  it has no other way to drop it
        with contextlib.suppress(OSError, nats.errors.Error):
            async with asyncio.timeout(CLOSE_WITHIN):
                await client.close()
