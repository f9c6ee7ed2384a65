"""Columns from the contracts: types, meanings, units."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.event import Words
from contracts.materials import ElementSymbol
from contracts.quantities import Angstrom, Kelvin
from ops.asking.columns import literal, quoted, shape_of


class Colour(StrEnum):
    """Of a lamp."""

    RED = "red"
    GREEN = "green"


class Lamp(Words):
    """Something with a colour."""

    colour: Colour
    """Which."""
    heat: Kelvin | None
    """How hot."""


class Street(Words):
    """Everything that a field can be."""

    lamps: tuple[Lamp, ...]
    """All of them."""
    best: Lamp | None
    """The best."""
    width: Angstrom
    """How wide."""
    limits: dict[str, float]
    """By name."""
    caps: dict[ElementSymbol, Kelvin]
    """By element."""
    window: tuple[float, float]
    """From, to."""
    pair: tuple[int, str]
    """Two kinds."""
    at: datetime
    """When."""
    id: UUID
    """Who."""
    open: bool
    """Whether."""
    count: int | None = None
    """How many."""


class Knot(Words):
    """A thing within itself."""

    inner: Knot | None
    """Itself."""


def test_each_field_is_read_as_what_it_is() -> None:
    """Lists, objects, maps, tuples, moments, identifiers and what may be absent have the types that DuckDB has."""
    lamp = {"colour": "VARCHAR", "heat": "DOUBLE"}
    assert json.loads(shape_of(Street).structure) == {
        "lamps": [lamp], "best": lamp, "width": "DOUBLE", "limits": "MAP(VARCHAR, DOUBLE)",
        "caps": "MAP(VARCHAR, DOUBLE)", "window": ["DOUBLE"],
        "pair": "JSON", "at": "TIMESTAMPTZ", "id": "UUID", "open": "BOOLEAN", "count": "BIGINT",
    }  # fmt: skip


def test_comments_say_what_the_contract_says_and_its_units() -> None:
    """The docstring of a field, its unit, the units within it, and the words that it may hold."""
    comments = {c.name: c.comment for c in shape_of(Street).columns}
    assert comments["width"] == "How wide. [Angstrom]"
    assert comments["lamps"] == "All of them. Units: heat K."
    assert comments["count"] == "How many."
    assert comments["best"] == "The best. Units: heat K."
    assert {c.name: c.comment for c in shape_of(Lamp).columns} == {
        "colour": "Which. One of: red, green.", "heat": "How hot. [K]",
    }  # fmt: skip


def test_a_schema_within_itself_ends_in_json() -> None:
    """A shape that never ends is cut off instead of followed for ever."""
    deepest = json.loads(shape_of(Knot).structure)
    levels = 0
    while isinstance(deepest, dict):
        deepest, levels = deepest["inner"], levels + 1
    assert deepest == "JSON"
    assert 5 < levels < 30


def test_names_and_texts_cannot_leave_their_quotes() -> None:
    """A quote in a name or a text stays inside it."""
    assert quoted('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"
