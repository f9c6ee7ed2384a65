"""What a synthesiser promises beside, when it listens to a broker where anybody may say anything.

The rig of `tests.promises.synthesiser_promises` says here, too, where its broker is and which topics are its own.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any, Protocol, Self

import aiomqtt

from contracts.errors import InstrumentError
from contracts.instruments import ActionState
from contracts.wire import (
    ANSWERS,
    SCHEMA,
    Answer,
    Broker,
    Complaint,
    Question,
    Refused,
    Standing,
    Topics,
    Verb,
    trace_of,
)
from tests.contracts.examples import EPOCH
from tests.promises.synthesiser_promises import SynthesiserPromises, SynthesiserRig, step

SOON = 30.0
"""Real seconds within which something is said."""
SHORT = 8_000
"""Most bytes of what is said about a message, however long that was."""
STRANGER = "stranger"
"""The client that asks here."""


class WiredRig(SynthesiserRig, Protocol):
    """An instrument behind a broker."""

    topics: Topics
    troubles: list[InstrumentError]

    @property
    def broker(self) -> Broker:
        """Where it listens."""
        ...


class Stranger:
    """Somebody on the same broker, who hears what the instrument says to them and to everybody."""

    def __init__(self, rig: WiredRig) -> None:
        self.topics = rig.topics
        self._client = aiomqtt.Client(rig.broker.host, rig.broker.port, timeout=SOON)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        await self._client.subscribe([(self.topics.answers(STRANGER), 0), (self.topics.complaints, 0)])
        return self

    async def __aexit__(self, *trouble: object) -> None:
        await self._client.__aexit__(None, None, None)

    async def say(self, payload: bytes, *, retain: bool = False) -> None:
        """Says anything where questions are asked."""
        await self._client.publish(self.topics.questions, payload, retain=retain)

    async def heard(self) -> Answer | Complaint:
        """The next thing that the instrument says."""
        async with asyncio.timeout(SOON):
            message = await anext(self._client.messages)
        assert len(message.payload) <= SHORT
        if message.topic.value == self.topics.complaints:
            return Complaint.model_validate_json(message.payload)
        return ANSWERS.validate_json(message.payload)


def question(verb: Verb, key: str, now: Any = EPOCH, **changes: Any) -> Question:
    """A question of the stranger."""
    said = {"schema": SCHEMA, "id": f"{STRANGER}-1", "client": STRANGER, "trace": trace_of(key, 1)}
    request = step(key) if verb is Verb.START else None
    return Question(**(said | {"verb": verb, "key": key, "now": now, "request": request} | changes))


def _twisted(of: Verb = Verb.START, /, **changes: Any) -> bytes:
    """A question with fields that it may not have, or that mean nothing; `...` takes one away."""
    said = json.loads(question(of, "bad").payload()) | changes
    return json.dumps({name: value for name, value in said.items() if value is not ...}).encode()


def _endless() -> bytes:
    said = json.loads(question(Verb.START, "bad").payload())
    said["request"]["samples"][0]["recipe"]["profile"]["segments"][0]["rate"] = 1e-300
    return json.dumps(said).encode()


COMPLAINED_OF: dict[str, bytes] = {
    "no JSON": b"heat!",
    "no UTF-8": b"\xff\xfe\x00",
    "no UTF-8 within": b'{"schema": 1, "id": "\xc3\x28"}',
    "half a surrogate": b'{"schema": 1, "id": "\\ud800"}',
    "nothing": b"",
    "a list": b"[1, 2]",
    "a number": b"17",
    "null": b"null",
    "a word": b'"start"',
    "no fields": b"{}",
    "half a question": question(Verb.START, "bad").payload()[:200],
    "two questions in one": question(Verb.START, "bad").payload() * 2,
    "deep": b"[" * 100_000,
    "a megabyte": b"x" * 1_000_000,
    "a name of a megabyte": b'{"' + b"x" * 1_000_000 + b'": 1}',
    "nobody to answer": _twisted(client=...),
    "a wildcard to answer": _twisted(client="#"),
    "somewhere else to answer": _twisted(client="../../state"),
    "another form": _twisted(schema=2),
    "types": _twisted(schema="1", id=7, key=[], trace=None),
}
"""Messages in which nobody can be read who asks."""
REFUSED: dict[str, bytes] = {
    "an unknown verb": _twisted(verb="cancel"),
    "no verb": _twisted(verb=...),
    "a field too many": _twisted(colour="red"),
    "start without a request": _twisted(request=None),
    "a request to ask": _twisted(Verb.ASK, request=step("bad").model_dump(mode="json")),
    "another key": _twisted(key="other"),
    "a request that is none": _twisted(request={"key": "bad", "step": "melt", "samples": "all"}),
    "a list for a request": _twisted(request=[1]),
    "no time": _twisted(now="soon"),
    "a time without a zone": _twisted(now="2026-01-05T08:00:00"),
    "no end in any calendar": _twisted(now="9999-12-31T23:59:59Z"),
    "a ramp without end": _endless(),
    "a verb of a megabyte": _twisted(verb="x" * 900_000),
}
"""Messages that are no question and yet tell who asks."""


async def _is_well(rig: WiredRig, instrument: Any) -> None:
    """It answers, and nothing was begun."""
    assert await asyncio.wait_for(instrument.ask("bad"), SOON) is ActionState.NEVER_SEEN
    assert rig.heatings("c-1-v1") == 0


class WiredSynthesiserPromises(SynthesiserPromises):
    """The promises of a synthesiser, and those of one that anybody can shout at."""

    async def test_what_is_no_question_is_told_and_the_next_one_answered(self, rig: WiredRig) -> None:
        """No JSON, no UTF-8, nothing, a megabyte: nothing is begun, each is complained of, and it goes on answering."""
        instrument = await rig.open()
        await _is_well(rig, instrument)
        async with Stranger(rig) as stranger:
            for name, payload in COMPLAINED_OF.items():
                await stranger.say(payload)
                said = await stranger.heard()
                assert isinstance(said, Complaint), name
                assert said.message, name
                await _is_well(rig, instrument)
        assert any("furnace-1 says" in str(trouble) for trouble in rig.troubles), "the lab is told"
        rig.troubles.clear()

    async def test_what_is_no_question_is_refused_to_whoever_asks(self, rig: WiredRig) -> None:
        """An unknown verb, a start without a request, times after all calendars: refused, and nothing is begun."""
        instrument = await rig.open()
        await _is_well(rig, instrument)
        async with Stranger(rig) as stranger:
            for name, payload in REFUSED.items():
                await stranger.say(payload)
                said = await stranger.heard()
                assert isinstance(said, Refused), (name, said)
                assert (said.id, bool(said.reason)) == (f"{STRANGER}-1", True), name
                await _is_well(rig, instrument)

    async def test_a_flood_of_nonsense_is_lived_through(self, rig: WiredRig) -> None:
        """Two hundred at once, questions between them: each gets its word, and each question its answer."""
        instrument = await rig.open()
        await _is_well(rig, instrument)
        bad = [p for p in (*COMPLAINED_OF.values(), *REFUSED.values()) if len(p) < 10_000][:25]
        async with Stranger(rig) as stranger:
            for payload in bad * 4:
                await stranger.say(payload)
                await stranger.say(question(Verb.ASK, "good").payload())
            said = [await stranger.heard() for _ in range(8 * len(bad))]
        assert sum(isinstance(s, Standing) and s.state is ActionState.NEVER_SEEN for s in said) == 4 * len(bad)
        await _is_well(rig, instrument)
        rig.troubles.clear()

    async def test_two_starts_at_once_begin_one_action(self, rig: WiredRig) -> None:
        """The same question twice without a pause: both are answered in the same words, and heated is once."""
        await _is_well(rig, await rig.open())
        async with Stranger(rig) as stranger:
            for _ in range(2):
                await stranger.say(question(Verb.START, "k").payload())
            one, two = [await stranger.heard() for _ in range(2)]
        assert isinstance(one, Standing)
        assert one == two
        assert rig.heatings("c-1-v1") == 1

    async def test_what_the_broker_has_kept_is_not_acted_on(self, rig: WiredRig) -> None:
        """A start that was retained for whoever comes is nobody's question: it is told, and nothing is heated."""
        async with Stranger(rig) as stranger:
            await stranger.say(question(Verb.START, "bad").payload(), retain=True)
            try:
                instrument = await rig.open()
                assert isinstance(await stranger.heard(), Complaint)
                rig.clock.advance(timedelta(days=2))
                await _is_well(rig, instrument)
            finally:
                await stranger.say(b"", retain=True)
            assert isinstance(await stranger.heard(), Complaint), "an empty message is no question either"
        rig.troubles.clear()
