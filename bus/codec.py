"""Envelope ↔ bytes: structured CloudEvents JSON, one canonical form for writing.

The body is the whole envelope, so that a hash over the stored bytes covers cause, time and identity too.
Reading upcasts; the stored bytes are never written again.
"""

from __future__ import annotations

import re
from typing import Any, Literal, cast

import orjson
from pydantic import ValidationError, create_model
from pydantic_core import SchemaValidator

from bus.errors import EventTooLargeError
from bus.protocol import MAX_PAYLOAD
from contracts.catalogue import CATALOGUE
from contracts.envelope import Envelope, schema_uri
from contracts.errors import MalformedEventError
from contracts.event import Words
from contracts.upcasters import read_event

CONTENT_TYPE = "application/cloudevents+json"
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_TYPE = b'"type":"'


def encode(envelope: Envelope) -> bytes:
    """The bytes that are stored; the same envelope always gives the same bytes.

    Attributes stand in the order of the class and absent ones are left out, as pydantic would write them; it would
    take twice as long.

    Raises:
        EventTooLargeError: they are more than `MAX_PAYLOAD`.
    """
    e, fact = envelope, envelope.data
    attributes: dict[str, Any] = {
        "specversion": e.specversion,
        "id": e.id,
        "source": e.source,
        "type": e.type,
        "dataschema": e.dataschema,
        "datacontenttype": e.datacontenttype,
        "time": e.time,
    }
    if e.subject is not None:
        attributes["subject"] = e.subject
    attributes["campaign"] = e.campaign
    if e.causationid is not None:
        attributes["causationid"] = e.causationid
    attributes["correlationid"] = e.correlationid
    if e.traceparent is not None:
        attributes["traceparent"] = e.traceparent
    # inside the fact an absent value is a statement ("no model yet"), so it is written as null
    attributes["data"] = fact.__pydantic_serializer__.to_python(fact, mode="json")
    payload = orjson.dumps(attributes, option=orjson.OPT_UTC_Z)
    if len(payload) > MAX_PAYLOAD:
        raise EventTooLargeError(envelope.type, len(payload), MAX_PAYLOAD)
    return payload


def decode(payload: bytes) -> Envelope:
    """The envelope in these bytes, told in today's words.

    Raises:
        MalformedEventError: they hold no envelope, or its data does not obey its schema.
        UnknownKindError: no class is filed under its kind.
        FutureVersionError: it was written by a newer Athanor.
    """
    said = _decoded_at_once(payload)
    return _decoded_in_steps(payload) if said is None else said


def _decoded_at_once(payload: bytes) -> Envelope | None:
    """The envelope, if its event is one of today's and nothing is wrong; in one pass, at a third of the cost."""
    begin = payload.find(_TYPE) + len(_TYPE)
    kind = payload[begin : payload.find(b'"', begin)]
    if (validator := _VALIDATORS.get(kind)) is None and (validator := _validator(kind)) is None:
        return None
    try:
        said = validator.validate_json(payload)
    except ValidationError:
        return None
    object.__setattr__(said, "__class__", Envelope)  # it has the same fields: only now it is no other class
    return cast("Envelope", said)


def _validator(kind: bytes) -> SchemaValidator | None:
    """What reads and checks envelopes that hold an event of that kind; none for an unknown one."""
    event = CATALOGUE.get(kind.decode("ascii", "replace"))
    if event is None:
        return None
    # Which event an envelope must name is known here: `Envelope` asks in Python, this asks while it reads. The test
    # of the codec holds the two against each other.
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in Envelope.model_fields.items()}
    fields |= {
        "type": (Literal[event.kind], ...),
        "dataschema": (Literal[schema_uri(event.kind, event.version)], ...),
        "data": (event, ...),
    }
    model = create_model(f"EnvelopeOf{event.__name__}", __base__=Words, **fields)
    _VALIDATORS[kind] = validator = cast("SchemaValidator", model.__pydantic_validator__)  # its type allows for plugins
    return validator


_VALIDATORS: dict[bytes, SchemaValidator] = {}


def _decoded_in_steps(payload: bytes) -> Envelope:
    """The envelope, by way of the versions since; or what is wrong with it, in words.

    Raises:
        MalformedEventError: these bytes hold no envelope, or its data does not obey its schema.
        UnknownKindError: no class is filed under its kind.
        FutureVersionError: it was written by a newer Athanor.
    """
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise MalformedEventError(f"Expected a CloudEvents JSON object, got {payload[:40]!r}: {error}.") from error
    if not isinstance(document, dict):
        raise MalformedEventError(f"Expected a CloudEvents JSON object, got a {type(document).__name__}.")
    kind, version = document.get("type"), _version(document.get("dataschema"))
    fields = document.get("data")
    if not isinstance(kind, str) or version is None or not isinstance(fields, dict):
        raise MalformedEventError(
            "Expected type, dataschema (urn:athanor:event:KIND:VERSION) and data of an event, "
            f"got the attributes {sorted(map(str, document))}."
        )
    event = read_event(kind, version, fields)
    document |= {"data": event, "dataschema": schema_uri(event.kind, event.version)}
    try:
        return Envelope.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the envelope"
        raise MalformedEventError(f"Expected an envelope, got a mistake at {where}: {first['msg']}.") from error


def _version(uri: object) -> int | None:
    text = str(uri).rpartition(":")[2]
    return int(text) if str(uri).startswith("urn:athanor:event:") and _VERSION.fullmatch(text) else None
