"""A past lived again: every decision is made once more, beside each other, and every memory comes out as it was."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.runtime.past import Past
from agents.runtime.snapshots import MemorySnapshot, Snapshots
from agents.runtime.verdicts import Change, Replayed, Verdict
from contracts.campaigns import CampaignFinished
from contracts.learning import ModelReleased, ObservationRecorded
from contracts.planning import BatchClosed, CandidateProposed
from contracts.review import ReviewDecided
from contracts.scheduling import RunScheduled
from contracts.synthesis import SampleSynthesised, StepCompleted, StepStarted
from contracts.trust import CandidateCleared
from contracts.upcasters import told_as
from tests.agents.lab import House
from tests.agents.reliving import past_of, prepared, relived
from tests.agents.test_ring import build
from tests.agents.world import World


def eventful() -> tuple[World, House]:
    """A campaign in which much goes wrong, and models are released all the same."""
    return build(10, samples=12)


def nothing_differs(replayed: Replayed) -> None:
    """All decisions were compared, and none differs."""
    assert [(j.verdict, j.agent, j.place, j.words) for j in replayed.differences] == []
    assert replayed.mismatches == []
    assert replayed.compared.total() == replayed.decisions > 0


async def test_a_campaign_is_decided_again_as_it_was() -> None:
    """Each event that another one led to is said again, byte for byte; each memory is what its agent had."""
    world, lab = eventful()
    life = await lab.live()
    replayed = await relived(lab, world)
    nothing_differs(replayed)
    assert replayed.events == len(lab.past())
    assert replayed.memories == {s.name: s.agent.memory.digest() for s in life.runtime.seats}
    assert replayed.decisions == len([e for _, e in lab.past() if e.causationid])
    assert not replayed.unfinished
    assert not replayed.uncompared


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.booleans(), st.sampled_from((0.0, 0.1, 0.5, 1.0)))
def test_a_campaign_over_a_crash_is_decided_again_as_it_was(
    seed: int,
    at: float,
    stored: bool,  # noqa: FBT001
    lost_acknowledgements: float,
) -> None:
    """Whatever goes wrong in the world and wherever the process dies, the log explains every word in it."""

    async def once() -> None:
        _, undisturbed = build(seed)
        whole = await undisturbed.live()
        world, lab = build(seed)
        await lab.live(dies_at=1 + int(at * (whole.published - 1)), stored=stored)
        replayed = await relived(lab, world)
        assert replayed.differences == replayed.mismatches == []
        lab.forget_acknowledgements(after=int(len(lab.bus.log) * (1 - lost_acknowledgements)))
        await lab.live()
        replayed = await relived(lab, world)
        nothing_differs(replayed)
        assert not replayed.unfinished

    asyncio.run(once())


class Dawdling:
    """Workers that take turns in a shuffled order, so that what is computed ends long after it was asked for."""

    def __init__(self, world: World) -> None:
        self.world, self.luck, self.busy, self.most = world, random.Random(1), 0, 0

    async def run(self, fn, /, *args):
        self.busy += 1
        self.most = max(self.most, self.busy)
        for _ in range(self.luck.randrange(30)):
            await asyncio.sleep(0)
        self.busy -= 1
        return await self.world.workers.run(fn, *args)


async def test_decisions_are_made_beside_each_other_upon_the_memories_of_their_events() -> None:
    """A reaction that computes for long decides upon what its event found, however far the past is folded on."""
    world, lab = eventful()
    await lab.live()
    workers = Dawdling(world)
    replay = await prepared(lab, workers, at_once=6)
    nothing_differs(await replay.run())
    assert workers.most > 1, "some did run beside each other"


# what is not as it was --------------------------------------------------------------------------------------


def altered(lab: House, kind: type, change, *, which: int = 0) -> int:
    """Writes something else into the which-th event of a kind; its place."""
    stored = [s for s in lab.bus.log if orjson.loads(s.payload)["type"] == kind.kind][which]
    document = orjson.loads(stored.payload)
    change(document["data"])
    stored.payload = orjson.dumps(document)
    return stored.sequence


ALTERATIONS = {
    CandidateProposed: lambda data: data.update(pool_size=data["pool_size"] + 1),
    CandidateCleared: lambda data: data["decision"].update(votes=data["decision"]["votes"] + 1),
    RunScheduled: lambda data: data["reservations"][0].update(end="2031-01-01T00:00:00Z"),
    StepStarted: lambda data: data.update(firing=data["firing"] + 1),
    SampleSynthesised: lambda data: data.update(expected_mass=data["expected_mass"] + 1e-9),
    ObservationRecorded: lambda data: data.update(utility=data["utility"] / 2),
    BatchClosed: lambda data: data.update(lost=data["lost"] + 1),
    ModelReleased: lambda data: data.update(n_observations=data["n_observations"] + 1),
    CampaignFinished: lambda data: data.update(successes=data["successes"] + 1),
}


@pytest.mark.parametrize("kind", ALTERATIONS, ids=lambda kind: kind.kind)
async def test_an_altered_decision_is_named(kind: type) -> None:
    """One number of one decision is changed in the log: that very event is the first that differs."""
    world, lab = eventful()
    await lab.live()
    place = altered(lab, kind, ALTERATIONS[kind])
    first = (await relived(lab, world)).differences[0]
    assert (first.verdict, first.place, first.recorded.kind) == (Verdict.OTHER, place, kind.kind)


@pytest.mark.parametrize("kind", ALTERATIONS, ids=lambda kind: kind.kind)
async def test_what_other_code_decided_otherwise_is_set_apart(kind: type) -> None:
    """It is listed with the version that decided it, and is no difference; memories are folded all the same."""
    world, lab = eventful()
    life = await lab.live()
    place = altered(lab, kind, ALTERATIONS[kind])
    replayed = await relived(lab, world, code_version="0.0.1")
    assert replayed.differences == replayed.mismatches == []
    decider, first = replayed.by_others[0]
    assert (decider, first.verdict, first.place, first.recorded.kind) == ("0.0.0", Verdict.OTHER, place, kind.kind)
    assert set(replayed.memories) == {s.name for s in life.runtime.seats}


async def test_each_decision_is_that_of_the_code_that_its_agent_had_started_with() -> None:
    """A lab that was updated on its way: what was decided before is the earlier code's, and what came after is ours."""
    world, lab = eventful()
    await lab.live()
    first = altered(lab, CandidateCleared, ALTERATIONS[CandidateCleared])
    past = await past_of(lab)
    last = [e for e in past.entries if e.kind == CandidateCleared.kind][-1]
    [begun] = [start for start in past.starts if start.agent == "trust_auditor"]
    for update, apart in ((last.sequence + 1, 1), (first - 1, 0)):
        past.starts[:] = [begun, replace(begun, sequence=update, code_version="0.0.1", folded=-1)]
        replay = await prepared(lab, world.workers, past, code_version="0.0.1")
        replayed = await replay.run()
        assert len(replayed.by_others) == apart
        assert len(replayed.differences) == 1 - apart


async def test_a_reaction_that_raises_is_a_fault_in_any_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other code may decide otherwise, but ours has to read what it wrote."""
    world, lab = eventful()
    await lab.live()

    def fails(*_: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr("agents.retrainer.doubt_about", fails)
    replayed = await relived(lab, world, code_version="0.0.1")
    assert {j.verdict for j in replayed.differences} == {Verdict.RAISED}


async def test_a_number_that_the_world_told_is_no_decision() -> None:
    """A reading is believed as it stands: to prove that it was not altered is what the ledger is for."""
    world, lab = eventful()
    await lab.live()
    altered(lab, StepCompleted, lambda data: data.update(started_at="2026-01-01T00:00:00Z"))
    nothing_differs(await relived(lab, world))


async def without(lab: House, kind: type) -> tuple[Past, int]:
    """The past without the last event of a kind, as if it had never been; and its place."""
    past = Past()
    place = [s.sequence for s in lab.bus.log if orjson.loads(s.payload)["type"] == kind.kind][-1]
    async for recorded in lab.bus.read():
        if recorded.sequence != place:
            past.note(recorded)
    return past, place


@pytest.mark.parametrize("kind", [CandidateCleared, BatchClosed, ModelReleased, ReviewDecided])
async def test_what_is_left_out_is_missed(kind: type) -> None:
    """A decision was taken out of the log: it is made again and has no place there, or what it led to has no cause."""
    world, lab = eventful()
    await lab.live()
    past, place = await without(lab, kind)
    differences = (await (await prepared(lab, world.workers, past)).run()).differences
    unsaid = {j.remade.type for j in differences if j.verdict is Verdict.UNSAID}
    lost_causes = {j.recorded.cause for j in differences if j.verdict is Verdict.NOT_REMADE and j.cause is None}
    assert kind.kind in unsaid or lost_causes == {UUID(orjson.loads(lab.bus.log[place - 1].payload)["id"])}


async def test_what_nobody_decided_is_noticed() -> None:
    """An event in an agent's name, because of an event that leads to no such thing, is said by nobody again."""
    world, lab = eventful()
    await lab.live()
    stored = next(s for s in lab.bus.log if orjson.loads(s.payload)["type"] == CandidateCleared.kind)
    document = orjson.loads(stored.payload)
    forged = document | {"id": "11111111-2222-3333-4444-555555555555"}
    place = lab.bus.store(stored.subject, orjson.dumps(forged))
    differences = (await relived(lab, world)).differences
    assert [(j.verdict, j.place) for j in differences] == [(Verdict.NOT_REMADE, place)]


async def test_a_log_that_ends_in_the_middle_is_no_difference() -> None:
    """Wherever the log is cut, what was about to be said is counted as unfinished; something is, at most places."""
    world, lab = eventful()
    await lab.live()
    whole = [r async for r in lab.bus.read()]
    unfinished = 0
    for end in range(1, len(whole), 7):
        past = Past()
        for recorded in whole[:end]:
            past.note(recorded)
        replayed = await (await prepared(lab, world.workers, past)).run()
        assert replayed.differences == []
        assert replayed.compared.total() == replayed.decisions
        unfinished += bool(replayed.unfinished)
    assert unfinished > len(whole) / 7 / 2


async def test_a_damaged_artefact_is_told_of() -> None:
    """What was decided upon cannot be read: the reaction is named with what is wrong."""
    world, lab = eventful()
    await lab.live()
    name = next(iter(lab.bus.blobs._contents))
    del lab.bus.blobs._contents[name]
    differences = (await relived(lab, world)).differences
    assert {j.verdict for j in differences} == {Verdict.ARTEFACT}
    assert all(name in j.words for j in differences)


async def test_a_reaction_that_raises_now_is_told_of() -> None:
    """Code that has come to raise where it decided is found, with the mistake."""
    world, lab = eventful()
    await lab.live()

    class Broken:
        async def run(self, fn, /, *args):
            if fn.__name__ == "judge":
                raise ZeroDivisionError("now")
            return await world.workers.run(fn, *args)

    replayed = await (await prepared(lab, Broken())).run()
    assert {(j.verdict, j.agent, j.words) for j in replayed.differences} == {
        (Verdict.RAISED, "trust_auditor", "ZeroDivisionError: now")
    }
    assert replayed.compared.total() < replayed.decisions


# memories ---------------------------------------------------------------------------------------------------


async def test_a_memory_told_at_a_start_is_compared() -> None:
    """A start that claims another memory than the log gives is found."""
    world, lab = eventful()
    await lab.live()
    await lab.live()
    assert (await relived(lab, world)).memories_compared == 14
    [*_, stored] = [s for s in lab.bus.log if orjson.loads(s.payload)["type"] == "presence.agent_started"]
    document = orjson.loads(stored.payload)
    document["data"]["memory_sha256"] = "0" * 64
    stored.payload = orjson.dumps(document)
    [mismatch] = (await relived(lab, world)).mismatches
    assert (mismatch.agent, mismatch.expected) == (document["data"]["agent"], "0" * 64)


async def test_snapshots_are_compared_with_the_log(tmp_path) -> None:
    """Snapshots of the true past agree; one over a log that was altered since does not."""
    world, lab = eventful()
    lab.snapshots = lambda: Snapshots(tmp_path, every=20)
    await lab.live(stop=True)

    async def mismatches() -> tuple[int, list]:
        replay = await prepared(lab, world.workers)
        for seat in replay.seats:
            for snapshot in Snapshots(tmp_path).read(seat.name, MemorySnapshot):
                replay.expect_snapshot(snapshot)
        result = await replay.run()
        return result.memories_compared, result.mismatches

    compared, found = await mismatches()
    assert compared >= 7
    assert found == []
    altered(lab, ObservationRecorded, ALTERATIONS[ObservationRecorded])
    _, found = await mismatches()
    assert {m.agent for m in found} == {"planner", "retrainer"}


# what if ----------------------------------------------------------------------------------------------------


async def test_another_plan_changes_what_depends_on_it() -> None:
    """With another alpha each record of a judgement differs, in that number; what does not look at it is the same."""
    world, lab = eventful()
    await lab.live()
    plan = (await past_of(lab)).started.plan
    other = plan.model_copy(update={"trust": plan.trust.model_copy(update={"alpha": 0.05})})
    replayed = await relived(lab, world, change=Change(other))
    assert {j.agent for j in replayed.differences} == {"trust_auditor"}
    assert {j.agent for j in replayed.same} >= {"planner", "scheduler", "synthesis_robot", "retrainer", "xrd_analyser"}


async def test_another_plan_holds_from_its_place_on() -> None:
    """Before the fork all is as it was."""
    world, lab = eventful()
    await lab.live()
    plan = (await past_of(lab)).started.plan
    other = plan.model_copy(update={"trust": plan.trust.model_copy(update={"alpha": 0.05})})
    fork = len(lab.bus.log) // 2
    replayed = await relived(lab, world, change=Change(other, since=fork))
    assert replayed.differences
    assert min(j.cause.sequence for j in replayed.differences) >= fork
    assert any(j.agent == "trust_auditor" and j.cause.sequence < fork for j in replayed.same)


# older words ------------------------------------------------------------------------------------------------


async def test_an_answer_that_an_older_version_told_is_compared_in_its_own_words() -> None:
    """What version 1 could not tell is no difference; what it did tell still is."""
    world, lab = build(10, samples=4)
    await lab.live()
    place, payload = next(
        (n, stored.payload)
        for n, stored in enumerate(lab.bus.log)
        if b'"diffraction.phases_identified"' in stored.payload
    )
    document = orjson.loads(payload)
    document["data"] = told_as("diffraction.phases_identified", 1, document["data"])
    document["dataschema"] = document["dataschema"].removesuffix("2") + "1"
    for changed in (False, True):
        document["data"]["analysis"]["r_wp"] += 0.25 * changed
        lab.bus.log[place] = replace(lab.bus.log[place], payload=orjson.dumps(document))
        replayed = await relived(lab, world)
        others = [j.recorded.kind for j in replayed.differences if j.verdict is Verdict.OTHER]
        assert others == ["diffraction.phases_identified"] * changed
