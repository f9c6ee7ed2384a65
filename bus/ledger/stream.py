"""The stream as the ledger reads it: every stored message, byte for byte, in order, without gaps.

Nothing is decoded: dead letters and bytes that never were an event are evidence like everything else.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from nats.aio.msg import Msg

from bus.errors import GapError
from bus.pulling import NANOSECONDS, ConsumerGoneError, position_of, pull
from bus.topology import STREAM
from bus.wire import ApiError, Inbox, Wire

_NOT_FOUND = 404
_MESSAGE_ID = "Nats-Msg-Id"


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


class Stream:
    """Reads the stream over a connection."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def state(self) -> StreamState | None:
        """What the server says of the stream; none if there is no such stream."""
        try:
            told = await self.wire.api(f"STREAM.INFO.{STREAM}")
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return None
            raise
        state = told["state"]
        return StreamState(
            int(state["first_seq"]),
            int(state["last_seq"]),
            int(state["messages"]),
            int(state.get("num_deleted", 0)),
            told["config"],
        )

    async def read(self, start: int, stop: int) -> AsyncIterator[Stored]:
        """What is stored from `start` to `stop` inclusive.

        Raises:
            GapError: a sequence is missing.
        """
        expected = start
        while expected <= stop:
            first = expected
            async for message in self._consumed(expected, live=False):
                stored = _stored(message)
                if stored.sequence != expected:
                    if expected == first:
                        raise GapError(expected, stored.sequence)
                    break  # lost on the way, or missing: a reader of its own will tell
                yield stored
                expected += 1
                if expected > stop:
                    return

    async def follow(self, start: int) -> AsyncIterator[Stored]:
        """What is stored from `start` on, for ever. Ends when the consumer is lost: look at the stream, then go on.

        Raises:
            GapError: a sequence is missing.
        """
        expected = start
        async for message in self._consumed(start, live=True):
            stored = _stored(message)
            if stored.sequence != expected:
                if expected == start:
                    raise GapError(expected, stored.sequence)
                return
            yield stored
            expected += 1

    async def _consumed(self, start: int, *, live: bool) -> AsyncIterator[Msg]:
        """Messages of a consumer of our own from `start` on, until it is lost, or silent if not live.

        Raises:
            GapError: there is nothing at `start` or behind it, and it is not live.
        """
        inbox = await Inbox.open(self.wire.client)
        config = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": start,
            "ack_policy": "none",
            # readers may not delete consumers: this one goes by itself, soon after nobody asks it any more
            "inactive_threshold": (60 if live else 5) * NANOSECONDS,
            "replay_policy": "instant",
            "mem_storage": True,  # the ledger knows by itself how far it is
            "description": "the ledger",
        }
        made: dict[str, Any] = {}
        try:
            try:
                made = await self.wire.api(f"CONSUMER.CREATE.{STREAM}", {"stream_name": STREAM, "config": config})
            except ApiError:  # there is no such stream, or not yet
                made = {}
            if not live and int(made.get("num_pending", 0)) == 0:
                raise GapError(start, start - 1)
            if not made:
                return
            with contextlib.suppress(ConsumerGoneError):
                async for message in pull(self.wire, made["name"], inbox, until_quiet=not live):
                    yield message
        finally:
            await inbox.close()


def _stored(message: Msg) -> Stored:
    place = position_of(message)
    parts = message.reply.split(".")
    nanoseconds = int(parts[7] if len(parts) < 11 else parts[9])  # see `position_of`, which loses some of them
    return Stored(
        place.sequence, message.subject, (message.headers or {}).get(_MESSAGE_ID, ""), nanoseconds, message.data
    )
