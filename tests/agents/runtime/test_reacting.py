"""Troubles of the computer under the lab are waited out in real time, and leave no trace among the decisions."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable

import pytest

from agents.agent import Agent, folds, on
from agents.runtime import ATTEMPTS, Runtime, reacting
from agents.runtime.troubles import LONGEST_PAUSE, PATIENCE, pause_before, told_of_world, trouble_in
from bus.errors import (
    BlobMissingError,
    BusConnectionError,
    DuplicateConflictError,
    PublishError,
    StreamFullError,
)
from contracts.campaigns import CampaignPaused, CampaignResumed
from contracts.presence import TroubleKind
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from tests.agents.lab import House
from tests.agents.toys import Notes, Splitter, Waiter, lost

ROOT = CampaignPaused(reason="lunch")


def no_room() -> OSError:
    """What a system says that has no room for a file, each time for another one."""
    return OSError(errno.ENOSPC, "No space left on device", f"/lab/blobs/.new-{next(NAMES)}")


NAMES = iter(range(10**6))


class Keeper(Agent[Notes]):
    """Says how much it has heard, after the computer under it has let it do so; once short and once long."""

    name = "keeper"

    def __init__(self, fails: Callable[[], Exception | None] = lambda: None) -> None:
        super().__init__(Notes())
        self.fails = fails

    @folds(ReviewDecided)
    def note(self, event: ReviewDecided) -> None:
        self.memory.heard.append(event.review_id)

    @on(ReviewDecided)
    async def count(self, event):
        yield CampaignResumed(reason=f"{event.review_id}: {len(self.memory.heard)}")
        if error := self.fails():
            raise error
        yield CampaignResumed(reason=f"{self.rng.integers(1000)} at {self.now}")

    @on(SampleLost, long=True)
    async def wait(self, event):
        if error := self.fails():
            raise error
        yield CampaignResumed(reason=f"kept {event.sample_id}")


def house(fails: Callable[[], Exception | None] = lambda: None) -> House:
    """Agents that lead to each other, on a computer that fails."""
    return House(lambda _: [Splitter(), Waiter(), Keeper(fails)], ROOT)


def failing(times: int, error: Callable[[], Exception] = no_room) -> Callable[[], Exception | None]:
    """Fails so often, over all."""
    left = iter(range(times))
    return lambda: error() if next(left, None) is not None else None


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Real seconds that would have been waited; nothing is waited for here."""
    paused: list[float] = []

    async def pause(_seconds: float) -> None:
        paused.append(_seconds)

    monkeypatch.setattr(reacting.asyncio, "sleep", pause)
    return paused


def heard_of(lab: House, monkeypatch: pytest.MonkeyPatch, **settings: object) -> list[tuple[TroubleKind, str]]:
    """Troubles that the runtimes of a house tell of."""
    told: list[tuple[TroubleKind, str]] = []
    make = Runtime.__init__

    def made(self: Runtime, *args: object) -> None:
        make(self, *args)
        self.reactor.troubled = lambda kind, words: told.append((kind, words))
        for name, value in settings.items():
            setattr(self.reactor, name, value)

    monkeypatch.setattr(Runtime, "__init__", made)
    return told


@pytest.mark.parametrize(
    "error", [no_room, TimeoutError, lambda: BusConnectionError("away"), lambda: PublishError("x")]
)
async def test_a_trouble_that_passes_changes_nothing(
    error: Callable[[], Exception], pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After many more tries than a mistake gets, the log is byte for byte that of a lab that had no trouble."""
    undisturbed = house()
    await undisturbed.live()
    troubled = house(failing(40, error))
    told = heard_of(troubled, monkeypatch)
    await troubled.live()
    assert await troubled.payloads() == await undisturbed.payloads()
    assert await troubled.faults() == []
    assert len(pauses) == 40
    assert len(told) == 1, "it is told once, however long it lasts and whatever file it meets"
    assert "keeper could not go on with" in told[0][1]


async def test_every_trouble_is_told_once_each_time_that_it_comes(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason, the path and what to do; again if it comes again after everything had gone on."""
    lab = House(lambda _: [Keeper(failing(7))], lost(1))
    told = heard_of(lab, monkeypatch)
    await lab.live()
    assert len(pauses) == 7
    [(kind, words)] = told
    assert kind is TroubleKind.DISK
    assert "No space left on device: '/lab/blobs/.new-" in words
    assert "make room on that disk" in words
    lab.crew = lambda _: [Keeper(failing(2))]
    await lab.hear(lost(2))
    assert len(told) == 2


async def test_a_trouble_that_lasts_is_set_aside(pauses: list[float]) -> None:
    """It is waited out for minutes, in many tries with bounded pauses; then it is one fault, and told."""
    lab = House(lambda _: [Keeper(failing(10**6))], lost(1))
    await lab.live()
    [fault] = await lab.faults()
    assert (fault.attempt, fault.parked) == (1, True)
    assert fault.error.startswith("OSError: [Errno 28] No space left on device")
    assert PATIENCE <= sum(pauses) < PATIENCE + LONGEST_PAUSE
    assert max(pauses) == LONGEST_PAUSE
    assert told_of_world(fault.error)


@pytest.mark.usefixtures("pauses")
async def test_a_virtual_campaign_is_ended_by_a_trouble_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it decides must not depend on the computer: with room it goes on, as if nothing had been."""
    undisturbed = house()
    await undisturbed.live()
    lab = house(failing(10**6))
    heard_of(lab, monkeypatch, parks_troubles=False)
    with pytest.raises(OSError, match="No space left"):
        await lab.live()
    assert await lab.faults() == []
    lab.crew = house().crew
    await lab.live()
    assert await lab.payloads() == await undisturbed.payloads()


async def test_a_mistake_is_not_waited_out(pauses: list[float]) -> None:
    """Damage, refusals and mistakes of the program are set aside after three attempts, as ever."""
    for error in (ValueError("x"), BlobMissingError("gone"), KeyError("x")):
        lab = House(lambda _, error=error: [Keeper(failing(10**6, lambda: error))], lost(1))
        await lab.live()
        assert [(f.attempt, f.parked) for f in await lab.faults()] == [(1, False), (2, False), (ATTEMPTS, True)]
    assert pauses == []


@pytest.mark.usefixtures("pauses")
async def test_troubles_do_not_use_up_the_attempts_of_a_mistake() -> None:
    """What a fault tells of its attempt counts mistakes alone, so that it is the same with and without a trouble."""
    errors = iter([no_room(), ValueError("x"), no_room(), no_room(), ValueError("x"), None])
    lab = House(lambda _: [Keeper(lambda: next(errors))], lost(1))
    await lab.live()
    assert [(f.attempt, f.parked) for f in await lab.faults()] == [(1, False), (2, False)]
    assert [e.reason for e in await lab.events(CampaignResumed)] == ["kept c-1-v1"]


def test_what_passes_is_told_from_what_does_not() -> None:
    """The computer's troubles by their kind; what a full log or a taken id says is none of them."""
    assert trouble_in(no_room()) is TroubleKind.DISK
    assert trouble_in(ConnectionResetError()) is trouble_in(TimeoutError()) is TroubleKind.INSTRUMENT
    assert trouble_in(BusConnectionError("x")) is trouble_in(PublishError("x")) is TroubleKind.BROKER
    for error in (StreamFullError("x"), DuplicateConflictError("x", 1), BlobMissingError("x"), ValueError("x")):
        assert trouble_in(error) is None
    told = Counter(told_of_world(f"{kind}: words") for kind in ("OSError", "TimeoutError", "PublishError"))
    assert told == {True: 3}
    assert not any(told_of_world(f"{kind}: words") for kind in ("ValueError", "BlobMissingError", "no error", ""))


def test_pauses_grow_to_a_bound() -> None:
    """Soon at first, then now and then, so that work goes on soon after the trouble has gone."""
    pauses = [pause_before(n) for n in range(2, 4000)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.2, LONGEST_PAUSE)
