"""Whose turn it is.

In real time agents work side by side. In virtual time they take turns in a fixed order (stream sequence,
then the agents' order), so that a run is a function of campaign, seed and code. Both are `Turns`; `ops`
owns the clock that keeps them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol


class Turns(Protocol):
    """Who may act, and when."""

    def expect(self, sequence: int, order: int) -> None:
        """A delivery is on its way: nothing later may go before it, and time may not pass."""
        ...

    def turn(self, sequence: int, order: int) -> AbstractAsyncContextManager[None]:
        """Waits for the turn of that delivery and holds it."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts work that outlives its turn, such as waiting for a furnace."""
        ...

    def outside(self) -> AbstractAsyncContextManager[None]:
        """Waits for a turn for something that came from outside the log."""
        ...

    def watch(self) -> AbstractContextManager[None]:
        """While it is held, something may come from outside at any time: the lab is never at rest."""
        ...
