"""Who is there: agents come, go, and stumble."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from contracts.event import Event
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
