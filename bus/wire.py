"""A connection to a NATS server on which a request is answered, repeated, or refused with its reason.

The JetStream API is spoken in core NATS requests: the client library's own publisher loses server errors, its fetch
keeps no promises over a reconnect, and its ways to wait can lose a cancellation.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from bus.errors import BusConnectionError, BusError, PermissionDeniedError
from bus.protocol import OnTrouble

API = "$JS.API"
ANSWER_WITHIN = 5.0
"""Seconds to wait for the server's answer before asking again under the same id."""


class ApiError(Exception):
    """The JetStream API answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.code, self.err_code = int(error.get("code", 0)), int(error.get("err_code", 0))
        super().__init__(str(error.get("description", error)))


@dataclass
class Wire:
    """A connection, and what it noticed by itself."""

    client: Client
    on_trouble: OnTrouble
    denied: dict[str, str] = field(default_factory=dict)
    """Subject in lower case, as the client library tells it → the server's words."""

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
            if (reason := self.denied.pop(subject.lower(), None)) is not None:
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
            raise ApiError(answer["error"])
        return answer

    async def disconnected(self) -> None:
        """The client library's callback for a connection that broke; it also comes with a wanted end."""
        if not self.client.is_closed:
            self.on_trouble(BusConnectionError("The connection to the broker broke; it is tried again until it holds."))

    async def reconnected(self) -> None:
        """The client library's callback for a connection that holds again."""
        self.on_trouble(BusConnectionError("The connection to the broker holds again; everything goes on."))

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


class Inbox:
    """Messages of one subject as they come, in a queue of our own.

    The client library's way to wait for a message loses a cancellation that meets one.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._messages: asyncio.Queue[Msg] = asyncio.Queue()
        self._subscription: Subscription | None = None
        self.subject = client.new_inbox()

    @classmethod
    async def open(cls, client: Client) -> Inbox:
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
