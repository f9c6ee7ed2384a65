"""The runtime on the bus in memory: fold, react, publish, acknowledge; over mistakes, crashes and restarts."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from agents.agent import Agent, folds, on
from agents.errors import FoldError
from agents.runtime import ATTEMPTS, BACKOFF
from bus.memory import MemoryBus
from bus.subjects import dead_letters, is_dead_letter
from contracts.campaigns import CampaignPaused, CampaignResumed
from contracts.identifiers import follow_up_id, root_id
from contracts.presence import AgentStarted, AgentStopped
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from tests.agents.lab import CAMPAIGN, House
from tests.agents.toys import MINUTE, Counting, LateReader, Notes, Splitter, Stumbling, Waiter, decided, lost
from tests.contracts.examples import EPOCH

ROOT = CampaignPaused(reason="lunch")


def chain() -> House:
    """Three agents that lead to each other: one splits, one takes its time, one counts."""
    return House(lambda _: [Splitter(), Waiter(), Counting()], ROOT)


def alone(*agents: Agent) -> House:
    """These very agents, over all lives."""
    return House(lambda _: list(agents), ROOT)


# the ordinary course ----------------------------------------------------------------------------------------


async def test_an_event_is_folded_before_it_is_reacted_to() -> None:
    """A reaction sees a memory that holds its own event and nothing later."""
    house = chain()
    await house.live()
    counts = [e.reason for e in await house.events(CampaignResumed) if e.reason.startswith("q-")]
    assert counts == ["q-0: 1", "q-10: 2", "q-20: 3", "q-21: 4", "q-11: 5", "q-1: 6"]


async def test_a_long_reaction_goes_on_seeing_the_memory_of_its_event() -> None:
    """What it says after it has waited does not depend on what its agent has heard meanwhile."""
    house = House(lambda _: [Splitter(), LateReader()], ROOT)
    await house.live()
    said = {e.review_id: e.reason for e in await house.events(ReviewDecided)}
    assert said == {f"q-{10 * n + late}": f"{n + 1} heard" for n in range(3) for late in range(2)}


async def test_what_is_yielded_follows_from_its_cause() -> None:
    """Ids, causes, times and dice of what is said are functions of what led to it."""
    one, other = chain(), chain()
    await one.live()
    await other.live()
    assert await one.payloads() == await other.payloads()
    log = await one.log()
    root = log[0].envelope
    assert root.id == root_id(CAMPAIGN, "root")
    split = [r.envelope for r in log if isinstance(r.envelope.data, SampleLost)]
    assert [e.id for e in split] == [follow_up_id(root.id, "splitter/0", n) for n in range(3)]
    assert {e.causationid for e in split} == {root.id}
    assert {e.source for e in split} == {"/agents/splitter"}
    assert len({e.data.reason for e in split}) == 1, "fresh dice at each throw: the same event, the same numbers"


async def test_a_reaction_is_at_the_time_of_its_cause() -> None:
    """What is said carries the lab's time; what a reaction calls now is the time of what it reacts to."""
    house = chain()
    await house.live()
    log = [r.envelope for r in await house.log()]
    done = {e.data.review_id: e.time - EPOCH for e in log if isinstance(e.data, ReviewDecided)}
    assert done["q-1"] == 30 * MINUTE
    assert done["q-21"] == 10 * MINUTE
    causes = {e.id: e for e in log}
    for envelope in log:
        if isinstance(envelope.data, CampaignResumed) and " at " in envelope.data.reason:
            assert envelope.data.reason.endswith(f" at {causes[envelope.causationid].time}")


async def test_long_reactions_do_not_hold_the_agent_up() -> None:
    """While it waits for one thing an agent begins the next, and what is done first is said first."""
    house = chain()
    await house.live()
    said = [e.review_id for e in await house.events(ReviewDecided)]
    assert said == ["q-0", "q-10", "q-20", "q-21", "q-11", "q-1"]


async def test_a_delivery_is_acknowledged_only_after_what_it_led_to_and_never_before_an_earlier_one() -> None:
    """Watched at each publication: the acknowledged place is before the delivery whose events are still to come."""
    house = chain()
    places: list[tuple[int, int]] = []
    publish = house.bus.publish

    async def watched(envelope):
        for _ in range(5):
            await asyncio.sleep(0)  # whoever wants to acknowledge has had time for it
        if envelope.causationid is not None:
            floor = await house.bus.acknowledged(f"{CAMPAIGN}-{envelope.source.rpartition('/')[2]}")
            cause = [r.sequence async for r in house.bus.read() if r.envelope.id == envelope.causationid]
            places.append((floor, *cause))
        return await publish(envelope)

    house.bus.publish = watched
    await house.live()
    assert len(places) == 3 + 6 + 12
    assert all(floor < cause for floor, cause in places)
    heard = {"splitter": ReviewDecided, "waiter": SampleLost, "counting": ReviewDecided}
    for name, kind in heard.items():
        last = max([r.sequence async for r in house.bus.read() if isinstance(r.envelope.data, kind)])
        assert await house.bus.acknowledged(f"{CAMPAIGN}-{name}") == last


class Judge(Agent[Notes]):
    """Has one long and one short reaction, as the analyser has; its short one takes real time."""

    name = "judge"

    def __init__(self) -> None:
        super().__init__(Notes())
        self.computing, self.computed = asyncio.Event(), asyncio.Event()

    @on(CampaignPaused, long=True)
    async def measure(self, _event):
        yield decided(1, "measured")
        await asyncio.sleep(0)

    @on(ReviewDecided)
    async def analyse(self, _event):
        self.computing.set()
        await self.computed.wait()
        yield CampaignResumed(reason="analysed")


async def test_what_is_still_being_computed_is_not_acknowledged_by_the_end_of_something_else() -> None:
    """A long reaction that ends while a later delivery is being worked on must not acknowledge that one too."""
    judge = Judge()
    house = alone(judge)
    living = asyncio.create_task(house.live())
    await asyncio.wait_for(judge.computing.wait(), 120)
    for _ in range(50):
        await asyncio.sleep(0)
    analysed = next(s.sequence for s in house.bus.log if b"review.decided" in s.payload)
    assert await house.bus.acknowledged(f"{CAMPAIGN}-judge") == analysed - 1
    judge.computed.set()
    await living
    assert await house.bus.acknowledged(f"{CAMPAIGN}-judge") == analysed


# mistakes of the program ------------------------------------------------------------------------------------


async def test_a_reaction_that_raises_is_recorded_and_tried_again_on_the_labs_clock() -> None:
    """A passing mistake costs time and leaves a record; what was said before it is said once."""
    agent = Stumbling(Counter({"c-1-v1": 2}))
    house = alone(agent)
    said = await house.hear(lost(1), lost(2))
    assert [e.reason for e in said] == ["before c-1-v1", "after c-1-v1", "before c-2-v1", "after c-2-v1"]
    faults = await house.faults()
    assert [(f.attempt, f.parked, f.event_kind) for f in faults] == [
        (1, False, "synthesis.sample_lost"),
        (2, False, "synthesis.sample_lost"),
    ]
    assert faults[0].error == "ValueError: no good: c-1-v1"
    assert faults[0].where.startswith("toys.py:")
    times = {r.envelope.data.reason: r.envelope.time - EPOCH for r in await house.log() if r.envelope.data in said}
    assert times["after c-1-v1"] == BACKOFF + 2 * BACKOFF
    assert agent.seen == [(), ("before c-1-v1",), ("before c-1-v1",), ()]


async def test_a_reaction_that_keeps_raising_is_set_aside_and_the_agent_goes_on() -> None:
    """After three attempts the event lies among the dead letters, byte for byte, and the next one is worked on."""
    house = alone(Stumbling(Counter({"c-1-v1": 99})))
    said = await house.hear(lost(1), lost(2))
    assert [e.reason for e in said] == ["before c-1-v1", "before c-2-v1", "after c-2-v1"]
    assert [(f.attempt, f.parked) for f in await house.faults()] == [(1, False), (2, False), (ATTEMPTS, True)]
    [letter] = [s for s in house.bus.log if is_dead_letter(s.subject)]
    original = next(s for s in house.bus.log if s.subject.endswith("sample_lost") and b"c-1-v1" in s.payload)
    assert letter.payload == original.payload
    assert letter.subject == dead_letters(CAMPAIGN, f"{CAMPAIGN}-stumbling")
    assert await house.hear() == [], "it is not delivered again"


async def test_other_agents_go_on_while_one_backs_off() -> None:
    """Virtual time passes while a reaction waits for its next attempt, although more is delivered to its agent."""

    class Flood(Agent[Notes]):
        name = "flood"

        @on(CampaignPaused)
        async def pour(self, _event):
            for n in (1, 2, 3):
                yield lost(n)

    house = alone(Flood(Notes()), Stumbling(Counter({"c-1-v1": 1})), Waiter(lambda _: 1))
    await house.live()
    times = {r.envelope.data.reason: r.envelope.time - EPOCH for r in await house.log() if r.sequence > 4}
    assert times["before c-2-v1"] == BACKOFF, "its later deliveries wait for it"
    assert times["begun with 3 heard"] == 0 * MINUTE, "the others do not"


async def test_a_long_reaction_that_keeps_raising_is_set_aside_after_the_ones_before_it() -> None:
    """Dead letters, too, are acknowledged in the order of the log."""

    class LongStumbling(Agent[Notes]):
        name = "long"

        @on(SampleLost, long=True)
        async def work(self, event):
            yield CampaignResumed(reason=f"begun {event.candidate_id}")
            if event.candidate_id == "c-2":
                raise ValueError("never")
            await self.bench.wait_until(self.now + 60 * MINUTE)
            yield CampaignResumed(reason=f"done {event.candidate_id}")

    house = alone(LongStumbling(Notes()))

    async def speak(runtime, clock) -> None:
        await runtime.say(lost(1), "one", "test")
        await runtime.say(lost(2), "two", "test")
        await clock.sleep_until(EPOCH + 30 * MINUTE)
        assert len(await house.faults()) == ATTEMPTS
        assert not any(is_dead_letter(s.subject) for s in house.bus.log), "the first is still at work"

    house.meanwhile = speak
    await house.live()
    assert [e.reason for e in await house.events(CampaignResumed)] == ["begun c-1", "begun c-2", "done c-1"]
    assert sum(is_dead_letter(s.subject) for s in house.bus.log) == 1


async def test_a_memory_that_cannot_be_made_ends_the_run() -> None:
    """Nobody acts on a memory that lacks a fact; the error names the agent."""

    class Clumsy(Agent[Notes]):
        name = "clumsy"

        @folds(CampaignPaused)
        def note(self, event) -> None:
            raise RuntimeError("no room")

    with pytest.raises(FoldError, match="clumsy to remember campaign.paused, got RuntimeError: no room"):
        await alone(Clumsy(Notes())).live()


# crashes and restarts ---------------------------------------------------------------------------------------


async def test_a_restart_says_nothing_twice() -> None:
    """Lives after the last have nothing to add but their presence."""
    house = chain()
    await house.live()
    told = await house.payloads()
    for _ in range(2):
        await house.live()
    assert await house.payloads() == told
    starts = await house.events(AgentStarted)
    assert [(s.agent, s.start) for s in starts[-3:]] == [("splitter", 3), ("waiter", 3), ("counting", 3)]
    assert len({s.memory_sha256 for s in starts if s.agent == "waiter"}) == 2, "empty, then all that was heard"


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not stored"])
@pytest.mark.parametrize("acknowledgements", ["kept", "lost"])
async def test_a_crash_between_any_two_words_changes_nothing(stored: bool, acknowledgements: str) -> None:  # noqa: FBT001
    """Killed at each publication in turn and started again, the lab writes the very same log, byte for byte."""
    undisturbed = chain()
    whole = await undisturbed.live()
    wanted = await undisturbed.payloads()
    assert len(wanted) == 1 + 3 + 6 + 12
    for n in range(1, whole.published + 1):
        house = chain()
        life = await house.live(dies_at=n, stored=stored)
        assert life.died
        if acknowledgements == "lost":
            house.forget_acknowledgements(after=n // 2)
        await house.live()
        assert await house.payloads() == wanted, f"killed at publication {n}"


async def test_two_crashes_change_nothing() -> None:
    """A lab that dies again while it recovers recovers all the same."""
    undisturbed = chain()
    whole = await undisturbed.live()
    for first in range(3, whole.published, 4):
        for second in range(1, 12, 3):
            house = chain()
            await house.live(dies_at=first)
            await house.live(dies_at=second, stored=False)
            await house.live()
            assert await house.payloads() == await undisturbed.payloads(), (first, second)


async def test_a_fault_is_recorded_again_in_a_new_life() -> None:
    """After a crash attempts are counted anew, under names of their own."""
    house = alone(Stumbling(Counter({"c-1-v1": 99})))
    house.root = lost(1)
    await house.live(dies_at=4)  # started, the root, "before", the first fault
    await house.live()
    assert [(f.attempt, f.parked) for f in await house.faults()] == [(1, False), (1, False), (2, False), (3, True)]


async def test_what_a_broker_delivers_once_more_is_neither_folded_nor_reacted_to_again() -> None:
    """In one and the same life every event comes again, done or still at work; nothing changes and nothing is said."""
    house = chain()
    states: list[list[tuple[str, int]]] = []

    async def state(runtime) -> list[tuple[str, int]]:
        return [
            (seat.agent.memory.digest(), await house.bus.acknowledged(f"{CAMPAIGN}-{seat.name}"))
            for seat in runtime.seats
        ]

    async def deliver_all_again(runtime, clock) -> None:
        states.append(await state(runtime))
        for seat in runtime.seats:
            done = seat.subscription.durable.done
            for sequence in sorted(done):
                done.discard(sequence)
                seat.subscription.again(sequence)
        for _ in range(200):
            await asyncio.sleep(0)
        states.append(await state(runtime))

    house.meanwhile = deliver_all_again
    await house.live()
    assert states[0] == states[1]
    assert all(acknowledged > 0 for _, acknowledged in states[1])
    undisturbed = chain()
    await undisturbed.live()
    assert await house.payloads() == await undisturbed.payloads()


async def test_memory_after_a_restart_is_what_it_was_at_the_acknowledged_place() -> None:
    """Deliveries that come again are folded when they come, and not before: their reactions see what they saw."""
    house = chain()
    await house.live()
    house.forget_acknowledgements(after=0)
    life = await house.live()
    folded = {s.agent: s.folded for s in (await house.events(AgentStarted))[-3:]}
    assert folded == {"splitter": 0, "waiter": 0, "counting": 0}
    assert [len(seat.agent.memory.heard) for seat in life.runtime.seats] == [6, 3, 6]


async def test_a_reader_of_the_past_folds_all_of_it_and_says_nothing() -> None:
    """Recalling gives the memories of the end and adds nothing to the log."""
    house = chain()
    life = await house.live()
    length = await house.bus.last_sequence()
    reader = chain()
    reader.bus = house.bus
    recalled = await _recall(reader)
    assert recalled == {seat.name: seat.agent.memory.digest() for seat in life.runtime.seats}
    assert await house.bus.last_sequence() == length


async def _recall(house: House) -> dict[str, str]:
    from agents.runtime import Lab, Runtime
    from ops.clock import VirtualClock

    clock = VirtualClock(EPOCH)
    runtime = Runtime(Lab(house.bus, clock, clock, house.workers, CAMPAIGN, house.seed, "0"), house.crew(clock))
    await runtime.recall()
    return {seat.name: seat.agent.memory.digest() for seat in runtime.seats}


async def test_stopping_lets_go_of_what_waits_and_says_so() -> None:
    """What is under way is cancelled and taken up by the next life; each agent says that it has gone."""
    house = chain()
    living = asyncio.Event()

    async def stop_early(runtime, clock) -> None:
        await runtime.stop("asked to")
        living.set()

    house.meanwhile = stop_early
    clock_stops = Waiter(lambda _: 60)
    house.crew = lambda _: [Splitter(), clock_stops, Counting()]
    await house.live()
    assert living.is_set()
    stops = await house.events(AgentStopped)
    assert [(s.agent, s.start, s.reason) for s in stops] == [
        (name, 1, "asked to") for name in ("splitter", "waiter", "counting")
    ]


async def test_stopping_in_the_middle_ends_as_if_it_had_not_been_stopped() -> None:
    """A lab stopped while its agents wait goes on in the next life and says the same."""
    undisturbed = chain()
    await undisturbed.live()
    house = chain()

    async def stop_at(runtime, clock) -> None:
        await runtime.start()
        await runtime.say(ROOT, "root", "test")
        await clock.sleep_until(EPOCH + 15 * MINUTE)
        await runtime.stop("asked to")

    house._to_rest = stop_at
    await house.live()
    assert len(await house.payloads()) < len(await undisturbed.payloads())
    assert len(await house.events(AgentStopped)) == 3
    del house._to_rest
    await house.live()
    assert await house.payloads() == await undisturbed.payloads()


# what comes from outside ------------------------------------------------------------------------------------


class Doorkeeper(Agent[Notes]):
    """Hears of things that nothing in the log led to."""

    name = "doorkeeper"

    def __init__(self, visitors: list[str]) -> None:
        super().__init__(Notes())
        self.visitors = visitors

    @folds(SampleLost)
    def note(self, event: SampleLost) -> None:
        self.memory.heard.append(event.reason)

    def heard(self):
        return self._heard()

    async def _heard(self):
        for visitor in self.visitors:
            yield f"visitor/{visitor}", lost(1, visitor)


async def test_what_is_heard_from_outside_is_recorded_once() -> None:
    """The same occurrence, heard again in another life, is not said again; a new one is."""
    visitors = ["a file", "another", "a file"]
    house = House(lambda _: [Doorkeeper(visitors)], ROOT)
    life = await house.live()
    assert [e.reason for e in await house.events(SampleLost)] == ["a file", "another"]
    assert life.runtime.seats[0].agent.memory.heard == ["a file", "another"]
    visitors.append("a third")
    await house.live()
    assert [e.reason for e in await house.events(SampleLost)] == ["a file", "another", "a third"]


async def test_watchers_see_what_is_stored_in_order() -> None:
    """The console sees each event with its place in the log, after it is stored."""
    house, seen = chain(), []

    async def watch(runtime, clock) -> None:
        runtime.watchers.append(lambda r: seen.append((r.sequence, r.envelope.type)))
        await runtime.say(lost(9), "nine", "test")

    house.meanwhile = watch
    await house.live()
    stored = [(r.sequence, r.envelope.type) async for r in house.bus.read(CAMPAIGN)]
    assert seen == stored[-len(seen) :]
    assert len(seen) == 1 + 2 + 4


async def test_a_failure_of_the_log_ends_the_run_with_its_own_error() -> None:
    """When nothing can be stored any more, neither events nor faults, the run stops and says why."""
    from bus.errors import StreamFullError

    house = chain()
    publish, left = house.bus.publish, iter(range(5))

    async def full(envelope):
        if next(left, None) is None:
            raise StreamFullError("Expected room in the stream, got none.")
        return await publish(envelope)

    house.bus.publish = full
    with pytest.raises(StreamFullError, match="Expected room"):
        await house.live()


def test_the_bus_in_memory_is_what_these_tests_run_on() -> None:
    """A house without another bus has its own, empty one."""
    assert isinstance(chain().bus, MemoryBus)
    assert chain().bus.log == []
