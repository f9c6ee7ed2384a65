"""The views that a log is asked through: one table of events, a view for each kind, and projections over them.

The views of kinds are made from the contracts, so that a new kind has one as soon as there is a class for it. The
projections are SQL files in `views/`, whose comments are the descriptions that people are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from contracts.catalogue import kinds
from contracts.event import Event
from ops.asking.columns import Column, literal, quoted, shape_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PROJECTIONS = (
    "campaigns", "samples", "decisions", "lineage", "models", "steps", "instruments", "alarms", "retractions",
)  # fmt: skip
"""In the order in which people are shown them."""
_MADE = ("retractions", "decisions", "samples", "models", "lineage", "steps", "instruments", "alarms", "campaigns")
"""The same in the order in which they rest on each other."""

EVENTS = (
    ("seq", "BIGINT", "Place in the log, from 1."),
    ("id", "UUID", "The event's identifier, which follows from its cause."),
    ("campaign", "VARCHAR", "The campaign that it belongs to."),
    ("kind", "VARCHAR", "What has happened: topic.fact."),
    ("version", "BIGINT", "Version in which it is stored; data is told in today's words whatever it is."),
    ("source", "VARCHAR", "Who says it: /agents/planner."),
    ("subject", "VARCHAR", "What it is about: a sample, a candidate, a run."),
    ("time", "TIMESTAMPTZ", "When it happened, on the lab's clock."),
    ("stored_at", "TIMESTAMPTZ", "When it was stored, by the clock of the server or ledger that keeps it."),
    ("signed", "BOOLEAN", "Whether the key of its source has signed it."),
    ("cause", "UUID", "The event that led to it; none for what comes from outside."),
    ("correlation", "UUID", "The chain that it belongs to, such as the life of one sample."),
    ("traceparent", "VARCHAR", "The telemetry span in which it was said."),
    ("bus_subject", "VARCHAR", "Where it was published."),
    ("data", "JSON", "The fact itself; the view of its kind tells it in columns."),
    ("repeated", "BOOLEAN", "Whether the same event stands earlier in the log; the other views leave repetitions out."),
)
"""Name, type and meaning of each column of the table of events."""
UNREADABLE = (
    ("seq", "BIGINT", "Place in the log."),
    ("reason", "VARCHAR", "Why the bytes there are no event."),
)
"""The same for what is not among the events."""
_COMMON = ("seq", "id", "campaign", "source", "time", "cause", "correlation")
"""Columns of the events that the view of each kind begins with."""

_COLUMN = re.compile(r"^ {4}.*\bAS (\w+),? -- (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class View:
    """Something to select from.

    Attributes:
        name: as it is written in SQL.
        about: what stands in it.
        columns: its columns in order.
        sql: what it is made with; empty for a table.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    sql: str = ""


def tables() -> tuple[View, ...]:
    """What is filled from the log."""
    return (
        View("events", "Every event of the log, in order.", _told(EVENTS)),
        View("unreadable", "Messages that are no event, or that nobody may take for one.", _told(UNREADABLE)),
    )


def _told(columns: tuple[tuple[str, str, str], ...]) -> tuple[Column, ...]:
    return tuple(Column(name, comment) for name, _, comment in columns)


def kind_view(event: type[Event]) -> View:
    """The events of one kind with a column for each field; the view is named as the kind is."""
    shape = shape_of(event)
    told = {name: comment for name, _, comment in EVENTS}
    common = [Column(name, told[name]) for name in _COMMON]
    # a field that shares its name with a column of every event is told under a longer one
    fields = [Column(f"data_{c.name}" if c.name in _COMMON else c.name, c.comment) for c in shape.columns]
    chosen = [
        *map(quoted, _COMMON),
        *(f"fields.{quoted(c.name)} AS {quoted(f.name)}" for c, f in zip(shape.columns, fields, strict=True)),
    ]
    sql = (
        f"SELECT {', '.join(chosen)} FROM ("  # noqa: S608  names and structure of our own contracts
        f"SELECT *, from_json(data, {literal(shape.structure)}) AS fields "
        f"FROM events WHERE kind = {literal(event.kind)} AND NOT repeated)"
    )
    about = " ".join((event.__doc__ or "").split("\n\n")[0].split())
    return View(event.kind, about, (*common, *fields), sql)


def projection(name: str) -> View:
    """A view over several kinds, from its SQL file."""
    text = _file(name)
    about, _, sql = text.partition("\n")
    columns = tuple(Column(column, comment) for column, comment in _COLUMN.findall(sql))
    return View(name, about.removeprefix("-- "), columns, sql)


def views() -> tuple[View, ...]:
    """Everything to select from, in the order in which people are shown it."""
    return (*tables(), *map(projection, PROJECTIONS), *map(kind_view, kinds()))


def build(connection: DuckDBPyConnection) -> None:
    """Makes the tables, still empty, and all views upon them, each with its descriptions."""
    connection.begin()  # one write to disk instead of hundreds
    for view, columns in zip(tables(), (EVENTS, UNREADABLE), strict=True):
        connection.execute(f"CREATE TABLE {view.name} ({', '.join(f'{name} {kind}' for name, kind, _ in columns)})")
        _comment(connection, view, "TABLE")
    connection.execute(_file("words"))
    for topic in dict.fromkeys(event.topic() for event in kinds()):
        connection.execute(f"CREATE SCHEMA {quoted(topic)}")
    for view in (*map(kind_view, kinds()), *map(projection, _MADE)):
        connection.execute(f"CREATE VIEW {_path(view.name)} AS {view.sql}")
        _comment(connection, view, "VIEW")
    connection.commit()


def _comment(connection: DuckDBPyConnection, view: View, sort: str) -> None:
    connection.execute("; ".join(_comments(view, sort)))


def _comments(view: View, sort: str) -> Iterator[str]:
    path = _path(view.name)
    yield f"COMMENT ON {sort} {path} IS {literal(view.about)}"
    for column in view.columns:
        yield f"COMMENT ON COLUMN {path}.{quoted(column.name)} IS {literal(column.comment)}"


def _path(name: str) -> str:
    return ".".join(map(quoted, name.split(".")))


def _file(name: str) -> str:
    return (files("ops.asking") / "views" / f"{name}.sql").read_text(encoding="utf-8")
