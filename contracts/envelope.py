"""Who said it, when, and because of what.

The attribute names are CloudEvents 1.0 (structured JSON mode, https://cloudevents.io), with its
extension attributes for what an audit needs: the causing event, the correlation that ties one sample's
life together, the W3C trace and the campaign.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, SerializeAsAny, StringConstraints, model_validator

from contracts.event import Event, Words
from contracts.identifiers import CampaignId

TraceParent = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]
"""A W3C ``traceparent``."""


def schema_uri(kind: str, version: int) -> str:
    """The name of a released schema: ``urn:athanor:event:KIND:VERSION``."""
    return f"urn:athanor:event:{kind}:{version}"


class Envelope(Words):
    """One event as it is written into the log."""

    specversion: Literal["1.0"] = "1.0"
    """Version of the CloudEvents specification."""
    id: UUID
    """Follows from the cause (`contracts.identifiers`), so that saying it twice is saying it once."""
    source: str
    """Who says it: ``/agents/planner``, ``/ops/console``."""
    type: str
    """The event's kind."""
    dataschema: str
    """The schema that `data` obeys, version included."""
    datacontenttype: Literal["application/json"] = "application/json"
    """How `data` is written."""
    time: AwareDatetime
    """When it happened on the lab's clock, which is virtual in a virtual campaign."""
    subject: str | None = None
    """What it is about: a sample, a candidate, a run."""
    campaign: CampaignId
    """The campaign that it belongs to."""
    causationid: UUID | None = None
    """The event that led to this one; none for what comes from outside."""
    correlationid: UUID
    """The first event of the chain that this one belongs to."""
    traceparent: TraceParent | None = None
    """The telemetry span in which it was said."""
    data: SerializeAsAny[Event]
    """The fact itself."""

    @model_validator(mode="after")
    def _names_its_data(self) -> Envelope:
        kind, version = self.data.kind, self.data.version
        if self.type != kind or self.dataschema != schema_uri(kind, version):
            raise ValueError(
                f"expected type and dataschema of {kind}@{version}, got {self.type!r} and {self.dataschema!r}"
            )
        return self
