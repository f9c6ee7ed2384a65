"""What a server sends is read in one pass, and nobody hears anything else than by the library's own parser."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from bus.correlating import Sink
from bus.parsing import Heard, LeanClient, LeanParser

Said = tuple[int, str, str, bytes, dict[str, str] | None]
"""Number of the subscription, subject, reply, content and headers."""


class Ear:
    """What the library's client is for its parser; two of its three subscriptions are ours, and one is gone."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.slowly = 0
        self.stats = {"in_msgs": 0, "in_bytes": 0}
        self._subs = {n: SimpleNamespace(_pending_queue=Sink(self.taking(n))) for n in (1, 2)}
        self._subs[3] = SimpleNamespace(_pending_queue=object())

    def taking(self, sid: int) -> Any:
        """Takes what the lean parser hands to a sink."""

        def take(message: Heard) -> None:
            headers = None if message.headers is None else dict(message.headers)
            self.heard.append((sid, message.subject, message.reply, message.data, headers))

        return take

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        read = await LeanClient()._process_headers(headers) if headers else None
        self.slowly += 1
        self.heard.append((sid, subject.decode(), reply.decode(), data, None if read is None else dict(read)))

    async def _process_ping(self) -> None:
        self.heard.append("ping")

    async def _process_pong(self) -> None:
        self.heard.append("pong")

    async def _process_err(self, words: str) -> None:
        self.heard.append(words)


def framed(sid: int, reply: str, content: bytes, headers: dict[str, str] | None) -> bytes:
    """A message as a server sends it."""
    middle = f" {reply} " if reply else " "
    if headers is None:
        return f"MSG lab.x.y {sid}{middle}{len(content)}\r\n".encode() + content + b"\r\n"
    lines = ("NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode()
    sizes = f"{len(lines)} {len(lines) + len(content)}"
    return f"HMSG lab.x.y {sid}{middle}{sizes}\r\n".encode() + lines + content + b"\r\n"


messages = st.builds(
    framed,
    st.integers(1, 4),
    st.sampled_from(["", "$JS.ACK.LEDGER.d.1.7.7.1700000000000000000.0"]),
    st.one_of(st.binary(max_size=40), st.sampled_from([b"\r\n", b"MSG a 1 0\r\n\r\n", b"x" * 3000])),
    st.one_of(st.none(), st.dictionaries(st.sampled_from(["A", "Nats-Msg-Id"]), st.sampled_from(["1", "b c"]))),
)
others = st.sampled_from(
    [b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b"-ERR 'x'\r\n", b"HMSG i 1 28 28\r\nNATS/1.0 404 No Messages\r\n\r\n\r\n"]
)


async def hear(parser: type[Parser], stream: bytes, cuts: list[int]) -> Ear:
    """What is heard of a stream that comes in pieces."""
    ear = Ear()
    reading, edges = parser(ear), sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    for begin, end in pairwise(edges):
        await reading.parse(stream[begin:end])
    return ear


@given(st.lists(st.one_of(messages, messages, others), max_size=12), st.lists(st.integers(0, 8000), max_size=8))
@settings(max_examples=300, deadline=None)
async def test_it_hears_what_the_library_hears(said: list[bytes], cuts: list[int]) -> None:
    """Whatever comes, in whatever pieces: the same messages, headers and calls, in the same order."""
    stream = b"".join(said)
    assert (await hear(LeanParser, stream, cuts)).heard == (await hear(Parser, stream, cuts)).heard


async def test_messages_of_sinks_take_the_short_way() -> None:
    """Deliveries and answers that come in pieces never meet the library's regular expressions, and are counted."""
    stream = b"".join(framed(1 + n % 2, "r", b"x" * n, {"A": "b"} if n % 3 else None) for n in range(300))
    ear = await hear(LeanParser, stream, list(range(0, len(stream), 997)))
    assert (len(ear.heard), ear.slowly) == (300, 0)
    assert ear.stats == {"in_msgs": 300, "in_bytes": sum(range(300))}


@pytest.mark.parametrize("line", [b"MSG a one 0\r\n\r\n", b"HELLO\r\n", b"MSG a 1 2 3 4 5\r\n"])
async def test_nonsense_is_the_librarys_to_judge(line: bytes) -> None:
    """A line that no server says ends the connection as ever, so that it is made anew."""
    with pytest.raises(ProtocolError):
        await LeanParser(Ear()).parse(framed(1, "", b"x", None) + line)
