"""The stream as the ledger reads it: every stored message, byte for byte, in order, without gaps.

Nothing is decoded: dead letters and bytes that never were an event are evidence like everything else. It is read
message by message and without a consumer, so that whoever may only look can check it, and so that a server that makes
no more consumers is no reason to believe that messages are missing.
"""

from __future__ import annotations

import asyncio
import calendar
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import nats.errors
from nats.aio.msg import Msg

from bus.errors import BusConnectionError, GapError, PermissionDeniedError, UnreadableLogError
from bus.topology import STREAM
from bus.wire import API, ApiError, Inbox, Wire, denial

BATCH = 512
"""Messages asked for at once: at their largest still half of what a connection may leave unread."""
SILENCE = 5.0
"""Seconds without an answer after which it is asked for again: it was lost with a connection."""
SOON, LATER = 0.02, 0.25
"""Seconds until it is looked for news again: at once after some, and less and less often without."""
_NOT_FOUND = 404
_MESSAGE_ID = "Nats-Msg-Id"
_NOBODY, _NOTHING, _END = "503", "404", "204"
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as the server keeps it."""

    sequence: int
    """Its place, from 1."""
    subject: str
    """Where it was published."""
    message_id: str
    """The id under which it was published; empty without one."""
    nanoseconds: int
    """When the server stored it, since 1970 by the server's clock."""
    payload: bytes
    """The stored bytes."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What the server says of the stream."""

    first: int
    last: int
    messages: int
    deleted: int
    config: dict[str, Any]
    created: str = ""
    """When it was made: another time is another stream."""


class _AwayError(Exception):
    """Nobody keeps the stream at this moment."""


class Stream:
    """Reads the stream over a connection."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def state(self) -> StreamState | None:
        """What the server says of the stream; none if there is no such stream.

        Raises:
            UnreadableLogError: the server does not say.
        """
        try:
            told = await self.wire.api(f"STREAM.INFO.{STREAM}")
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return None
            raise UnreadableLogError("tell about the stream", str(error)) from error
        except PermissionDeniedError as error:
            raise UnreadableLogError("tell about the stream", str(error)) from error
        state = told["state"]
        return StreamState(
            int(state["first_seq"]),
            int(state["last_seq"]),
            int(state["messages"]),
            int(state.get("num_deleted", 0)),
            told["config"],
            str(told.get("created", "")),
        )

    async def read(self, start: int, stop: int) -> AsyncIterator[Stored]:
        """What is stored from `start` to `stop` inclusive.

        Raises:
            GapError: a sequence is missing.
            UnreadableLogError: the server does not let it be read.
        """
        expected = start
        while expected <= stop:
            try:
                batch = await self._batch(expected, min(BATCH, stop - expected + 1))
            except _AwayError:
                if await self.state() is None:
                    raise GapError(expected, expected - 1) from None
                await asyncio.sleep(SOON)  # it is just coming up
                continue
            if not batch:
                raise GapError(expected, expected - 1)
            for stored in _dense(batch, expected):
                yield stored
                expected += 1

    async def follow(self, start: int) -> AsyncIterator[Stored]:
        """What is stored from `start` on, for ever. Ends when the stream is away, or another one: look at it then.

        Raises:
            GapError: a sequence is missing.
            UnreadableLogError: the server does not let it be read.
        """
        expected, pause, made = start, SOON, await self.state()
        while made is not None:
            try:
                batch = await self._batch(expected, BATCH)
            except _AwayError:
                return
            if not batch:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LATER)
                continue
            now = await self.state()
            if now is None or now.created != made.created:
                return
            for stored in _dense(batch, expected):
                yield stored
                expected += 1
            pause = SOON

    async def _batch(self, start: int, count: int) -> list[Stored]:
        """The first messages from `start` on; none if there is nothing there or behind it.

        Raises:
            UnreadableLogError: the server does not let it be read.
            BusConnectionError: the connection was closed for good.
            _AwayError: nobody keeps the stream.
        """
        subject = f"{API}.DIRECT.GET.{STREAM}"
        while True:
            # with an inbox of its own: an answer to what was asked before a connection broke does not come here
            inbox = await Inbox.open(self.wire.client)
            try:
                await self._ask(subject, json.dumps({"seq": start, "batch": count}).encode(), inbox)
                if (batch := await _gathered(inbox)) is not None:
                    return batch
            finally:
                await inbox.close()
            if (words := self.wire.denied.pop(subject.lower(), None)) is not None:
                raise UnreadableLogError("let the stream be read", str(denial(subject, words)))

    async def _ask(self, subject: str, body: bytes, inbox: Inbox) -> None:
        if self.wire.client.is_closed:
            raise BusConnectionError("Expected an open connection to NATS, got a closed one.")
        try:
            await self.wire.client.publish(subject, body, inbox.subject)
        except nats.errors.OutboundBufferLimitError:
            await asyncio.sleep(LATER)  # the server is away for long: it goes out when that is over


async def _gathered(inbox: Inbox) -> list[Stored] | None:
    """Messages up to the end of a batch; none at all when the answer was lost.

    Raises:
        UnreadableLogError: the server refuses.
        _AwayError: nobody keeps the stream.
    """
    batch = list[Stored]()
    while (message := await inbox.next(SILENCE)) is not None:
        headers = message.headers or {}
        if "Nats-Sequence" in headers:
            batch.append(_stored(message))
            continue
        status = headers.get("Status", "")
        if status in {_END, _NOTHING}:
            return batch
        if status == _NOBODY:
            raise _AwayError
        raise UnreadableLogError("let the stream be read", f"{status} {headers.get('Description', '')}".strip())
    return None


def _dense(batch: list[Stored], expected: int) -> list[Stored]:
    """The beginning of a batch without a gap; what is missing behind it is asked for again.

    Raises:
        GapError: its first message is another one.
    """
    if batch[0].sequence != expected:
        raise GapError(expected, batch[0].sequence)
    return [stored for n, stored in enumerate(batch) if stored.sequence == expected + n]


def _stored(message: Msg) -> Stored:
    headers = message.headers or {}
    return Stored(
        int(headers["Nats-Sequence"]),
        headers["Nats-Subject"],
        headers.get(_MESSAGE_ID, ""),
        nanoseconds_of(headers["Nats-Time-Stamp"]),
        message.data,
    )


def nanoseconds_of(stamp: str) -> int:
    """Nanoseconds since 1970 of a time as the server writes it, such as ``2026-12-01T08:33:41.21933Z``."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return seconds * _NANOSECONDS + int(fraction.ljust(9, "0")[:9])
