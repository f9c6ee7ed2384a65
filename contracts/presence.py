"""Who is there: agents come, go, and stumble."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from contracts.event import Event, Words
from contracts.identifiers import AgentName
from contracts.quantities import Count


class AgentStarted(Event, kind="presence.agent_started"):
    """An agent has folded the past and takes part."""

    agent: AgentName
    """Who."""
    start: Annotated[int, Field(ge=1)]
    """How many times it has started in this campaign."""
    code_version: str
    """The Athanor that it runs."""
    folded: Count
    """Events that it folded before it took part."""
    memory_sha256: str
    """Digest of the memory that came of them."""


class AgentStopped(Event, kind="presence.agent_stopped"):
    """An agent was stopped in good order."""

    agent: AgentName
    """Who."""
    start: Annotated[int, Field(ge=1)]
    """Which of its starts this ends."""
    reason: str
    """Why."""


class TroubleKind(StrEnum):
    """What is in trouble."""

    BROKER = "broker"
    CLOCK = "clock"
    DISK = "disk"
    INSTRUMENT = "instrument"
    LEDGER = "ledger"


class LabTroubled(Event, kind="presence.lab_troubled"):
    """Something beneath the agents is not as it should be; work went on, or goes on when it is mended."""

    trouble: TroubleKind
    """What is in trouble."""
    reason: str
    """What was noticed, in a sentence."""


class Speaker(Words):
    """Somebody who may say something in this campaign."""

    name: AgentName
    """Who."""
    public_key: Annotated[str, StringConstraints(pattern=r"^(U[A-Z2-7]{55})?$")]
    """The key that signs what is said, in the notation of NATS; empty where nobody has a key."""
    says: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*\.[a-z][a-z0-9_]*:[1-9][0-9]{0,8}$")], ...]
    """Each kind that may be said, with its newest version: ``review.decided:1``."""


class SpeakersListed(Event, kind="presence.speakers_listed"):
    """The roll: who may say what from here on, and by which key that can be told."""

    speakers: tuple[Speaker, ...]
    """Everybody who may speak, sorted by name."""


class EventRefused(Event, kind="presence.event_refused"):
    """Something stands in the log that nobody may take for an event: it was set aside and acted on by nobody."""

    sequence: Annotated[int, Field(ge=1)]
    """Its place in the log, where its bytes are kept."""
    bus_subject: Annotated[str, StringConstraints(max_length=512)]
    """Where it was published."""
    reason: Annotated[str, StringConstraints(max_length=1000)]
    """What is wrong with it."""


class AgentFaulted(Event, kind="presence.agent_faulted", version=2):
    """A reaction raised: a bug, not an expected trouble of the world."""

    agent: AgentName
    """Who."""
    event_id: UUID
    """The event that it was reacting to."""
    event_kind: str
    """That event's kind."""
    attempt: Annotated[int, Field(ge=1)]
    """Which attempt this was."""
    error: str
    """The exception's type and message."""
    where: str
    """File and line where it was raised."""
    parked: bool
    """Whether the event was set aside as a dead letter after this attempt."""


class WorkTakenUp(Event, kind="presence.work_taken_up"):
    """What an agent had set aside is worked on again: a mistake was mended, or what stood in the way is gone."""

    agent: AgentName
    """Whose work it is."""
    event_id: UUID
    """The event that it was reacting to."""
    event_kind: str
    """That event's kind."""
    place: Annotated[int, Field(ge=1)]
    """Where that event stands in the log."""
    reaction: Count
    """Which of the agent's reactions to that kind, from 0."""
    reason: str
    """Why now."""
