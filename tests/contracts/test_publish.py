"""The published face of the contracts is what the classes say."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
import yaml

from contracts import publish
from contracts.catalogue import kinds


@pytest.mark.parametrize("name", sorted(publish.schema_files()))
def test_committed_schema_is_the_classes_schema(name: str) -> None:
    """A contract cannot change without its committed schema changing with it."""
    committed = (publish.SCHEMAS / name).read_text(encoding="utf-8")
    assert committed == publish.schema_files()[name], "run `make schemas` and commit what it wrote"


def test_every_released_version_keeps_its_schema() -> None:
    """Versions 1 to today of every kind have a committed schema."""
    for event in kinds():
        for version in range(1, event.version + 1):
            document = json.loads((publish.SCHEMAS / publish.schema_file(event.kind, version)).read_text())
            assert document["$id"] == f"urn:athanor:event:{event.kind}:{version}"
            jsonschema.Draft202012Validator.check_schema(document)


def test_no_stray_schema() -> None:
    """Every committed schema belongs to a version that exists."""
    expected = {publish.schema_file(e.kind, v) for e in kinds() for v in range(1, e.version + 1)}
    assert {p.name for p in publish.SCHEMAS.glob("*.json")} == expected | {"envelope.json"}


def test_asyncapi_is_current_and_names_every_event() -> None:
    """The AsyncAPI document is made from today's classes and refers only to files that exist."""
    text = publish.ASYNCAPI.read_text(encoding="utf-8")
    assert text == publish.asyncapi(), "run `make schemas` and commit what it wrote"
    document = yaml.safe_load(text)
    assert set(document["channels"]) == {event.kind for event in kinds()}
    for message in document["components"]["messages"].values():
        envelope, kind = message["payload"]["allOf"]
        assert kind["type"] == "object", "strict validators want the type beside its properties"
        for reference in (envelope["$ref"], kind["properties"]["data"]["$ref"]):
            assert (publish.HERE / reference).exists()


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    """Channels, messages and operations refer to what is there, each operation to a channel, and no channel is idle."""
    document = yaml.safe_load(publish.asyncapi())
    references = re.findall(r"\$ref: '?(#/[^\s']+)", publish.asyncapi())
    assert len(references) >= 2 * len(document["channels"])
    for reference in references:
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]
    assert document["asyncapi"] == "3.0.0"
    assert document.keys() == {
        "asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components",
    }  # fmt: skip
    told = {operation["channel"]["$ref"] for operation in document["operations"].values()}
    assert told == {f"#/channels/{name}" for name in document["channels"]}
    for channel in document["channels"].values():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == channel["parameters"].keys()


def test_readme_catalogue_is_current() -> None:
    """The event catalogue in the README lists today's events."""
    text = publish.README.read_text(encoding="utf-8")
    assert text == publish.readme(text), "run `make schemas` and commit what it wrote"
    assert all(f"`{event.__name__}`" in text for event in kinds())


def test_numbers_carry_unit_and_bounds_into_the_schema() -> None:
    """A published number says what it counts and what it may be."""
    schema = json.loads((publish.SCHEMAS / "planning.candidate_proposed.1.json").read_text())
    segment = schema["$defs"]["Segment"]["properties"]
    assert segment["target"]["description"].endswith("Unit: K.")
    assert segment["target"]["minimum"] == 0
    assert segment["dwell"]["description"].endswith("Unit: s.")
