"""Stores what many say at once with one write to disk: group commit, and an answer for each.

With `sync_interval: always` the server writes to disk for each message by itself, but only a few times for an atomic
batch of up to a thousand. So publications queue up: while few are waiting each goes alone, for that is quickest; when
many are, they go as one batch, and what is said meanwhile forms the next. A batch that is refused, because one of
its ids stands in the log already, is sent again one by one. What is not answered in time, or was on its way when the
connection broke, is sent again alone and under the same id.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from nats.aio.msg import Msg

from bus.correlating import Correlator
from bus.errors import BusConnectionError, BusError, PermissionDeniedError
from bus.protocol import Receipt
from bus.publication import Message, Publication, Waiting, batch, lone, read_answer
from bus.waiting import Room

DEEP = 32
"""Publications waiting or on their way from which on they go as a batch."""
BATCH_MESSAGES = 1000
"""Most messages of an atomic batch that the server takes."""
BATCH_BYTES = 4 * 1024**2
"""Most bytes of a batch, so that one does not hold up everything else."""
BATCHES = 2
"""Batches on their way at once: the next is being written while the server syncs."""
QUEUE = 4096
"""Publications that wait; whoever wants to say more waits until there is room."""
ANSWER_WITHIN = 5.0
"""Seconds to wait for the server's answer before sending again under the same id."""
SWEEP = 0.25
"""Seconds between looks for what was not answered in time."""
PUBLICATION = "Athanor-Publication"
"""Header that tells one call of `publish` from another one that says the same."""


@dataclass(slots=True, eq=False)
class _Sent:
    """What went over the wire together and has one answer."""

    members: Sequence[Publication]
    token: str
    at: float


@dataclass
class Tally:
    """What was sent, for whoever measures."""

    singles: int = 0
    batches: int = 0
    batched: int = 0
    again: int = 0


@dataclass
class Publisher:
    """Publishes over one connection.

    Attributes:
        correlator: the connection.
        tally: what was sent.
        room: for publications that wait or are on their way.
    """

    correlator: Correlator
    tally: Tally = field(default_factory=Tally)
    room: Room = field(default_factory=lambda: Room(QUEUE))
    _queue: deque[Publication] = field(default_factory=deque)
    _sent: dict[str, _Sent] = field(default_factory=dict)
    _batches: int = 0
    _names: itertools.count[int] = field(default_factory=itertools.count)
    _run: str = field(default_factory=lambda: uuid4().hex[:20])
    _woken: bool = False
    _sweeping: asyncio.Task[None] | None = None

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str]) -> tuple[Receipt, str]:
        """Stores bytes under a subject of the stream.

        Returns:
            The receipt, and the name of this call, which stands in the header `PUBLICATION` of what it has stored.

        Raises:
            StreamFullError: the log has reached its size limit.
            PermissionDeniedError: the server forbids it.
            PublishError: the server refused it for another reason.
            BusConnectionError: the connection was closed for good.
        """
        if self.room.crowded:
            await self.room.wait()
        waiting = self._enter(1)
        try:
            publication = self._enqueue((subject, payload, headers), waiting)
            await waiting.told
        finally:
            self.room.leave(1)
        if isinstance(publication.end, Receipt):
            return publication.end, publication.name
        raise publication.end or BusError("Expected an answer to each publication, got none.")

    async def publish_all(self, messages: Sequence[Message]) -> list[tuple[Receipt | BusError, str]]:
        """Stores some messages, each as `publish` does; all wait together.

        Returns:
            For each what `publish` would have returned, or its error in place of the receipt.

        Raises:
            BusConnectionError: the connection was closed before any was sent.
        """
        if not messages:
            return []
        if self.room.crowded:
            await self.room.wait()
        waiting = self._enter(len(messages))
        try:
            said = [self._enqueue(message, waiting) for message in messages]
            await waiting.told
        finally:
            self.room.leave(len(messages))
        return [(p.end, p.name) for p in said if p.end is not None]

    def _enter(self, count: int) -> Waiting:
        """Takes room for so many."""
        if self.correlator.client.is_closed:
            self.room.call(1)
            raise BusConnectionError("Expected an open connection to NATS, got a closed one.")
        self.room.enter(count)
        return Waiting(count, asyncio.get_running_loop().create_future())

    def _enqueue(self, message: Message, waiting: Waiting) -> Publication:
        subject, payload, headers = message
        name = f"{self._run}-{next(self._names)}"
        lines = "\r\n".join((f"{PUBLICATION}: {name}", *map(": ".join, headers.items()), "", ""))
        publication = Publication(name, subject, lines.encode(), payload, waiting)
        self._queue.append(publication)
        if not self._woken:
            self._wake()
        return publication

    # sending -------------------------------------------------------------------------------------

    def _wake(self) -> None:
        """Sends soon: whoever speaks in the same moment joins."""
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._pump)
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep())

    def _pump(self) -> None:
        self._woken = False
        queue = self._queue
        while queue and self.correlator.client.is_connected:
            singles = len(self._sent) - self._batches
            if queue[0].alone or (len(queue) < DEEP and singles < DEEP):
                self._send_alone(queue.popleft())
            elif len(queue) >= DEEP and self._batches < BATCHES:
                self._send_batch()
            else:
                return  # what is on its way makes room, and what waits becomes a batch meanwhile

    def _send_alone(self, publication: Publication) -> None:
        if not publication.open:  # nobody waits any more
            return
        reply = self._expect([publication])
        self.tally.singles += 1
        self.correlator.write(lone(publication, reply))

    def _send_batch(self) -> None:
        members, size = list[Publication](), 0
        while self._queue and len(members) < BATCH_MESSAGES and size < BATCH_BYTES and not self._queue[0].alone:
            publication = self._queue.popleft()
            if publication.open:
                members.append(publication)
                size += len(publication.payload)
        if len(members) < 2:  # the others were given up
            for publication in members:
                self._send_alone(publication)
            return
        reply = self._expect(members)
        self.tally.batches += 1
        self.tally.batched += len(members)
        self.correlator.write(batch(members, f"{self._run}-b{next(self._names)}", reply))

    def _expect(self, members: Sequence[Publication]) -> bytes:
        reply, token = self.correlator.call(lambda message: self._answered(sent, message))
        sent = self._sent[token] = _Sent(members, token, time.monotonic())
        self._batches += len(members) > 1
        return reply

    # answers -------------------------------------------------------------------------------------

    def _take_back(self, sent: _Sent) -> None:
        """That transmission is over, whatever became of it."""
        if self._sent.pop(sent.token, None) is not None:
            self._batches -= len(sent.members) > 1
            self.correlator.forget(sent.token)

    def _answered(self, sent: _Sent, message: Msg) -> None:
        if sent.token not in self._sent:
            return
        self._take_back(sent)
        answer = read_answer(message.data)
        if answer is None:  # nobody keeps the stream at this moment: the server is just coming up
            asyncio.get_running_loop().call_later(SWEEP, self._again, sent.members)
        elif (error := answer.get("error")) is None:
            first = answer["seq"] - len(sent.members) + 1
            duplicate = bool(answer.get("duplicate", False))
            for n, publication in enumerate(sent.members):
                publication.settle(Receipt(first + n, duplicate=duplicate))
        elif len(sent.members) > 1:
            self._again(sent.members)  # one by one the server says which of them it means
        else:
            sent.members[0].settle(sent.members[0].refusal(error))
        if self._queue:
            self._wake()

    def _again(self, members: Sequence[Publication]) -> None:
        """Sends once more, each alone, before anything new."""
        waiting = [p for p in members if p.open]
        for publication in waiting:
            publication.alone = True
        self.tally.again += len(waiting)
        self._queue.extendleft(reversed(waiting))
        self._wake()

    def deny(self, subject: str, words: str) -> None:
        """The server refused to take a publication on a subject; it names it in lower case."""
        for sent in list(self._sent.values()):
            guilty = [p for p in sent.members if p.subject.lower() == subject]
            if not guilty:
                continue
            self._take_back(sent)
            for publication in guilty:
                publication.settle(
                    PermissionDeniedError(
                        f"Expected leave to publish on {publication.subject}, got: {words}. "
                        "Check the permissions of this user."
                    )
                )
            self._again(sent.members)

    def reconnected(self) -> None:
        """What was on its way when the connection broke is sent again."""
        for sent in list(self._sent.values()):
            self._take_back(sent)
            self._again(sent.members)
        self._wake()

    def close(self, error: BusError) -> None:
        """Nobody will answer any more: whoever waits is told."""
        for sent in list(self._sent.values()):
            self._take_back(sent)
            for publication in sent.members:
                publication.settle(error)
        while self._queue:
            self._queue.popleft().settle(error)
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def _sweep(self) -> None:
        """Looks for what was not answered in time, as long as anything is on its way."""
        while self._sent or self._queue:
            await asyncio.sleep(SWEEP)
            if self.correlator.client.is_closed:
                self.close(BusConnectionError("Expected an open connection to NATS, got a closed one."))
                return
            overdue = time.monotonic() - ANSWER_WITHIN
            for sent in [s for s in self._sent.values() if s.at < overdue]:
                self._take_back(sent)
                self._again(sent.members)
            self._wake_if_waiting()

    def _wake_if_waiting(self) -> None:
        if self._queue and not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._pump)
