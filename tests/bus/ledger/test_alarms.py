"""Alarms are on disk before anybody is told, and each finding is one alarm."""

from __future__ import annotations

from pathlib import Path

from bus.ledger.alarms import ALARMS, Alarm, keep_alarm, read_alarms

FIRST, SECOND = Alarm("altered", 3, "one thing"), Alarm("witness", None, "another")


def test_the_same_finding_is_kept_once(tmp_path: Path) -> None:
    """However often a start finds the same, the file has it once, and its name does not change."""
    for alarm in (FIRST, SECOND, FIRST, Alarm("altered", 3, "one thing")):
        keep_alarm(tmp_path, alarm)
    assert read_alarms(tmp_path) == [FIRST, SECOND]
    assert FIRST.name == Alarm("altered", 3, "one thing").name != SECOND.name
    assert len((tmp_path / ALARMS).read_text().splitlines()) == 2


def test_a_line_that_was_cut_costs_no_other(tmp_path: Path) -> None:
    """A crash in the middle of a line leaves the alarms before and after it readable."""
    assert read_alarms(tmp_path) == []
    keep_alarm(tmp_path, FIRST)
    with (tmp_path / ALARMS).open("a") as file:
        file.write('{"kind": "alt')
    keep_alarm(tmp_path, SECOND)
    assert read_alarms(tmp_path) == [FIRST, SECOND]
