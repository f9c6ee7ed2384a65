"""The twin keeps the promises of a bus."""

from __future__ import annotations

import pytest

from bus.memory import MemoryBus
from tests.promises.bus_promises import BusPromises


class TestMemoryBus(BusPromises):
    """Promises, kept in memory."""

    @pytest.fixture
    def troubles(self) -> list[Exception]:
        return []

    @pytest.fixture
    async def bus(self, troubles: list[Exception]) -> MemoryBus:
        return MemoryBus(troubles.append)

    async def put_garbage(self, bus: MemoryBus, subject: str, payload: bytes) -> None:
        """A stranger appends to the log."""
        bus.store(subject, payload)
