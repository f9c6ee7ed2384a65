"""The doctor looks at the keys of a ledger and at its alarms."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from numba.core import caching

from bus.ledger.alarms import ALARMS, Alarm, keep_alarm
from bus.ledger.keys import KEYS, LEDGER
from bus.ledger.tiles import CHECKPOINT
from bus.ledger.witness import witness_key
from ops.doctoring import _compiled, _evidence, _keys
from ops.notary import WITNESS_KEY
from tests.bus.ledger.test_watch import write


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


def test_machine_code_that_can_be_kept_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In an installation of another user each process would compile anew; the finding names what to set."""
    found = _compiled()
    assert found.well
    assert Path(found.words.removeprefix("kept in ")).is_absolute()
    monkeypatch.setattr(caching.FunctionCache._impl_class, "_locator_classes", [])
    found = _compiled()
    assert not found.well
    assert "NUMBA_CACHE_DIR" in found.words
