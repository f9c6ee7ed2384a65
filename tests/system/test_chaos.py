"""A few kills of everything at random moments: `make chaos` in small."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bus.server import EmbeddedServer
from tests.chaos.__main__ import chaos
from tests.chaos.lives import Observer, kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


async def test_six_kills_lose_nothing_and_change_nothing(tmp_path: Path) -> None:
    """No event is lost, nothing is heated twice, no place is missing, and the decisions are the undisturbed run's."""
    tales = await chaos(6, 3, tmp_path, print)
    assert sum(t.kills.total() for t in tales) == 6
    assert {t.what for t in tales} == {"virtual", "wired", "daemon", "crews"}
    for tale in tales:
        assert tale.clean, (tale.wrong, tale.lost, tale.findings)
    assert any(t.same_decisions for t in tales)


async def test_an_observer_finds_the_next_broker(tmp_path: Path) -> None:
    """It does not wait for ever at the door of a broker that died, when the next one listens elsewhere."""
    observer = Observer(tmp_path / "store")
    assert await observer.last() is None
    for _ in range(2):
        server = await EmbeddedServer.start(tmp_path / "store")
        while await observer.last() != 0:
            await asyncio.sleep(0.05)
        kill(server.pid)
        assert await observer.last() is None
        await server.stop()
    await observer.close()
