"""A past to be lived again: its entries, what led to what, and what the world answered.

Entries are kept as the bytes that were stored, and read when they are needed: a year of events fits into memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import orjson

from bus.codec import decode, encode
from bus.protocol import Recorded
from bus.signing import split
from contracts.campaigns import CampaignStarted
from contracts.envelope import Envelope
from contracts.presence import AgentFaulted, AgentStarted, AgentStopped
from contracts.upcasters import read_event, told_as

AT_ITS_END = "the campaign has ended"
"""Reason with which agents stop when everything is at rest."""


@dataclass(slots=True)
class Entry:
    """One event of the past."""

    sequence: int
    """Its place in the log."""
    payload: bytes
    """The stored bytes."""
    id: UUID
    """Its identifier."""
    kind: str
    """What it tells."""
    author: str
    """Who said it; an agent's name, or a path of somebody else."""
    cause: UUID | None
    """What led to it."""
    remade: bool = False
    """Whether somebody has said it again."""

    @property
    def body(self) -> bytes:
        """The stored bytes without a signature on them."""
        return split(self.payload)[0]

    def recorded(self) -> Recorded:
        """The event, told in today's words."""
        envelope = decode(self.body)
        return Recorded(self.sequence, "", envelope, self.payload, envelope.time)

    def canonical(self) -> bytes:
        """The event as today's words tell it, with sorted keys."""
        return canonical(decode(self.body))

    def as_told_then(self, remade: Envelope) -> bytes:
        """Canonical bytes of what is said now, but for what the version that the log has could not tell."""
        then = orjson.loads(self.body)
        before = int(then["dataschema"].rpartition(":")[2])
        if self.kind == remade.type and before < remade.data.version:
            words = told_as(self.kind, before, orjson.loads(encode(remade))["data"])
            remade = remade.model_copy(update={"data": read_event(self.kind, before, words)})
        return canonical(remade)


def canonical(envelope: Envelope) -> bytes:
    """All that an envelope says, as bytes that depend on nothing but that."""
    return orjson.dumps(orjson.loads(encode(envelope)), option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Start:
    """What an agent said of its memory when it started."""

    agent: str
    sequence: int
    folded: int
    memory_sha256: str
    code_version: str


@dataclass
class Past:
    """The past of one campaign.

    Attributes:
        campaign: its name.
        entries: its events, in order.
        by_id: the same, by identifier.
        answers: what the world answered: ``step/KEY``, ``scan/KEY``, ``review/CANDIDATE`` → the event that tells it.
        stumbled: agent and event over which that agent stumbled.
        given_up: those of them that were set aside in the end.
        starts: what agents said of their memories.
        at_rest: agents that stopped because everything was done.
    """

    campaign: str = ""
    entries: list[Entry] = field(default_factory=list)
    by_id: dict[UUID, Entry] = field(default_factory=dict)
    started: CampaignStarted | None = None
    answers: dict[str, Entry] = field(default_factory=dict)
    stumbled: set[tuple[str, UUID]] = field(default_factory=set)
    given_up: set[tuple[str, UUID]] = field(default_factory=set)
    starts: list[Start] = field(default_factory=list)
    at_rest: set[str] = field(default_factory=set)

    @classmethod
    async def of(cls, events: AsyncIterator[Recorded], until: datetime | None = None) -> Past:
        """Reads a past.

        Args:
            events: of one campaign, in order.
            until: the last moment on the lab's clock; to the end without it.
        """
        past = cls()
        async for recorded in events:
            if until is None or recorded.envelope.time <= until:
                past.note(recorded)
        return past

    def note(self, recorded: Recorded) -> None:
        """Takes one event in."""
        envelope = recorded.envelope
        author = envelope.source.removeprefix("/agents/")
        entry = Entry(recorded.sequence, recorded.payload, envelope.id, envelope.type, author, envelope.causationid)
        self.campaign = self.campaign or envelope.campaign
        self.entries.append(entry)
        self.by_id.setdefault(entry.id, entry)
        event = envelope.data
        if (key := event.answered()) is not None:
            self.answers.setdefault(key, entry)
        elif isinstance(event, CampaignStarted):
            self.started = self.started or event
        elif isinstance(event, AgentFaulted):
            self.stumbled.add((event.agent, event.event_id))
            if event.parked:
                self.given_up.add((event.agent, event.event_id))
        elif isinstance(event, AgentStarted):
            self.at_rest.discard(event.agent)
            start = Start(event.agent, entry.sequence, event.folded, event.memory_sha256, event.code_version)
            self.starts.append(start)
        elif isinstance(event, AgentStopped) and event.reason == AT_ITS_END:
            self.at_rest.add(event.agent)

    def decider(self, agent: str, place: int) -> str:
        """Version of the code that an agent decided with at a place; empty where it never said."""
        said = [start for start in self.starts if start.agent == agent]
        before = [start for start in said if start.sequence <= place]
        return (before or said)[-1 if before else 0].code_version if said else ""

    def answer(self, key: str) -> Recorded | None:
        """What the world answered to a question; none if it never did."""
        entry = self.answers.get(key)
        return entry.recorded() if entry else None
