"""A synthesiser behind an MQTT broker.

Each verb is a question that is asked again, under the same id, until the instrument itself has answered. Nothing
is ever guessed from silence: an instrument that is away is waited for, and the lab is told so, because giving
up would set vials aside that may be in the furnace. Only what the instrument itself refuses is an error.
What is no answer (garbage, a stranger's, one too many) is counted and told, and changes nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import getnode

from opentelemetry import propagate
from pydantic import ValidationError

from agents.drivers.mqtt_link import Account, Link
from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState, Clock, StepKind, StepReport, StepRequest
from contracts.wire import (
    ANSWERS,
    SCHEMA,
    Answer,
    Broker,
    Complaint,
    Occupied,
    Presence,
    Question,
    Refused,
    Reported,
    Standing,
    Topics,
    Verb,
    clipped,
    excerpt,
    misfit,
    mistakes,
    trace_of,
)

PATIENCE = 2.0
"""Real seconds to wait for an answer before the question is asked again; they double up to the longest."""
LONGEST_PATIENCE = 30.0
SILENT_AFTER = 3
"""Questions without an answer after which the silence is told."""
LATE = 5.0
"""Real seconds between two looks at an action that should have ended by now."""
MOST_BYTES = 900_000
"""Largest question; brokers throw out a client that sends more than they take, commonly 1 MB."""
MOST_REPORTED = 48_000
"""Bytes of the largest report that still goes into an event with what else the event says."""
MOST_REASON = 2000
"""Characters of what an instrument says that are passed on."""
MOST_KINDS = 100
"""Kinds of trouble that are told apart; more are counted together, so that no flood of words is kept."""
MEMORY = 1000
"""Answered questions that are remembered, to tell what comes twice from what was never asked."""

_DRIVERS = itertools.count(1)
"""Drivers that this process has made."""


@dataclass
class _Asked:
    """A question and what came of it."""

    question: Question
    times: int = 0
    """How often it was asked."""
    heard: int = 0
    """How often it was answered."""
    answer: Answer | None = None
    """The answer that counts: the first."""
    silence_told: bool = False
    """Whether the lab was told that no answer comes."""
    news: asyncio.Queue[Answer | None] = field(default_factory=asyncio.Queue)
    """The answer, or none when it is worth asking again at once."""


class MqttSynthesiser:
    """Keeps the promises of `contracts.instruments.Synthesiser` over MQTT 3.1.1.

    Attributes:
        troubles: how often each kind of trouble was met.
        online: whether the instrument says that it is there; none before it has said anything.
    """

    def __init__(
        self,
        topics: Topics,
        broker: Broker,
        clock: Clock,
        on_trouble: Callable[[InstrumentError], None],
        *,
        password: str | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Args: the instrument's topics; its broker; the lab's clock; who is told of troubles; real seconds."""
        self.topics, self.clock = topics, clock
        self._on_trouble, self._patience = on_trouble, patience
        # of this process, this driver and this life: another's answers must not be taken for ours
        life = int(clock.now().timestamp() * 1e6)
        self.client = f"lab-{getnode():x}-{os.getpid():x}-{next(_DRIVERS)}-{life:x}"
        self.troubles: Counter[str] = Counter()
        self.online: bool | None = None
        self._presence: Presence | None = None
        self._present = asyncio.Event()
        self._count = itertools.count(1)
        self._questions_of: OrderedDict[str, int] = OrderedDict()
        self._open: dict[str, _Asked] = {}
        self._past: OrderedDict[str, _Asked] = OrderedDict()
        listens = (topics.answers(self.client), topics.presence, topics.complaints)
        self._link = Link(Account(broker, self.client, password), listens, self._heard, self._link_changed)

    async def open(self) -> None:
        """Connects, or goes on trying to in the background; call it once before anything is asked."""
        await self._link.open()

    async def close(self) -> None:
        """Disconnects."""
        await self._link.close()

    # the promises --------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the instrument."""
        return self.topics.name

    async def start(self, request: StepRequest) -> None:
        """Begins the action; returns when the instrument itself says that it has begun."""
        answer = await self._ask(Verb.START, request.key, request)
        if isinstance(answer, Occupied):
            raise InstrumentBusyError(self.name, clipped(answer.doing), answer.until)

    async def ask(self, key: str) -> ActionState:
        """What became of that key."""
        answer = await self._ask(Verb.ASK, key)
        assert isinstance(answer, Standing)  # noqa: S101  misfit() lets nothing else through
        return answer.state

    async def finish(self, key: str) -> StepReport:
        """Waits on the lab's clock until the action should have ended, then for its report."""
        while True:
            answer = await self._ask(Verb.REPORT, key)
            if isinstance(answer, Reported):
                return self._kept(answer.report)
            assert isinstance(answer, Standing)  # noqa: S101  misfit() lets nothing else through
            assert answer.ends_at is not None  # noqa: S101  a running action has its times
            if answer.ends_at > self.clock.now():
                await self.clock.sleep_until(answer.ends_at)
            else:
                await self.clock.poll(LATE)

    def _kept(self, report: StepReport) -> StepReport:
        """A report that the log can take.

        Raises:
            InstrumentError: it is too large.
        """
        if (size := len(report.model_dump_json())) > MOST_REPORTED:
            raise InstrumentError(
                self.name,
                f"Expected a report of at most {MOST_REPORTED} bytes, got {size} about {report.key!r} with "
                f"{len(report.readings)} readings. It is in no event; see by hand what became of the vials.",
            )
        return report

    async def offers(self, step: StepKind) -> bool:
        """All steps, but a calibration only where the instrument has said so together with its presence.

        It is waited for until it answers; its presence is retained, so it should have come before, or comes soon.
        """
        if step is not StepKind.CALIBRATE:
            return True
        if self._presence is None:
            await self._ask(Verb.ASK, step.value)  # asking begins nothing, and whoever answers is there
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self._present.wait()
        return self._presence is not None and self._presence.calibrates

    # asking --------------------------------------------------------------------------------------

    async def _ask(self, verb: Verb, key: str, request: StepRequest | None = None) -> Answer:
        """The instrument's answer, however long it takes.

        Raises:
            InstrumentError: the instrument refuses, or the question is too large to be sent.
        """
        question = self._question(verb, key, request)
        payload = question.payload()
        if len(payload) > MOST_BYTES:
            raise InstrumentError(
                self.name,
                f"Expected a question of at most {MOST_BYTES} bytes, got {len(payload)} for {key!r}. "
                "Nothing was sent; fire fewer vials at once.",
            )
        asked = self._open[question.id] = _Asked(question)
        try:
            answer = await self._until_answered(asked, payload)
        finally:
            self._past[question.id] = self._open.pop(question.id)
            if len(self._past) > MEMORY:
                self._past.popitem(last=False)
        if isinstance(answer, Refused):
            raise InstrumentError(self.name, clipped(answer.reason, MOST_REASON))
        return answer

    async def _until_answered(self, asked: _Asked, payload: bytes) -> Answer:
        patience = self._patience
        while True:
            await self._link.say(self.topics.questions, payload)
            asked.times += 1
            try:
                async with asyncio.timeout(patience):
                    answer = await asked.news.get()
            except TimeoutError:
                patience = min(2 * patience, LONGEST_PATIENCE)
                self._tell_silence(asked)
                continue
            if answer is not None:
                return answer

    def _question(self, verb: Verb, key: str, request: StepRequest | None) -> Question:
        times = self._questions_of[key] = self._questions_of.pop(key, 0) + 1
        if len(self._questions_of) > MEMORY:
            self._questions_of.popitem(last=False)
        carrier: dict[str, str] = {}
        propagate.inject(carrier)  # the trace that this task takes part in, if there is one
        return Question(
            schema=SCHEMA,
            id=f"{self.client}-{next(self._count)}",
            client=self.client,
            verb=verb,
            key=key,
            now=self.clock.now(),
            trace=carrier.get("traceparent") or trace_of(key, times),
            request=request,
        )

    def _again(self) -> None:
        """Asks all open questions again now: somebody may be there who was not before."""
        for asked in self._open.values():
            if asked.times:
                asked.news.put_nowait(None)

    # hearing -------------------------------------------------------------------------------------

    def _heard(self, topic: str, payload: bytes) -> None:
        try:
            if topic == self.topics.presence:
                self._note_presence(Presence.model_validate_json(payload))
            elif topic == self.topics.complaints:
                told = clipped(Complaint.model_validate_json(payload).message, MOST_REASON)
                self._tell(f"complaint {told}", f"{self.name} says: {told}")
            else:
                self._take(ANSWERS.validate_json(payload))
        except ValidationError as error:
            self._tell(
                f"nonsense on {topic}",
                f"Expected a message of schema {SCHEMA} from {self.name} on {topic}, got {excerpt(payload)} "
                f"({mistakes(error)}). It is ignored; look at what sends it.",
            )

    def _take(self, answer: Answer) -> None:
        """Gives an answer to whoever asked; one that fits nothing is told."""
        asked = self._open.get(answer.id) or self._past.get(answer.id)
        if asked is None:
            self._tell(
                "stranger",
                f"Expected answers to questions of this lab from {self.name}, got one to {answer.id!r}, which it never "
                "asked or has long forgotten. It is ignored.",
            )
            return
        if wrong := misfit(asked.question, answer):
            self._tell("misfit", f"Expected {wrong} from {self.name}, about {answer.key!r}. It is ignored.")
            return
        asked.heard += 1
        if asked.answer is None and answer.id in self._open:
            asked.answer = answer
            asked.news.put_nowait(answer)
        elif surplus := _surplus(asked, answer):
            self._tell(
                surplus, f"Expected one answer of {self.name} about {answer.key!r}, got {surplus}. It is ignored."
            )

    def _note_presence(self, presence: Presence) -> None:
        online = presence.state == "online"
        before, self.online = self.online, online
        if online:
            self._presence = presence
            self._present.set()
        if online and not before:
            self._again()
        elif before and not online:
            self._warn("offline", f"{self.name} has gone offline. Nothing is lost: the lab waits for it to come back.")

    def _link_changed(self, why: str) -> None:
        if not why:
            self._again()
            return
        broker = self._link.account.broker
        self.online = None
        self._warn(
            "broker away",
            f"Expected the broker of {self.name} at {broker.host}:{broker.port}, got: {why}. "
            "The lab goes on trying; nothing is lost.",
        )

    # telling -------------------------------------------------------------------------------------

    def _tell_silence(self, asked: _Asked) -> None:
        if asked.times < SILENT_AFTER or asked.silence_told:
            return
        asked.silence_told = True
        there = {True: "It says that it is online", False: "It is offline", None: "It has never said that it is there"}
        self._warn(
            "silence",
            f"Expected {self.name} to answer about {asked.question.key!r} ({asked.question.verb.value}), got silence. "
            f"{there[self.online]}. The lab keeps asking; start it, or look at its topics below {self.topics.root}.",
        )

    def _warn(self, kind: str, message: str) -> None:
        """Tells of something that somebody may have to see to, each time."""
        self.troubles[kind] += 1
        self._on_trouble(InstrumentError(self.name, message))

    def _tell(self, kind: str, message: str) -> None:
        """Tells of a message that is no answer: the first of its kind, the tenth, the hundredth…, against floods."""
        if kind not in self.troubles and len(self.troubles) >= MOST_KINDS:
            kind = "other"
        count = self.troubles[kind] + 1
        if str(count).strip("0") == "1":
            self._warn(kind, message + (f" (So far {count} times.)" if count > 1 else ""))
        else:
            self.troubles[kind] = count


def _surplus(asked: _Asked, answer: Answer) -> str:
    """What is wrong with an answer that comes after the one that counts; empty if repeating explains it."""
    if asked.answer is None:
        return "a late answer to a question that nobody waits for any more"
    if isinstance(asked.answer, Reported) and isinstance(answer, Reported) and asked.answer.report != answer.report:
        return "another report than before"
    if asked.heard > asked.times:
        return "more answers than questions"
    return ""
