"""An instrument's journal survives crashes, and says so when it does not know."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState
from simulators.journal import Journal
from tests.contracts.examples import EPOCH

HOUR = timedelta(hours=1)


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    """Read again from disk, a journal is the same, in the order in which it was written."""
    journal = Journal(tmp_path, "it")
    for n in range(12):
        journal.begin(f"k-{n}", EPOCH + n * HOUR, HOUR, {"n": n})
    again = Journal(tmp_path, "it")
    assert list(again) == list(journal)
    assert [e.request["n"] for e in again] == list(range(12))


def test_order_goes_on_after_a_loss(tmp_path: Path) -> None:
    """An entry that was spoilt leaves its place empty; later ones never take the place of another."""
    journal = Journal(tmp_path, "it")
    for n in range(4):
        journal.begin(f"k-{n}", EPOCH + n * HOUR, HOUR, {})
    journal.path("k-1").write_text("{")
    again = Journal(tmp_path, "it")
    again.begin("k-4", EPOCH + 4 * HOUR, HOUR, {})
    assert [(e.key, e.order) for e in Journal(tmp_path, "it")] == [("k-0", 1), ("k-2", 3), ("k-3", 4), ("k-4", 5)]


def test_a_crash_while_writing_leaves_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever dies before the new name is there was never asked."""
    journal = Journal(tmp_path, "it")

    def dies(self: Path, target: Path) -> Path:
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(OSError, match="power cut"):
            journal.begin("k", EPOCH, HOUR, {})
    again = Journal(tmp_path, "it")
    assert again.state("k", EPOCH) is ActionState.NEVER_SEEN
    assert again.begin("k", EPOCH, HOUR, {}) is not None


@given(st.data())
@settings(deadline=None)
def test_no_single_changed_byte_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Change any byte of an entry, and the key is unknown or the entry says exactly what was written."""
    folder = tmp_path_factory.mktemp("j")
    journal = Journal(folder, "it")
    written = journal.begin("run-1/1/fire/batch/1", EPOCH, HOUR, {"samples": [{"sample_id": "c-1", "t": 1723.15}]})
    path = journal.path("run-1/1/fire/batch/1")
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    again = Journal(folder, "it")
    state = again.state("run-1/1/fire/batch/1", EPOCH)
    assert state is ActionState.UNKNOWN or list(again) == [written]
    if state is ActionState.UNKNOWN:
        with pytest.raises(InstrumentError, match="damaged"):
            again.begin("run-1/1/fire/batch/1", EPOCH, HOUR, {})


def test_time_decides_between_running_and_done(tmp_path: Path) -> None:
    """An action runs until its end, and is done from that instant on."""
    journal = Journal(tmp_path, "it")
    journal.begin("k", EPOCH, HOUR, {})
    assert journal.state("k", EPOCH + HOUR - timedelta(microseconds=1)) is ActionState.RUNNING
    assert journal.state("k", EPOCH + HOUR) is ActionState.DONE


def test_one_thing_at_a_time(tmp_path: Path) -> None:
    """While an entry runs no other begins; the same one is not begun again."""
    journal = Journal(tmp_path, "it")
    assert journal.begin("one", EPOCH, HOUR, {}) is not None
    assert journal.begin("one", EPOCH + 2 * HOUR, HOUR, {}) is None
    with pytest.raises(InstrumentBusyError, match="doing one until"):
        journal.begin("two", EPOCH + HOUR / 2, HOUR, {})


def test_a_folder_of_rubbish_is_no_entry(tmp_path: Path) -> None:
    """Left-over temporary files and strange JSON neither count nor stop the instrument."""
    journal = Journal(tmp_path, "it")
    journal.begin("k", EPOCH, HOUR, {})
    for name, content in {".new-x": "{", "a.json": "[]", "b.json": "null", "c.json": '{"entry": 1}'}.items():
        (tmp_path / "it" / name).write_text(content)
    assert [e.key for e in Journal(tmp_path, "it")] == ["k"]


def test_what_another_process_wrote_is_read_when_it_is_looked_for(tmp_path: Path) -> None:
    """Each look gives the new entries in their order, one's own are not news, and what is damaged stays unknown."""
    mine, other = Journal(tmp_path, "furnace-1"), Journal(tmp_path, "furnace-1")
    hour = timedelta(hours=1)
    for n in range(3):
        other.begin(f"k-{n}", EPOCH + n * hour, hour, {})
    (tmp_path / "furnace-1" / f"{'0' * 32}.json").write_text("{")
    assert [e.key for e in mine] == []
    assert [e.key for e in mine.look()] == ["k-0", "k-1", "k-2"]
    assert mine.look() == []
    assert [e.key for e in mine] == ["k-0", "k-1", "k-2"]
    mine.begin("k-3", EPOCH + 3 * hour, hour, {})
    assert mine.look() == []
    assert [(e.key, e.order) for e in other.look()] == [("k-3", 4)]
