"""Keeps the embedded server running for as long as somebody needs it.

Everything that speaks to a dead broker waits for it, for ever: somebody has to notice, from the first moment on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bus.errors import ServerStartError
from bus.server import EmbeddedServer

LOOK = 0.2
"""Real seconds between looks at the server."""
REVIVALS = 5
"""How often a server that dies while it comes up is started again before that is the end."""


@asynccontextmanager
async def kept_alive(server: EmbeddedServer | None, revived: Callable[[], None]) -> AsyncIterator[None]:
    """While this is entered, a server that has died is started again, on the same port over the same store.

    Args:
        server: the server; without one nothing is done.
        revived: called after each revival.

    Raises:
        ServerStartError: it cannot be started any more. What is being done inside is cancelled first.
    """
    if server is None:
        yield
        return
    owner, lost = asyncio.current_task(), list[ServerStartError]()
    assert owner is not None  # noqa: S101  this is a coroutine

    async def keep() -> None:
        while True:
            await asyncio.sleep(LOOK)
            if server.alive:
                continue
            try:
                await _revive(server)
            except ServerStartError as error:
                lost.append(error)
                owner.cancel()
                return
            revived()

    keeper = asyncio.create_task(keep())
    try:
        yield
    except asyncio.CancelledError:
        if not lost:
            raise
        owner.uncancel()
        raise lost[0] from None
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


async def _revive(server: EmbeddedServer) -> None:
    for attempt in range(1, REVIVALS + 1):
        try:
            await server.revive()
        except ServerStartError:
            if attempt == REVIVALS:
                raise
            await asyncio.sleep(LOOK * attempt)
        else:
            return
