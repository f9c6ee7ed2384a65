"""Messages of a pull consumer, asked for batch by batch, over reconnects and restarts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

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


@dataclass(frozen=True, slots=True)
class Place:
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
    # <domain>.<account> before the stream and a token after: count from the end of the shorter form
    parts = message.reply.split(".")
    fields = parts[2:] if len(parts) < 11 else parts[4:]
    attempt, sequence, delivery, nanoseconds = map(int, fields[2:6])
    return Place(sequence, delivery, attempt, datetime.fromtimestamp(nanoseconds / 1e9, UTC))


async def pull(
    wire: Wire, consumer: str, inbox: Inbox, done: Callable[[], bool] = lambda: False, *, until_quiet: bool = False
) -> AsyncIterator[Msg]:
    """Messages of a pull consumer, asked for batch by batch.

    Args:
        wire: the connection.
        consumer: its name.
        inbox: where they arrive.
        done: ends it, when it has become true.
        until_quiet: a whole request without a message ends it too.

    Raises:
        ConsumerGoneError: the server knows no such consumer (any more).
        PermissionDeniedError: the server forbids to ask for them.
    """
    wanted, asked_at, heard = 0, 0.0, True
    body = json.dumps({"batch": BATCH, "expires": int(EXPIRES * NANOSECONDS)}).encode()
    subject = f"{API}.CONSUMER.MSG.NEXT.{STREAM}.{consumer}"
    while not done() and not wire.client.is_closed:
        if wanted <= 0 or time.monotonic() - asked_at > EXPIRES + 0.5:
            if until_quiet and not heard:
                return
            try:
                await wire.client.publish(subject, body, inbox.subject)
            except nats.errors.OutboundBufferLimitError:
                await asyncio.sleep(0.2)
                continue
            wanted, asked_at, heard = BATCH, time.monotonic(), False
        message = await inbox.next(EXPIRES + 0.5)
        if message is None:
            if (words := wire.denied.pop(subject.lower(), None)) is not None:
                raise denial(subject, words)
            continue  # the request was lost with a connection: ask again
        if not message.reply.startswith("$JS.ACK") and message.headers and "Status" in message.headers:
            if message.headers["Status"] == _NO_RESPONDERS or "Deleted" in message.headers.get("Description", ""):
                await asyncio.sleep(0.1)  # a server that is just coming up knows nobody yet
                raise ConsumerGoneError
            wanted = 0  # 404, 408, 409: the request has ended
            continue
        wanted, heard = wanted - 1, True
        yield message
