"""What the lab and a synthesiser say to each other over a wire such as MQTT: questions, and one answer to each.

The broker's acknowledgement proves only that the broker has heard, so nothing counts before the instrument
itself has answered. Either side may say anything twice: a question carries the lab's time and an idempotency
key, so that its answer does not depend on how often it comes. Each message is one JSON object with its schema's number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from contracts.event import Words
from contracts.identifiers import InstrumentName, StepId, follow_up_id, root_id, trace_parent
from contracts.instruments import ActionState, StepReport, StepRequest

SCHEMA: Literal[1] = 1
"""Number of this form of the messages; any change of them is another number."""
ROOT = "instruments"
"""First level of the topics of real instruments."""
MQTT_PORT = 1883
"""Where brokers listen unless they say otherwise."""
MOST_WORDS = 200
"""Characters of somebody else's words that are repeated in a message of ours."""

_ROOT = re.compile(r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A level of a topic: no dot, space or wildcard, which some brokers rewrite or refuse."""
TraceParent = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]
"""A W3C ``traceparent``; it travels in the payload, because MQTT 3.1.1 has no headers."""


class Verb(StrEnum):
    """What is asked: the verbs of `contracts.instruments.Synthesiser`, none of which waits."""

    START = "start"
    ASK = "ask"
    REPORT = "report"


class _Said(Words):
    """One message."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_number: Literal[1] = Field(alias="schema")
    """Form of the message."""

    def payload(self) -> bytes:
        """The message as it travels."""
        return self.model_dump_json().encode()


class Question(_Said):
    """What the lab asks of an instrument."""

    id: Token
    """Names the question; asked again, it is the same question under the same id."""
    client: Token
    """Who asks, and where the answer goes."""
    verb: Verb
    """What is asked."""
    key: StepId
    """Which action: its idempotency key."""
    now: AwareDatetime
    """The lab's time, which may be virtual: a simulated instrument has no other clock."""
    trace: TraceParent
    """Trace that the question belongs to."""
    request: StepRequest | None = None
    """What to start; with ``start`` only."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.verb is Verb.START) != (self.request is not None):
            raise ValueError(f"expected a request with start and with nothing else, got the verb {self.verb.value}")
        if self.request is not None and self.request.key != self.key:
            raise ValueError(f"expected the key of the request, got {self.key!r} beside {self.request.key!r}")
        return self


class _Answered(_Said):
    """What all answers have in common."""

    id: Token
    """The question that is answered."""
    key: StepId
    """Its action."""
    trace: TraceParent
    """Its trace."""


class Standing(_Answered):
    """How far an action is. After ``start`` it says that the action has begun, now or before."""

    outcome: Literal["state"] = "state"
    """Kind of the answer."""
    state: ActionState
    """How far."""
    started_at: AwareDatetime | None = None
    """When it began."""
    ends_at: AwareDatetime | None = None
    """When it ended, or is expected to."""

    @model_validator(mode="after")
    def _has_its_times(self) -> Self:
        if self.state is ActionState.RUNNING and (self.started_at is None or self.ends_at is None):
            raise ValueError("expected started_at and ends_at of an action that is running, got an answer without them")
        return self


class Reported(_Answered):
    """The report of an action that has ended."""

    outcome: Literal["report"] = "report"
    """Kind of the answer."""
    report: StepReport
    """What became of it."""

    @model_validator(mode="after")
    def _is_of_the_key(self) -> Self:
        if self.report.key != self.key:
            raise ValueError(f"expected the report of {self.key!r}, got that of {self.report.key!r}")
        return self


class Occupied(_Answered):
    """Nothing was begun: the instrument is doing something else."""

    outcome: Literal["busy"] = "busy"
    """Kind of the answer."""
    doing: str
    """What it is doing."""
    until: AwareDatetime
    """When it expects to be free."""


class Refused(_Answered):
    """The instrument will not, and says why; it has begun nothing because of this question."""

    outcome: Literal["refused"] = "refused"
    """Kind of the answer."""
    reason: str
    """Expected, got, and what to do."""


Answer = Standing | Reported | Occupied | Refused
"""What an instrument answers."""
ANSWERS: TypeAdapter[Answer] = TypeAdapter(Annotated[Answer, Field(discriminator="outcome")])
"""Reads an answer by its ``outcome``."""


class Presence(_Said):
    """Whether an instrument is there; retained, and left with the broker as its last will."""

    instrument: InstrumentName
    """Which one."""
    state: Literal["online", "offline"]
    """Whether it is there."""
    calibrates: bool = False
    """Whether it can be asked to calibrate its furnace; one that does not say so is never asked."""


class Complaint(_Said):
    """Something that an instrument tells unasked: a question that it could not read, a door left open."""

    instrument: InstrumentName
    """Which one."""
    message: str
    """What is wrong, in a sentence."""


def misfit(question: Question, answer: Answer) -> str:
    """Why `answer` is no answer to `question`; empty if it is one."""
    if answer.key != question.key:
        return f"the key {question.key!r}, got {answer.key!r}"
    match question.verb, answer:
        case _, Refused():
            return ""
        case Verb.START, Occupied():
            return ""
        case Verb.START, Standing(state=ActionState.RUNNING | ActionState.DONE):
            return ""
        case Verb.ASK, Standing():
            return ""
        case Verb.REPORT, Reported() | Standing(state=ActionState.RUNNING):
            return ""
    told = f"{answer.outcome} {answer.state.value}" if isinstance(answer, Standing) else answer.outcome
    return f"an answer to {question.verb.value}, got {told!r}"


def trace_of(key: str, n: int) -> str:
    """Trace of the `n`-th question about an action: the action is the trace, each question a span of it."""
    action: UUID = root_id(ROOT, key)
    return trace_parent(action, follow_up_id(action, "question", n))


@dataclass(frozen=True, slots=True)
class Topics:
    """Where an instrument and its lab meet."""

    name: str
    """The instrument."""
    root: str = ROOT
    """Levels above it; another for each simulated lab on one broker."""

    def __post_init__(self) -> None:
        if not _ROOT.match(f"{self.root}/{self.name}"):
            raise ValueError(
                f"Expected topic levels of letters, digits, _ and - with single slashes between them, got "
                f"{self.root}/{self.name}. Brokers rewrite or refuse other characters."
            )

    @property
    def questions(self) -> str:
        """The lab asks here; the instrument listens."""
        return f"{self.root}/{self.name}/question"

    def answers(self, client: str) -> str:
        """The instrument answers here; that client listens."""
        return f"{self.root}/{self.name}/answer/{client}"

    @property
    def presence(self) -> str:
        """Whether the instrument is there, retained."""
        return f"{self.root}/{self.name}/state"

    @property
    def complaints(self) -> str:
        """What the instrument tells unasked."""
        return f"{self.root}/{self.name}/trouble"


def mistakes(error: ValidationError) -> str:
    """What is wrong with a message, in one line that stays short however long the message is."""
    told = [
        f"{clipped('.'.join(map(str, e['loc'])) or 'message')}: {clipped(e['msg'])}"
        for e in error.errors(include_input=False)
    ]
    return "; ".join(told[:3]) + (f"; and {len(told) - 3} more" if len(told) > 3 else "")


def clipped(words: str, most: int = MOST_WORDS) -> str:
    """The beginning of what somebody else has written: a message of ours must not grow with one of theirs."""
    return words if len(words) <= most else words[:most] + "…"


def excerpt(payload: bytes) -> str:
    """How a message begins, as text that can be shown."""
    return repr(payload[:60].decode(errors="replace")) + ("…" if len(payload) > 60 else "")


class _Asker(_Answered):
    """Who asks what, of a question that is otherwise none."""

    model_config = ConfigDict(extra="ignore")

    client: Token
    """Where the answer goes."""


def rejection(topics: Topics, payload: bytes, why: str) -> tuple[str, bytes]:
    """What an instrument says, and where, of a message among its questions that it will not act on.

    Whoever asks is refused, as long as the message tells who that is; otherwise the lab is told. Nothing is begun.

    Args:
        topics: the instrument's.
        payload: the message.
        why: what is wrong with it.
    """
    got = f"{excerpt(payload)} ({clipped(why, 4 * MOST_WORDS)})"
    message = f"expected a question of schema {SCHEMA}, got {got}; nothing was done"
    try:
        asker = _Asker.model_validate_json(payload)
    except ValidationError:
        return topics.complaints, Complaint(schema=SCHEMA, instrument=topics.name, message=message).payload()
    refused = Refused(schema=SCHEMA, id=asker.id, key=asker.key, trace=asker.trace, reason=message)
    return topics.answers(asker.client), refused.payload()


class Broker(Words):
    """Where an MQTT broker listens."""

    host: str
    """Name or address."""
    port: Annotated[int, Field(ge=1, le=65535)] = MQTT_PORT
    """TCP port."""
    user: str | None = None
    """Who connects; the password never stands in a file of ours."""

    @classmethod
    def at(cls, url: str) -> Self:
        """The broker of ``mqtt://[user@]host[:port]``.

        Raises:
            ValueError: it is written otherwise.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        rest = parts.path.strip("/") or parts.query or parts.fragment
        if parts.scheme != "mqtt" or not parts.hostname or parts.password is not None or rest or port == 0:
            shown = re.sub(r":[^:@/]*@", ":…@", url)
            raise ValueError(
                f"Expected a broker as mqtt://host:port or mqtt://user@host:port, got {shown!r}. "
                "Give the password in the environment variable ATHANOR_MQTT_PASSWORD."
            )
        return cls(host=parts.hostname, port=port or MQTT_PORT, user=parts.username)
