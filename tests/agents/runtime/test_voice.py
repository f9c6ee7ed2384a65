"""Each event is said once for ever, and by one process only."""

from __future__ import annotations

import asyncio

import pytest

from agents.agent import Agent, folds, on
from agents.envelopes import Saying, seal
from agents.errors import ReplayDivergedError, SeatTakenError
from agents.runtime import Lab, Runtime
from agents.workers import Workers
from bus.errors import NewerAthanorError
from bus.memory import MemoryBus
from bus.subjects import is_dead_letter, subject_of
from contracts.campaigns import CampaignPaused, CampaignResumed
from contracts.identifiers import follow_up_id
from contracts.presence import AgentStarted, Speaker, SpeakersListed
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost, StepStarted
from ops.clock import RealClock, VirtualClock
from tests.agents.lab import CAMPAIGN, House
from tests.agents.toys import Counting, Notes, Splitter, Waiter, decided, lost
from tests.contracts.examples import EPOCH, envelope

ROOT = CampaignPaused(reason="lunch")


class Changed(Agent[Notes]):
    """Yields what it is told to; tomorrow's code may yield something else."""

    name = "changed"

    def __init__(self, *words) -> None:
        super().__init__(Notes())
        self.words = words

    @on(CampaignPaused)
    async def answer(self, _event):
        for word in self.words:
            yield word


async def test_code_that_yields_another_kind_is_stopped() -> None:
    """After a restart with other code the log is not continued with what does not follow from it."""
    house = House(lambda _: [Changed(lost(1), decided(1, "x"))], ROOT)
    await house.live(dies_at=4)  # started, root, lost, decided
    told = await house.payloads()
    house.crew = lambda _: [Changed(lost(1), CampaignResumed(reason="otherwise"))]
    with pytest.raises(ReplayDivergedError, match="changed to yield review.decided again, as recorded, got campaign"):
        await house.live()
    assert await house.payloads() == told


async def test_code_that_says_the_same_kind_otherwise_is_overruled_by_the_log() -> None:
    """What is recorded stands; the new words are not said, and what follows them is."""
    house = House(lambda _: [Changed(lost(1, "dropped"))], ROOT)
    await house.live(dies_at=3)
    house.crew = lambda _: [Changed(lost(1, "stolen"), decided(2, "new"))]
    await house.live()
    assert [e.reason for e in await house.events(SampleLost, ReviewDecided)] == ["dropped", "new"]


# what was said before ---------------------------------------------------------------------------------------


async def test_a_reaction_knows_what_it_said_in_an_earlier_life() -> None:
    """After a crash it can look up what is in the log instead of asking the world again; the first time it is empty."""
    known: list[tuple] = []

    class Asking(Agent[Notes]):
        name = "asking"

        @on(CampaignPaused, long=True)
        async def ask(self, _event):
            known.append(self.told)
            yield lost(1)
            await self.bench.wait_until(self.now.replace(hour=20))
            yield lost(2)
            assert known[-1] == self.told, "it is the same from beginning to end"

    house = House(lambda _: [Asking(Notes()), Counting()], ROOT)
    await house.live(dies_at=5)  # started twice, root, two lost
    await house.live()
    house.forget_acknowledgements(after=0)
    await house.live()
    assert known == [(), (lost(1), lost(2)), (lost(1), lost(2))]


async def test_what_was_said_and_worked_off_is_not_kept_in_memory() -> None:
    """However many events are said side by side, only those without a cause are known; the reaction knows its own."""
    roots = [CampaignPaused(reason=f"lunch {n}") for n in range(9)]
    house = House(lambda _: [Splitter(), Waiter(), Counting()], roots[0], roots[1:])
    life = await house.live()
    voice = life.runtime._voice
    caused = [r.envelope for r in await house.log() if r.envelope.causationid is not None]
    assert len(caused) > 100
    assert [e.type for e in caused if voice.knows(e.id)] == []
    assert len(voice.roots) == 9
    assert not voice._ours


async def test_a_place_that_was_passed_is_looked_at_again_when_its_id_is_taken() -> None:
    """What somebody has said under an id stands, though it was not kept in mind; another kind under it is an error."""
    bus = MemoryBus()
    voice = _runtime(bus)._voice
    cause = envelope(ROOT, campaign=CAMPAIGN)
    await bus.publish(cause)
    for n, event in enumerate((lost(1), lost(2), lost(3))):
        answer = seal(event, follow_up_id(cause.id, "a/0", n), Saying(CAMPAIGN, "a", EPOCH, cause))
        await bus.publish(answer)
    await voice.say(ROOT, follow_up_id(cause.id, "b/0", 0), "b", cause)  # passes them all
    await voice.say(lost(1, "stolen"), follow_up_id(cause.id, "a/0", 0), "a", cause)
    with pytest.raises(ReplayDivergedError, match="as recorded, got review.decided"):
        await voice.say(decided(1, "x"), follow_up_id(cause.id, "a/0", 2), "a", cause)
    assert await bus.last_sequence() == 5


# one process only -------------------------------------------------------------------------------------------


def _runtime(bus: MemoryBus, *agents: Agent, clock=None) -> Runtime:
    clock = clock or RealClock()
    return Runtime(Lab(bus, clock, clock, Workers(0), CAMPAIGN, 7, "0"), agents)


class Furnace(Agent[Notes]):
    """Writes an intent and then acts."""

    name = "furnace"

    def __init__(self, acted: list[str], who: str) -> None:
        super().__init__(Notes())
        self.acted, self.who = acted, who

    @on(SampleLost)
    async def fire(self, event):
        yield StepStarted(
            run_id="r-1", key=event.sample_id, step="fire", firing=1, instrument="f", sample_ids=(event.sample_id,)
        )
        self.acted.append(f"{self.who}: {event.sample_id}")


async def test_the_process_that_came_first_acts_no_more_when_another_has_started() -> None:
    """It notices between the intent and the act, and ends with an error that says what to do."""
    bus, acted = MemoryBus(), []
    first, second = _runtime(bus, Furnace(acted, "first")), _runtime(bus, Furnace(acted, "second"))
    await first.start()
    await first.say(lost(1), "1", "test")
    await _until(lambda: acted)
    await second.start()
    await bus.publish(envelope(lost(2), n=2, campaign=CAMPAIGN))
    await _until(lambda: first.failure.done() and len(acted) == 2)
    assert acted == ["first: c-1-v1", "second: c-2-v1"]
    with pytest.raises(SeatTakenError, match=r"only furnace of this campaign \(start 1\), got another that came later"):
        first.failure.result()
    await second.stop("done")
    await first.stop("taken")


async def test_two_processes_that_start_at_the_same_moment_do_not_both_start() -> None:
    """Both read the same past and claim the same start; the log takes one of them."""
    bus = MemoryBus()
    one, other = _runtime(bus, Splitter()), _runtime(bus, Splitter())
    wait, go_on = bus.read, asyncio.Event()

    async def slowly(*place):
        async for recorded in wait(*place):
            yield recorded
        await go_on.wait()

    bus.read = slowly
    starting = [asyncio.create_task(r.start()) for r in (one, other)]
    await asyncio.sleep(0)
    go_on.set()
    results = await asyncio.gather(*starting, return_exceptions=True)
    assert [type(r) for r in results].count(SeatTakenError) == 1
    assert "at the same moment" in str(next(r for r in results if r is not None))
    assert [s.payload for s in bus.log if b"agent_started" in s.payload] == [bus.log[0].payload]
    for runtime in (one, other):
        for seat in runtime.seats:
            await seat.leave()


async def test_who_starts_while_another_is_at_work_gives_way() -> None:
    """A place in the log that moves while the past is read belongs to somebody who is acting."""
    bus = MemoryBus()
    house = House(lambda _: [Counting()], ROOT, bus=bus)
    await house.hear(decided(1, "a"), decided(2, "b"))
    durable = bus._durables[f"{CAMPAIGN}-counting"]
    done, durable.done = durable.done, set()
    latecomer = _runtime(bus, Counting(), clock=VirtualClock(EPOCH))
    publish = bus.publish

    async def meanwhile(said):
        durable.done = done
        return await publish(said)

    bus.publish = meanwhile
    with pytest.raises(SeatTakenError, match="counting of this campaign .start 2., got another that is at work"):
        await latecomer.start()


async def test_other_agents_of_other_processes_are_welcome() -> None:
    """Two processes share a campaign as long as no agent runs in both."""
    bus = MemoryBus()
    house, other = House(lambda _: [Splitter(), Waiter()], ROOT, bus=bus), House(lambda _: [Counting()], ROOT, bus=bus)
    await house.live()
    await other.live()
    await house.live()
    assert {(s.agent, s.start) for s in await house.events(AgentStarted)} == {
        ("splitter", 1), ("waiter", 1), ("counting", 1), ("splitter", 2), ("waiter", 2),
    }  # fmt: skip
    assert len(await house.events(CampaignResumed)) == 12


async def test_alone_in_the_log_nothing_is_read_back() -> None:
    """The check costs nothing as long as nobody else writes."""
    house = House(lambda _: [Splitter(), Waiter(), Counting()], ROOT)
    read, reads = house.bus.read, []

    def counted(*place):
        reads.append(place)
        return read(*place)

    house.bus.read = counted
    await house.live()
    assert reads == [(CAMPAIGN, 1, None)]


async def _until(true, turns: int = 2000) -> None:
    for _ in range(turns):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")


# what is no event -------------------------------------------------------------------------------------------


async def test_bytes_that_never_were_an_event_do_not_keep_a_lab_from_starting() -> None:
    """Live agents set them aside; a start passes over them, and remembers what is around them."""
    house = House(lambda _: [Counting()], decided(1, "first"))
    await house.live()
    house.bus.store(subject_of(CAMPAIGN, ReviewDecided.kind), b"\x00 not json")
    await house.hear(decided(2, "second"))
    life = await house.live()
    assert life.runtime.seats[0].agent.memory.heard == ["first", "second"]
    assert sum(is_dead_letter(s.subject) for s in house.bus.log) == 1


async def test_an_older_athanor_does_not_go_on_with_a_newer_log() -> None:
    """What a newer version of the lab has said cannot be remembered, so nothing is begun; a stranger's is let be."""
    house = House(lambda _: [Counting()], decided(1, "first"))
    await house.live()
    newer = envelope(decided(2, "second"), n=2).model_dump_json().replace("review.decided:1", "review.decided:99")
    house.bus.store(subject_of(CAMPAIGN, ReviewDecided.kind), newer.encode())
    await house.live()
    roll = SpeakersListed(speakers=(Speaker(name="test", public_key="", says=("review.decided:99",)),))
    await house.bus.publish(
        envelope(roll, n=3, campaign=CAMPAIGN).model_copy(update={"source": "/agents/console", "campaign": CAMPAIGN})
    )
    house.bus.store(subject_of(CAMPAIGN, ReviewDecided.kind), newer.encode())
    length = await house.bus.last_sequence()
    with pytest.raises(NewerAthanorError, match="newer Athanor"):
        await house.live()
    assert await house.bus.last_sequence() == length


async def test_folds_alone_never_speak() -> None:
    """An agent without reactions leaves nothing in the log but its presence."""

    class Mute(Agent[Notes]):
        name = "mute"

        @folds(SampleLost)
        def note(self, event) -> None:
            self.memory.heard.append(event.sample_id)

    assert await House(lambda _: [Mute(Notes())], ROOT).hear(lost(1), lost(2)) == []
