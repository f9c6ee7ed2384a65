"""Strict validators take the published schemas, and what is said passes them."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from contracts import publish
from contracts.catalogue import kinds
from contracts.errors import CatalogueError
from contracts.event import Event
from contracts.presence import AgentStopped
from contracts.scheduling import Reservation, RunScheduled
from tests.contracts.examples import EPOCH, envelope, perovskite, plan, recipe
from tests.contracts.strictness import FORMATS, complaints

COMMITTED = sorted(path.name for path in publish.SCHEMAS.glob("*.json"))
HISTORIES = Path(__file__).parents[1] / "histories"
TEXTS = (
    "c-0001", "0" * 64, "BaCO3", "Ba", "A", "U" + "A" * 55, "review.decided:1", "presence.agent_started",
    f"00-{1:032x}-{1:016x}-01", "dddd", "Ba-Ti",
)  # fmt: skip
"""Texts of which one matches each pattern."""
WHOLE: dict[str, Callable[[], BaseModel]] = {
    "Composition": lambda: perovskite({"Ba": 1}, {"Ti": 1}),
    "Recipe": recipe,
    "CampaignPlan": plan,
    "ScanSettings": lambda: plan().scan,
    "Reservation": lambda: Reservation(instrument="furnace-1", start=EPOCH, end=EPOCH + timedelta(hours=4)),
}
"""Things whose parts have to fit together."""


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((publish.SCHEMAS / name).read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize("name", COMMITTED)
def test_a_strict_validator_takes_it(name: str) -> None:
    """No keyword, format or reference that is not the standard's, no tuple that is open, nothing required unseen."""
    document = _read(name)
    Draft202012Validator.check_schema(document)
    assert document["$schema"] == publish.DIALECT
    assert complaints(document) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"unit": "K"}, "#: unknown keyword unit"),
        ({"discriminator": {"propertyName": "a"}}, "#: unknown keyword discriminator"),
        ({"properties": {"a": {"type": "string", "format": "celsius"}}}, "#/properties/a: unknown format celsius"),
        ({"properties": {"a": {"minimum": 0}}}, "#/properties/a: minimum at the type None"),
        ({"properties": {"a": {"$ref": "#/$defs/B"}}}, "#/$defs/B: leads nowhere"),
        ({"required": ["b"]}, "#: requires b, which it does not describe"),
        ({"properties": {"a": {"type": "array", "prefixItems": [{"type": "null"}]}}}, "#/properties/a: a tuple that"),
        ({"additionalProperties": True}, "#: open for properties that nobody describes"),
        ({"$id": ...}, "#: no $id"),
    ],
)
def test_the_strict_validator_is_strict(change: dict[str, Any], told: str) -> None:
    """Each rule finds its mistake, and finds none where there is none."""
    good = {
        "$schema": publish.DIALECT, "$id": "urn:a", "type": "object", "additionalProperties": False,
        "properties": {"a": {"type": "string"}}, "required": ["a"],
    }  # fmt: skip
    assert complaints(good) == []
    bad = {k: v for k, v in (good | change).items() if v is not ...}
    assert any(c.startswith(told) for c in complaints(bad)), complaints(bad)


def test_no_unit_is_lost() -> None:
    """Each number that has a unit in the class has it at the end of its description in the schema."""
    seen = 0
    for event in kinds():
        units: list[str] = []
        publish._everywhere(lambda s, units=units: units.append(s.get("unit")) or s, event.model_json_schema())
        told: list[str] = []
        publish._everywhere(
            lambda s, told=told: told.extend(re.findall(r"Unit: (\S+)\.$", s.get("description", ""))) or s,
            publish.json_schema(event),
        )
        assert sorted(told) == sorted(unit for unit in units if isinstance(unit, str))
        seen += len(told)
    assert seen > 100


# what never changes ----------------------------------------------------------------------------


def test_a_schema_that_means_something_else_is_not_written_over(tmp_path: Path) -> None:
    """`make schemas` refuses to change what a committed kind@version lets pass, says what to do, and writes nothing."""
    name = publish.schema_file(AgentStopped.kind, AgentStopped.version)
    other = _read(name)
    other["properties"]["reason"]["maxLength"] = 7
    (tmp_path / name).write_text(json.dumps(other))
    with pytest.raises(CatalogueError, match=rf"{re.escape(name)}\. Raise the version"):
        publish.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert json.loads((tmp_path / name).read_text()) == other


def test_words_about_a_schema_may_get_better() -> None:
    """Titles, descriptions and where the unit stands are no meaning; a property of such a name is."""
    schema = {"properties": {"unit": {"type": "number", "unit": "K", "title": "Unit", "description": "How hot."}}}
    assert publish.standard(schema)["properties"]["unit"]["description"] == "How hot. Unit: K."
    assert publish.meaning(schema) == publish.meaning(publish.standard(schema))
    assert publish.meaning(schema) == {"properties": {"unit": {"type": "number"}}}
    assert publish.meaning({"properties": {}}) != publish.meaning(schema)


# what is said ----------------------------------------------------------------------------------


def _passes(said: dict[str, Any]) -> None:
    """An event as it is stored passes the schema of the envelope and that of its kind, formats included."""
    Draft202012Validator(_read("envelope.json"), format_checker=FORMATS).validate(said)
    kind, version = said["dataschema"].removeprefix("urn:athanor:event:").rsplit(":", 1)
    schema = _read(publish.schema_file(kind, int(version)))
    Draft202012Validator(schema, format_checker=FORMATS).validate(said["data"])


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.jsonl.gz")), ids=lambda p: p.name)
def test_what_was_said_in_campaigns_passes(path: Path) -> None:
    """Each event of each recorded campaign, of old versions, too."""
    seen = 0
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            said = _event_in(json.loads(line))
            if said is not None:
                _passes(said)
                seen += 1
    assert seen > 10


def _event_in(kept: Any) -> dict[str, Any] | None:
    """The event of a line of a history; none in one that describes it or holds artefacts."""
    if isinstance(kept, str):
        kept = json.loads(base64.b64decode(kept))
    return kept if isinstance(kept, dict) and "dataschema" in kept else None


class Maker:
    """Makes a value that a schema describes, with as much in it as there may be."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.defined = document.get("$defs", {})

    def make(self, schema: dict[str, Any]) -> Any:
        """One value."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return json.loads(WHOLE[name]().model_dump_json()) if name in WHOLE else self.make(self.defined[name])
        if "anyOf" in schema:
            return self.make(schema["anyOf"][0])
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        makes: dict[str, Callable[[dict[str, Any]], Any]] = {
            "object": self._object, "array": self._array, "string": _text, "integer": _number, "number": _number,
        }  # fmt: skip
        kind = schema.get("type")
        return makes[kind](schema) if kind in makes else kind == "boolean" or None

    def _object(self, schema: dict[str, Any]) -> Any:
        made = {name: self.make(part) for name, part in schema.get("properties", {}).items()}
        for pattern, part in schema.get("patternProperties", {}).items():
            made[_text({"pattern": pattern})] = self.make(part)
        return made

    def _array(self, schema: dict[str, Any]) -> Any:
        if "prefixItems" in schema:
            return [self.make(part) for part in schema["prefixItems"]]
        return [self.make(schema["items"])] * schema.get("minItems", 1)


def _text(schema: dict[str, Any]) -> str:
    if "format" in schema:
        return {"date-time": EPOCH.isoformat(), "uuid": "0" * 8 + "-0000-0000-0000-" + "0" * 12}[schema["format"]]
    texts: Iterator[str] = (t for t in TEXTS if re.search(schema.get("pattern", ""), t))
    return next(t for t in texts if len(t) >= schema.get("minLength", 0))


def _number(schema: dict[str, Any]) -> float:
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1))
    most = schema.get("maximum", schema.get("exclusiveMaximum", least + 2))
    return least + 1 if most > least + 1 else (least + most) / 2


@pytest.mark.parametrize("event", kinds(), ids=lambda e: e.kind)
def test_schema_and_class_agree(event: type[Event]) -> None:
    """A value made from the schema alone is an event, and what that event writes passes the schema again."""
    schema = publish.json_schema(event)
    value = Maker(schema).make(schema)
    if event is RunScheduled:
        value["calibration"] = None  # it comes before what is reserved, which no schema can say
    said = json.loads(envelope(event.model_validate_json(json.dumps(value))).model_dump_json())
    Draft202012Validator(_read("envelope.json"), format_checker=FORMATS).validate(said)
    Draft202012Validator(schema, format_checker=FORMATS).validate(said["data"])
