"""The real bus: one JetStream stream, durable pull consumers, acknowledgements that mean "on disk".

It speaks the JetStream API in core NATS requests: the client library's own publisher loses server errors,
and its fetch keeps no promises over a reconnect.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from bus.codec import CONTENT_TYPE, decode, encode
from bus.errors import (
    BusConnectionError,
    BusError,
    DuplicateConflictError,
    EventTooLargeError,
    GapError,
    PermissionDeniedError,
    PublishError,
    StreamConfigurationError,
    StreamFullError,
    UndecodableEventError,
)
from bus.protocol import MAX_EVENT, Blobs, OnTrouble, Receipt, Recorded
from bus.subjects import campaign_filter, dead_letters, filters, is_dead_letter, subject_of
from bus.topology import DEFAULT_MAX_BYTES, STREAM, check_stream, consumer_settings, stream_settings
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.event import Event

API = "$JS.API"
BATCH = 200
"""Messages asked for at once; larger batches only add latency."""
EXPIRES = 2.0
"""Seconds that a pull request waits at the server for news; after a reconnect it is repeated within that."""
ANSWER_WITHIN = 5.0
"""Seconds to wait for the server's answer before asking again under the same id."""
STILL_WORKING = 20.0
"""Seconds between the signs of life that keep unacknowledged deliveries ours."""
_NANOSECONDS = 1_000_000_000
_NOT_FOUND = 404
_FULL = frozenset({10077, 10122, 10023, 10047})


class _ApiError(Exception):
    """The JetStream API answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.code, self.err_code = int(error.get("code", 0)), int(error.get("err_code", 0))
        super().__init__(str(error.get("description", error)))


@dataclass
class _Wire:
    """A connection, and what it noticed by itself."""

    client: Client
    on_trouble: OnTrouble
    denied: dict[str, str] = field(default_factory=dict)

    async def ask(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> Msg:
        """A request, repeated until the server answers; over reconnects and restarts.

        Raises:
            PermissionDeniedError: the server forbids it.
            BusConnectionError: the connection was closed for good.
        """
        pause = 0.05
        while (answer := await self.ask_once(subject, payload, headers)) is None:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)
        return answer

    async def ask_once(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> Msg | None:
        """A request; none when no answer came in time.

        Raises:
            PermissionDeniedError: the server forbids it.
            BusConnectionError: the connection was closed for good.
        """
        try:
            answer = await self.client.request(subject, payload, timeout=ANSWER_WITHIN, headers=headers)
        except (nats.errors.ConnectionClosedError, nats.errors.ConnectionDrainingError) as error:
            raise BusConnectionError("Expected an open connection to NATS, got a closed one.") from error
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError, nats.errors.OutboundBufferLimitError):
            if (reason := self.denied.pop(subject, None)) is not None:
                raise PermissionDeniedError(
                    f"Expected leave to publish on {subject}, got: {reason}. Check the permissions of this user."
                ) from None
            return None
        _heed_cancellation()
        return answer

    async def api(self, call: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the JetStream API."""
        message = await self.ask(f"{API}.{call}", json.dumps(body or {}).encode())
        answer: dict[str, Any] = json.loads(message.data)
        if "error" in answer:
            raise _ApiError(answer["error"])
        return answer

    async def noticed(self, error: Exception) -> None:
        """The client library's error callback."""
        text = str(error)
        if "permissions violation" in text.lower():
            subject = text.partition('"')[2].partition('"')[0]
            self.denied[subject] = text
            self.on_trouble(PermissionDeniedError(f"The server refused: {text}"))
        elif isinstance(error, nats.errors.SlowConsumerError):
            self.on_trouble(BusError(f"This process reads too slowly and messages are being dropped: {text}"))


def _heed_cancellation() -> None:
    """Raises what the client library may have swallowed: a cancellation in the moment in which an answer came."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class _Inbox:
    """Messages of one subject as they come, in a queue of our own.

    The client library's way to wait for a message loses a cancellation that meets one.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._messages: asyncio.Queue[Msg] = asyncio.Queue()
        self._subscription: Subscription | None = None
        self.subject = client.new_inbox()

    @classmethod
    async def open(cls, client: Client) -> _Inbox:
        """Listens."""
        inbox = cls(client)
        inbox._subscription = await client.subscribe(inbox.subject, cb=inbox._messages.put)
        return inbox

    async def next(self, within: float) -> Msg | None:
        """The next message; none if there is none within that many seconds."""
        if not self._messages.empty():
            return self._messages.get_nowait()
        try:
            async with asyncio.timeout(within):
                return await self._messages.get()
        except TimeoutError:
            return None

    async def close(self) -> None:
        """Listens no more."""
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()


class JetStreamDelivery:
    """One event on its way to one consumer."""

    def __init__(self, subscription: JetStreamSubscription, recorded: Recorded, attempt: int, reply: str) -> None:
        self._subscription, self.recorded, self.attempt, self._reply = subscription, recorded, attempt, reply

    async def ack(self) -> None:
        """Done; returns when the server has confirmed it."""
        await self._subscription.confirm(self._reply, self.recorded.sequence)

    async def nak(self, delay: float = 0) -> None:
        """Comes again after `delay` seconds."""
        await self._subscription.refuse(self._reply, delay)

    async def park(self, reason: str) -> None:
        """Sets it aside, byte for byte."""
        await self._subscription.set_aside(
            self.recorded.payload, self.recorded.sequence, str(self.recorded.envelope.id), reason
        )
        await self.ack()


class JetStreamSubscription:
    """Deliveries of one durable consumer."""

    def __init__(self, bus: JetStreamBus, durable: str, campaign: str, inbox: _Inbox) -> None:
        self._bus, self._durable, self._campaign, self._inbox = bus, durable, campaign, inbox
        self._outstanding: set[str] = set()
        self._closed = False
        self._beating = asyncio.create_task(self._beat())

    async def confirm(self, reply: str, sequence: int) -> None:
        """Acknowledges and waits for the confirmation, or until the server cannot give one any more.

        A killed server may have forgotten that it delivered this: it then ignores the acknowledgement and delivers
        once more, which is what consumers are prepared for.
        """
        while await self._bus.wire.ask_once(reply, b"+ACK") is None:
            floor, delivered = await self._bus.position(self._durable)
            if floor >= sequence or delivered < sequence:
                break
        self._outstanding.discard(reply)

    async def refuse(self, reply: str, delay: float) -> None:
        """Gives a delivery back."""
        body = b"-NAK " + json.dumps({"delay": int(delay * _NANOSECONDS)}).encode() if delay else b"-NAK"
        await self._bus.wire.client.publish(reply, body)
        self._outstanding.discard(reply)

    async def set_aside(self, payload: bytes, sequence: int, event_id: str, reason: str) -> None:
        """Copies bytes to the dead-letter subject, once."""
        await self._bus.store_raw(
            dead_letters(self._campaign, self._durable),
            payload,
            {
                "Nats-Msg-Id": f"dead/{self._durable}/{sequence}",
                "Athanor-Event": event_id,
                "Athanor-Sequence": str(sequence),
                "Athanor-Reason": " ".join(reason.split())[:500].encode("ascii", "replace").decode(),
            },
        )

    async def close(self) -> None:
        """Stops asking for more."""
        self._closed = True
        self._beating.cancel()
        await self._inbox.close()

    def __aiter__(self) -> AsyncIterator[JetStreamDelivery]:
        """Deliveries as they come."""
        return self._deliveries()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(STILL_WORKING)
            for reply in tuple(self._outstanding):
                await self._bus.wire.client.publish(reply, b"+WPI")

    async def _deliveries(self) -> AsyncIterator[JetStreamDelivery]:
        async for message in self._bus.pull(self._durable, self._inbox, lambda: self._closed):
            subject, sequence, attempt, at = _position(message)
            try:
                envelope = decode(message.data)
            except ContractError as error:
                await self.set_aside(message.data, sequence, "", str(error))
                await self.confirm(message.reply, sequence)
                self._bus.wire.on_trouble(UndecodableEventError(sequence, str(error)))
                continue
            self._outstanding.add(message.reply)
            recorded = Recorded(sequence, subject, envelope, message.data, at)
            yield JetStreamDelivery(self, recorded, attempt, message.reply)


class JetStreamBus:
    """A bus on a NATS server with JetStream."""

    def __init__(self, wire: _Wire, blobs: Blobs) -> None:
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
        wire = _Wire(Client(), on_trouble)
        try:
            await asyncio.wait_for(
                wire.client.connect(
                    url,
                    name="athanor",
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.2,  # type: ignore[arg-type]  # any number of seconds does
                    error_cb=wire.noticed,
                    pending_size=8 * 1024 * 1024,
                ),
                within,
            )
        except (TimeoutError, OSError, nats.errors.Error) as error:
            await wire.client.close()
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
        except _ApiError as error:
            if error.code != _NOT_FOUND:
                raise StreamConfigurationError(
                    f"Expected JetStream to be enabled on the server, got: {error}. Start it with JetStream."
                ) from error
            try:
                await self.wire.api(f"STREAM.CREATE.{STREAM}", stream_settings(max_bytes))
            except _ApiError as refused:
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
        receipt = await self.store_raw(subject_of(envelope.campaign, envelope.type), payload, headers)
        if receipt.duplicate and await self._stored(receipt.sequence) != payload:
            raise DuplicateConflictError(str(envelope.id), receipt.sequence)
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

    async def _stored(self, sequence: int) -> bytes:
        message = await self.wire.ask(f"{API}.DIRECT.GET.{STREAM}", json.dumps({"seq": sequence}).encode())
        return message.data

    async def subscribe(self, durable: str, campaign: str, kinds: Collection[type[Event]]) -> JetStreamSubscription:
        """Goes on after what was acknowledged; see `bus.protocol.Bus`."""
        subjects = filters(campaign, kinds)
        floor = 0
        try:
            told = await self.wire.api(f"CONSUMER.INFO.{STREAM}.{durable}")
            floor = int(told["ack_floor"]["stream_seq"])
            # made anew after the last contiguous acknowledgement, so that what a dead process left
            # unacknowledged comes at once and not after its ack_wait
            await self.wire.api(f"CONSUMER.DELETE.{STREAM}.{durable}")
        except _ApiError as error:
            if error.code != _NOT_FOUND:
                raise
        settings = consumer_settings(durable, subjects, start=floor + 1 if floor else None)
        await self.wire.api(
            f"CONSUMER.CREATE.{STREAM}.{durable}",
            {"stream_name": STREAM, "config": settings, "action": "create"},
        )
        inbox = await _Inbox.open(self.wire.client)
        return JetStreamSubscription(self, durable, campaign, inbox)

    async def acknowledged(self, durable: str) -> int:
        """Sequence up to which `durable` has acknowledged everything."""
        return (await self.position(durable))[0]

    async def position(self, durable: str) -> tuple[int, int]:
        """Last sequences that a durable consumer has acknowledged without a break, and that it was sent."""
        try:
            told = await self.wire.api(f"CONSUMER.INFO.{STREAM}.{durable}")
        except _ApiError as error:
            if error.code == _NOT_FOUND:
                return 0, 0
            raise
        return int(told["ack_floor"]["stream_seq"]), int(told["delivered"]["stream_seq"])

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
                subject, sequence, _, at = _position(message)
                if sequence != expected:
                    if expected == first:
                        raise GapError(expected, sequence)
                    break
                expected += 1
                yield subject, sequence, at, message.data
                if expected > last:
                    return

    async def _read_on(self, start: int) -> AsyncIterator[Msg]:
        """Stored messages from `start` by a consumer of their own, until it falls silent.

        Raises:
            GapError: there is nothing at `start` or behind it.
        """
        inbox = await _Inbox.open(self.wire.client)
        config = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": start,
            "ack_policy": "none",
            "inactive_threshold": 60 * _NANOSECONDS,
            "replay_policy": "instant",
        }
        try:
            made = await self.wire.api(f"CONSUMER.CREATE.{STREAM}", {"stream_name": STREAM, "config": config})
            if int(made.get("num_pending", 0)) == 0:
                raise GapError(start, await self.last_sequence() + 1)
            async for message in self.pull(made["name"], inbox, until_quiet=True):
                yield message
            with contextlib.suppress(_ApiError):  # a restarted server has forgotten it already
                await self.wire.api(f"CONSUMER.DELETE.{STREAM}.{made['name']}")
        finally:
            await inbox.close()

    async def pull(
        self, consumer: str, inbox: _Inbox, done: Callable[[], bool] = lambda: False, *, until_quiet: bool = False
    ) -> AsyncIterator[Msg]:
        """Messages of a pull consumer, asked for batch by batch.

        Args:
            consumer: its name.
            inbox: where they arrive.
            done: ends it, when it has become true.
            until_quiet: a whole request without a message ends it too.
        """
        wanted, asked_at, heard = 0, 0.0, True
        body = json.dumps({"batch": BATCH, "expires": int(EXPIRES * _NANOSECONDS)}).encode()
        while not done() and not self.wire.client.is_closed:
            if wanted <= 0 or time.monotonic() - asked_at > EXPIRES + 0.5:
                if until_quiet and not heard:
                    return
                try:
                    await self.wire.client.publish(f"{API}.CONSUMER.MSG.NEXT.{STREAM}.{consumer}", body, inbox.subject)
                except nats.errors.OutboundBufferLimitError:
                    await asyncio.sleep(0.2)
                    continue
                wanted, asked_at, heard = BATCH, time.monotonic(), False
            message = await inbox.next(EXPIRES + 0.5)
            if message is None:
                continue  # the request was lost with a connection: ask again
            if message.headers and "Status" in message.headers and not message.reply.startswith("$JS.ACK"):
                wanted = 0  # 404, 408, 409: the request has ended
                continue
            wanted, heard = wanted - 1, True
            yield message

    async def last_sequence(self) -> int:
        """Place of the last event."""
        told = await self.wire.api(f"STREAM.INFO.{STREAM}")
        return int(told["state"]["last_seq"])

    async def close(self) -> None:
        """Lets go of the server."""
        await self.wire.client.close()


def _position(message: Msg) -> tuple[str, int, int, datetime]:
    """Subject, stream sequence, attempt and storage time of a delivered message."""
    # $JS.ACK.<stream>.<consumer>.<attempt>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>, or with
    # <domain>.<account> before the stream and a token after: count from the end of the shorter form
    parts = message.reply.split(".")
    fields = parts[2:] if len(parts) < 11 else parts[4:]
    attempt, sequence, nanoseconds = int(fields[2]), int(fields[3]), int(fields[5])
    return message.subject, sequence, attempt, datetime.fromtimestamp(nanoseconds / 1e9, UTC)
