"""`athanor witness`: a witness of ledgers, as an HTTP server of its own (https://c2sp.org/tlog-witness)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bus.errors import BusError
from bus.ledger.asking import Address
from bus.ledger.errors import LedgerError, SigningKeyError
from bus.ledger.note import Verifier
from bus.ledger.witness import MAX_BODY, Witness, witness_key
from ops.daemon.door import SERVED
from ops.exits import UNUSABLE, complain

STAND_BY = 0.5
"""Seconds before a state that is taken is looked at again."""
DEFAULT_LISTEN = "127.0.0.1:8421"
"""Where a witness listens, if nobody says so."""


def application(witness: Witness) -> Starlette:
    """The routes."""
    one_at_a_time = asyncio.Lock()

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        try:
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY:
                    return PlainTextResponse(f"Expected at most {MAX_BODY} bytes.\n", status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        try:
            async with one_at_a_time:
                answer = await asyncio.to_thread(witness.add_checkpoint, body, int(time.time()))
        except (LedgerError, OSError) as error:  # nothing was cosigned
            return PlainTextResponse(f"{error}\n", status_code=500)
        # as a header: the library would add a charset, which the protocol has not
        return Response(answer.body, answer.status, {"content-type": answer.media_type})

    async def verifier(_: Request) -> Response:
        return PlainTextResponse(f"{witness.verifier}\n")

    async def live(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/verifier", verifier),
            Route("/livez", live),
        ]
    )


class _Server(uvicorn.Server):
    """A server that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


@dataclass(frozen=True)
class WitnessOrder:
    """What was typed."""

    key: Path
    state: Path
    trust: Sequence[str] = field(default_factory=tuple)
    listen: str = DEFAULT_LISTEN
    as_json: bool = False
    card: Path | None = None
    """Where the address is left for the writer of a ledger; such a witness belongs to a lab and ends with its input."""


def run_witness(order: WitnessOrder) -> int:
    """Witnesses until it is told to stop; 2 when it cannot begin."""
    try:
        trusted = [verifier for text in order.trust for verifier in trusted_in(text)]
        if not trusted:
            raise SigningKeyError(
                "Expected a verifier key of the log to witness, got none. Give the line that athanor ledger key DIR "
                "prints, or a file that holds it, with --trust."
            )
        witness, listener = Witness(witness_key(order.key), order.state, trusted), _listener(order.listen)
        try:
            asyncio.run(_witness(witness, listener, order))
        finally:
            witness.close()
            listener.close()
    except (BusError, OSError, ValueError) as error:
        complain(str(error))
        return UNUSABLE
    return 0


def trusted_in(text: str) -> list[Verifier]:
    """The verifier keys of logs in what was typed: a key itself, or a file with one a line.

    Raises:
        SigningKeyError: it holds none.
    """
    path = Path(text)
    lines = path.read_text(encoding="utf-8").splitlines() if "+" not in text and path.is_file() else [text]
    return [Verifier.parse(line) for line in lines if line.strip()]


def _listener(listen: str) -> socket.socket:
    """The port, taken.

    Raises:
        LedgerError: it is taken, or no address.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise LedgerError(f"Expected --listen as host:port, got {listen!r}. {DEFAULT_LISTEN} serves this machine only.")
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=_family(host))
    except (OSError, OverflowError) as error:
        raise LedgerError(f"Expected {listen} to be free, got: {error}. Choose another --listen.") from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


async def _witness(witness: Witness, listener: socket.socket, order: WitnessOrder) -> None:
    """Serves until it is told to stop.

    Raises:
        LedgerError: another witness has the state.
    """
    server = _Server(uvicorn.Config(application(witness), **SERVED))
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        server.should_exit = True
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if order.card is not None:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        asyncio.ensure_future(reader.read()).add_done_callback(lambda _: stop())
        while witness.taken() and not stopped.is_set():  # by that of another process of the lab: stand by
            await asyncio.sleep(STAND_BY)
    else:
        witness.open()
    if stopped.is_set():
        return
    url = _url(listener)
    if order.card is not None:
        Address(url, witness.verifier).leave(order.card)
    if order.as_json:
        sys.stdout.write(json.dumps({"said": "listening", "url": url, "key": str(witness.verifier)}) + "\n")
    else:
        sys.stdout.write(f"{witness.verifier}\nwitness at {url}; give both to athanor up --witness URL\n")
    sys.stdout.flush()
    await server.serve(sockets=[listener])


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
