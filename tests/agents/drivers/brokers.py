"""Real brokers for tests: one that lets everybody in, and one that is strict."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bus.server import EmbeddedServer, binary


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """The address of a real nats-server's MQTT listener."""
    server = asyncio.run(EmbeddedServer.start(folder, mqtt_port=-1))
    try:
        yield server.mqtt_url
    finally:
        server.kill()


async def until(true: Callable[[], bool]) -> None:
    """Waits for something that another process does."""
    async with asyncio.timeout(120):
        while not true():
            await asyncio.sleep(0.005)


class GuardedBroker:
    """A nats-server that lets its users do little, on a port that stays the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *users: dict[str, Any]) -> None:
        """Starts it with these users: ``user``, ``password`` and ``permissions`` as the server's file wants them."""
        self.kill()
        configuration = {
            "server_name": "guarded",
            "listen": "127.0.0.1:-1",
            "jetstream": {"store_dir": str(self.folder / "store")},
            "mqtt": {"listen": f"127.0.0.1:{self.port}"},
            "authorization": {"users": list(users)},
        }
        path = self.folder / "nats.conf"
        path.write_text(json.dumps(configuration))
        with (self.folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen([binary(), "-c", str(path)], stdout=log, stderr=log)

    def kill(self) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
