"""Durable consumers as the broker keeps them: made from a place on, and asked how far they have come."""

from __future__ import annotations

import contextlib
from typing import Any

from bus.errors import BusError
from bus.topology import STREAM, consumer_settings
from bus.wire import ApiError, Wire

REMAKE = 5
"""How often a consumer is made anew that comes with another one's memory."""
_NOT_FOUND = 404


class Consumers:
    """The durable consumers of the log."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def make(self, durable: str, subjects: list[str], floor: int, wire: Wire | None = None) -> None:
        """A durable consumer of what comes after `floor`, in place of any of that name.

        A server that was killed while it made a consumer denies that there is one, and gives the next of that name the
        forgotten one's memory: what it had been sent would never come again. That one is deleted in turn.

        Args:
            durable: its name.
            subjects: what it is sent.
            floor: place behind which it begins.
            wire: the connection of whoever it is for; the one that reads by default.

        Raises:
            BusError: the server cannot make one that begins there.
        """
        wire = wire or self._wire
        settings = consumer_settings(durable, subjects, start=floor + 1 if floor else None)
        for _ in range(REMAKE):
            with contextlib.suppress(ApiError):  # there may be none
                await wire.api(f"CONSUMER.DELETE.{STREAM}.{durable}")
            if await _create(wire, durable, settings) <= floor:
                return
        raise BusError(
            f"Expected a consumer {durable} that begins after {floor}, got one with the memory of another {REMAKE} "
            "times. Stop the broker, and start it again."
        )

    async def acknowledged(self, durable: str) -> int:
        """Sequence up to which `durable` has acknowledged everything."""
        return (await self.position(durable))[0]

    async def position(self, durable: str) -> tuple[int, int]:
        """Last sequences that a durable consumer has acknowledged without a break, and that it was sent."""
        told = await self._told_of(durable)
        return (int(told["ack_floor"]["stream_seq"]), int(told["delivered"]["stream_seq"])) if told else (0, 0)

    async def pending(self, durable: str) -> int:
        """How many events wait for a durable consumer: not yet sent to it, or sent and not acknowledged."""
        told = await self._told_of(durable)
        return int(told["num_pending"]) + int(told["num_ack_pending"]) if told else 0

    async def _told_of(self, durable: str) -> dict[str, Any]:
        """What the server says of a consumer; nothing if there is none."""
        try:
            return await self._wire.api(f"CONSUMER.INFO.{STREAM}.{durable}")
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return {}
            raise


async def _create(wire: Wire, durable: str, settings: dict[str, Any]) -> int:
    """Makes it, and gives the last place that it takes for acknowledged or sent."""
    try:
        told = await wire.api(
            f"CONSUMER.CREATE.{STREAM}.{durable}", {"stream_name": STREAM, "config": settings, "action": "create"}
        )
    except ApiError as error:
        raise BusError(
            f"Expected the broker to deliver the log to {durable}, got: {error}. If the stream {STREAM} is gone, "
            "stop the lab and restore it with athanor ledger repair."
        ) from error
    return max(int(told[what]["stream_seq"]) for what in ("ack_floor", "delivered"))
