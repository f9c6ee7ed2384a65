"""What an agent in any language promises, and how its words in the log are held against that.

The promises are those of `ops/how-to/agent-in-any-language.md`, in the same order and words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from agents.envelopes import Saying, seal
from bus.admitting import Admission
from bus.errors import BusError
from bus.ledger.stream import Stored
from bus.subjects import dead_letters
from contracts.envelope import Envelope
from contracts.identifiers import follow_up_id, root_id
from contracts.presence import AgentFaulted, AgentStarted, AgentStopped
from ops.seats.stage import CAMPAIGN, Cause

REACTIONS, ANSWERS = 16, 64
"""Of how many reactions to one cause, with how many answers each, the ids are known."""


class Promise(StrEnum):
    """What is promised."""

    SEAT = "it takes its seat: agent_started, under the number of its start"
    CONSUMER = "it listens through its own durable pull consumer, with explicit acknowledgements"
    ANSWERS = "it answers"
    EVENTS = "all that it says are events: subject, envelope, schema, source, signature"
    IDS = "the id of an answer follows from its cause, and stands in Nats-Msg-Id"
    CAUSES = "answers name their cause, chain, trace and subject, and are not older than their cause"
    ORDER = "it answers in the order of the log"
    ONCE = "it answers a cause once, also when that is delivered again"
    KILLED = "killed and started again, it goes on where it was"
    STORED = "it acknowledges after its answer is stored, and not before"
    POISON = "it answers nothing that is no event, and goes on after it"
    BROKER = "it goes on after the broker was killed"
    NOTHING_ELSE = "it says nothing else"
    STOPPED = "told to stop, it says agent_stopped and ends"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a promise."""

    promise: Promise
    kept: bool | None
    """None where it could not be seen."""
    words: str = ""
    """What was expected, and seen instead."""


@dataclass
class Findings:
    """What was found, each promise once, the first mistake of each."""

    _by: dict[Promise, Finding] = field(default_factory=dict)

    def keep(self, promise: Promise, *, kept: bool | None, words: str = "") -> None:
        """Notes what was seen; a mistake stands whatever is seen later."""
        before = self._by.get(promise)
        if before is None or (before.kept is not False and kept is not None):
            self._by[promise] = Finding(promise, kept, words)

    def broken(self, promise: Promise, words: str) -> None:
        """Notes a mistake."""
        self.keep(promise, kept=False, words=words)

    def all(self) -> list[Finding]:
        """Every promise, in order; those that nothing was seen of are not seen."""
        return [self._by.get(p, Finding(p, None, "nothing was seen of it")) for p in Promise]


@dataclass(frozen=True)
class Heard:
    """What an agent was told, and what it left in the log.

    Attributes:
        name: the agent.
        log: everything that is stored.
        causes: what it was told, in order.
        poison: places of what it may not answer.
    """

    name: str
    log: Sequence[Stored]
    causes: Sequence[Cause]
    poison: Sequence[int]


def judge(heard: Heard, findings: Findings) -> None:
    """Holds what is in the log against the promises."""
    events = list(_admitted(heard, findings))
    answers = [(s, e) for s, e in events if not isinstance(e.data, AgentStarted | AgentStopped | AgentFaulted)]
    _judge_presence(heard.name, [e for _, e in events], findings)
    known = {cause.envelope.id: cause for cause in heard.causes}
    by_cause: dict[UUID, list[tuple[Stored, Envelope]]] = defaultdict(list)
    for stored, said in answers:
        if said.causationid is not None and said.causationid in known:
            by_cause[said.causationid].append((stored, said))
            _judge_answer(heard.name, stored, known[said.causationid], said, findings)
        elif said.causationid is None:
            findings.broken(Promise.CAUSES, f"Expected causationid in {said.type} at {stored.sequence}, got none.")
        else:
            findings.broken(
                Promise.CAUSES,
                f"Expected causationid to be the id of what it was told, got {said.causationid} at {stored.sequence}.",
            )
    _judge_counts(heard, by_cause, findings)


def _admitted(heard: Heard, findings: Findings) -> Iterator[tuple[Stored, Envelope]]:
    """The agent's events; what is none is told, and what nobody may say."""
    admission, dead = Admission(), dead_letters(CAMPAIGN, f"{CAMPAIGN}-{heard.name}")
    own = {cause.sequence for cause in heard.causes} | set(heard.poison)
    for stored in heard.log:
        if stored.subject == dead:
            place = stored.message_id.rpartition("/")[2]
            if not place.isdigit() or int(place) not in heard.poison:
                findings.broken(
                    Promise.NOTHING_ELSE,
                    f"Expected no dead letter but of what is no event, got one at {stored.sequence}: "
                    f"{stored.message_id[:80]}.",
                )
            continue
        try:
            told = admission.admit(stored.sequence, stored.subject, stored.payload)
        except BusError as error:
            if stored.sequence not in own:
                findings.broken(Promise.EVENTS, str(error))
            continue
        if told.speaker == heard.name:
            findings.keep(Promise.EVENTS, kept=True)
            findings.keep(Promise.NOTHING_ELSE, kept=True)
            yield stored, told.envelope


def _judge_presence(name: str, events: Sequence[Envelope], findings: Findings) -> None:
    starts = [e for e in events if isinstance(e.data, AgentStarted)]
    for n, said in enumerate(starts, 1):
        assert isinstance(said.data, AgentStarted)  # noqa: S101  chosen above
        expected = root_id(CAMPAIGN, f"{name}/started/{n}")
        if said.data.agent != name or said.data.start != n or said.id != expected:
            findings.broken(
                Promise.SEAT,
                f"Expected agent_started of {name}, start {n}, with the id {expected}, got {said.data.agent}, start "
                f"{said.data.start}, {said.id}.",
            )
    if starts:
        findings.keep(Promise.SEAT, kept=True)
    else:
        findings.broken(Promise.SEAT, "Expected presence.agent_started before it answers, got none.")


def _judge_answer(name: str, stored: Stored, cause: Cause, said: Envelope, findings: Findings) -> None:
    possible = {
        follow_up_id(cause.envelope.id, author, n)
        for author in (name, *(f"{name}/{r}" for r in range(REACTIONS)))
        for n in range(ANSWERS)
    }
    findings.keep(Promise.IDS, kept=True)
    findings.keep(Promise.CAUSES, kept=True)
    if said.id not in possible:
        findings.broken(
            Promise.IDS,
            f"Expected {said.type} at {stored.sequence} to have the id uuid5({cause.envelope.id}, '{name}/0/0'), "
            f"{follow_up_id(cause.envelope.id, f'{name}/0', 0)}, or that of a later answer, got {said.id}.",
        )
    if stored.message_id != str(said.id):
        got = stored.message_id or "none"
        findings.broken(Promise.IDS, f"Expected Nats-Msg-Id: {said.id} at {stored.sequence}, got {got}.")
    right = seal(said.data, said.id, Saying(CAMPAIGN, name, said.time, cause.envelope))
    for what in ("correlationid", "traceparent", "subject"):
        if (expected := getattr(right, what)) != (got := getattr(said, what)):
            findings.broken(Promise.CAUSES, f"Expected {what} {expected} at {stored.sequence}, got {got}.")
    if said.time < cause.envelope.time:
        findings.broken(
            Promise.CAUSES,
            f"Expected a time not before that of its cause ({cause.envelope.time.isoformat()}) at {stored.sequence}, "
            f"got {said.time.isoformat()}.",
        )


def _judge_counts(heard: Heard, by_cause: Mapping[UUID, Sequence[tuple[Stored, Envelope]]], findings: Findings) -> None:
    if not by_cause:
        findings.broken(Promise.ANSWERS, f"Expected answers, got none to {len(heard.causes)} events that it was told.")
        return
    kinds = {c.envelope.type for c in heard.causes if c.envelope.id in by_cause}
    silent = [c for c in heard.causes if c.envelope.type in kinds and c.envelope.id not in by_cause]
    if silent:
        first = silent[0]
        findings.broken(
            Promise.ANSWERS,
            f"Expected an answer to each {first.envelope.type}, as to others, got none to that at {first.sequence} "
            f"(and {len(silent) - 1} more).",
        )
    findings.keep(Promise.ANSWERS, kept=True, words=f"{len(by_cause)} of {len(heard.causes)}")
    findings.keep(Promise.ONCE, kept=True)
    findings.keep(Promise.ORDER, kept=True)
    last = 0
    for cause in heard.causes:
        said = by_cause.get(cause.envelope.id, ())
        texts = [e.data.model_dump_json() for _, e in said]
        ids = [e.id for _, e in said]
        if len(set(ids)) < len(ids) or (len(said) > 1 and len(set(texts)) < len(texts)):
            places = ", ".join(str(s.sequence) for s, _ in said)
            findings.broken(Promise.ONCE, f"Expected one answer to what is at {cause.sequence}, got them at {places}.")
        if said and said[0][0].sequence < last:
            findings.broken(
                Promise.ORDER,
                f"Expected the answer to {cause.sequence} after those to what came before, got it at "
                f"{said[0][0].sequence}.",
            )
        last = max(last, *(s.sequence for s, _ in said)) if said else last
