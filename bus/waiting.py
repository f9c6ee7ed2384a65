"""Room for so many at once; who comes when it is full waits outside, first come, first served.

An `asyncio.Semaphore` would do, but for its price: three of its coroutines and generators for each publication.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Room:
    """Room for so many.

    Attributes:
        size: how many. Whoever comes in a group may be more than there is room for, and comes in whole.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._inside = 0
        self._outside: deque[asyncio.Future[None]] = deque()

    @property
    def crowded(self) -> bool:
        """Whether one has to wait; if not, `enter` at once."""
        return self._inside >= self.size or bool(self._outside)

    def enter(self, count: int) -> None:
        """Takes room for so many."""
        self._inside += count

    def leave(self, count: int) -> None:
        """Gives it back, to those who wait."""
        self._inside -= count
        if self._outside:
            self.call(count)

    async def wait(self) -> None:
        """Returns when there is room; who does not `enter` then must `call` the next."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outside.append(turn)
        try:
            await turn
            while self._inside >= self.size:  # somebody came in between
                turn = asyncio.get_running_loop().create_future()
                self._outside.appendleft(turn)
                await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.call(1)
            raise

    def call(self, count: int) -> None:
        """Lets in so many of those who wait, if there is room."""
        while self._outside and count and self._inside < self.size:
            turn = self._outside.popleft()
            if not turn.done():
                turn.set_result(None)
                count -= 1
