"""Statements: one, reading, and understood; otherwise told what was wrong and what was meant."""

from __future__ import annotations

from typing import Any

import pytest

from ops.asking.errors import NameUnknownError, StatementError
from ops.asking.statement import answer
from tests.ops.asking.told import Told, asked, chained, every_fate


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "FROM samples",
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a",
        "DESCRIBE samples",
        "SUMMARIZE decisions",
        "EXPLAIN SELECT * FROM lineage",
        "SHOW ALL TABLES",
        "VALUES (1)",
        "SELECT 1; -- and a remark",
    ],
)
def test_whatever_reads_is_answered(log: Any, sql: str) -> None:
    """All ways to ask that SQL has, a remark after them too."""
    assert list(answer(log, sql).rows)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM events",
        "CREATE TEMP TABLE x AS SELECT 1",
        "COPY events TO '/tmp/never'",
        "ATTACH '/tmp/never.duckdb'",
        "SET threads = 1",
        "PRAGMA database_list",
        "INSERT INTO events (seq) VALUES (1)",
        "CALL pragma_version()",
    ],
)
def test_what_does_more_than_read_is_refused(log: Any, sql: str) -> None:
    """By its kind, before it is run, in words that say what is allowed."""
    with pytest.raises(StatementError, match="that only reads, got one of type"):
        answer(log, sql)


@pytest.mark.parametrize(("sql", "count"), [("", "none"), ("-- nothing", "none"), ("SELECT 1; SELECT 2", "2")])
def test_there_is_one_statement(log: Any, sql: str, count: str) -> None:
    """None and several are refused, with their number."""
    with pytest.raises(StatementError, match=f"one SQL statement, got {count}"):
        answer(log, sql)


@pytest.mark.parametrize(
    ("sql", "meant"),
    [
        ("SELECT * FROM sample", "samples"),
        ("SELECT * FROM decision", "decisions"),
        ("SELECT * FROM planning.candidate_propose", "planning.candidate_proposed"),
        ("SELECT * FROM plannin.candidate_proposed", "planning.candidate_proposed"),
        ("SELECT * FROM pattern_measured", "diffraction.pattern_measured"),
        ("SELECT fat FROM samples", "fate"),
        ("SELECT s.fats FROM samples s", "fate"),
        ("SELECT utillity FROM samples WHERE fate = 'learnt'", "utility"),
        ("SELECT seq FROM events WHERE kynd = 'x'", "kind"),
    ],
)
def test_the_nearest_names_are_offered(log: Any, sql: str, meant: str) -> None:
    """A view or column that is misspelt, without its schema, or seen through another name."""
    with pytest.raises(NameUnknownError) as caught:
        answer(log, sql)
    assert meant in caught.value.nearest
    assert "--tables" in str(caught.value)


def test_a_mistake_in_sql_is_shown_where_it_is(log: Any) -> None:
    """The database's own words, with the line and the caret."""
    with pytest.raises(StatementError, match=r"syntax error(.|\n)*LINE 1(.|\n)*\^"):
        answer(log, "SELECT FROM WHERE")


def test_a_mistake_in_a_later_row_is_told_too(log: Any) -> None:
    """Rows come as they are asked for; one that cannot be computed is an error of the statement."""
    found = answer(log, "SELECT CASE WHEN i = 500000 THEN error('here') ELSE 'x' END FROM range(1000000) t(i)")
    with pytest.raises(StatementError, match="here"):
        for _ in found.rows:
            pass


def test_rows_come_as_they_are_asked_for(log: Any) -> None:
    """A result of a thousand million rows is begun at once."""
    found = answer(log, "SELECT i, repeat('x', 1000) FROM range(1000000000) t(i)")
    assert next(found.rows)[0] == 0


def test_what_is_too_large_for_the_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that needs more than there may be taken is refused with advice."""
    monkeypatch.setattr("ops.asking.loading.MEMORY", "60MB")
    with (
        asked(Told(chained(every_fate())[:3])) as (connection, _),
        pytest.raises(StatementError, match="within the memory"),
    ):
        list(answer(connection, "SELECT list(repeat('x', 10000) || i) FROM range(100000) t(i)").rows)


def test_columns_of_one_name_are_told_apart(log: Any) -> None:
    """Each column keeps its value in JSON."""
    assert answer(log, "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a").names == ("a", "a_2", "a_2_2", "a_3")
