"""Answers on narrow and wide screens, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest

from ops.asking.showing import Form, show
from ops.asking.statement import answer


def shown(log: Any, sql: str, form: Form, capsys: pytest.CaptureFixture[str], most: int = 100) -> str:
    """What is printed."""
    show(answer(log, sql), form, most)
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sample_id, formula, recipe, fate, why FROM samples",
        "FROM samples",
        "FROM decisions",
        "FROM events",
        "SELECT fate, count(*) FROM samples GROUP BY fate",
        "SELECT repeat('x', 500) AS long",
    ],
)
def test_no_line_is_wider_than_the_screen(
    log: Any, sql: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns give way, and where they cannot, each row becomes a list; nothing is cut off."""
    monkeypatch.setenv("COLUMNS", str(width))
    text = shown(log, sql, Form.TABLE, capsys)
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    assert "…" not in re.sub("[0-9a-f]{12}…", "", text)
    first = answer(log, sql)
    assert first.names[0] in text


def test_wide_rows_are_told_one_under_the_other(
    log: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for each column, and a rule with a number before each row."""
    monkeypatch.setenv("COLUMNS", "80")
    text = shown(log, "FROM samples", Form.TABLE, capsys)
    assert text.count("sample_id ") == 5
    assert "row 5 ─" in text


def test_numbers_stand_to_the_right_and_short_columns_whole(
    log: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table as people lay it out."""
    monkeypatch.setenv("COLUMNS", "80")
    text = shown(log, "SELECT 'a' AS name, 5 AS n UNION ALL SELECT 'b', 1000 ORDER BY n", Form.TABLE, capsys)
    assert [line.rstrip() for line in text.splitlines()] == ["name     n", "a        5", "b     1000", "2 rows"]


def test_a_table_stops_and_says_so(log: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a huge result the first rows are shown, and how to get the others."""
    text = shown(log, "SELECT i FROM range(1000000000) t(i)", Form.TABLE, capsys, 5)
    assert len(text.splitlines()) == 7
    assert "the first 5 rows" in text
    assert shown(log, "SELECT 1 WHERE false", Form.TABLE, capsys).strip() == "no rows"


def test_json_is_one_object_a_line(log: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Every row, the data of an event as an object and not as text."""
    lines = shown(log, "SELECT seq, time, data FROM events", Form.JSON, capsys).splitlines()
    told = [json.loads(line) for line in lines]
    assert [t["seq"] for t in told] == list(range(1, len(told) + 1))
    assert told[0]["data"]["plan"]["name"] == "bso-match"
    assert told[0]["time"] == "2026-01-05T08:00:00Z"


def test_csv_comes_back(log: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Lists as JSON, nothing for nothing, quotes where they are needed."""
    text = shown(log, "SELECT sample_id, phases, why, success FROM samples ORDER BY ALL", Form.CSV, capsys)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["sample_id"] for r in rows] == [f"c-000{n}-v1" for n in (1, 2, 3, 4, 8)]
    assert json.loads(rows[0]["phases"]) == ["BaZr0.583Ti0.417O3 (Pm-3m) 100.0 %"]
    assert (rows[0]["why"], rows[0]["success"]) == ("", "true")


def test_digests_are_cut_only_where_the_table_would_not_fit(
    log: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole on a wide screen and in lists, their beginnings in a table that is short of room."""
    sql = "SELECT sample_id, pattern_sha256, fate FROM samples WHERE success"
    (digest,) = log.execute("SELECT pattern_sha256 FROM samples WHERE success").fetchone()
    monkeypatch.setenv("COLUMNS", "120")
    assert digest in shown(log, sql, Form.TABLE, capsys)
    monkeypatch.setenv("COLUMNS", "90")
    assert digest in shown(log, "FROM samples WHERE success", Form.TABLE, capsys)
    monkeypatch.setenv("COLUMNS", "70")
    cut = shown(log, sql, Form.TABLE, capsys)
    assert f"{digest[:12]}… " in cut
    assert len(cut.splitlines()) == 2
