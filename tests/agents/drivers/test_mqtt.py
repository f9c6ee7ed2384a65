"""A furnace over MQTT keeps the promises of a synthesiser, whatever the wire and the processes at its ends do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from agents.drivers.mqtt import LATE, MqttSynthesiser
from bus.server import EmbeddedServer
from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState, Reading, StepKind, StepReport
from contracts.wire import SCHEMA, Complaint, Occupied, Presence, Question, Refused, Reported, Verb
from tests.agents.drivers.brokers import broker, until
from tests.agents.drivers.mqtt_rig import MqttRig, Puppet
from tests.contracts.examples import EPOCH
from tests.promises.synthesiser_promises import step
from tests.promises.wired_synthesiser_promises import WiredSynthesiserPromises


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One broker for all tests here."""
    with broker(tmp_path_factory.mktemp("broker")) as address:
        yield address


@pytest.fixture
async def rig(url: str, tmp_path: Path) -> AsyncIterator[MqttRig]:
    """A furnace in a process of its own."""
    rig = MqttRig(url, tmp_path)
    yield rig
    await rig.crash()


class TestMqttSynthesiser(WiredSynthesiserPromises):
    """Promises, kept over a real broker by a real process that is really killed."""

    @pytest.fixture
    async def rig(self, url: str, tmp_path: Path) -> AsyncIterator[MqttRig]:
        """Whatever a promise does, nothing strange may be heard."""
        rig = MqttRig(url, tmp_path)
        yield rig
        await rig.crash()
        assert [t for t in rig.told if "gone offline" not in t and "got silence" not in t] == []


# processes that come and go --------------------------------------------------------------------


async def test_a_killed_furnace_goes_on_where_it_was_and_the_lab_is_told(rig: MqttRig) -> None:
    """Kill -9 in mid-dwell while somebody waits: started again it reports the one heating, on its old times."""
    rig.clock.held = True
    furnace = await rig.open()
    await furnace.start(step("k"))
    waiting = asyncio.create_task(furnace.finish("k"))
    rig.clock.advance(timedelta(hours=3))
    await asyncio.sleep(0.1)
    rig.furnace.kill()
    await until(lambda: furnace.online is False)
    rig.clock.held = False
    rig.clock.advance(timedelta(days=2))
    await until(lambda: furnace.troubles["silence"] == 1)
    assert not waiting.done()
    rig.furnace.start()
    report = await asyncio.wait_for(waiting, 60)
    assert report.started_at == EPOCH
    assert (report.ended_at - EPOCH).total_seconds() == pytest.approx(step("k").samples[0].recipe.profile.duration())
    assert rig.heatings("c-1-v1") == 1
    assert [t for t in rig.told if "gone offline" in t]
    assert [t for t in rig.told if "got silence" in t and "It is offline" in t]


async def test_a_furnace_that_was_never_there_is_waited_for_and_heats_once(rig: MqttRig) -> None:
    """Nobody answers: the same question is asked again and again, the lab is told once, and then it is done once."""
    rig.patience = 0.02
    furnace = await rig.connect()
    starting = asyncio.create_task(furnace.start(step("k")))
    await until(lambda: furnace.troubles["silence"] == 1)
    await asyncio.sleep(0.3)
    assert [t for t in rig.told if "got silence" in t and "never said that it is there" in t] == rig.told
    assert not starting.done()
    rig.furnace.start()
    await asyncio.wait_for(starting, 60)
    assert (await furnace.finish("k")).succeeded
    assert rig.heatings("c-1-v1") == 1


async def test_the_broker_may_go_away_and_come_back(tmp_path: Path) -> None:
    """Both ends connect again by themselves; the lab is told, and the action goes on."""
    server = await EmbeddedServer.start(tmp_path / "broker", mqtt_port=-1)
    rig = MqttRig(server.mqtt_url, tmp_path / "furnace")
    rig.folder.mkdir()
    try:
        furnace = await rig.open()
        await furnace.start(step("k"))
        server.kill()
        await until(lambda: furnace.troubles["broker away"] > 0)
        asking = asyncio.create_task(furnace.ask("k"))
        port = int(server.mqtt_url.rpartition(":")[2])
        server = await EmbeddedServer.start(tmp_path / "broker", mqtt_port=port)
        assert await asyncio.wait_for(asking, 60) is ActionState.RUNNING
        assert any(f"127.0.0.1:{port}, got: " in t and "goes on trying" in t for t in rig.told)
    finally:
        await rig.crash()
        server.kill()


async def test_opening_does_not_wait_for_a_broker_that_is_away(rig: MqttRig) -> None:
    """No broker: the lab is told why, and whoever gives up waiting can."""
    rig.url = "mqtt://127.0.0.1:1"
    furnace = await rig.connect()
    assert "refused" in rig.told[0]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(furnace.ask("k"), 0.05)


# what is no answer -----------------------------------------------------------------------------


# what it offers --------------------------------------------------------------------------------


async def test_a_simulated_furnace_offers_to_be_calibrated(rig: MqttRig) -> None:
    """It says so with its presence, also to a lab that was there first; every other step is offered by anybody."""
    rig.patience = 0.02
    furnace = await rig.connect()
    assert await furnace.offers(StepKind.FIRE)
    asking = asyncio.create_task(furnace.offers(StepKind.CALIBRATE))
    await until(lambda: furnace.troubles["silence"] == 1)
    assert not asking.done(), "nothing is guessed from silence"
    rig.furnace.start()
    assert await asyncio.wait_for(asking, 60)
    assert await (await rig.connect()).offers(StepKind.CALIBRATE)


@pytest.mark.parametrize(("said", "offered"), [(None, False), ({}, False), ({"calibrates": True}, True)])
async def test_a_furnace_is_calibrated_only_if_it_says_so(
    rig: MqttRig,
    url: str,
    said: dict[str, bool] | None,
    offered: bool,  # noqa: FBT001
) -> None:
    """No presence at all, or one as before there were calibrations: not offered; nothing is begun to find out."""
    furnace = await rig.connect()
    async with Puppet(url, rig.topics) as puppet:
        asking = asyncio.create_task(furnace.offers(StepKind.CALIBRATE))
        question = await puppet.asked()
        assert (question.verb, question.request) == (Verb.ASK, None)
        if said is not None:
            presence = {"schema": SCHEMA, "instrument": "furnace-1", "state": "online", **said}
            await puppet.say(rig.topics.presence, json.dumps(presence).encode())
        await puppet.answer(question, state=ActionState.NEVER_SEEN)
        assert await asyncio.wait_for(asking, 60) is offered
    assert rig.told == []


@pytest.fixture
async def played(rig: MqttRig) -> AsyncIterator[tuple[MqttSynthesiser, Puppet]]:
    """A driver, and an instrument that a test plays; nothing is asked twice by itself."""
    rig.patience = 60.0
    async with Puppet(rig.url, rig.topics) as puppet:
        yield await rig.connect(), puppet


def _report(key: str = "k", value: float = 1.0) -> StepReport:
    reading = Reading(name="peak temperature", value=value, unit="Cel")
    return StepReport(
        key=key, succeeded=True, started_at=EPOCH, ended_at=EPOCH + timedelta(hours=1), readings=(reading,)
    )


RUNNING = {"state": ActionState.RUNNING, "started_at": EPOCH, "ends_at": EPOCH + timedelta(hours=1)}
NO_JSON = b"\xff\xfe not JSON"
OTHER_FORM = b'{"schema":2,"outcome":"state","id":"a","key":"k","trace":"t","state":"done"}'


@pytest.mark.parametrize(
    ("payload", "told"),
    [(NO_JSON, "Invalid JSON"), (OTHER_FORM, "schema: Input should be 1"), (b"", "Invalid JSON"), (b"[]", "message: ")],
)
async def test_nonsense_is_told_and_ignored(
    rig: MqttRig, played: tuple[MqttSynthesiser, Puppet], payload: bytes, told: str
) -> None:
    """Garbage instead of an answer changes nothing, and the lab is told what came and what is wrong with it."""
    furnace, puppet = played
    asking = asyncio.create_task(furnace.ask("k"))
    question = await puppet.asked()
    await puppet.say(rig.topics.answers(question.client), payload)
    await puppet.answer(question, state=ActionState.NEVER_SEEN)
    assert await asking is ActionState.NEVER_SEEN
    assert len(rig.told) == 1
    assert "Expected a message of schema 1 from furnace-1" in rig.told[0]
    assert told in rig.told[0]


async def test_a_flood_of_nonsense_is_counted_and_told_in_powers_of_ten(
    rig: MqttRig, played: tuple[MqttSynthesiser, Puppet]
) -> None:
    """A thousand pieces of garbage are four lines, and the counter has them all."""
    furnace, puppet = played
    asking = asyncio.create_task(furnace.ask("k"))
    question = await puppet.asked()
    for _ in range(1000):
        await puppet.say(rig.topics.answers(question.client), NO_JSON)
    await puppet.answer(question, state=ActionState.DONE)
    assert await asking is ActionState.DONE
    assert sum(furnace.troubles.values()) == 1000
    assert [t.rpartition(" (So far ")[2] for t in rig.told[1:]] == ["10 times.)", "100 times.)", "1000 times.)"]
    assert len(rig.told) == 4


async def test_what_an_instrument_says_at_length_is_told_in_short(
    rig: MqttRig, played: tuple[MqttSynthesiser, Puppet]
) -> None:
    """Half a megabyte as a field's name, a complaint or a reason does not become half a megabyte of ours."""
    furnace, puppet = played
    asking = asyncio.create_task(furnace.ask("k"))
    question = await puppet.asked()
    long = "x" * 400_000
    await puppet.say(rig.topics.answers(question.client), json.dumps({"outcome": long, long: 1}).encode())
    complaint = Complaint(schema=SCHEMA, instrument="furnace-1", message=long)
    await puppet.say(rig.topics.complaints, complaint.payload())
    await until(lambda: len(rig.told) == 2)
    await puppet.answer(question, Refused, reason=long)
    with pytest.raises(InstrumentError, match="xxx…") as caught:
        await asking
    assert max(map(len, [*rig.told, *furnace.troubles, str(caught.value)])) < 3000


async def test_complaints_that_all_differ_are_a_flood_too(rig: MqttRig, played: tuple[MqttSynthesiser, Puppet]) -> None:
    """A thousand complaints in a thousand wordings are counted, and neither all told nor all kept."""
    furnace, puppet = played
    for n in range(1000):
        complaint = Complaint(schema=SCHEMA, instrument="furnace-1", message=f"the door is open {n}")
        await puppet.say(rig.topics.complaints, complaint.payload())
    await until(lambda: sum(furnace.troubles.values()) == 1000)
    assert len(furnace.troubles) == 101
    assert len(rig.told) == 103


async def test_a_report_that_no_event_can_hold_is_an_error_of_the_instrument(
    played: tuple[MqttSynthesiser, Puppet],
) -> None:
    """Ten thousand readings: nobody can say what became of the vials, rather than an agent that stumbles over it."""
    furnace, puppet = played
    finishing = asyncio.create_task(furnace.finish("k"))
    report = _report().model_copy(update={"readings": _report().readings * 10_000})
    await puppet.answer(await puppet.asked(), Reported, report=report)
    with pytest.raises(InstrumentError, match="at most 48000 bytes, got .* with 10000 readings"):
        await finishing


async def test_an_answer_that_nobody_asked_for_is_told(rig: MqttRig, played: tuple[MqttSynthesiser, Puppet]) -> None:
    """An id that is not ours moves nothing."""
    furnace, puppet = played
    asking = asyncio.create_task(furnace.ask("k"))
    question = await puppet.asked()
    await puppet.answer(question, id="somebody-1", state=ActionState.DONE)
    await puppet.answer(question, state=ActionState.RUNNING, started_at=EPOCH, ends_at=EPOCH)
    assert await asking is ActionState.RUNNING
    assert [t for t in rig.told if "'somebody-1', which it never asked" in t] == rig.told != []


@pytest.mark.parametrize(
    ("verb", "kind", "fields", "told"),
    [
        (Verb.ASK, Reported, {"report": _report()}, "an answer to ask, got 'report'"),
        (Verb.ASK, Occupied, {"doing": "x", "until": EPOCH}, "an answer to ask, got 'busy'"),
        (Verb.START, Reported, {"report": _report()}, "an answer to start, got 'report'"),
        (Verb.REPORT, Occupied, {"doing": "x", "until": EPOCH}, "an answer to report, got 'busy'"),
        (Verb.ASK, Reported, {"key": "z", "report": _report("z")}, "the key 'k', got 'z'"),
    ],
)
async def test_an_answer_to_something_else_is_told_and_ignored(
    rig: MqttRig, played: tuple[MqttSynthesiser, Puppet], verb: Verb, kind: type[Any], fields: Any, told: str
) -> None:
    """Only what answers this verb about this key counts; the right answer is still taken afterwards."""
    furnace, puppet = played
    ask = {Verb.ASK: furnace.ask, Verb.REPORT: furnace.finish, Verb.START: lambda k: furnace.start(step(k))}
    asking: asyncio.Task[Any] = asyncio.create_task(ask[verb]("k"))
    question = await puppet.asked()
    assert question.verb is verb
    await puppet.answer(question, kind, **fields)
    await puppet.answer(question, Refused, reason="the door is open")
    with pytest.raises(InstrumentError, match="the door is open"):
        await asking
    assert len(rig.told) == 1
    assert told in rig.told[0]


async def test_one_answer_too_many_is_told(rig: MqttRig, played: tuple[MqttSynthesiser, Puppet]) -> None:
    """Asked once, answered twice: the first counts."""
    furnace, puppet = played
    asking = asyncio.create_task(furnace.finish("k"))
    question = await puppet.asked()
    await puppet.answer(question, Reported, report=_report())
    await puppet.answer(question, Reported, report=_report())
    assert await asking == _report()
    await until(lambda: bool(rig.told))
    assert "more answers than questions" in rig.told[0]


async def test_answers_to_a_repeated_question_are_no_trouble_unless_they_differ(rig: MqttRig) -> None:
    """What was asked again may be answered again; another report than before is told, and the first counts."""
    rig.patience = 0.3
    async with Puppet(rig.url, rig.topics) as puppet:
        furnace = await rig.connect()
        for key, second, troubles in (("same", 1.0, 0), ("other", 2.0, 1)):
            asking = asyncio.create_task(furnace.finish(key))
            first = await puppet.asked()
            again = await puppet.asked()
            assert again == first
            await puppet.answer(first, Reported, report=_report(key))
            await puppet.answer(again, Reported, report=_report(key, second))
            assert await asking == _report(key)
            await asyncio.sleep(0.1)
            assert len([t for t in rig.told if "another report than before" in t]) == troubles


async def test_a_late_answer_is_told(rig: MqttRig, played: tuple[MqttSynthesiser, Puppet]) -> None:
    """Whoever asked has gone home: the answer reaches nobody, and that is told."""
    furnace, puppet = played
    asking = asyncio.create_task(furnace.ask("k"))
    question = await puppet.asked()
    asking.cancel()
    await asyncio.wait([asking])
    await puppet.answer(question, state=ActionState.DONE)
    await until(lambda: bool(rig.told))
    assert "nobody waits for any more" in rig.told[0]


# what the instrument says ----------------------------------------------------------------------


async def test_busy_and_refused_are_errors_of_the_instrument(played: tuple[MqttSynthesiser, Puppet]) -> None:
    """Busy tells doing and until; a refusal is told in the instrument's words."""
    furnace, puppet = played
    starting = asyncio.create_task(furnace.start(step("k")))
    until_then = EPOCH + timedelta(hours=5)
    await puppet.answer(await puppet.asked(), Occupied, doing="k-0", until=until_then)
    with pytest.raises(InstrumentBusyError, match="doing k-0 until 2026-01-05 13:00") as caught:
        await starting
    assert caught.value.until == until_then
    starting = asyncio.create_task(furnace.start(step("k")))
    await puppet.answer(await puppet.asked(), Refused, reason="no argon left")
    with pytest.raises(InstrumentError, match="no argon left"):
        await starting


async def test_an_action_that_is_late_is_looked_at_again(rig: MqttRig, played: tuple[MqttSynthesiser, Puppet]) -> None:
    """Running past its end: the driver waits for the outside world, without letting the lab's time run, and asks on."""
    furnace, puppet = played
    finishing = asyncio.create_task(furnace.finish("k"))
    await puppet.answer(await puppet.asked(), **RUNNING)
    for _ in range(2):
        question = await puppet.asked()
        assert question.now == EPOCH + timedelta(hours=1)
        await puppet.answer(question, **RUNNING)
    await puppet.answer(await puppet.asked(), Reported, report=_report())
    assert await finishing == _report()
    assert rig.clock.polled == 2 * LATE


async def test_what_it_tells_unasked_reaches_the_lab(rig: MqttRig, played: tuple[MqttSynthesiser, Puppet]) -> None:
    """An open door is the lab's trouble too; a presence that cannot be read is told as well."""
    _, puppet = played
    complaint = Complaint(schema=SCHEMA, instrument="furnace-1", message="the door is open")
    await puppet.say(rig.topics.complaints, complaint.payload())
    await puppet.say(rig.topics.presence, b"here!")
    await until(lambda: len(rig.told) == 2)
    assert rig.told[0] == "furnace-1 says: the door is open"
    assert "on " + rig.topics.presence in rig.told[1]


async def test_a_question_that_the_server_cannot_read_reaches_the_lab(rig: MqttRig) -> None:
    """Garbage among the questions is not dropped in silence by the server."""
    furnace = await rig.open()
    assert await furnace.ask("k") is ActionState.NEVER_SEEN
    async with Puppet(rig.url, rig.topics) as puppet:
        await puppet.say(rig.topics.questions, NO_JSON)
    await until(lambda: bool(rig.told))
    assert "furnace-1 says: expected a question of schema 1" in rig.told[0]
    assert await furnace.ask("k") is ActionState.NEVER_SEEN


async def test_coming_online_is_a_reason_to_ask_again_at_once(
    rig: MqttRig, played: tuple[MqttSynthesiser, Puppet]
) -> None:
    """A question that fell on deaf ears is repeated when the instrument says that it is there, not a minute later."""
    furnace, puppet = played
    asking = asyncio.create_task(furnace.ask("k"))
    first = await puppet.asked()
    await puppet.say(rig.topics.presence, Presence(schema=SCHEMA, instrument="furnace-1", state="online").payload())
    assert await puppet.asked() == first
    await puppet.answer(first, state=ActionState.DONE)
    assert await asking is ActionState.DONE


# what the lab says -----------------------------------------------------------------------------


async def test_a_question_that_no_broker_takes_is_not_sent(rig: MqttRig) -> None:
    """Too large: an error before anything is begun, and the connection lives."""
    furnace = await rig.open()
    assert await furnace.ask("k") is ActionState.NEVER_SEEN
    vials = tuple(f"c-{n}-v1" for n in range(1200))
    with pytest.raises(InstrumentError, match="at most 900000 bytes, got .* fire fewer vials"):
        await furnace.start(step("k", samples=vials))
    assert await furnace.ask("k") is ActionState.NEVER_SEEN
    assert furnace.troubles.total() == 0


async def _traces(furnace: MqttSynthesiser, puppet: Puppet, keys: list[str]) -> list[str]:
    found = []
    for key in keys:
        asking = asyncio.create_task(furnace.ask(key))
        question = await puppet.asked()
        found.append(question.trace)
        await puppet.answer(question, state=ActionState.DONE)
        await asking
    return found


async def test_questions_carry_their_trace(played: tuple[MqttSynthesiser, Puppet]) -> None:
    """Inside a span it is the span's; otherwise an action is a trace of its own, and each question a span of it."""
    furnace, puppet = played
    with TracerProvider().get_tracer("test").start_as_current_span("firing") as span:
        context = span.get_span_context()
        told = await _traces(furnace, puppet, ["k"])
    assert [t.rpartition("-")[0] for t in told] == [f"00-{context.trace_id:032x}-{context.span_id:016x}"]
    one, two, other = await _traces(furnace, puppet, ["k", "k", "z"])
    assert one.split("-")[1] == two.split("-")[1] != other.split("-")[1]
    assert one != two


async def test_two_labs_at_one_furnace_hear_their_own_answers(rig: MqttRig, url: str, tmp_path: Path) -> None:
    """Answers go to whoever asked, and nobody else is troubled by them."""
    first = await rig.open()
    other = MqttRig(url, tmp_path)
    other.topics = rig.topics
    second = await other.connect()
    await first.start(step("k"))
    states = await asyncio.gather(*(lab.ask("k") for lab in (first, second, first, second)))
    assert states == [ActionState.RUNNING] * 4
    assert rig.told == other.told == []
    await other.close()


def test_a_question_repeats_itself_to_the_letter() -> None:
    """The same question is the same bytes: nothing in it depends on when it is sent."""
    question = Question(
        schema=SCHEMA, id="a-1", client="a", verb=Verb.START, key="k", now=EPOCH, trace=f"00-{1:032x}-{1:016x}-01",
        request=step("k"),
    )  # fmt: skip
    assert Question.model_validate_json(question.payload()).payload() == question.payload()
