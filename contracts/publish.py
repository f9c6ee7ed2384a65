"""The published face of the contracts: JSON Schemas, an AsyncAPI 3 document and the event catalogue.

All three come from the classes and are committed; a test makes them anew and compares, so that no
contract changes without being seen. A schema of an older version is never written again, and one that is
committed only with the same meaning: what it lets pass stays the same, words about it may get better.

Only keywords of JSON Schema 2020-12 are used, so that strict validators take the schemas. A unit, for which the
standard has no keyword, ends the description: ``Unit: K.``, in UCUM's spelling.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contracts.catalogue import CONVERSATIONS, kinds
from contracts.envelope import Envelope, schema_uri
from contracts.errors import CatalogueError
from contracts.event import Event

HERE = Path(__file__).parent
SCHEMAS = HERE / "schemas"
ASYNCAPI = HERE / "asyncapi.yaml"
README = HERE / "README.md"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ANNOTATIONS = frozenset({"title", "description", "unit"})
"""Keywords of ours that let nothing pass and hold nothing up."""
_NAMED = frozenset({"properties", "patternProperties", "$defs"})
"""Keywords that give schemas names of our own."""
_VALUES = frozenset({"default", "const", "enum", "required"})
"""Keywords that hold values and no schemas."""
BEGIN, END = "<!-- catalogue: begin -->", "<!-- catalogue: end -->"


def schema_file(kind: str, version: int) -> str:
    """Name of the file that holds the schema of kind@version."""
    return f"{kind}.{version}.json"


def _everywhere(change: Callable[[dict[str, Any]], dict[str, Any]], schema: Any) -> Any:
    """A schema in which each schema is changed, the innermost first."""
    if isinstance(schema, list):
        return [_everywhere(change, part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts: dict[str, Any] = {}
    for keyword, part in schema.items():
        if keyword in _NAMED:
            parts[keyword] = {name: _everywhere(change, named) for name, named in part.items()}
        else:
            parts[keyword] = part if keyword in _VALUES else _everywhere(change, part)
    return change(parts)


def _with_unit_in_words(schema: dict[str, Any]) -> dict[str, Any]:
    if (unit := schema.get("unit")) is None:
        return schema
    told = f"{schema.get('description', '')} Unit: {unit}.".strip()
    return {k: v for k, v in schema.items() if k != "unit"} | {"description": told}


def standard(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema in keywords of the standard alone."""
    told: dict[str, Any] = _everywhere(_with_unit_in_words, schema)
    return told


def meaning(schema: dict[str, Any]) -> dict[str, Any]:
    """What a schema lets pass, without the words about it. It never changes for a released kind@version."""
    bare: dict[str, Any] = _everywhere(lambda s: {k: v for k, v in s.items() if k not in ANNOTATIONS}, schema)
    return bare


def json_schema(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one event class."""
    return {
        "$schema": DIALECT,
        "$id": schema_uri(event.kind, event.version),
        **standard(event.model_json_schema(mode="serialization")),
    }


def _envelope_schema() -> dict[str, Any]:
    schema = Envelope.model_json_schema(mode="serialization")
    schema["properties"]["data"] = {"type": "object", "description": "The fact; see the schema of its kind."}
    schema.pop("$defs", None)
    return {
        "$schema": DIALECT,
        "$id": "urn:athanor:envelope:1",
        **standard(schema),
    }


def _pretty(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def schema_files() -> dict[str, str]:
    """File name → content of every schema of today."""
    files = {schema_file(event.kind, event.version): _pretty(json_schema(event)) for event in kinds()}
    files["envelope.json"] = _pretty(_envelope_schema())
    return files


def _one_line(docstring: str | None) -> str:
    return (docstring or "").strip().split("\n\n")[0].replace("\n", " ")


def asyncapi() -> str:
    """The AsyncAPI 3 document, as YAML (of which JSON is a subset for readers)."""
    import yaml

    channels = {
        event.kind: {
            "address": f"lab.{{campaign}}.{event.kind}",
            "title": event.__name__,
            "description": _one_line(event.__doc__),
            "parameters": {"campaign": {"description": "The campaign's short name."}},
            "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}},
        }
        for event in kinds()
    }
    messages = {
        event.__name__: {
            "name": event.kind,
            "title": event.__name__,
            "summary": _one_line(event.__doc__),
            "contentType": "application/cloudevents+json",
            "payload": {
                "allOf": [
                    {"$ref": "schemas/envelope.json"},
                    {
                        "type": "object",
                        "properties": {"data": {"$ref": f"schemas/{schema_file(event.kind, event.version)}"}},
                    },
                ]
            },
        }
        for event in kinds()
    }
    operations = {
        f"tell.{event.kind}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{event.kind}"},
            "summary": _one_line(event.__doc__),
        }
        for event in kinds()
    }
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Athanor",
            "version": "1",
            "description": "The events by which the agents of a laboratory talk. All of them are kept.",
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "lab": {
                "host": "127.0.0.1",
                "protocol": "nats",
                "description": "The embedded server, or one given with --nats.",
            }
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110))


def catalogue_table() -> str:
    """The event catalogue as Markdown, one table a conversation."""
    lines: list[str] = []
    for module in CONVERSATIONS:
        lines += [f"### {module.__name__.rpartition('.')[2]}", "", _one_line(module.__doc__), ""]
        lines += ["| event | kind | version | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{event.__name__}` | [`{event.kind}`](schemas/{schema_file(event.kind, event.version)}) "
            f"| {event.version} | {_one_line(event.__doc__)} |"
            for event in kinds()
            if event.__module__ == module.__name__
        ]
        lines.append("")
    return "\n".join(lines)


def readme(current: str) -> str:
    """The package's README with the catalogue between its marks made anew."""
    head, _, rest = current.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{catalogue_table()}\n{END}{tail}"


def write(schemas: Path = SCHEMAS) -> list[Path]:
    """Writes all published files and returns their paths.

    Raises:
        CatalogueError: a schema that is there means something else than the class of today.
    """
    schemas.mkdir(exist_ok=True)
    files = schema_files()
    if changed := [name for name, content in files.items() if _means_something_else(schemas / name, content)]:
        raise CatalogueError(
            f"Expected each kind@version to keep its meaning, got other classes for {', '.join(changed)}. Raise the "
            "version of the class and write an upcaster; remove the file first if that version was never released."
        )
    for name, content in files.items():
        (schemas / name).write_text(content, encoding="utf-8")
    ASYNCAPI.write_text(asyncapi(), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
    return [*(schemas / name for name in files), ASYNCAPI, README]


def _means_something_else(path: Path, content: str) -> bool:
    return path.exists() and meaning(json.loads(path.read_text(encoding="utf-8"))) != meaning(json.loads(content))
