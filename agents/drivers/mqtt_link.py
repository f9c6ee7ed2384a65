"""A connection to an MQTT 3.1.1 broker that is made again for ever, and says why when it cannot be made.

Messages go at QoS 0: an acknowledgement of the broker proves nothing about the instrument, costs the broker a
write to disk, and whoever asks has to ask again anyway.
"""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from contracts.wire import Broker

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 15.0
"""Real seconds before a lost connection is made again; the pause doubles in between."""
PATIENCE = 5.0
"""Real seconds that the broker may take to answer."""
GOODBYE = 1.0
"""Real seconds that taking leave of the broker may take."""
KEEPALIVE = 15
"""Real seconds after which a silent connection is tried out."""
NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Small messages leave at once instead of waiting for one another."""


@dataclass(frozen=True)
class Account:
    """Which broker, and who one is there."""

    broker: Broker
    """Where it listens."""
    identifier: str
    """Client identifier; of two clients with the same one, the broker throws the older out."""
    password: str | None = None
    """Password of the broker's user."""


class BrokerRefusal(Exception):  # noqa: N818  never leaves this file but as text
    """The broker is there and does not let us in, or not listen."""


class Link:
    """A connection with its subscriptions.

    Attributes:
        up: set while it is connected and subscribed.
        down_because: why it is not, in a sentence; empty while it is, and before the first attempt.
    """

    def __init__(
        self,
        account: Account,
        topics: Sequence[str],
        hear: Callable[[str, bytes], None],
        changed: Callable[[str], None],
    ) -> None:
        """Args: which broker; what to listen to; called with each message; called with ``""`` or why it went down."""
        self.account, self.topics = account, tuple(topics)
        self.up = asyncio.Event()
        self.down_because = ""
        self._hear, self._changed = hear, changed
        self._client: aiomqtt.Client | None = None
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins to connect, and returns after the first attempt, whatever came of it."""
        # in a context of its own: the connection outlives whoever opens it, and takes no turn on the lab's clock
        self._task = asyncio.create_task(self._stay(), context=contextvars.Context())
        await self._tried.wait()

    async def close(self) -> None:
        """Disconnects for good."""
        while self._task is not None and not self._task.done():
            # more than once: a wait_for in aiomqtt that has its answer at this very moment swallows a cancellation
            self._task.cancel()
            await asyncio.wait([self._task], timeout=GOODBYE)

    async def say(self, topic: str, payload: bytes) -> None:
        """Sends a message when the connection is up; it may be lost all the same."""
        while True:
            await self.up.wait()
            if (client := self._client) is None:
                continue
            # in a task of its own: aiomqtt waits in a way that swallows the cancellation of whoever waits with it
            sending = asyncio.create_task(client.publish(topic, payload, timeout=PATIENCE))
            sending.add_done_callback(_forget)
            await asyncio.wait([sending])
            if sending.exception() is None:
                return
            await asyncio.sleep(FIRST_PAUSE)  # the connection is gone, or will be found to be

    async def _stay(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._new_client() as client:
                    await self._subscribe(client)
                    self._client = client
                    self._become("")
                    async for message in client.messages:
                        pause = FIRST_PAUSE  # not sooner: a broker that drops whoever connects is not hammered
                        self._hear(message.topic.value, _bytes(message.payload))
            except Exception as error:  # noqa: BLE001  whatever it is, it is said, and connecting goes on
                self._become(str(error) or type(error).__name__)
            finally:
                self._client = None
                self.up.clear()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _new_client(self) -> aiomqtt.Client:
        account = self.account
        return aiomqtt.Client(
            account.broker.host,
            account.broker.port,
            username=account.broker.user,
            password=account.password,
            identifier=account.identifier,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,  # what was said while nobody was connected is asked again, and never acted on late
            keepalive=KEEPALIVE,
            timeout=PATIENCE,
            socket_options=NO_DELAY,
        )

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """Listens; a refusal comes as a code in the broker's answer, and not as an exception."""
        codes: Sequence[int | ReasonCode] = await client.subscribe([(topic, 0) for topic in self.topics])
        denied = [topic for topic, code in zip(self.topics, codes, strict=True) if _is_denied(code)]
        if denied:
            who = f"the user {self.account.broker.user}" if self.account.broker.user else "a client without a user name"
            raise BrokerRefusal(
                f"it lets {who} not subscribe to {', '.join(denied)}; permit it in the broker's configuration"
            )

    def _become(self, why: str) -> None:
        """Notes whether it is up, and says so when that has changed."""
        if why:
            self.up.clear()
        else:
            self.up.set()
        news = not self._tried.is_set() or why != self.down_because
        self.down_because = why
        self._tried.set()
        if news:
            self._changed(why)


def _forget(sending: asyncio.Task[None]) -> None:
    """Looks at the error of a message that nobody waits for any more, so that it is not complained about."""
    if not sending.cancelled():
        sending.exception()


def _is_denied(code: int | ReasonCode) -> bool:
    return code.is_failure if isinstance(code, ReasonCode) else code >= 0x80


def _bytes(payload: object) -> bytes:
    """What came, as bytes; an empty message comes as none."""
    return payload if isinstance(payload, bytes) else str(payload or "").encode()
