"""One message on its way into the log: how it goes over the wire, and what the server's answer to it means."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bus.errors import BusError, PublishError, StreamFullError
from bus.headers import LINE
from bus.protocol import Receipt
from bus.topology import STREAM

_FULL = frozenset({10077, 10122, 10023, 10047})
_END = b"\r\n"


Message = tuple[str, bytes, Mapping[str, str]]
"""Subject, content and headers."""


@dataclass(slots=True, eq=False)
class Waiting:
    """Whoever waits until the last of some publications has its answer."""

    left: int
    """Publications without one."""
    told: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class Publication:
    """One message on its way into the log."""

    name: str
    """Of the call that says it."""
    subject: str
    headers: bytes
    r"""Lines ``Name: value\r\n``, and the empty one that ends them."""
    payload: bytes
    waiting: Waiting
    alone: bool = False
    """Whether it was tried before: it goes by itself then."""
    end: Receipt | BusError | None = None
    """Where it is stored, or why it is not."""

    @property
    def open(self) -> bool:
        """Whether there is no answer yet, and somebody waits for it."""
        return self.end is None and not self.waiting.told.done()

    def settle(self, end: Receipt | BusError) -> None:
        """Tells whoever waits where it is stored, or why it is not."""
        if self.end is None:
            self.end, self.waiting.left = end, self.waiting.left - 1
            if not self.waiting.left and not self.waiting.told.done():
                self.waiting.told.set_result(None)

    def refusal(self, error: dict[str, Any]) -> BusError:
        """What an error of the server means for it."""
        if error.get("err_code") in _FULL:
            return StreamFullError(
                f"Expected room in the stream {STREAM}, got: {error['description']}. Nothing was dropped: make room "
                "or raise the limit, then start again."
            )
        return PublishError(f"Expected {self.subject} to be stored, got: {error.get('description', error)}.")


def lone(publication: Publication, reply: bytes) -> bytes:
    """The frame of a publication that goes by itself."""
    size = len(LINE) + len(publication.headers)
    line = f"HPUB {publication.subject} {reply.decode()} {size} {size + len(publication.payload)}\r\nNATS/1.0\r\n"
    return b"".join((line.encode(), publication.headers, publication.payload, _END))


def batch(publications: Sequence[Publication], name: str, reply: bytes) -> bytes:
    """The frames of publications that are stored all or none.

    Args:
        publications: at least two.
        name: of the batch.
        reply: where the answer to the last goes.
    """
    first, last = f"NATS/1.0\r\nNats-Batch-Id: {name}\r\nNats-Batch-Sequence: ", len(publications)
    parts, to, more = list[bytes](), "", ""
    for n, publication in enumerate(publications, 1):
        if n == last:
            to, more = reply.decode(), "Nats-Batch-Commit: 1\r\n"
        lead = f"{first}{n}\r\n{more}"
        size = len(lead) + len(publication.headers)
        line = f"HPUB {publication.subject} {to} {size} {size + len(publication.payload)}\r\n{lead}"
        parts += (line.encode(), publication.headers, publication.payload, _END)
    return b"".join(parts)


def read_answer(content: bytes) -> dict[str, Any] | None:
    """What the server says to a publication; none when nobody answers there."""
    if not content:
        return None
    with contextlib.suppress(orjson.JSONDecodeError):
        told = orjson.loads(content)
        if isinstance(told, dict) and ("error" in told or isinstance(told.get("seq"), int)):
            return told
    return {"error": {"description": f"an answer that tells no place: {content[:80]!r}"}}
