"""What strict validators ask of a JSON Schema beyond its meta-schema, by the rules of Ajv's strict mode.

A meta-schema lets unknown keywords pass, and a misspelt one then holds nothing up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from jsonschema import FormatChecker

NAMED = frozenset({"properties", "patternProperties", "$defs"})
LISTED = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})
WITHIN = frozenset({"items", "additionalProperties", "propertyNames", "contains", "not"})
OF_TYPE = {
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"),
    "object": ("properties", "patternProperties", "additionalProperties", "required", "propertyNames"),
}
"""Type → keywords that hold nothing up at values of other types."""
ANYWHERE = frozenset({"$schema", "$id", "$defs", "$ref", "$comment", "type", "enum", "const", "anyOf", "allOf", "oneOf",
                      "not", "title", "description", "default", "examples", "deprecated"})  # fmt: skip
KNOWN = ANYWHERE.union(*OF_TYPE.values())
FORMATS = FormatChecker(())
"""Checks the formats that our schemas use; the library's own checker skips what it has no package for."""
_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or bool(_RFC3339.match(value) and datetime.fromisoformat(value))


@FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value.lower()


def _schemas(schema: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each schema within, with its place."""
    if not isinstance(schema, dict):
        return
    yield place, schema
    for keyword, part in schema.items():
        if keyword in NAMED:
            for name, named in part.items():
                yield from _schemas(named, f"{place}/{keyword}/{name}")
        elif keyword in LISTED:
            for n, listed in enumerate(part):
                yield from _schemas(listed, f"{place}/{keyword}/{n}")
        elif keyword in WITHIN:
            yield from _schemas(part, f"{place}/{keyword}")


def complaints(document: dict[str, Any]) -> list[str]:
    """What a strict validator would not take."""
    found = [f"#: no {keyword}" for keyword in ("$schema", "$id") if keyword not in document]
    defined = {f"#/$defs/{name}" for name in document.get("$defs", {})}
    used = {schema["$ref"] for _, schema in _schemas(document, "#") if "$ref" in schema}
    found += [f"{ref}: leads nowhere" for ref in sorted(used - defined)]
    found += [f"{ref}: nobody uses it" for ref in sorted(defined - used)]
    for place, schema in _schemas(document, "#"):
        found += [f"{place}: {wrong}" for wrong in _wrong(schema, outermost=place == "#")]
    return found


def _wrong(schema: dict[str, Any], *, outermost: bool) -> Iterator[str]:
    yield from (f"unknown keyword {keyword}" for keyword in schema.keys() - KNOWN)
    if not outermost:
        yield from (f"{keyword} within" for keyword in schema.keys() & {"$schema", "$id", "$defs"})
    kind = schema.get("type")
    if isinstance(kind, list):
        yield "several types in one schema"
    for wanted, keywords in OF_TYPE.items():
        if kind not in (("number", "integer") if wanted == "number" else (wanted,)):
            yield from (f"{keyword} at the type {kind}" for keyword in schema.keys() & set(keywords))
    if (name := schema.get("format", "uuid")) not in FORMATS.checkers:
        yield f"unknown format {name}"
    if re.search(r"\(\?[P<]|\\[AZz]", schema.get("pattern", "")):
        yield "a pattern that ECMA-262 does not know"
    yield from _open(schema)


def _open(schema: dict[str, Any]) -> Iterator[str]:
    """What a schema lets pass without describing it."""
    if missing := set(schema.get("required", ())) - schema.get("properties", {}).keys():
        yield f"requires {', '.join(sorted(missing))}, which it does not describe"
    if "properties" in schema and schema.get("additionalProperties") is not False:
        yield "open for properties that nobody describes"
    if (items := schema.get("prefixItems")) is not None:
        closed = schema.get("items") is False or schema.get("maxItems") == len(items)
        if not closed or schema.get("minItems") != len(items):
            yield "a tuple that may be longer or shorter"
