"""From a JSON Schema of the contracts to the columns of a view: their types, meanings and units.

Nothing is written down twice: what a field means and counts in is what the contract says of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

Schema = Mapping[str, Any]

_FORMATS = {"date-time": "TIMESTAMPTZ", "uuid": "UUID"}
_PLAIN = {"string": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN"}
_DEEP = 12
"""Levels of nesting that become columns in columns; what goes deeper, such as a schema within itself, stays JSON."""


@dataclass(frozen=True)
class Column:
    """One column of a view.

    Attributes:
        name: in SQL.
        comment: what it means, with its unit in brackets at the end if it has one.
    """

    name: str
    comment: str


@dataclass(frozen=True)
class Shape:
    """How the fields of a model are read out of JSON.

    Attributes:
        columns: one for each field.
        structure: what DuckDB's `from_json` reads them by.
    """

    columns: tuple[Column, ...]
    structure: str


def shape_of(model: type[BaseModel]) -> Shape:
    """The fields of a model as columns."""
    schema = model.model_json_schema(mode="serialization")
    defined = schema.get("$defs", {})
    columns, structure = [], {}
    for name, field in _resolved(schema, defined).get("properties", {}).items():
        structure[name] = _structure(field, defined, _DEEP)
        columns.append(Column(name, _comment(field, defined)))
    return Shape(tuple(columns), json.dumps(structure))


def _resolved(field: Schema, defined: Schema) -> Schema:
    """The schema itself: references followed, an allowed null left out."""
    while True:
        if "$ref" in field:
            field = defined[field["$ref"].rpartition("/")[2]]
            continue
        choices = [choice for choice in field.get("anyOf", ()) if choice.get("type") != "null"]
        if len(choices) == 1:
            field = choices[0]
            continue
        return field


def _structure(field: Schema, defined: Schema, deep: int) -> Any:
    """What `from_json` reads: a type by name, ``[…]`` for a list, ``{…}`` for an object."""
    field = _resolved(field, defined)
    kind = field.get("type")
    if deep and kind == "object" and field.get("properties"):
        return {name: _structure(inner, defined, deep - 1) for name, inner in field["properties"].items()}
    if deep and kind == "object" and isinstance(inner := _value(field), Mapping):
        return f"MAP(VARCHAR, {_type(_structure(inner, defined, deep - 1))})"
    if deep and kind == "array" and "prefixItems" in field:
        items = [_structure(item, defined, deep - 1) for item in field["prefixItems"]]
        return [items[0]] if items and all(item == items[0] for item in items) else "JSON"
    if deep and kind == "array" and "items" in field:
        return [_structure(field["items"], defined, deep - 1)]
    return _FORMATS.get(str(field.get("format")), _PLAIN.get(str(kind), "JSON"))


def _value(field: Schema) -> object:
    """What the entries of a mapping are; keys that must look like something are told apart by their pattern."""
    patterns = field.get("patternProperties") or {}
    return next(iter(patterns.values()), field.get("additionalProperties"))


def _type(structure: Any) -> str:
    """The SQL type that a structure is read as."""
    if isinstance(structure, dict):
        return f"STRUCT({', '.join(f'{quoted(name)} {_type(inner)}' for name, inner in structure.items())})"
    if isinstance(structure, list):
        return f"{_type(structure[0])}[]"
    return str(structure)


def _comment(field: Schema, defined: Schema) -> str:
    """What the contract says of a field, with units; of the words that an enumeration allows, all."""
    inner = _resolved(field, defined)
    told = " ".join(str(field.get("description") or inner.get("description") or "").replace("``", "'").split())
    if words := inner.get("enum"):
        told += f" One of: {', '.join(map(str, words))}."
    if unit := inner.get("unit"):
        return f"{told} [{unit}]"
    units = list(_units(inner, defined, "", _DEEP))
    return f"{told} Units: {', '.join(units)}." if units else told


def _units(field: Schema, defined: Schema, path: str, deep: int) -> Iterator[str]:
    """``cell.a Angstrom`` of each nested number that has a unit."""
    if not deep:
        return
    if (unit := field.get("unit")) and path and unit != "1":
        yield f"{path} {unit}"
    for name, inner in field.get("properties", {}).items():
        yield from _units(_resolved(inner, defined), defined, f"{path}.{name}" if path else name, deep - 1)
    for within in (field.get("items"), _value(field)):
        if isinstance(within, Mapping):
            yield from _units(_resolved(within, defined), defined, path, deep - 1)


def quoted(name: str) -> str:
    """A name as SQL takes it whatever it is."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it."""
    return "'" + text.replace("'", "''") + "'"
