"""Seats: what an agent has open, and what a broker delivers once more."""

from __future__ import annotations

import pytest

from agents.runtime.seats import Seat, Work
from agents.runtime.snapshots import Anchor
from bus.protocol import Recorded
from tests.agents.toys import Splitter, Waiter
from tests.contracts.examples import EPOCH
from tests.promises.bus_promises import envelope, lost


class Parcel:
    """A delivery that remembers what became of it."""

    def __init__(self, sequence: int) -> None:
        told = envelope(lost(sequence), n=sequence)
        self.recorded = Recorded(sequence, "", told, b"", EPOCH)
        self.attempt, self.acknowledged = 1, False

    async def ack(self) -> None:
        self.acknowledged = True

    async def nak(self, delay: float = 0) -> None:
        raise AssertionError("nothing is given back")

    async def park(self, reason: str) -> None:
        raise AssertionError(reason)


class Post:
    """A subscription that remembers which deliveries went together."""

    def __init__(self) -> None:
        self.bundles: list[list[int]] = []

    async def acknowledge(self, parcels: list[Parcel]) -> None:
        self.bundles.append([parcel.recorded.sequence for parcel in parcels])
        for parcel in parcels:
            await parcel.ack()


async def test_what_was_worked_on_is_only_acknowledged_again() -> None:
    """An event that is in memory is not folded again; the broker is told once more that it is done."""
    seat = Seat(Splitter(), 0, place=7)
    parcel = Parcel(5)
    assert await seat.heard_again(parcel)
    assert parcel.acknowledged


async def test_what_is_being_worked_on_is_acknowledged_under_its_new_delivery() -> None:
    """The first delivery's acknowledgement would go to a consumer that no longer exists."""
    seat = Seat(Splitter(), 0, place=7, subscription=Post())
    first, again = Parcel(7), Parcel(7)
    work = seat.open[7] = Work(first)
    assert await seat.heard_again(again)
    assert not again.acknowledged
    work.listening = False
    await seat.acknowledge()
    assert (first.acknowledged, again.acknowledged) == (False, True)


async def test_what_was_held_up_is_acknowledged_together_and_in_order() -> None:
    """Nothing behind a delivery that is being worked on is acknowledged; when that ends, all of it goes at once."""
    post = Post()
    seat = Seat(Splitter(), 0, place=9, subscription=post)
    for sequence in (4, 6, 7, 9):
        seat.open[sequence] = Work(Parcel(sequence), listening=sequence in {4, 9})
    await seat.acknowledge()
    assert post.bundles == []
    seat.open[4].listening = False
    await seat.acknowledge()
    assert post.bundles == [[4, 6, 7]]
    assert list(seat.open) == [9]


async def test_what_is_new_is_left_to_the_agent() -> None:
    """Later events are folded and reacted to."""
    assert not await Seat(Splitter(), 0, place=7).heard_again(Parcel(8))


def test_a_memory_goes_into_a_snapshot_and_back() -> None:
    """What another life kept is what this one has: memory, place, digest over the past, and the starts of both."""
    before, after = Seat(Waiter(), 0), Seat(Waiter(), 0, starts=1)
    before.agent.fold(lost(3))
    before.folded, before.place, before.chain = 1, 3, "0" * 64
    before.anchor = Anchor.of(Parcel(3).recorded)
    kept = before.snapshot("test", "0.0.0", 4)
    assert after.restore(kept) == ""
    assert after.agent.memory == before.agent.memory != Waiter().memory
    assert (after.folded, after.place, after.chain, after.anchor) == (1, 3, "0" * 64, before.anchor)
    assert after.starts == 4
    assert after.snapshot("test", "0.0.0", 4) == kept


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema_sha256": "0" * 64}, "made of other parts"),
        ({"memory": "{"}, "cannot be read"),
        ({"memory_sha256": "0" * 64}, "not the one that its digest names"),
    ],
)
def test_a_memory_that_cannot_be_taken_back_leaves_the_seat_alone(changes: dict[str, str], reason: str) -> None:
    """The reason is told, and the agent goes on as one that has heard of nothing."""
    before, after = Seat(Waiter(), 0), Seat(Waiter(), 0)
    before.agent.fold(lost(3))
    before.folded, before.place = 1, 3
    kept = before.snapshot("test", "0.0.0", 4).model_copy(update=changes)
    assert reason in after.restore(kept)
    assert (after.agent.memory, after.folded, after.place, after.starts) == (Waiter().memory, 0, 0, 0)
