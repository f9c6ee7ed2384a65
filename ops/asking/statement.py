"""One statement that only reads, and what is wrong with it if it cannot be answered, told for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.asking.errors import NameUnknownError, StatementError
from ops.asking.shelves import View, views

if TYPE_CHECKING:
    import duckdb
    from duckdb import DuckDBPyConnection

AT_ONCE = 1000
"""Rows that are taken from the database at a time."""
_ADVICE = "athanor query --tables lists all views and their columns."
_UNKNOWN_TABLE = re.compile(r"Table with name (?P<name>.+?) does not exist", re.DOTALL)
_UNKNOWN_SCHEMA = re.compile(r"[Ss]chema with name (?P<name>.+?) does not exist")
_UNKNOWN_COLUMN = re.compile(
    r'(?:Referenced column|column named|does not have a column named) "(?P<name>[^"]+)"', re.DOTALL
)
_WORD = re.compile(r"[A-Za-z_][\w.]*")


@dataclass(frozen=True)
class Answer:
    """What a statement selects.

    Attributes:
        names: of the columns; the second ``a`` of a result is called ``a_2``.
        kinds: their SQL types.
        rows: its rows as they come.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def answer(connection: DuckDBPyConnection, sql: str) -> Answer:
    """Runs a statement.

    Raises:
        StatementError: it is not one statement that only reads, or it cannot be carried out.
        NameUnknownError: there is no such view or column.
    """
    import duckdb

    try:
        found = connection.execute(_only_reading(connection, sql))
    except duckdb.Error as error:
        raise _in_words(error, sql) from error
    columns = found.description or []
    return Answer(_apart([c[0] for c in columns]), tuple(str(c[1]) for c in columns), _rows(found, sql))


def _rows(found: DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
    import duckdb

    try:
        while rows := found.fetchmany(AT_ONCE):
            yield from rows
    except duckdb.Error as error:
        raise _in_words(error, sql) from error


def _only_reading(connection: DuckDBPyConnection, sql: str) -> duckdb.Statement:
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise StatementError(f"Expected one SQL statement, got {len(statements) or 'none'}. Ask one thing at a time.")
    if statements[0].type not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        raise StatementError(
            f"Expected a statement that only reads, got one of type {statements[0].type.name}. A log is asked and "
            "never changed: begin with SELECT, FROM, WITH, DESCRIBE, SUMMARIZE or EXPLAIN; athanor export writes files."
        )
    return statements[0]


def _apart(names: Sequence[str]) -> tuple[str, ...]:
    """Names of which none comes twice."""
    told: list[str] = []
    for name in names:
        unique, n = name, 1
        while unique in told:
            n += 1
            unique = f"{name}_{n}"
        told.append(unique)
    return tuple(told)


def _in_words(error: duckdb.Error, sql: str) -> StatementError | NameUnknownError:
    """What the database says, with the names that were meant."""
    import duckdb

    said = str(error)
    there = views()
    if (found := _UNKNOWN_TABLE.search(said)) is not None:
        return NameUnknownError("a view", _asked_as(found["name"], sql), [view.name for view in there], _ADVICE)
    if (found := _UNKNOWN_SCHEMA.search(said)) is not None:
        return NameUnknownError("a view", _asked_as(found["name"], sql), [view.name for view in there], _ADVICE)
    if isinstance(error, duckdb.BinderException) and (found := _UNKNOWN_COLUMN.search(said)) is not None:
        named = _named(sql, there)
        columns = [column.name for view in named or there for column in view.columns]
        where = f"a column of {' and '.join(view.name for view in named)}" if named else "a column"
        return NameUnknownError(where, found["name"], columns, _ADVICE)
    if isinstance(error, duckdb.PermissionException):
        return StatementError(f"Expected a statement that stays inside the log, got: {_first(said)}.")
    if isinstance(error, duckdb.OutOfMemoryException):
        return StatementError(
            f"Expected an answer within the memory and disk at hand, got: {_first(said)}. Ask for less at a time: "
            "name columns instead of *, or narrow it with WHERE."
        )
    return StatementError(f"Expected a statement that can be answered, got: {said.strip()}")


def _named(sql: str, there: Sequence[View]) -> list[View]:
    """Views that a statement speaks of."""
    words = {word.casefold() for word in _WORD.findall(sql)}
    return [view for view in there if view.name in words]


def _asked_as(name: str, sql: str) -> str:
    """A name with the schema that it was asked for in, which the database leaves out when it complains."""
    whole = re.search(rf'[\w".]*{re.escape(name)}[\w".]*', sql)
    return whole[0].replace('"', "") if whole else name


def _first(said: str) -> str:
    return said.strip().split("\n\n")[0].splitlines()[0].removesuffix(".")
