"""Reads what a server sends, whole messages at a time, and hands each to its sink.

The library's parser tries six regular expressions on each line, moves the rest of its buffer for each message, and
awaits two coroutines for it. Messages for a `Sink` are taken here, in one pass; whatever else a server says (PING,
INFO, errors, a status line, messages for anybody else) is left to the library's own parser, word for word.
"""

from __future__ import annotations

from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

from bus.correlating import Sink
from bus.headers import LINE, Headers

_HEADED = {b"MSG": 0, b"HMSG": 1}
"""Verb of a message → whether headers stand before its content, and their length in its line."""


class Heard(Msg):
    """A message; made without the eight arguments of the library's, and its headers when somebody looks."""

    _client: Any = None

    def __init__(self, subject: str, reply: str, data: bytes, head: bytes) -> None:
        self.subject, self.reply, self.data, self._head = subject, reply, data, head

    @property
    def headers(self) -> Headers | None:  # type: ignore[override]  # read only
        """What stands before the content; none if there is nothing."""
        return Headers(self._head) if self._head else None


class LeanParser(Parser):
    """The library's parser, but for messages of sinks."""

    async def parse(self, data: bytes = b"") -> None:
        """Called by the library's reader with what came over the wire."""
        if self.state == AWAITING_CONTROL_LINE:
            if self.buf:
                data = bytes(self.buf) + data
                self.buf.clear()
            at, whole = self._take(data)
            data = data[at:]
            if not whole:  # the rest of a message comes with what is read next
                self.buf.extend(data)
                return
        if data:
            await super().parse(data)

    def _take(self, data: bytes) -> tuple[int, bool]:
        """Hands messages to their sinks, in order; where the rest begins, and whether the library can read on there."""
        client: Client = self.nc
        subscriptions, counted, at, size = client._subs, client.stats, 0, len(data)  # noqa: SLF001  its reader does so
        while at < size:
            if (end := data.find(b"\r\n", at)) < 0:
                return at, False
            words = data[at:end].split(b" ")
            headed = _HEADED.get(words[0], len(words))
            if not 4 <= (told := len(words) - headed) <= 5:
                return at, True
            try:
                sid, long, head = int(words[2]), int(words[-1]), int(words[-2]) if headed else 0
            except ValueError:
                return at, True  # the library knows what is to be done about it
            subscription = subscriptions.get(sid)
            sink: Any = None if subscription is None else subscription._pending_queue  # noqa: SLF001  same
            if type(sink) is not Sink:
                return at, True
            begin = end + 2
            stop = begin + long
            if stop + 2 > size:
                return at, False
            if headed and not data.startswith(LINE, begin):
                return at, True  # a status line
            content = begin + head
            counted["in_msgs"] += 1
            counted["in_bytes"] += stop - content
            at = stop + 2
            reply = words[3].decode() if told == 5 else ""
            sink.take(Heard(words[1].decode(), reply, data[content:stop], data[begin:content]))
        return at, True


class LeanClient(Client):
    """The library's client, but for its parser and for headers."""

    def __init__(self) -> None:
        super().__init__()
        self._ps = LeanParser(self)

    async def _process_headers(self, headers: bytes) -> Any:
        """Called by the library's reader; a status line is its own business."""
        if headers and headers.startswith(LINE):
            return Headers(headers)
        return await super()._process_headers(headers)
