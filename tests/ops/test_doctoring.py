"""The doctor looks at the keys of a ledger and at its alarms."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from numba.core import caching

from bus.codec import encode
from bus.ledger.alarms import ALARMS, Alarm, keep_alarm
from bus.ledger.entry import encode_entry
from bus.ledger.keys import KEYS, LEDGER
from bus.ledger.tiles import CHECKPOINT, TileStore, pack_bundle, tile_path
from bus.ledger.witness import witness_key
from bus.subjects import subject_of
from contracts.presence import EventRefused
from ops import doctoring
from ops.daemon.card import Card
from ops.doctoring import _clock, _compiled, _daemon, _evidence, _keys, _room
from ops.notary import WITNESS_KEY
from tests.bus.ledger.test_watch import write
from tests.contracts.examples import envelope


def test_keys_that_nobody_else_can_read_are_well(tmp_path: Path) -> None:
    """No ledger yet, then one with its keys; a key that others can read, in log or witness, is wrong."""
    assert _keys(tmp_path).well
    write(tmp_path, 0, 10)
    witness_key(tmp_path / WITNESS_KEY)
    assert _keys(tmp_path).well
    for path in (tmp_path / KEYS / "signing-1", tmp_path / WITNESS_KEY):
        path.chmod(0o644)
        found = _keys(tmp_path)
        assert not found.well
        assert "chmod 600" in found.words
        path.chmod(0o600)
    assert _keys(tmp_path).well


def test_keys_that_are_gone_or_foreign_are_wrong(tmp_path: Path) -> None:
    """A ledger whose signing key is away, or was exchanged for that of another ledger, can go on nowhere."""
    write(tmp_path / "a", 0, 10)
    write(tmp_path / "b", 0, 10)
    shutil.move(tmp_path / "a" / KEYS, tmp_path / "kept")
    assert "put it back" in _keys(tmp_path / "a").words
    shutil.copytree(tmp_path / "b" / KEYS, tmp_path / "a" / KEYS)
    found = _keys(tmp_path / "a")
    assert not found.well
    assert "is not the key of the ledger" in found.words


def test_an_alarm_is_wrong_until_the_ledger_went_on(tmp_path: Path) -> None:
    """The last alarm is told; once the log was mended and is signed again it is history."""
    write(tmp_path, 0, 10)
    assert _evidence(tmp_path).well
    keep_alarm(tmp_path / LEDGER, Alarm("altered", 3, "somebody was here"))
    later = (tmp_path / LEDGER / CHECKPOINT).stat().st_mtime + 5
    os.utime(tmp_path / LEDGER / ALARMS, (later, later))
    found = _evidence(tmp_path)
    assert not found.well
    assert "somebody was here" in found.words
    os.utime(tmp_path / LEDGER / CHECKPOINT, (later + 5, later + 5))
    assert _evidence(tmp_path).well


@pytest.mark.parametrize(
    ("told", "well"),
    [
        ({"ready": True, "clock_stepped_s": 0.0}, {"daemon": True, "clock": True}),
        ({"ready": True, "clock_stepped_s": 259200.0}, {"daemon": True, "clock": False}),
        ({"ready": False, "not_ready_because": "2 events were set aside"}, {"daemon": False, "clock": True}),
        ({}, {"daemon": False, "clock": True}),
    ],
    ids=["well", "clock", "parked", "silent"],
)
def test_what_a_daemon_tells_of_itself_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, object], well: dict[str, bool]
) -> None:
    """Parked work, a clock that was set while it ran, and a daemon that does not answer are wrong, with the reason."""
    Card(os.getpid(), "http://127.0.0.1:1", "nats://nowhere", "c-1").leave(tmp_path)
    monkeypatch.setattr(doctoring, "_told_by_daemon", lambda _: told)
    found = {"daemon": _daemon(tmp_path), "clock": _clock(tmp_path)}
    assert {name: finding.well for name, finding in found.items()} == well
    if "not_ready_because" in told:
        assert "2 events were set aside" in found["daemon"].words
    if told.get("clock_stepped_s"):
        assert "set forward by 259200.0 s" in found["clock"].words


def test_a_disk_without_names_for_files_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes alone are no room."""
    assert _room(tmp_path).what == "disk"
    monkeypatch.setattr(doctoring, "few_files", lambda _: "Expected room for 64 more files.")
    assert _room(tmp_path) == doctoring.Finding("disk", False, "Expected room for 64 more files.")


def test_machine_code_that_can_be_kept_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In an installation of another user each process would compile anew; the finding names what to set."""
    found = _compiled()
    assert found.well
    assert Path(found.words.removeprefix("kept in ")).is_absolute()
    monkeypatch.setattr(caching.FunctionCache._impl_class, "_locator_classes", [])
    found = _compiled()
    assert not found.well
    assert "NUMBA_CACHE_DIR" in found.words


@pytest.mark.parametrize("days", [1, 30])
def test_a_forged_message_is_a_fault_while_it_is_news(days: int, tmp_path: Path) -> None:
    """Its place and reason are told for ever; after a week it is no fault any more that somebody once had a key."""
    refused = EventRefused(sequence=7, bus_subject="lab.test.review.decided", reason="Forged.")
    said = envelope(refused).model_copy(update={"source": "/agents/guard"})
    at = int((datetime.now(UTC) - timedelta(days=days)).timestamp()) * 10**9
    subject = subject_of(said.campaign, said.type)
    entry = encode_entry(1, subject, str(said.id), at, encode(said))
    TileStore(tmp_path / "ledger").write({tile_path("entries", 0, 1): pack_bundle([entry])})
    found = doctoring._log(tmp_path)
    assert found.well is (days > 7)
    assert "sequence 7: Forged." in found.words
    assert doctoring._log(tmp_path / "empty").well
