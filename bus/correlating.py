"""Hands each answer of the server to whoever waits for it: one inbox for everything that a connection asks.

The client library keeps a subscription, a queue, a task and a timer for what is here a future in a dictionary, and
its publisher loses the server's errors. Frames are written into the library's own buffer, which keeps them over a
reconnect, and what arrives is taken from its reader without a task between. Who asks also decides how long to wait.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, cast

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport

from bus.errors import BusConnectionError

_LINE = b"NATS/1.0\r\n"


def frame(subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> bytes:
    r"""One publication as it goes over the wire.

    Args:
        subject: where to.
        reply: where the answer goes; empty when none is wanted.
        headers: lines ``Name: value\r\n``, or nothing.
        payload: the content.
    """
    if not headers:
        return b"PUB %b %b %d\r\n%b\r\n" % (subject, reply, len(payload), payload)
    size = len(_LINE) + len(headers) + 2
    return b"HPUB %b %b %d %d\r\n%b%b\r\n%b\r\n" % (
        subject, reply, size, size + len(payload), _LINE, headers, payload,
    )  # fmt: skip


class Sink:
    """Takes messages of a subscription where the client library would queue them for a task."""

    def __init__(self, take: Callable[[Msg], None]) -> None:
        self.take = take
        self.subscription: Subscription | None = None

    def put_nowait(self, message: Msg) -> None:
        """The client library's reader has a message."""
        if self.subscription is not None:
            self.subscription._pending_size = 0  # noqa: SLF001  nothing waits here, so nothing is slow
        self.take(message)


async def listen(client: Client, subject: str, take: Callable[[Msg], None]) -> Subscription:
    """Calls `take` with each message of a subject, at once and in order."""
    sink = Sink(take)
    subscription = await client.subscribe(subject)
    subscription._pending_queue = cast("asyncio.Queue[Msg]", sink)  # noqa: SLF001  its own way is a task and a queue
    sink.subscription = subscription
    return subscription


class Correlator:
    """Asks over one connection and finds the answers."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._count = itertools.count(1)
        self._waiting: dict[str, Callable[[Msg], None]] = {}
        self._prefix = ""
        self._opening: asyncio.Task[Any] | None = None

    async def open(self) -> None:
        """Listens for answers; once is enough."""
        if self._opening is None:
            self._prefix = self.client.new_inbox() + "."
            self._opening = asyncio.create_task(listen(self.client, self._prefix + "*", self._answered))
        await asyncio.shield(self._opening)

    def call(self, take: Callable[[Msg], None]) -> tuple[bytes, str]:
        """Where an answer shall go, and its token; `take` gets it as soon as it is read, and must not fail."""
        token = str(next(self._count))
        self._waiting[token] = take
        return (self._prefix + token).encode(), token

    def expect(self) -> tuple[bytes, str, asyncio.Future[Msg]]:
        """Where an answer shall go, its token, and the answer when it is there."""
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        return *self.call(lambda message: None if answer.done() else answer.set_result(message)), answer

    def forget(self, token: str) -> None:
        """Waits for that answer no longer."""
        self._waiting.pop(token, None)

    def write(self, frames: bytes) -> None:
        """Sends, without waiting until it is sent.

        Raises:
            BusConnectionError: the connection was closed for good.
        """
        client = self.client
        if client.is_closed or client.is_draining:
            raise BusConnectionError("Expected an open connection to NATS, got a closed one.")
        way = client._transport  # noqa: SLF001  its own way awaits a lock, a queue and a task for each message
        if client.is_connected and not client._pending and isinstance(way, TcpTransport):  # noqa: SLF001  same
            way.write(frames)  # type: ignore[no-untyped-call]  # nothing waits before it
            return
        client._pending.append(frames)  # noqa: SLF001  same
        client._pending_data_size += len(frames)  # noqa: SLF001  same
        kick = client._flush_queue  # noqa: SLF001  same
        if kick is not None and kick.empty() and client.is_connected:
            kick.put_nowait(asyncio.get_running_loop().create_future())

    def _answered(self, message: Msg) -> None:
        if (take := self._waiting.pop(message.subject.rpartition(".")[2], None)) is not None:
            take(message)
