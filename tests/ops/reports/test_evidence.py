"""Evidence is read, never touched; holes in it are told and passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.blobs import BlobStore
from bus.memory import MemoryBus
from contracts.materials import ArtifactRef
from ops.reports.errors import ReportError
from ops.reports.evidence import Evidence, _events, gather
from tests.agents import said
from tests.ops.reports.telling import CAMPAIGN, recorded, started

SUBJECT = f"athanor.{CAMPAIGN}"


async def _bus(*entries: object) -> MemoryBus:
    """A log of events, and of bytes that are none."""
    bus = MemoryBus()
    for entry in entries:
        if isinstance(entry, bytes):
            bus.store(_subject(), entry)
        else:
            await bus.publish(entry.envelope)
    return bus


def _subject() -> str:
    return recorded([started()])[0].subject


async def test_what_cannot_be_read_is_told_and_passed_over() -> None:
    """Garbage in the middle costs one trouble with its sequence, not the rest of the log."""
    first, second, third = recorded([started(), said.proposed(1), said.proposed(2)])
    bus = await _bus(first, b"garbage", second, b'{"type": "nobody.knows"}', third)
    troubles: list[str] = []
    log = await _events(bus, None, troubles)
    assert [r.sequence for r in log] == [1, 3, 5]
    assert [t.split(" of the log")[0] for t in troubles] == ["Sequence 2", "Sequence 4"]


async def test_a_log_of_garbage_is_given_up() -> None:
    """Reading ends after enough holes, and says where."""
    troubles: list[str] = []
    assert await _events(await _bus(*[b"x"] * 80), None, troubles) == []
    assert len(troubles) == 51
    assert "not looked at any more" in troubles[-1]


async def test_missing_events_are_told() -> None:
    """A gap in the sequence is a trouble; what stands behind it is read."""
    log = recorded([started(), said.proposed(1), said.proposed(2), said.proposed(3)])

    class Gappy(MemoryBus):
        async def read(self, campaign: str | None = None, start: int = 1, stop: int | None = None):  # type: ignore[override]
            from bus.errors import GapError

            for r in log:
                if r.sequence in (2, 3) and start <= 3:
                    raise GapError(max(start, 2), 4)
                if r.sequence >= start:
                    yield r

    troubles: list[str] = []
    assert [r.sequence for r in await _events(Gappy(), None, troubles)] == [1, 4]
    assert len(troubles) == 1
    assert "stored events are missing" in troubles[0]


async def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    """Nothing there, or a run whose log is kept elsewhere: what to give instead is said, and nothing is written."""
    with pytest.raises(ReportError, match="Expected the folder of a run"):
        await gather(tmp_path)
    with pytest.raises(ReportError, match="Expected the folder of a run"):
        await gather(tmp_path / "nowhere")
    (tmp_path / "campaign.json").write_text('{"nats": true}')
    with pytest.raises(ReportError, match="--nats URL"):
        await gather(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["campaign.json"]


def test_artefacts_are_checked(tmp_path: Path) -> None:
    """What is there comes back; what is missing, damaged or unreadable is named once each."""
    store = BlobStore(tmp_path)
    ref = store.put(b"content", "text/plain", "a.xy")
    left = Evidence("run", [], store)
    assert left.fetch(ref) == b"content"
    store.path(ref.sha256).write_bytes(b"changed")
    assert left.fetch(ref) is None
    missing = ArtifactRef(sha256="1" * 64, size=3, media_type="text/plain", name="b.xy")
    assert left.fetch(missing) is None
    store.path(ref.sha256).unlink()
    store.path(ref.sha256).mkdir()
    assert left.fetch(ref) is None
    assert ["a.xy" in left.troubles[0], "b.xy" in left.troubles[1], "cannot be read" in left.troubles[2]] == [True] * 3


@pytest.mark.parametrize(
    ("card", "path"),
    [
        (None, None),
        ({}, None),
        ({"file": {"instruments": {"library": None}}}, None),
        ({"file": {"instruments": {"library": "cifs"}}}, "cifs"),
        ({"file": []}, None),
    ],
)
def test_the_library_that_was_asked_for(card: dict[str, object] | None, path: str | None) -> None:
    """As the run's card says; the shipped one if it says nothing."""
    assert Evidence("run", [], BlobStore(Path()), card=card).library == path
