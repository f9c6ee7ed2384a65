"""Memories out of snapshots: the same as out of the log, or not used, with the reason on record."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.agent import Agent, folds
from agents.runtime import Lab, Runtime
from agents.runtime.snapshots import MemorySnapshot, Snapshots
from bus.codec import decode, encode
from contracts.campaigns import CampaignFinished, CampaignPaused
from contracts.identifiers import root_id
from contracts.presence import AgentStarted, LabTroubled
from ops.clock import VirtualClock
from tests.agents.lab import CAMPAIGN, House
from tests.agents.test_ring import build, same_facts
from tests.agents.toys import Counting, Notes, Splitter, Waiter
from tests.contracts.examples import EPOCH

AGENTS = ("splitter", "waiter", "counting")


def chain(folder: Path, every: int = 2) -> House:
    """Three agents that lead to each other, whose memories are kept."""
    pauses = [CampaignPaused(reason=f"tea {n}") for n in range(6)]
    return House(
        lambda _: [Splitter(), Waiter(), Counting()],
        CampaignPaused(reason="lunch"),
        pauses,
        snapshots=lambda: Snapshots(folder, every=every),
    )


def reads(house: House, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Places that are read from now on."""
    read, places = house.bus.read, []

    async def noted(*args: object, **kwargs: object):
        async for recorded in read(*args, **kwargs):
            places.append(recorded.sequence)
            yield recorded

    monkeypatch.setattr(house.bus, "read", noted)
    return places


async def memories(house: House) -> dict[str, str]:
    """Digests of what the agents remember when they fold the whole log, up to the last start."""
    clock = VirtualClock(EPOCH)
    reader = Runtime(Lab(house.bus, clock, clock, house.workers, CAMPAIGN, house.seed, "0"), house.crew(clock))
    await reader.recall()
    return {s.name: s.agent.memory.digest() for s in reader.seats}


async def last_starts(house: House) -> dict[str, AgentStarted]:
    """What each agent said when it started last."""
    return {e.agent: e for e in await house.events(AgentStarted)}


async def test_a_restart_reads_the_tail_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second life reads less than a third of the log, remembers the same, and counts its events and starts on."""
    house = chain(tmp_path)
    first = await house.live(stop=True)
    whole = await house.bus.last_sequence()
    places = reads(house, monkeypatch)
    second = await house.live()
    assert 0 < len(places) < whole / 3
    assert (await last_starts(house))["counting"].folded == next(s.folded for s in first.runtime.seats[2:])
    started = await last_starts(house)
    assert {n: s.memory_sha256 for n, s in started.items()} == await memories(house)
    assert {s.start for s in started.values()} == {2}
    assert second.runtime._voice.knows(root_id(CAMPAIGN, "root"))
    assert await house.events(LabTroubled) == []
    await house.live()
    assert {s.start for s in (await last_starts(house)).values()} == {3}


async def test_an_agent_that_hears_nothing_holds_nobody_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after a long life: who seldom hears anything has missed nothing, and the tail is short all the same."""

    class Deaf(Agent[Notes]):
        name = "deaf"

        def __init__(self) -> None:
            super().__init__(Notes())

        @folds(CampaignFinished)
        def note(self, event: CampaignFinished) -> None:
            self.memory.heard.append(event.reason)

    house = chain(tmp_path, every=20)
    others = house.crew
    house.crew = lambda clock: [Deaf(), *others(clock)]
    await house.live()
    whole, places = await house.bus.last_sequence(), reads(house, monkeypatch)
    await house.live()
    assert 0 < len(places) < whole / 2
    assert {n: s.memory_sha256 for n, s in (await last_starts(house)).items()} == await memories(house)


def _damage(folder: Path, name: str) -> None:
    path = folder / f"{name}.json"
    path.write_text(path.read_text().replace("heard", "beard", 1))


def _change(**changes: object) -> Callable[[Path, str], None]:
    def change(folder: Path, name: str) -> None:
        snapshots = Snapshots(folder)
        (snapshot,) = snapshots.read(name, MemorySnapshot)
        (folder / f"{name}.json").unlink()
        snapshots.write(name, snapshot.model_copy(update=changes))

    return change


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_damage, "its bytes are not those that were written"),
        (lambda folder, name: (folder / f"{name}.json").write_text("{"), "it cannot be read"),
        (_change(code_version="0.0.1"), "Athanor 0.0.1 made it, and this is 0.0.0"),
        (_change(schema_sha256="0" * 64), "made of other parts now"),
        (_change(campaign="other"), "it belongs to other"),
        (_change(memory='{"heard": ["never"]}'), "not the one that its digest names"),
        (_change(memory='{"seen": []}'), "its memory cannot be read"),
    ],
)
async def test_a_snapshot_that_cannot_be_trusted_is_not_used(
    tmp_path: Path, spoil: Callable[[Path, str], None], reason: str
) -> None:
    """Damaged, made by other code or of another memory: the log decides, and the log says why."""
    house = chain(tmp_path)
    await house.live(stop=True)
    (tmp_path / "counting.previous.json").unlink(missing_ok=True)
    spoil(tmp_path, "counting")
    await house.live()
    assert {n: s.memory_sha256 for n, s in (await last_starts(house)).items()} == await memories(house)
    told = [e.reason for e in await house.events(LabTroubled)]
    assert told
    assert all("counting" in words and reason in words for words in told)


async def test_a_snapshot_ahead_of_the_acknowledgements_is_not_used(tmp_path: Path) -> None:
    """What the broker will deliver once more is not folded before: an older snapshot serves, or the log."""
    house = chain(tmp_path)
    await house.live(stop=True)
    house.forget_acknowledgements(after=4)
    before = await house.payloads()
    await house.live()
    assert await house.payloads() == before
    told = [e.reason for e in await house.events(LabTroubled)]
    assert any("acknowledgements up to" in words for words in told)
    assert await memories(house) == {s.name: s.agent.memory.digest() for s in (await house.live()).runtime.seats}


def _forge(house: House, place: int) -> None:
    """Puts another event in the place of one."""
    stored = house.bus.log[place - 1]
    stored.payload = encode(decode(stored.payload).model_copy(update={"id": root_id(CAMPAIGN, "forged")}))


async def test_a_snapshot_of_another_log_is_not_used(tmp_path: Path) -> None:
    """The very event that it ends with has to stand at its place."""
    house = chain(tmp_path)
    await house.live(stop=True)
    _forge(house, Snapshots(tmp_path).read("counting", MemorySnapshot)[0].place)
    (tmp_path / "counting.previous.json").unlink(missing_ok=True)
    await house.live()
    told = [e.reason for e in await house.events(LabTroubled)]
    assert any("counting" in words and "another event at that place" in words for words in told)


async def test_a_changed_past_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    """Somebody changed an event in the middle: a snapshot that is not used for another reason still tells of it."""
    house = chain(tmp_path)
    await house.live(stop=True)
    snapshot = Snapshots(tmp_path).read("counting", MemorySnapshot)[0]
    (tmp_path / "counting.previous.json").unlink(missing_ok=True)
    _change(code_version="0.0.1")(tmp_path, "counting")
    first = next(n for n, e in house.past() if e.type == "review.decided")
    assert first < snapshot.place
    _forge(house, first)
    await house.live()
    told = [e.reason for e in await house.events(LabTroubled)]
    assert any(f"the log up to {snapshot.place} is not the one that counting folded" in w for w in told)


async def test_without_what_was_said_unasked_the_whole_log_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The campaign is not started twice because a file is gone."""
    house = chain(tmp_path)
    await house.live(stop=True)
    for path in tmp_path.glob("voice*.json"):
        path.unlink()
    places, before = reads(house, monkeypatch), await house.bus.last_sequence()
    await house.live()
    assert {*range(1, before + 1)} <= {*places}
    assert sum(e.reason == "lunch" for e in await house.events(CampaignPaused)) == 1


@pytest.mark.parametrize(
    ("seed", "every", "step"),
    [(0, 3, 40), *(pytest.param(seed, every, 9, marks=pytest.mark.slow) for seed, every in ((0, 1), (1, 3), (2, 10)))],
)
async def test_crashes_with_snapshots_change_nothing(tmp_path: Path, seed: int, every: int, step: int) -> None:
    """Killed at every so many publications, and once more in the next life, it ends with the very same facts."""
    _, undisturbed = build(seed, samples=4)
    whole = await undisturbed.live()
    wanted = await undisturbed.payloads()
    for n in range(1, whole.published + 1, step):
        world, lab = build(seed, samples=4)
        lab.snapshots = lambda n=n: Snapshots(tmp_path / str(n), every=every)
        await lab.live(dies_at=n, stored=n % 2 == 0)
        await lab.live(dies_at=12 + n % 5)
        life = await lab.live(stop=True)
        assert same_facts(await lab.payloads(), wanted), f"killed at publication {n}"
        assert max(world.begun.values()) == 1
        assert {s.name: s.agent.memory.digest() for s in life.runtime.seats} == await memories(lab)


async def test_a_snapshot_that_cannot_be_kept_while_agents_are_at_work_is_told(tmp_path: Path) -> None:
    """At once and with its reason, not only at the next start, which may be in a year."""
    house, told = chain(tmp_path / "kept"), list[str]()

    async def fill_up(runtime: Runtime, clock: VirtualClock) -> None:
        runtime.reactor.troubled = lambda _kind, words: told.append(words)
        shutil.rmtree(tmp_path / "kept")
        (tmp_path / "kept").write_text("in the way")
        await runtime.say(CampaignPaused(reason="once more"), "more", "test")
        await clock.rest()

    house.meanwhile = fill_up
    await house.live()
    assert told
    assert "expected to keep a snapshot in" in told[0]
    assert "in the way" not in told[0]
    assert "File exists" in told[0] or "Not a directory" in told[0]
    assert "Make room there" in told[0]
