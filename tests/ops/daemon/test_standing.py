"""How a daemon stands: what it says of work that waits or lies on the shelf, and of a clock that was set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from agents.runtime import Runtime
from contracts.presence import TroubleKind
from ops.daemon.settings import DaemonFile
from ops.daemon.standing import parked_words, standing, taken_up_words, unrest
from ops.daemon.up import Daemon
from ops.errors import NotYetError
from ops.order import Order
from ops.settings import load_campaign
from tests.agents.lab import House
from tests.agents.runtime.test_reacting import Keeper, no_room
from tests.agents.toys import Stumbling, lost


async def test_what_is_set_aside_is_told_with_agent_event_and_reason() -> None:
    """In words for readiness and as JSON for status; a lab with parked work is not ready."""
    house = House(lambda _: [Stumbling(Counter({"c-1-v1": 3, "c-2-v1": 3}))], lost(1), [lost(2), lost(3)])
    life = await house.live()
    told = standing(life.runtime)
    assert told["parked_events"] == {"stumbling": 2}
    assert [(p["agent"], p["kind"], p["why"]) for p in told["parked"]] == [
        ("stumbling", "synthesis.sample_lost", f"ValueError: no good: c-{n}-v1") for n in (1, 2)
    ]
    assert unrest(life.runtime).startswith(
        "2 events were set aside, first synthesis.sample_lost by stumbling: ValueError: no good: c-1-v1"
    )
    assert "athanor retry" in unrest(life.runtime)
    works = life.runtime.shelf.there()
    assert parked_words(works[:1]).startswith("1 event was set aside")
    assert taken_up_words(works) == "taken up again: synthesis.sample_lost by stumbling (2 times)"
    assert "nothing to take up" in taken_up_words([])


async def test_what_waits_for_the_computer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a trouble lasts the lab is not ready, with its reason; afterwards it is."""
    house = House(lambda _: [Keeper(iter([no_room(), None]).__next__)], lost(1))
    begin, seen = Runtime.start, list[str]()

    async def start(self: Runtime) -> None:
        async def pause(_seconds: float) -> None:
            seen.append(unrest(self))

        self.reactor.pause = pause
        await begin(self)

    monkeypatch.setattr(Runtime, "start", start)
    life = await house.live()
    assert ["No space left on device" in words for words in seen] == [True]
    assert unrest(life.runtime) == ""
    assert standing(life.runtime)["waiting"] == []


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """One that was not started."""
    return Daemon(DaemonFile(), Order(load_campaign("quick"), 0, False, tmp_path, None, 1), lambda _: None)


@pytest.mark.parametrize(("seconds", "way"), [(259_200.0, "forward by 259200.0 s"), (-3600.0, "back by 3600.0 s")])
async def test_a_clock_that_was_set_is_told_either_way(daemon: Daemon, seconds: float, way: str) -> None:
    """As a trouble of the clock, with what becomes of the lab's time and what to do."""
    daemon._clock_trouble(seconds)
    trouble = daemon._troubles.get_nowait()
    assert trouble.trouble is TroubleKind.CLOCK
    assert f"the wall clock was set {way}" in trouble.reason
    assert "time service" in trouble.reason


async def test_an_order_that_cannot_be_written_down_is_refused(daemon: Daemon) -> None:
    """A daemon that is starting neither pauses nor retries, and says so."""
    for order in (daemon._pause("lunch"), daemon._resume("lunch"), daemon._retry("", "lunch")):
        with pytest.raises(NotYetError, match="starting"):
            await order


async def test_no_names_for_files_is_told_and_ends_readiness(daemon: Daemon) -> None:
    """The trouble is noticed once; when there is room again whoever waits for it is woken."""
    daemon._room_seen("Expected room for 64 more files.")
    assert daemon._troubles.get_nowait().trouble is TroubleKind.DISK
    assert not daemon._room_again.is_set()
    daemon._room_seen("")
    assert daemon._room_again.is_set()
    assert daemon._scarce == ""
