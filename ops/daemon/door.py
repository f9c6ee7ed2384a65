"""Who comes in at the daemon's face: requests for it, by its own name, of a bounded size and in a bounded time.

The face listens on the loopback interface, where any program of this machine can speak to it, and so can any page in
a browser that gets a name to point here (DNS rebinding). So `Host` must be a name of this machine, and whatever
changes something must not come from another page (`Origin`). uvicorn gives a client all the time of the world to
finish a request that it has begun, and keeps as many of those as there are descriptors; here they end.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import h11
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_BODY = 4096
"""Bytes of a body; none is needed here."""
MOST_CONNECTIONS = 64
"""Connections at once; the oldest that waits for its client makes room for a new one."""
ASKED_WITHIN = 10.0
"""Real seconds in which a client finishes its request."""
TAKEN_WITHIN = 60.0
"""Real seconds in which it takes the answer."""

_HERE = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def turned_away(method: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
    """Status and reason for which a request is not let in; none if it is.

    Args:
        method: of the request.
        headers: by name, whatever their case.
    """
    host = headers.get("host", "")
    if not _HERE.fullmatch(host):
        return 421, f"Expected a request to 127.0.0.1, localhost or [::1], got Host {host[:80]!r}. Ask it by that name."
    if method in _READING:
        return None
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return 403, f"Expected no Origin, or http://{host}, got {origin[:80]!r}. No other page may switch this lab."
    return None


class Door:
    """Lets requests in that are meant for this face, with what they say in full: bodies are short here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = turned_away(scope["method"], headers) or _too_large(headers)
        body = b""
        while refusal is None:
            message = await receive()
            if message["type"] != "http.request":
                return  # the client has gone
            body += message.get("body", b"")
            if len(body) > MOST_BODY:
                refusal = _large(len(body))
            elif not message.get("more_body", False):
                break
        if refusal is not None:
            status, words = refusal
            answer = PlainTextResponse(f"{words}\n", status_code=status, headers={"connection": "close"})
            await answer(scope, receive, send)
            return
        await self.app(scope, _whole(body, receive), send)


def _too_large(headers: Headers) -> tuple[int, str] | None:
    length = headers.get("content-length", "0")
    return _large(int(length)) if length.isdigit() and int(length) > MOST_BODY else None


def _large(size: int) -> tuple[int, str]:
    return (
        413,
        f"Expected a body of at most {MOST_BODY} bytes, got {size} or more. Nothing here needs one: leave it out.",
    )


def _whole(body: bytes, receive: Receive) -> Receive:
    """Gives a body that has come already, and then whatever comes."""
    given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return given.pop() if given else await receive()

    return next_message


class Connection(H11Protocol):
    """A connection that ends when its client keeps it waiting."""

    _patience: asyncio.TimerHandle | None = None
    _asking = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent does
        """A client has come; one that waits the longest goes, if there are too many."""
        super().connection_made(transport)
        self._wait(asking=True)
        if (over := len(self.connections) - MOST_CONNECTIONS) > 0:
            waiting = [c for c in self.connections if isinstance(c, Connection) and c is not self and c.asking]
            for oldest in sorted(waiting, key=lambda c: c.until)[:over] or [self]:  # or all of them are being answered
                oldest.transport.abort()
                self.connections.discard(oldest)

    @property
    def asking(self) -> bool:
        """Whether it waits for its client."""
        return self._asking

    @property
    def until(self) -> float:
        """When its patience ends, by the loop's clock."""
        return self._patience.when() if self._patience is not None else 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Something has come, or the next request may."""
        super().handle_events()
        asking = self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        if asking != self._asking:
            self._wait(asking=asking)

    def _wait(self, *, asking: bool) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._asking = asking
        self._patience = self.loop.call_later(ASKED_WITHIN if asking else TAKEN_WITHIN, self.transport.abort)


SERVED: dict[str, Any] = {
    "http": Connection, "ws": "none", "lifespan": "off", "log_config": None, "access_log": False,
    "timeout_keep_alive": 5, "timeout_graceful_shutdown": 5, "h11_max_incomplete_event_size": 128 * 1024,
}  # fmt: skip
"""Settings of uvicorn; the largest header holds a reason that is far too long, so that it can be told what is wrong."""
