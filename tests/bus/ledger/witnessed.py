"""A witness behind HTTP in this process, which can go away and come back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bus.ledger.asking import Address, Asker
from bus.ledger.note import Verifier
from bus.ledger.witness import Answer, Witness, witness_key

NOW = 1_700_000_000


@contextmanager
def serving(witness: Witness, port: int = 0, answer: Answer | None = None) -> Iterator[str]:
    """The address of a witness, for as long as this is entered.

    Args:
        witness: who answers.
        port: where; a free one by default.
        answer: what is answered instead.
    """
    lines: list[socket.socket] = []

    class Face(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            lines.append(self.connection)

        def do_GET(self) -> None:
            self._send(Answer(200, f"{witness.verifier}\n".encode()))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(answer or witness.add_checkpoint(body, NOW))

        def _send(self, told: Answer) -> None:
            self.send_response(told.status)
            self.send_header("Content-Type", told.media_type)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Face)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        for line in lines:  # as when its process ends
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        thread.join()


def witness_in(folder: Path, *trusted: Verifier) -> Witness:
    """A witness that keeps everything in a folder."""
    made = Witness(witness_key(folder / "key" / "private"), folder / "state", trusted)
    made.open()
    return made


def asker_of(
    url: str, key: Verifier | None, learn: Callable[[Verifier], None] = lambda _: None, _old: int = 0
) -> Asker:
    """Asks the witness at an address."""
    return Asker(lambda: Address(url, key), learn, _old=_old)
