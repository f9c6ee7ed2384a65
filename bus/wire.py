"""A connection to a NATS server on which a request is answered, repeated, or refused with its reason.

The JetStream API is spoken in core NATS requests: the client library's own publisher loses server errors, its fetch
keeps no promises over a reconnect, and its ways to wait can lose a cancellation.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from bus.correlating import Correlator, frame, listen
from bus.errors import BusConnectionError, BusError, PermissionDeniedError
from bus.identities import Identity
from bus.parsing import LeanClient
from bus.protocol import OnTrouble
from bus.publishing import Publisher

API = "$JS.API"
ANSWER_WITHIN = 5.0
"""Seconds to wait for the server's answer before asking again under the same id."""
CLOSE_WITHIN = 5.0
"""Real seconds that a connection may take to close."""
_NO_RESPONDERS = "503"


class ApiError(BusError):
    """The JetStream API answered with an error; whoever asked says what was expected."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.code, self.err_code = int(error.get("code", 0)), int(error.get("err_code", 0))
        super().__init__(str(error.get("description", error)))


class _LostError(Exception):
    """The connection broke while a request was on its way."""


@dataclass
class Wire:
    """A connection, and what it noticed by itself."""

    client: Client
    on_trouble: OnTrouble
    denied: dict[str, str] = field(default_factory=dict)
    """Subject in lower case, as the client library tells it → the server's words."""
    correlator: Correlator = field(init=False)
    publisher: Publisher = field(init=False)
    _asked: dict[str, tuple[str, asyncio.Future[Msg]]] = field(default_factory=dict)
    """Token → subject, and its answer."""

    def __post_init__(self) -> None:
        self.correlator = Correlator(self.client)
        self.publisher = Publisher(self.correlator)

    @classmethod
    async def connect(
        cls, url: str, on_trouble: OnTrouble, *, within: float = 10.0, identity: Identity | None = None
    ) -> Wire:
        """Connects; from then on the connection is tried again for ever.

        Args:
            url: ``nats://host:port``.
            on_trouble: told what the connection notices by itself.
            within: seconds to wait for the first connection.
            identity: who connects; nobody in particular by default.

        Raises:
            BusConnectionError: no server answers at `url`, or it does not let us in.
        """
        wire = cls(LeanClient(), on_trouble)
        refusals: list[str] = []

        async def noticed(error: Exception) -> None:
            refusals.append(str(error))
            await wire.noticed(error)

        try:
            await asyncio.wait_for(
                wire.client.connect(
                    url,
                    name=f"athanor {identity.name}" if identity else "athanor",
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.2,  # type: ignore[arg-type]  # any number of seconds does
                    error_cb=noticed,
                    disconnected_cb=wire.disconnected,
                    reconnected_cb=wire.reconnected,
                    pending_size=8 * 1024 * 1024,
                    **(identity.options() if identity else {}),
                ),
                within,
            )
            await wire.correlator.open()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            await wire.close()
            if any("authorization" in told.lower() for told in refusals):
                who = identity.name if identity else "anybody without a key"
                raise BusConnectionError(
                    f"Expected the NATS server at {url} to let {who} in, got a refusal ({refusals[-1]}). Give the key "
                    "of a user that it knows (--nkey, --creds, or nats://user:password@host)."
                ) from error
            raise BusConnectionError(
                f"Expected a NATS server at {url}, got no connection within {within:.0f} s ({error or 'no answer'}). "
                "Start the server, or leave --nats out to use the embedded one."
            ) from error
        return wire

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

    async def ask_once(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, *, ahead: bytes = b""
    ) -> Msg | None:
        """A request; none when no answer came in time.

        Args:
            subject: whom to ask.
            payload: what.
            headers: of the request.
            ahead: frames that go before it, in the same breath.

        Raises:
            PermissionDeniedError: the server forbids it.
            BusConnectionError: the connection was closed for good.
        """
        if self.client.is_closed or self.client.is_draining:
            raise BusConnectionError("Expected an open connection to NATS, got a closed one.")
        await self.correlator.open()
        reply, token, answer = self.correlator.expect()
        self._asked[token] = subject, answer
        lines = "".join(f"{key}: {value}\r\n" for key, value in (headers or {}).items()).encode()
        try:
            self.correlator.write(ahead + frame(subject.encode(), reply, lines, payload))
            async with asyncio.timeout(ANSWER_WITHIN):
                message = await answer
        except (TimeoutError, _LostError):
            return None
        finally:
            self.correlator.forget(token)
            del self._asked[token]
        nobody = not message.data and message.headers and message.headers.get("Status") == _NO_RESPONDERS
        return None if nobody else message

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
        for _, answer in self._asked.values():
            if not answer.done():
                answer.set_exception(_LostError())
        self.publisher.reconnected()
        self.on_trouble(BusConnectionError("The connection to the broker holds again; everything goes on."))

    async def noticed(self, error: Exception) -> None:
        """The client library's error callback."""
        text = str(error)
        if "permissions violation" in text.lower():
            subject = text.partition('"')[2].partition('"')[0]
            self.denied[subject] = text
            self.publisher.deny(subject, text)
            for asked, answer in self._asked.values():
                if asked.lower() == subject and not answer.done():
                    answer.set_exception(denial(asked, text))
            self.on_trouble(PermissionDeniedError(f"The server refused: {text}"))
        elif isinstance(error, nats.errors.SlowConsumerError):
            self.on_trouble(BusError(f"This process reads too slowly and messages are being dropped: {text}"))

    async def close(self) -> None:
        """Lets go of the server, whether it is still there or not."""
        client = self.client
        if not client.is_connected:
            # the client library would try to send what waits, and leave everything open when it cannot
            client._pending, client._pending_data_size = [], 0  # noqa: SLF001  it has no other way to drop it
        ended = BusConnectionError("Expected an open connection to NATS, got a closed one.")
        for _, answer in self._asked.values():
            if not answer.done():
                answer.set_exception(ended)
        self.publisher.close(ended)
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await client.close()
        except (OSError, nats.errors.Error):
            pass  # it is gone, and that is what was wanted


def denial(subject: str, words: str) -> PermissionDeniedError:
    """The error of a publication that the server forbids."""
    return PermissionDeniedError(
        f"Expected leave to publish on {subject}, got: {words}. Check the permissions of this user."
    )


class Inbox:
    """Messages of one subject as they come, in a queue of our own.

    The client library's way to wait for a message loses a cancellation that meets one.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._messages: deque[Msg] = deque()
        self._news: asyncio.Future[None] | None = None
        self._subscription: Subscription | None = None
        self.subject = client.new_inbox()

    @classmethod
    async def open(cls, client: Client) -> Inbox:
        """Listens."""
        inbox = cls(client)
        inbox._subscription = await listen(client, inbox.subject, inbox._take)
        return inbox

    def _take(self, message: Msg) -> None:
        self._messages.append(message)
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def next(self, within: float) -> Msg | None:
        """The next message; none if there is none within that many seconds."""
        if not self._messages:
            await self._wait(within)
        return self._messages.popleft() if self._messages else None

    async def all(self, within: float) -> deque[Msg]:
        """Everything that has come, in order; nothing if nothing comes within that many seconds."""
        if not self._messages:
            await self._wait(within)
        messages, self._messages = self._messages, deque()
        return messages

    async def _wait(self, within: float) -> None:
        self._news = asyncio.get_running_loop().create_future()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._news

    async def close(self) -> None:
        """Listens no more."""
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()
