"""What was set aside is taken up again: with the memory of its event, in its own words, once, over crashes."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest

from agents.agent import Agent, folds, on
from agents.runtime import ATTEMPTS, Runtime
from agents.runtime.snapshots import Snapshots, VoiceSnapshot
from bus.subjects import is_dead_letter
from contracts.campaigns import CampaignPaused, CampaignResumed
from contracts.identifiers import follow_up_id
from contracts.presence import AgentStarted, WorkTakenUp
from contracts.scheduling import RunScheduled
from contracts.synthesis import SampleLost, SampleSynthesised
from tests.agents.lab import House, Life
from tests.agents.reliving import relived
from tests.agents.test_ring import build
from tests.agents.toys import MINUTE, Notes, lost
from tests.agents.world import FakeInstrument


class Clumsy(Agent[Notes]):
    """Says what it remembers before and after a mistake; one reaction is short and one is long."""

    name = "clumsy"

    def __init__(self, raises: Counter[str]) -> None:
        super().__init__(Notes())
        self.raises, self.asked = raises, Counter[str]()

    @folds(SampleLost)
    def note(self, event: SampleLost) -> None:
        self.memory.heard.append(event.sample_id)

    @on(SampleLost)
    async def short(self, event):
        yield CampaignResumed(reason=f"short {event.sample_id} of {len(self.memory.heard)}")
        self._stumble(f"short {event.sample_id}")
        yield CampaignPaused(reason=f"{self.rng.integers(1000)} {event.sample_id} of {len(self.memory.heard)}")

    @on(SampleLost, long=True)
    async def long(self, event):
        yield CampaignResumed(reason=f"long {event.sample_id}")
        await self.bench.wait_until(self.now + 5 * MINUTE)
        if not any("heated" in told.reason for told in self.told):
            self.asked[event.sample_id] += 1
        yield CampaignResumed(reason=f"heated {event.sample_id}")
        self._stumble(f"long {event.sample_id}")
        yield CampaignPaused(reason=f"done {event.sample_id} of {len(self.memory.heard)}")

    def _stumble(self, where: str) -> None:
        if self.raises[where] > 0:
            self.raises[where] -= 1
            raise ValueError(f"no good: {where}")


def house(raises: Counter[str], folder: Path | None = None, then: int = 2) -> House:
    """A lab that loses vials."""
    kept = {"snapshots": lambda: Snapshots(folder, every=1)} if folder else {}
    return House(lambda _: [Clumsy(raises)], lost(1), [lost(n + 2) for n in range(then)], **kept)


async def retrying(lab: House, dies_at: int | None = None, times: int = 1, **options: object) -> tuple[Life, list]:
    """A life in which what is set aside is taken up."""
    found: list = []

    async def ask(runtime: Runtime, _clock: object) -> None:
        found.extend(await asyncio.gather(*(runtime.retry("mended", "console", **options) for _ in range(times))))

    lab.meanwhile = ask
    life = await lab.live(dies_at)
    lab.meanwhile = None
    return life, found


def said(lab: House) -> dict[object, str]:
    """Id → words of what the agent has said."""
    return {e.id: e.data.reason for _, e in lab.past() if e.source == "/agents/clumsy" and hasattr(e.data, "reason")}


FATAL = Counter({"short c-1-v1": 99, "long c-2-v1": 99})


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("snapshots", [False, True])
async def test_everything_is_done_as_if_nothing_had_happened(
    tmp_path: Path, *, restarted: bool, snapshots: bool
) -> None:
    """Each event under the id and with the words of a lab without the mistake, and nothing twice.

    Whether the same life takes it up or a later one, and whether that one read the whole log or began at a snapshot.
    """
    undisturbed = house(Counter())
    await undisturbed.live()
    raises = Counter(FATAL)
    lab = house(raises, tmp_path if snapshots else None)
    life = await lab.live()
    assert len(life.runtime.shelf.there()) == 2
    if restarted:
        agents: list[Clumsy] = []
        lab.crew = lambda _: agents.append(Clumsy(raises)) or agents[-1:]
    raises.clear()
    life, [works] = await retrying(lab)
    assert [(w.event_kind, w.reaction, w.attempt) for w in works] == [("synthesis.sample_lost", n, 3) for n in (0, 1)]
    assert said(lab) == said(undisturbed)
    assert len(await lab.log()) == len(await undisturbed.log())
    assert life.runtime.shelf.there() == []
    told = await lab.events(WorkTakenUp)
    assert [(t.agent, t.event_kind, t.reaction, t.reason) for t in told] == [
        ("clumsy", "synthesis.sample_lost", n, "mended") for n in (0, 1)
    ]
    before = len(lab.bus.log)
    await lab.live()
    assert [e.kind for e in (await lab.events())[-1:]] == [AgentStarted.kind], "later lives have nothing to add"
    assert len(lab.bus.log) == before + 1


async def test_what_the_log_has_is_not_asked_of_the_world_again() -> None:
    """A long reaction that stumbled after its instrument had reported knows the report when it is taken up."""
    raises = Counter({"long c-1-v1": ATTEMPTS})
    lab = house(raises, then=0)
    agent = Clumsy(raises)
    lab.crew = lambda _: [agent]
    await lab.live()
    assert agent.asked == {"c-1-v1": 1}
    again = Clumsy(raises)
    lab.crew = lambda _: [again]
    await retrying(lab)
    assert again.asked == {}
    assert "done c-1-v1 of 1" in said(lab).values()


async def test_a_crash_while_it_is_taken_up_loses_nothing() -> None:
    """Killed at each word, the next life goes on with it unasked, and says what is missing once."""
    undisturbed = house(Counter())
    await undisturbed.live()
    whole = house(Counter({"short c-1-v1": ATTEMPTS, "long c-2-v1": ATTEMPTS}))
    await whole.live()
    life, _ = await retrying(whole)
    assert said(whole) == said(undisturbed)
    for n in range(2, life.published + 1):
        lab = house(Counter({"short c-1-v1": ATTEMPTS, "long c-2-v1": ATTEMPTS}))
        await lab.live()
        await retrying(lab, dies_at=n)
        life = await lab.live()
        if life.runtime.shelf.there():  # it died before it was on record that all of it is taken up
            await retrying(lab)
        assert said(lab) == said(undisturbed), f"killed at {n}"


async def test_what_stumbles_again_is_set_aside_again() -> None:
    """With attempts that count on, in the same life and in later ones; and then it is taken up once more."""
    raises = Counter({"short c-1-v1": 3 * ATTEMPTS})
    lab = house(raises, then=0)
    await lab.live()
    life, _ = await retrying(lab)
    [work] = life.runtime.shelf.there()
    assert (work.reaction, work.attempt) == (0, 2 * ATTEMPTS)
    life, _ = await retrying(lab)
    assert [(f.attempt, f.parked) for f in await lab.faults()] == [(n, n % ATTEMPTS == 0) for n in range(1, 10)]
    assert sum(is_dead_letter(s.subject) for s in lab.bus.log) == 3, "the event, and twice that it is taken up"
    await retrying(lab)
    undisturbed = house(Counter(), then=0)
    await undisturbed.live()
    assert said(lab) == said(undisturbed)


async def test_asked_twice_at_once_it_is_taken_up_once() -> None:
    """Two people at two consoles: one is told what is taken up, and the other that there is nothing."""
    lab = house(Counter({"short c-1-v1": ATTEMPTS}), then=0)
    await lab.live()
    _, found = await retrying(lab, times=3)
    assert [len(works) for works in found] == [1, 0, 0]
    assert len(await lab.events(WorkTakenUp)) == 1


async def test_with_nothing_set_aside_nothing_is_said() -> None:
    """No event, and an empty answer; neither for an agent that has set nothing aside."""
    lab = house(Counter(), then=0)
    _, found = await retrying(lab)
    assert found == [[]]
    lab = house(Counter({"short c-1-v1": ATTEMPTS}), then=0)
    await lab.live()
    _, found = await retrying(lab, agents=["planner"])
    assert found == [[]]
    _, found = await retrying(lab, only=lambda work: work.worldly)
    assert found == [[]]
    assert await lab.events(WorkTakenUp) == []


async def test_a_mended_agent_that_would_say_something_else_is_set_aside_and_ends_nothing() -> None:
    """What it has said of the event stands; that the rest does not fit is a fault, and the lab goes on."""
    lab = house(Counter({"short c-1-v1": ATTEMPTS}), then=0)
    await lab.live()

    class Changed(Agent[Notes]):
        name = "clumsy"

        @on(SampleLost)
        async def short(self, _event):
            yield CampaignPaused(reason="something else")

    lab.crew = lambda _: [Changed(Notes())]
    life, _ = await retrying(lab)
    assert [w.error.partition(":")[0] for w in life.runtime.shelf.there()] == ["ReplayDivergedError"]
    assert "something else" not in said(lab).values()


async def test_an_order_that_names_nothing_is_set_aside() -> None:
    """A place that holds another event, or a reaction that the agent does not have: told in a dead letter."""
    lab = house(Counter(), then=0)
    cause = follow_up_id((await _first(lab)).envelope.id, "x", 1)
    wrong = WorkTakenUp(agent="clumsy", event_id=cause, event_kind="a.b", place=1, reaction=7, reason="by mistake")
    assert await lab.hear(wrong) == []
    assert sum(is_dead_letter(s.subject) for s in lab.bus.log) == 1
    assert await lab.hear(wrong.model_copy(update={"agent": "somebody_else"})) == []
    assert sum(is_dead_letter(s.subject) for s in lab.bus.log) == 1


async def _first(lab: House):
    await lab.live()
    return (await lab.log())[0]


def test_a_snapshot_of_before_is_passed_over_once() -> None:
    """An Athanor that kept no list of what was set aside cannot tell it: the whole log is read, and tells."""
    assert VoiceSnapshot(campaign="test", place=3, roots={}).parked is None


async def test_a_campaign_with_work_that_was_taken_up_is_decided_again_as_it_was() -> None:
    """Replay finds no difference in what was said late; nothing was begun twice, and every vial has its end."""
    world, lab = build(10, samples=12)
    stumbles = Counter({"fire": 3, "scan": 3})
    finish = FakeInstrument.finish

    async def clumsy(self: FakeInstrument, key: str):
        what = "fire" if "/fire/" in key else "scan" if self is world.diffractometer else ""
        if stumbles[what] > 0 and "r-0001" not in key:
            stumbles[what] -= 1
            raise KeyError(key)
        return await finish(self, key)

    with patch.object(FakeInstrument, "finish", clumsy):
        _, [works] = await retrying(lab)
    assert {w.agent for w in works} == {"synthesis_robot", "xrd_analyser"}
    ends = [e.sample_id for e in await lab.events(SampleSynthesised, SampleLost)]
    booked = [s.sample_id for run in await lab.events(RunScheduled) for s in run.samples]
    assert sorted(ends) == sorted(booked)
    instruments = [world.diffractometer, *world.synthesisers.values()]
    assert {n for instrument in instruments for n in instrument.begun.values()} == {1}
    replayed = await relived(lab, world)
    assert (replayed.differences, replayed.mismatches) == ([], [])
    assert replayed.compared.total() == replayed.decisions
