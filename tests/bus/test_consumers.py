"""Durable consumers at a broker that says what a test wants it to say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest

from bus.consumers import REMAKE, Consumers
from bus.errors import BusError
from bus.wire import ApiError, Wire


class Broker:
    """Answers each call of the API, and keeps what it was asked."""

    def __init__(self, *, remembers: Iterable[int] = (), error: int = 0) -> None:
        self.asked: list[str] = []
        self._remembers, self._error = iter(remembers), error

    async def api(self, call: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        self.asked.append(call.split(".")[1])
        if self._error:
            raise ApiError({"code": self._error, "description": "no"})
        place = {"stream_seq": next(self._remembers)} if "CREATE" in call else {}
        return {"ack_floor": place, "delivered": place}


def consumers(broker: Broker) -> Consumers:
    return Consumers(cast("Wire", broker))


async def test_one_with_the_memory_of_another_is_made_again() -> None:
    """It is deleted in turn until one begins where it should, and not once more."""
    broker = Broker(remembers=(9, 9, 3))
    await consumers(broker).make("d", ["lab.>"], 3)
    assert broker.asked == ["DELETE", "CREATE"] * 3


async def test_one_that_never_forgets_is_an_error() -> None:
    """A broker that gives the memory of another each time is told with what to do, and not asked for ever."""
    broker = Broker(remembers=[9] * 100)
    with pytest.raises(BusError, match=r"Expected a consumer d that begins after 3, got one .* Stop the broker"):
        await consumers(broker).make("d", ["lab.>"], 3)
    assert broker.asked == ["DELETE", "CREATE"] * REMAKE


async def test_one_that_is_not_there_has_got_nowhere() -> None:
    """A consumer that nobody has made yet waits for nothing and has acknowledged nothing."""
    there = consumers(Broker(error=404))
    assert (await there.position("d"), await there.acknowledged("d"), await there.pending("d")) == ((0, 0), 0, 0)


@pytest.mark.parametrize("question", ["position", "acknowledged", "pending"])
async def test_a_broker_in_trouble_is_not_taken_for_one_without_consumers(question: str) -> None:
    """Any other refusal is passed on: nought would be a place to begin at."""
    with pytest.raises(ApiError):
        await getattr(consumers(Broker(error=503)), question)("d")
