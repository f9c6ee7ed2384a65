"""Reaches the stream of a run: a live server, or a server of our own over a copy of a store that rests."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats.errors
from nats.aio.client import Client

from bus.errors import BusConnectionError, ServerStartError
from bus.identities import READER, Identity, KeyFolder
from bus.ledger.files import open_regular, read_regular
from bus.server import EmbeddedServer
from bus.wire import Wire

CONNECT_WITHIN = 10.0
"""Seconds to wait for a server."""
LARGEST_CARD = 64 * 1024
"""Bytes of what a server says of its ports."""
CLOSE_WITHIN = 5.0
"""Seconds that a connection may take to close."""


@asynccontextmanager
async def connected(url: str, identity: Identity | None = None) -> AsyncIterator[Wire]:
    """A connection that looks and makes nothing.

    Args:
        url: ``nats://host:port``.
        identity: who looks; nobody in particular by default.

    Raises:
        BusConnectionError: no server answers, or it does not let us in.
        IdentityError: the identity's key cannot be used.
    """
    options = identity.options() if identity else {}
    wire = Wire(Client(), lambda _: None)
    try:
        await asyncio.wait_for(
            wire.client.connect(url, name="athanor-ledger", max_reconnect_attempts=3, error_cb=wire.noticed, **options),
            CONNECT_WITHIN,
        )
    except (TimeoutError, OSError, nats.errors.Error) as error:
        raise BusConnectionError(
            f"Expected a NATS server at {url}, got no connection ({error or 'no answer'}). Start it, or leave it out."
        ) from error
    try:
        yield wire
    finally:
        with contextlib.suppress(OSError, nats.errors.Error, TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await wire.client.close()


@asynccontextmanager
async def over_copy(store: Path) -> AsyncIterator[Wire]:
    """A connection to a server over a copy of a broker's store: a server writes into the store that it opens."""
    with tempfile.TemporaryDirectory(prefix="athanor-ledger-") as scratch:
        copy = Path(scratch) / "store"
        copy_store(store, copy)
        async with over(copy) as wire:
            yield wire


def copy_store(store: Path, copy: Path) -> None:
    """Copies what a broker keeps: folders and regular files, for a link could lead anywhere and a pipe never ends.

    Raises:
        ServerStartError: there is something else among them.
    """
    for path in [store / "jetstream", *sorted((store / "jetstream").rglob("*"))]:
        mode, target = path.lstat().st_mode, copy / path.relative_to(store)
        if stat.S_ISDIR(mode):
            target.mkdir(parents=True, exist_ok=True)
        elif stat.S_ISREG(mode):
            shutil.copy2(path, target)
        else:
            raise ServerStartError(
                f"Expected only folders and files in the store of a broker, got {path.name}, which is neither. It was "
                "not copied; remove it, or restore the stream with athanor ledger repair."
            )


@asynccontextmanager
async def over(store: Path) -> AsyncIterator[Wire]:
    """A connection to a server of our own over a store."""
    server = await EmbeddedServer.start(store)
    try:
        async with connected(server.url) as wire:
            yield wire
    finally:
        await server.stop()


def live_url(store: Path) -> str | None:
    """Where the server listens that works on a store now; none when the store rests."""
    if not in_use(store):
        return None
    for ports in sorted((store / "run").glob("*.ports")):
        with contextlib.suppress(OSError, ValueError, LookupError):
            return str(json.loads(read_regular(ports, LARGEST_CARD))["nats"][0])
    return None


def reader(run: Path) -> Identity | None:
    """Who may read the stream of a run whose server lets only those in whom it knows; none without such keys."""
    keys = KeyFolder(run / "keys")
    return keys.identity(READER) if READER in keys else None


def in_use(store: Path) -> bool:
    """Whether somebody works on a store."""
    try:
        with open_regular(store / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
