"""What every bus promises. Subclasses give a `bus` fixture; the promises are the same."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any
from uuid import UUID

import pytest

from bus.errors import DuplicateConflictError, EventTooLargeError, UndecodableEventError
from bus.protocol import Bus, Delivery
from bus.subjects import subject_of
from contracts.event import Event
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from tests.contracts.examples import envelope


def lost(n: int) -> SampleLost:
    """The n-th lost sample."""
    return SampleLost(sample_id=f"s-{n}", candidate_id=f"c-{n}", run_id="r-1", reason="dropped")


def decided(n: int) -> ReviewDecided:
    """The n-th decided review."""
    return ReviewDecided(
        review_id=f"q-{n}", candidate_id=f"c-{n}", approved=True, reviewer="r", simulated=True, reason="because"
    )


async def take(
    bus: Bus, durable: str, kinds: Collection[type[Event]], n: int, *, campaign: str = "test", ack: bool = True
) -> list[Delivery]:
    """The next `n` deliveries of a durable consumer, which is then closed."""
    subscription = await bus.subscribe(durable, campaign, kinds)
    got: list[Delivery] = []

    async def collect() -> None:
        async for delivery in subscription:
            got.append(delivery)
            if ack:
                await delivery.ack()
            if len(got) == n:
                return

    await asyncio.wait_for(collect(), 120)
    await subscription.close()
    return got


class BusPromises:
    """Promises of `bus.protocol.Bus`."""

    async def put_garbage(self, bus: Any, subject: str, payload: bytes) -> None:
        """Publishes bytes as a stranger would."""
        raise AssertionError("each suite says how a stranger publishes")

    async def test_receipts_count_from_one_without_gaps(self, bus: Bus) -> None:
        """Events stand in the log in the order in which they were published."""
        receipts = [await bus.publish(envelope(lost(n), n=n)) for n in range(5)]
        assert [r.sequence for r in receipts] == [1, 2, 3, 4, 5]
        assert await bus.last_sequence() == 5
        assert [r.envelope.data async for r in bus.read()] == [lost(n) for n in range(5)]
        assert [r.sequence async for r in bus.read(start=2, stop=4)] == [2, 3, 4]

    async def test_said_twice_is_stored_once(self, bus: Bus) -> None:
        """The same event again gives the first place and no second entry."""
        first = await bus.publish(envelope(lost(1)))
        await bus.publish(envelope(lost(2), n=2))
        again = await bus.publish(envelope(lost(1)))
        assert (again.sequence, again.duplicate) == (first.sequence, True)
        assert await bus.last_sequence() == 2

    async def test_many_at_once_are_each_stored_once(self, bus: Bus) -> None:
        """Each of many who speak in the same moment learns its own place, and nothing is lost or stored twice."""
        said = [envelope(lost(n), n=n) for n in range(300)]
        receipts = await asyncio.gather(*(bus.publish(one) for one in said))
        assert sorted(r.sequence for r in receipts) == list(range(1, 301))
        assert not any(r.duplicate for r in receipts)
        stored = {r.sequence: r.envelope.id async for r in bus.read()}
        assert stored == {r.sequence: one.id for r, one in zip(receipts, said, strict=True)}

    async def test_a_repetition_among_many_spoils_nothing(self, bus: Bus) -> None:
        """Where some of many say again what is in the log, those get their old places and the others new ones."""
        first = [await bus.publish(envelope(lost(n), n=n)) for n in (7, 8)]
        receipts = await asyncio.gather(*(bus.publish(envelope(lost(n), n=n)) for n in range(100)))
        assert [n for n, r in enumerate(receipts) if r.duplicate] == [7, 8]
        assert [receipts[n].sequence for n in (7, 8)] == [r.sequence for r in first]
        assert await bus.last_sequence() == 100

    async def test_a_contradiction_among_many_is_told_to_its_author(self, bus: Bus) -> None:
        """Where one of many says something else under a known id, it alone gets the error."""
        await bus.publish(envelope(lost(7), n=7))
        said = [envelope(lost(n + (n == 7)), n=n) for n in range(100)]
        ends = await asyncio.gather(*(bus.publish(one) for one in said), return_exceptions=True)
        assert [n for n, end in enumerate(ends) if isinstance(end, DuplicateConflictError)] == [7]
        assert await bus.last_sequence() == 100

    async def test_said_together_each_has_its_receipt(self, bus: Bus) -> None:
        """Receipts come in the order in which the events were given; what is in the log already keeps its place."""
        before = await bus.publish(envelope(lost(7), n=7))
        receipts = await bus.publish_all([envelope(lost(n), n=n) for n in range(100)])
        assert [n for n, r in enumerate(receipts) if r.duplicate] == [7]
        assert receipts[7].sequence == before.sequence
        stored = {r.sequence: r.envelope.data async for r in bus.read()}
        assert [stored[r.sequence] for r in receipts] == [lost(n) for n in range(100)]
        assert len(stored) == 100
        assert await bus.publish_all([]) == []

    async def test_one_that_is_refused_keeps_none_of_the_others_back(self, bus: Bus) -> None:
        """Where one of those said together contradicts the log, its error is raised, and all others are stored."""
        await bus.publish(envelope(lost(7), n=7))
        with pytest.raises(DuplicateConflictError):
            await bus.publish_all([envelope(lost(n + (n == 7)), n=n) for n in range(60)])
        assert await bus.last_sequence() == 60
        again = await bus.publish_all([envelope(lost(n), n=n) for n in range(60)])
        assert all(r.duplicate for r in again)
        assert await bus.last_sequence() == 60

    async def test_one_id_cannot_name_two_facts(self, bus: Bus) -> None:
        """Other content under a known id is an error, not a silent duplicate."""
        await bus.publish(envelope(lost(1)))
        with pytest.raises(DuplicateConflictError, match="what it said before"):
            await bus.publish(envelope(lost(2)))

    async def test_only_what_was_asked_for_in_order(self, bus: Bus) -> None:
        """A consumer gets its kinds of its campaign, in the order of the log."""
        for n in range(6):
            await bus.publish(envelope(lost(n) if n % 2 else decided(n), n=n))
        await bus.publish(envelope(lost(9), n=9, campaign="other"))
        got = await take(bus, "d", [SampleLost], 3)
        assert [d.recorded.envelope.data for d in got] == [lost(1), lost(3), lost(5)]
        assert [d.recorded.sequence for d in got] == [2, 4, 6]

    async def test_a_durable_goes_on_after_its_acknowledgements(self, bus: Bus) -> None:
        """What was acknowledged does not come again; what was not, comes at once."""
        for n in range(4):
            await bus.publish(envelope(lost(n), n=n))
        await take(bus, "d", [SampleLost], 2)
        assert await bus.acknowledged("d") == 2
        await take(bus, "d", [SampleLost], 1, ack=False)
        again = await take(bus, "d", [SampleLost], 2)
        assert [d.recorded.sequence for d in again] == [3, 4]
        assert await bus.acknowledged("d") == 4
        assert await bus.acknowledged("someone-new") == 0

    async def test_what_was_acknowledged_behind_a_gap_comes_again(self, bus: Bus) -> None:
        """A durable goes on after its first gap: later acknowledgements do not outlive the subscription."""
        for n in range(4):
            await bus.publish(envelope(lost(n), n=n))
        subscription = await bus.subscribe("d", "test", [SampleLost])
        deliveries = aiter(subscription)
        first, _, third = [await asyncio.wait_for(anext(deliveries), 120) for _ in range(3)]
        await third.ack()
        await first.ack()
        await subscription.close()
        assert await bus.acknowledged("d") == 1
        again = await take(bus, "d", [SampleLost], 3)
        assert [d.recorded.sequence for d in again] == [2, 3, 4]

    async def test_taken_and_acknowledged_together(self, bus: Bus) -> None:
        """Deliveries that come together come in order; those acknowledged with one call do not come again."""
        await bus.publish_all([envelope(lost(n), n=n) for n in range(50)])
        subscription = await bus.subscribe("d", "test", [SampleLost])
        came: list[Delivery] = []
        async with asyncio.timeout(120):
            async for deliveries in subscription.together():
                came += deliveries
                if len(came) == 50:
                    break
        assert [d.recorded.envelope.data for d in came] == [lost(n) for n in range(50)]
        await subscription.acknowledge([came[30], *came[:30]])
        await subscription.acknowledge([])
        assert await bus.acknowledged("d") == 31
        await subscription.close()
        assert [d.recorded.sequence for d in await take(bus, "d", [SampleLost], 19)] == list(range(32, 51))

    async def test_given_back_comes_again(self, bus: Bus) -> None:
        """A refused delivery is delivered once more and counted."""
        await bus.publish(envelope(lost(1)))
        subscription = await bus.subscribe("d", "test", [SampleLost])
        deliveries = aiter(subscription)
        first = await asyncio.wait_for(anext(deliveries), 120)
        await first.nak()
        second = await asyncio.wait_for(anext(deliveries), 120)
        assert (first.attempt, second.attempt) == (1, 2)
        assert second.recorded.payload == first.recorded.payload
        await second.ack()
        await subscription.close()

    async def test_two_consumers_do_not_disturb_each_other(self, bus: Bus) -> None:
        """Each durable sees everything and keeps its own place."""
        for n in range(3):
            await bus.publish(envelope(lost(n), n=n))
        await take(bus, "one", [SampleLost], 3)
        assert len(await take(bus, "two", [SampleLost], 3)) == 3

    async def test_new_events_reach_a_waiting_consumer(self, bus: Bus) -> None:
        """A consumer that waits is woken by a publication."""
        waiting = asyncio.create_task(take(bus, "d", [SampleLost], 1))
        await asyncio.sleep(0.1)
        await bus.publish(envelope(lost(1)))
        assert (await waiting)[0].recorded.envelope.data == lost(1)

    async def test_parked_is_kept_and_does_not_come_again(self, bus: Bus) -> None:
        """A dead letter stays in the log byte for byte; the consumer goes on."""
        await bus.publish(envelope(lost(1)))
        [first] = await take(bus, "d", [SampleLost], 1, ack=False)
        await first.park("could not be worked on")
        await bus.publish(envelope(lost(2), n=2))
        [second] = await take(bus, "d", [SampleLost], 1)
        assert second.recorded.envelope.data == lost(2)
        assert await bus.last_sequence() == 3
        assert [r.sequence async for r in bus.read()] == [1, 3]

    async def test_an_event_must_fit_into_the_ledger(self, bus: Bus) -> None:
        """Large content is refused with the way out."""
        big = SampleLost(sample_id="s", candidate_id="c", run_id="r", reason="x" * 70_000)
        with pytest.raises(EventTooLargeError, match="Store large content as an artefact"):
            await bus.publish(envelope(big))
        assert await bus.last_sequence() == 0

    async def test_garbage_is_set_aside_and_reported(self, bus: Any, troubles: list[Exception]) -> None:
        """Bytes of a stranger neither stop a consumer nor vanish."""
        await self.put_garbage(bus, subject_of("test", SampleLost.kind), b"\x00 not json")
        await bus.publish(envelope(lost(1)))
        [got] = await take(bus, "d", [SampleLost], 1)
        assert got.recorded.envelope.data == lost(1)
        assert [type(t) for t in troubles] == [UndecodableEventError]
        with pytest.raises(UndecodableEventError, match="Sequence 1"):
            _ = [r async for r in bus.read()]

    async def test_the_future_is_set_aside(self, bus: Any, troubles: list[Exception]) -> None:
        """An event of a newer version, for which nobody vouches, is reported by name, kept, and ends nobody's work."""
        future = envelope(lost(1)).model_dump_json().replace("sample_lost:1", "sample_lost:99").encode()
        await self.put_garbage(bus, subject_of("test", SampleLost.kind), future)
        await bus.publish(envelope(lost(2), n=2))
        await take(bus, "d", [SampleLost], 1)
        assert "newer Athanor" in str(troubles[0])

    async def test_artefacts_keep_their_content(self, bus: Bus) -> None:
        """The reference names the content; the same content is one artefact."""
        ref = bus.blobs.put(b"counts", "text/plain", "a.xy")
        assert bus.blobs.put(b"counts", "text/plain", "a.xy") == ref
        assert bus.blobs.get(ref) == b"counts"

    async def test_ids_survive_the_journey(self, bus: Bus) -> None:
        """Every attribute of the envelope is read as it was written."""
        said = envelope(decided(3), n=3)
        await bus.publish(said)
        [read] = [r.envelope async for r in bus.read()]
        assert read == said
        assert isinstance(read.id, UUID)
