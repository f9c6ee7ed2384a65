"""Messages of a pull consumer, asked for batch by batch, over reconnects and restarts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import nats.errors
from nats.aio.msg import Msg

from bus.topology import STREAM
from bus.wire import API, Inbox, Wire, denial

BATCH = 200
"""Messages asked for at once; larger batches only add latency."""
EXPIRES = 2.0
"""Seconds that a pull request waits at the server for news; after a reconnect it is repeated within that."""
NANOSECONDS = 1_000_000_000
_NO_RESPONDERS = "503"


class ConsumerGoneError(Exception):
    """The server knows no consumer of that name."""


class Place(NamedTuple):
    """Where a delivered message stands."""

    sequence: int
    """In the log."""
    delivery: int
    """Among the deliveries of its consumer, from 1."""
    attempt: int
    """How often it was delivered."""
    stored_at: datetime
    """When it was stored."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of the past."""

    sequence: int
    """In the log."""
    subject: str
    """Where it was published."""
    at: datetime
    """When it was stored."""
    payload: bytes
    """The stored bytes."""

    @classmethod
    def of(cls, payload: bytes, headers: Mapping[str, str]) -> Stored:
        """A message as the server gives it, with its place in headers."""
        at = datetime.fromisoformat(headers["Nats-Time-Stamp"])
        return cls(int(headers["Nats-Sequence"]), headers["Nats-Subject"], at, payload)


def position_of(message: Msg) -> Place:
    """The place that a delivered message's reply subject tells."""
    # $JS.ACK.<stream>.<consumer>.<attempt>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>, or with
    # <domain>.<account> before the stream and a token after, or without that token: count from the end
    before, attempt, sequence, delivery, nanoseconds, _ = message.reply.rsplit(".", 5)
    if before.count(".") == 6:
        _, attempt, sequence, delivery, nanoseconds, *_ = message.reply.rsplit(".", 6)
    at = datetime.fromtimestamp(int(nanoseconds) / 1e9, UTC)
    return Place(int(sequence), int(delivery), int(attempt), at)


async def pull(
    wire: Wire, consumer: str, inbox: Inbox, done: Callable[[], bool] = lambda: False
) -> AsyncIterator[Sequence[Msg]]:
    """Messages of a pull consumer, asked for batch by batch; what has come in the same moment comes together.

    Args:
        wire: the connection.
        consumer: its name.
        inbox: where they arrive.
        done: ends it, when it has become true.

    Raises:
        ConsumerGoneError: the server knows no such consumer (any more).
        PermissionDeniedError: the server forbids to ask for them.
    """
    wanted, asked_at = 0, 0.0
    body = json.dumps({"batch": BATCH, "expires": int(EXPIRES * NANOSECONDS)}).encode()
    subject = f"{API}.CONSUMER.MSG.NEXT.{STREAM}.{consumer}"
    while not done() and not wire.client.is_closed:
        if wanted <= 0 or time.monotonic() - asked_at > EXPIRES + 0.5:
            try:
                await wire.client.publish(subject, body, inbox.subject)
            except nats.errors.OutboundBufferLimitError:
                await asyncio.sleep(0.2)
                continue
            wanted, asked_at = BATCH, time.monotonic()
        came = await inbox.all(EXPIRES + 0.5)
        if not came and (words := wire.denied.pop(subject.lower(), None)) is not None:
            raise denial(subject, words)
        odd = [message for message in came if not message.reply.startswith("$JS.ACK")]
        if together := came if not odd else [message for message in came if not _is_status(message)]:
            wanted -= len(together)
            yield together
        if len(together) == len(came):
            continue  # nothing came: the request was lost with a connection, and is repeated in time
        if any(_tells_of_no_consumer(message) for message in came):
            await asyncio.sleep(0.1)  # a server that is just coming up knows nobody yet
            raise ConsumerGoneError
        wanted = 0  # 404, 408, 409: the request has ended


def _is_status(message: Msg) -> bool:
    """Whether the server tells something about a request, and delivers nothing."""
    return not message.reply.startswith("$JS.ACK") and bool(message.headers) and "Status" in (message.headers or {})


def _tells_of_no_consumer(message: Msg) -> bool:
    headers = message.headers or {}
    return _is_status(message) and (headers["Status"] == _NO_RESPONDERS or "Deleted" in headers.get("Description", ""))
