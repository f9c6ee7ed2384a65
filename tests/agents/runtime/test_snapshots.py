"""Snapshots on disk: whole or not at all, the last two, and no reason to stop when there is no room for them."""

from __future__ import annotations

from pathlib import Path

from agents.memory import Memory
from agents.runtime.snapshots import START, Snapshots, VoiceSnapshot, chained, schema_of
from bus.memory import MemoryBus
from contracts.identifiers import root_id
from tests.agents.toys import Notes, lost
from tests.contracts.examples import envelope


def voice(place: int) -> VoiceSnapshot:
    """Something to keep."""
    return VoiceSnapshot(campaign="test", place=place, roots={root_id("test", str(place)): "campaign.started"})


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    """Latest first; the third last is gone, and no unfinished file is left."""
    snapshots = Snapshots(tmp_path / "new")
    for place in (1, 2, 3):
        snapshots.write("voice", voice(place))
    assert snapshots.read("voice", VoiceSnapshot) == [voice(3), voice(2)]
    assert {p.name for p in (tmp_path / "new").iterdir()} == {"voice.json", "voice.previous.json"}


def test_a_damaged_one_leaves_the_one_before(tmp_path: Path) -> None:
    """A flipped character is noticed and told; what was written before it still serves."""
    snapshots, told = Snapshots(tmp_path), []
    snapshots.passed_over = told.append
    for place in (1, 2):
        snapshots.write("voice", voice(place))
    path = tmp_path / "voice.json"
    path.write_text(path.read_text().replace("started", "startled"))
    assert snapshots.read("voice", VoiceSnapshot) == [voice(1)]
    assert told == ["voice.json is not used: its bytes are not those that were written"]


def test_no_room_is_told_and_stops_nothing(tmp_path: Path) -> None:
    """The next start takes longer; this life goes on."""
    (tmp_path / "file").write_text("in the way")
    snapshots, told = Snapshots(tmp_path / "file"), []
    snapshots.passed_over = told.append
    snapshots.write("voice", voice(1))
    assert len(told) == 1
    assert "expected to keep a snapshot" in told[0]


async def test_the_chain_tells_other_pasts_apart() -> None:
    """Another event, another place or another order gives another digest."""
    bus = MemoryBus()
    for n in range(3):
        await bus.publish(envelope(lost(n), n=n))
    one, two, three = [r async for r in bus.read()]
    whole = chained(chained(START, one), two)
    assert whole == chained(chained(START, one), two)
    assert len({whole, chained(chained(START, two), one), chained(chained(START, one), three), START}) == 4


def test_a_memory_of_other_parts_has_another_schema() -> None:
    """A field more is another memory."""

    class More(Notes):
        seen: int = 0

    assert schema_of(Notes) == schema_of(Notes)
    assert len({schema_of(Notes), schema_of(More), schema_of(Memory)}) == 3
