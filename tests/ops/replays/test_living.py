"""From a log to a past that is lived again: which campaign, how far, with which library and hands."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from agents.runtime.past import Past
from agents.runtime.snapshots import Snapshots
from bus.replay import BusSource
from contracts.presence import LabTroubled, TroubleKind
from ops.errors import ResumeError
from ops.replays.living import Look, digest_of_library, hands, read
from ops.version import version
from tests.contracts.examples import EPOCH, envelope
from tests.ops.replays.world import again, lived_through, past_of


async def test_everything_is_compared_and_nothing_differs() -> None:
    """A campaign over a troubled world: each decision once more."""
    world, lab = await lived_through()
    lived = await again(world, lab)
    replayed = lived.replayed
    assert replayed.differences == replayed.mismatches == []
    assert replayed.compared.total() == replayed.decisions > 200
    assert not replayed.uncompared


async def test_a_library_that_is_not_here_is_no_difference() -> None:
    """Patterns that were identified with another library are counted with the reason, everything else is compared."""
    world, lab = await lived_through()
    replayed = (await again(world, lab, library="1" * 64)).replayed
    [(reason, count)] = replayed.uncompared.items()
    assert "the phase library 000000000000" in reason
    counts = replayed.counts  # each pattern is answered, and one of the answers asks for another scan
    assert count == counts["diffraction.pattern_measured"] + counts["diffraction.rescan_requested"]
    assert replayed.differences == []
    assert replayed.compared.total() == replayed.decisions - count


async def test_the_library_that_the_run_names_is_used(tmp_path: Path) -> None:
    """Its path is on the card of the folder."""
    from tests.ops.replays.world import Hands, relive

    world, lab = await lived_through()
    (tmp_path / "campaign.json").write_text(json.dumps({"file": {"instruments": {"library": "my/cifs"}}}))
    asked = []

    class Librarian(Hands):
        async def run(self, fn, /, *args):
            if fn is digest_of_library:
                asked.append(args[0])
                return "0" * 64 if args[0] == "my/cifs" else "1" * 64
            if fn.__name__ == "identify_bytes":
                assert args[5] == "my/cifs"
            return await super().run(fn, *args)

    source, look = BusSource(lab.bus), Look(tmp_path)
    past, _ = await read(source, look)
    lived = await relive(source, look, past, Librarian(world), at_once=1)
    assert asked == ["my/cifs"]
    assert lived.replayed.differences == []
    assert not lived.replayed.uncompared


def test_the_shipped_library_has_a_digest() -> None:
    """As campaigns write it down; a path with nothing there has none."""
    from science.diffraction.tasks import library

    assert digest_of_library(None) == library(None).sha256
    assert digest_of_library("/nowhere/at/all") == ""


async def test_a_past_ends_where_it_is_told_to() -> None:
    """At a place, or at a moment of the lab's clock."""
    _, lab = await lived_through()
    past, _ = await read(BusSource(lab.bus), Look(until=50))
    assert [e.sequence for e in past.entries] == list(range(1, 51))
    moment = EPOCH + timedelta(hours=10)
    past, _ = await read(BusSource(lab.bus), Look(until=moment))
    times = [e.recorded().envelope.time for e in past.entries]
    assert max(times) <= moment
    assert len(times) == sum(e.time <= moment for _, e in lab.past())


async def test_one_of_several_campaigns_is_named() -> None:
    """A server may hold many; which one is not guessed."""
    _, lab = await lived_through()
    other = LabTroubled(trouble=TroubleKind.DISK, reason="full")
    await lab.bus.publish(envelope(other, campaign="other"))
    with pytest.raises(ResumeError, match="got 2: the log holds other, test"):
        await read(BusSource(lab.bus), Look())
    with pytest.raises(ResumeError, match="got none of that name"):
        await read(BusSource(lab.bus), Look(campaign="third"))
    past, _ = await read(BusSource(lab.bus), Look(campaign="other"))
    assert [e.kind for e in past.entries] == ["presence.lab_troubled"]


async def test_an_empty_log_is_a_short_past() -> None:
    """Nothing happened, nothing differs."""
    from bus.memory import MemoryBus

    past, passed_over = await read(BusSource(MemoryBus()), Look())
    assert (past.entries, passed_over) == ([], [])


async def test_snapshots_beside_the_log_are_compared_with_it(tmp_path: Path) -> None:
    """One whose digest does not follow from the log is told, with where it stands; damaged files are passed over."""
    from agents.runtime.snapshots import MemorySnapshot
    from tests.agents.test_ring import build

    world, lab = build(10, samples=12)
    lab.snapshots = lambda: Snapshots(tmp_path / "snapshots", every=20)
    await lab.live(stop=True)
    snapshots = Snapshots(tmp_path / "snapshots")
    snapshot = snapshots.read("planner", MemorySnapshot)[0].model_copy(update={"code_version": version()})
    snapshots.write("planner", snapshot)
    lived = await again(world, lab, Look(tmp_path))
    assert lived.replayed.memories_compared >= 7
    assert lived.replayed.mismatches == []
    snapshots.write("planner", snapshot.model_copy(update={"memory_sha256": "0" * 64}))
    (tmp_path / "snapshots" / "scheduler.json").write_text("{")
    lived = await again(world, lab, Look(tmp_path))
    assert [(m.agent, m.expected) for m in lived.replayed.mismatches] == [("planner", "0" * 64)]
    assert ["scheduler.json" in words for words in lived.passed_over] == [True]


async def test_there_are_as_many_hands_as_there_is_work_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that would begin for longer than it works is not begun."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    _, lab = await lived_through()
    past = await past_of(lab)
    assert hands(Past()) == hands(past) == 1
    past.entries *= 10
    assert hands(past) == 8
