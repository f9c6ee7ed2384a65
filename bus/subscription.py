"""Deliveries of one durable consumer: first ones in the order of the log, whatever breaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nats.aio.msg import Msg

from bus.admitting import Admitted
from bus.consumers import Consumers
from bus.errors import BusError, UndecodableEventError
from bus.protocol import MAX_PAYLOAD, Delivery, Recorded
from bus.pulling import NANOSECONDS, ConsumerGoneError, Place, position_of, pull
from bus.wire import Inbox, Wire

STILL_WORKING = 20.0
"""Seconds between the signs of life that keep unacknowledged deliveries ours."""


@dataclass(frozen=True, slots=True)
class _Finished:
    """What is acknowledged by one call."""

    deliveries: Sequence[tuple[str, int]]
    """Reply subject and place of each."""
    confirmed: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class Durable:
    """A durable consumer of one campaign."""

    name: str
    campaign: str

    @property
    def speaker(self) -> str:
        """Whose it is: ``<campaign>-<agent>`` is the agent's."""
        return self.name.removeprefix(f"{self.campaign}-")


class Reception(Protocol):
    """What becomes of the messages that a consumer is sent."""

    on_refused: Callable[[UndecodableEventError], None]
    """Told of each that is no event."""

    async def admit(self, sequence: int, subject: str, payload: bytes) -> Admitted:
        """The event in a message.

        Raises:
            UndecodableEventError: it is none, or nobody may take it for one.
        """
        ...

    async def set_aside(self, durable: Durable, payload: bytes, headers: dict[str, str]) -> None:
        """Copies bytes to the dead-letter subject of a durable consumer."""
        ...


class JetStreamDelivery:
    """One event on its way to one consumer."""

    def __init__(self, subscription: JetStreamSubscription, recorded: Recorded, attempt: int, reply: str) -> None:
        self._subscription, self.recorded, self.attempt, self.reply = subscription, recorded, attempt, reply

    def ack(self) -> Coroutine[Any, Any, None]:
        """Done; returns when the server has confirmed it."""
        return self._subscription.confirm(((self.reply, self.recorded.sequence),))

    async def nak(self, delay: float = 0) -> None:
        """Comes again after `delay` seconds."""
        await self._subscription.refuse(self.reply, delay)

    async def park(self, reason: str) -> None:
        """Sets it aside, byte for byte."""
        await self._subscription.set_aside(
            self.recorded.payload, self.recorded.sequence, str(self.recorded.envelope.id), reason
        )
        await self.ack()


class JetStreamSubscription:
    """Deliveries of one durable consumer.

    The first delivery of each event comes in the order of the log, whatever breaks: deliveries that were lost on the
    way, or a consumer that a killed server has forgotten, make it begin again after what was acknowledged without a
    break. What was delivered before then comes once more.
    """

    def __init__(
        self, reception: Reception, consumers: Consumers, wire: Wire, durable: Durable, subjects: list[str]
    ) -> None:
        self._reception, self._consumers = reception, consumers
        self._wire, self._durable, self._subjects = wire, durable, subjects
        self._inbox = Inbox(wire.client)
        self._outstanding: dict[int, str] = {}
        self._last = 0
        self._expected = 1
        self._closed = False
        self._beating: asyncio.Task[None] | None = None
        self._acks: list[_Finished] = []
        self._confirming: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Makes the consumer anew after the last contiguous acknowledgement.

        So what a dead process or connection left unacknowledged comes at once and not after its ack_wait.
        """
        await self._inbox.close()
        mine = min(self._outstanding, default=self._last + 1) - 1
        floor = max(await self._consumers.acknowledged(self._durable.name), mine)
        await self._consumers.make(self._durable.name, self._subjects, floor, self._wire)
        self._inbox, self._expected = await Inbox.open(self._wire.client), 1
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat())

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledges several with one confirmation; see `bus.protocol.Subscription`."""
        mine = [(d.reply, d.recorded.sequence) for d in deliveries if isinstance(d, JetStreamDelivery)]
        if len(mine) < len(deliveries):
            raise TypeError(f"Expected deliveries of {self._durable.name}, got some of another kind of bus.")
        await self.confirm(mine)

    async def confirm(self, finished: Sequence[tuple[str, int]]) -> None:
        """Acknowledges and waits for the confirmation, or until the server cannot give one any more.

        What is acknowledged in the same moment goes together, and only the last of it asks for an answer: the server
        works on acknowledgements in the order in which they come.

        Args:
            finished: reply subject and place of each delivery.
        """
        if not finished:
            return
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acks.append(_Finished(finished, confirmed))
        if self._confirming is None or self._confirming.done():
            self._confirming = asyncio.create_task(self._confirm_all())
        await confirmed

    async def _confirm_all(self) -> None:
        while self._acks:
            acks, self._acks = self._acks, []
            try:
                await self._confirm_together([one for ack in acks for one in ack.deliveries])
            except BusError as error:
                for ack in acks:
                    if not ack.confirmed.done():
                        ack.confirmed.set_exception(error)
            for ack in acks:
                if not ack.confirmed.done():
                    ack.confirmed.set_result(None)

    async def _confirm_together(self, finished: Sequence[tuple[str, int]]) -> None:
        others = "".join([f"PUB {reply} 4\r\n+ACK\r\n" for reply, _ in finished[:-1]])
        if await self._wire.ask_once(finished[-1][0], b"+ACK", ahead=others.encode()) is None:
            for reply, sequence in finished:
                await self._confirm_alone(reply, sequence)
        for _, sequence in finished:
            self._outstanding.pop(sequence, None)

    async def _confirm_alone(self, reply: str, sequence: int) -> None:
        """Acknowledges again, because no answer came.

        A killed server may have forgotten that it delivered this: it then ignores the acknowledgement and delivers
        once more, which is what consumers are prepared for.
        """
        while True:
            floor, delivered = await self._consumers.position(self._durable.name)
            if floor >= sequence or delivered < sequence:
                return
            if await self._wire.ask_once(reply, b"+ACK") is not None:
                return

    async def refuse(self, reply: str, delay: float) -> None:
        """Gives a delivery back."""
        body = b"-NAK " + json.dumps({"delay": int(delay * NANOSECONDS)}).encode() if delay else b"-NAK"
        await self._wire.client.publish(reply, body)

    async def set_aside(self, payload: bytes, sequence: int, event_id: str, reason: str) -> None:
        """Copies bytes to the dead-letter subject, once; of what leaves no room for the reason, the place alone."""
        await self._reception.set_aside(
            self._durable,
            payload if len(payload) <= MAX_PAYLOAD else b"",
            {
                "Nats-Msg-Id": f"dead/{self._durable.name}/{sequence}",
                "Athanor-Event": event_id,
                "Athanor-Sequence": str(sequence),
                "Athanor-Reason": " ".join(reason.split())[:500].encode("ascii", "replace").decode(),
            },
        )

    async def close(self) -> None:
        """Stops asking for more."""
        self._closed = True
        if self._beating is not None:
            self._beating.cancel()
        await self._inbox.close()

    def __aiter__(self) -> AsyncIterator[JetStreamDelivery]:
        """Deliveries as they come."""
        return self._deliveries()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(STILL_WORKING)
            for reply in tuple(self._outstanding.values()):
                await self._wire.client.publish(reply, b"+WPI")

    async def _deliveries(self) -> AsyncIterator[JetStreamDelivery]:
        async for run in self._arrived():
            for message, place in run:
                if self._ended:
                    return
                if (delivery := await self._opened(message, place)) is not None:
                    yield delivery

    async def together(self) -> AsyncIterator[Sequence[JetStreamDelivery]]:
        """Deliveries as they come, those of the same moment together."""
        async for run in self._arrived():
            opened = [await self._opened(message, place) for message, place in run]
            if self._ended:
                return
            if deliveries := [delivery for delivery in opened if delivery is not None]:
                yield deliveries

    async def _arrived(self) -> AsyncIterator[Sequence[tuple[Msg, Place]]]:
        """Messages in the order of the log; whatever is lost on the way makes the consumer begin again."""
        while not self._ended:
            with contextlib.suppress(ConsumerGoneError):
                async for together in pull(self._wire, self._durable.name, self._inbox, lambda: self._closed):
                    run = list[tuple[Msg, Place]]()
                    for message in together:
                        place = position_of(message)
                        if place.delivery > self._expected:
                            break  # some were lost on the way
                        self._expected = place.delivery + 1
                        run.append((message, place))
                    if run:
                        yield run
                    if len(run) < len(together):
                        break
            if not self._ended:
                await self.begin()

    @property
    def _ended(self) -> bool:
        return self._closed or self._wire.client.is_closed

    async def _opened(self, message: Msg, place: Place) -> JetStreamDelivery | None:
        """The delivery in a message; none for what is no event, which is set aside."""
        self._outstanding[place.sequence], self._last = message.reply, max(self._last, place.sequence)
        try:
            admitted = await self._reception.admit(place.sequence, message.subject, message.data)
        except UndecodableEventError as error:
            await self.set_aside(message.data, place.sequence, "", error.reason)
            await self.confirm(((message.reply, place.sequence),))
            self._reception.on_refused(error)
            return None
        recorded = Recorded(
            place.sequence, message.subject, admitted.envelope, message.data, place.stored_at, signed=admitted.signed
        )
        return JetStreamDelivery(self, recorded, place.attempt, message.reply)
