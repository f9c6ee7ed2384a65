"""Puts an event into its envelope: what it is about, which chain it belongs to, what caused it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.envelope import Envelope, schema_uri
from contracts.event import Event
from contracts.identifiers import candidate_of, chain_id, trace_parent

SUBJECTS = ("sample_id", "candidate_id", "run_id", "agent")
"""Fields that say what an event is about, the most telling first."""


@dataclass(frozen=True, slots=True)
class Saying:
    """The circumstances of an event."""

    campaign: str
    """The campaign."""
    source: str
    """Who says it."""
    time: datetime
    """When, on the lab's clock."""
    cause: Envelope | None
    """What led to it; none for what came from outside the log."""


def seal(event: Event, event_id: UUID, saying: Saying) -> Envelope:
    """The event as it will stand in the log."""
    subject = next((str(v) for name in SUBJECTS if (v := getattr(event, name, None))), None)
    made_of = getattr(event, "sample_id", None) or getattr(event, "candidate_id", None)
    cause = saying.cause
    if made_of is not None:
        correlation = chain_id(saying.campaign, candidate_of(made_of))
    else:
        correlation = cause.correlationid if cause else event_id
    return Envelope(
        id=event_id,
        source=f"/agents/{saying.source}",
        type=event.kind,
        dataschema=schema_uri(event.kind, event.version),
        time=saying.time,
        subject=subject,
        campaign=saying.campaign,
        causationid=cause.id if cause else None,
        correlationid=correlation,
        traceparent=trace_parent(correlation, event_id),
        data=event,
    )
