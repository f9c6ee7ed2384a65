"""Questions and answers over a wire: what is one, what is none, and where they travel."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.instruments import ActionState, StepKind, StepReport, StepRequest, StepSample
from contracts.wire import (
    ANSWERS,
    SCHEMA,
    Answer,
    Broker,
    Occupied,
    Presence,
    Question,
    Refused,
    Reported,
    Standing,
    Topics,
    Verb,
    misfit,
    mistakes,
    rejection,
    trace_of,
)
from tests.contracts.examples import EPOCH, perovskite, recipe

LATER = EPOCH + timedelta(hours=1)
ENVELOPE: dict[str, Any] = {"schema": SCHEMA, "id": "lab-1", "key": "k", "trace": trace_of("k", 1)}
REPORT = StepReport(key="k", succeeded=True, started_at=EPOCH, ended_at=LATER)


def _request(key: str = "k") -> StepRequest:
    vial = StepSample(sample_id="c-1-v1", composition=perovskite({"Ba": 1}, {"Ti": 1}), recipe=recipe())
    return StepRequest(key=key, step=StepKind.FIRE, samples=(vial,))


def _question(verb: Verb = Verb.ASK, key: str = "k", **fields: Any) -> Question:
    request = _request(key) if verb is Verb.START else None
    return Question(
        **(ENVELOPE | {"key": key, "client": "lab", "verb": verb, "now": EPOCH, "request": request} | fields)
    )


def _answers() -> dict[str, Answer]:
    """One of each."""
    times = {"started_at": EPOCH, "ends_at": LATER}
    return {
        "never seen": Standing(**ENVELOPE, state=ActionState.NEVER_SEEN),
        "running": Standing(**ENVELOPE, state=ActionState.RUNNING, **times),
        "done": Standing(**ENVELOPE, state=ActionState.DONE, **times),
        "unknown": Standing(**ENVELOPE, state=ActionState.UNKNOWN),
        "report": Reported(**ENVELOPE, report=REPORT),
        "busy": Occupied(**ENVELOPE, doing="k-0", until=LATER),
        "refused": Refused(**ENVELOPE, reason="no argon"),
    }


FITTING = {
    Verb.START: {"running", "done", "busy", "refused"},
    Verb.ASK: {"never seen", "running", "done", "unknown", "refused"},
    Verb.REPORT: {"running", "report", "refused"},
}


@pytest.mark.parametrize("verb", list(Verb))
def test_each_verb_has_its_answers_and_no_others(verb: Verb) -> None:
    """Whatever else comes is no answer, and the reason names verb and outcome."""
    for name, answer in _answers().items():
        why = misfit(_question(verb), answer)
        assert (why == "") == (name in FITTING[verb]), name
        if why:
            assert f"an answer to {verb.value}" in why
    assert "'k', got 'z'" in misfit(_question(verb), Refused(**(ENVELOPE | {"key": "z"}), reason="?"))


@pytest.mark.parametrize("name", list(_answers()))
def test_an_answer_is_read_as_what_was_written(name: str) -> None:
    """Through bytes and back, by its outcome."""
    answer = _answers()[name]
    assert ANSWERS.validate_json(answer.payload()) == answer
    assert json.loads(answer.payload())["schema"] == 1


@given(key=st.text(min_size=1, max_size=160).filter(lambda k: k.isprintable()), verb=st.sampled_from(Verb))
def test_any_key_survives_the_wire(key: str, verb: Verb) -> None:
    """Slashes, wildcards and accents are in the payload, where nothing rewrites them."""
    question = _question(verb, key)
    assert Question.model_validate_json(question.payload()) == question


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": 2}, "schema: Input should be 1"),
        ({"schema": None}, "schema: Input should be 1"),
        ({"verb": "report", "request": _request().model_dump(mode="json")}, "expected a request with start"),
        ({"verb": "start", "request": None}, "expected a request with start"),
        ({"key": "z"}, "expected the key of the request"),
        ({"client": "lab/#"}, "client: String should match"),
        ({"id": "a b"}, "id: String should match"),
        ({"now": "2026-01-05T08:00:00"}, "now: Input should have timezone"),
        ({"trace": "00-1-1-01"}, "trace: String should match"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_a_question_that_is_none_is_named(change: dict[str, Any], told: str) -> None:
    """Another schema, a request without start, a client that is no topic level: each is refused by name."""
    said = json.loads(_question(Verb.START).payload()) | change
    with pytest.raises(ValidationError) as caught:
        Question.model_validate_json(json.dumps(said))
    assert told in mistakes(caught.value)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"outcome": "state", "state": "running"}, "expected started_at and ends_at"),
        ({"outcome": "report", "report": REPORT.model_dump(mode="json") | {"key": "z"}}, "expected the report of 'k'"),
        ({"outcome": "melted"}, "does not match any of the expected tags"),
        ({}, "Unable to extract tag"),
    ],
)
def test_an_answer_that_is_none_is_named(answer: dict[str, Any], told: str) -> None:
    """Running without its end, a report of something else, an outcome that nobody knows."""
    with pytest.raises(ValidationError) as caught:
        ANSWERS.validate_json(json.dumps(ENVELOPE | answer))
    assert told in mistakes(caught.value)


def test_many_mistakes_are_three_and_a_number() -> None:
    """A message that is all wrong does not fill the console."""
    with pytest.raises(ValidationError) as caught:
        Question.model_validate_json("{}")
    assert mistakes(caught.value).count("Field required") == 3
    assert mistakes(caught.value).endswith("and 4 more")


@pytest.mark.parametrize(
    "said",
    [
        {"x" * 900_000: 1, "client": "lab", "id": "lab-1", "key": "k", "trace": trace_of("k", 1), "schema": 1},
        {"x" * 900_000: 1},
        {"verb": "x" * 900_000},
    ],
)
def test_what_is_said_about_a_long_message_is_short(said: dict[str, Any]) -> None:
    """Neither names nor values of somebody else fill our messages, which a broker would refuse."""
    payload = json.dumps(said).encode()
    with pytest.raises(ValidationError) as caught:
        Question.model_validate_json(payload)
    assert len(mistakes(caught.value)) < 2000
    assert len(rejection(Topics("furnace-1"), payload, mistakes(caught.value))[1]) < 2000


def test_whoever_asks_is_refused_and_the_lab_told_of_what_nobody_asks() -> None:
    """An unknown verb is refused under its own id and key; what has no client goes where the lab listens."""
    said = json.loads(_question().payload()) | {"verb": "cancel"}
    topic, payload = rejection(Topics("furnace-1"), json.dumps(said).encode(), "verb: unknown")
    assert topic == "instruments/furnace-1/answer/lab"
    answer = ANSWERS.validate_json(payload)
    assert isinstance(answer, Refused)
    assert (answer.id, answer.key, answer.trace) == ("lab-1", "k", said["trace"])
    assert "verb: unknown" in answer.reason
    del said["client"]
    topic, payload = rejection(Topics("furnace-1"), json.dumps(said).encode(), "client: missing")
    assert topic == "instruments/furnace-1/trouble"
    assert "client: missing" in json.loads(payload)["message"]


def test_a_presence_names_what_is_there() -> None:
    """Online or offline, and nothing between."""
    with pytest.raises(ValidationError):
        Presence(schema=SCHEMA, instrument="furnace-1", state="away")  # type: ignore[arg-type]


def test_topics_lie_below_the_instrument() -> None:
    """Four topics, none of which another instrument shares."""
    topics = Topics("furnace-1")
    assert topics.questions == "instruments/furnace-1/question"
    assert topics.answers("lab-1") == "instruments/furnace-1/answer/lab-1"
    assert topics.presence == "instruments/furnace-1/state"
    assert topics.complaints == "instruments/furnace-1/trouble"
    assert Topics("furnace-1", "simulated/quick-1").questions == "simulated/quick-1/furnace-1/question"


@pytest.mark.parametrize("root", ["", "a.b", "a b", "a//b", "/a", "a/", "#", "a/+", "µ"])
def test_levels_that_brokers_rewrite_are_refused(root: str) -> None:
    """A dot becomes a slash in nats-server and a space ends the connection, so neither comes near it."""
    with pytest.raises(ValueError, match="Expected topic levels of letters"):
        Topics("furnace-1", root)


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://127.0.0.1:1884", Broker(host="127.0.0.1", port=1884)),
        ("mqtt://broker.lab", Broker(host="broker.lab", port=1883)),
        ("mqtt://lab@broker.lab", Broker(host="broker.lab", port=1883, user="lab")),
        ("mqtt://[::1]:7/", Broker(host="::1", port=7)),
    ],
)
def test_a_broker_has_an_address(url: str, broker: Broker) -> None:
    """Host, port and user, with the usual port."""
    assert Broker.at(url) == broker


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker.lab",
        "http://x",
        "mqtts://x",
        "mqtt://",
        "mqtt://x:99999",
        "mqtt://x:0",
        "mqtt://x:y",
        "mqtt://x/topic",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """The message shows how one is written."""
    with pytest.raises(ValueError, match="Expected a broker as mqtt://host:port"):
        Broker.at(url)


def test_a_password_in_an_address_is_neither_taken_nor_shown() -> None:
    """It would end up in the campaign's card; the message names the place where it belongs."""
    with pytest.raises(ValueError, match="ATHANOR_MQTT_PASSWORD") as caught:
        Broker.at("mqtt://lab:secret@broker.lab")
    assert "secret" not in str(caught.value)


def test_a_trace_follows_from_the_action() -> None:
    """Nothing is rolled: the same question has the same trace, another action another one."""
    assert trace_of("k", 1) == trace_of("k", 1)
    assert trace_of("k", 1).split("-")[1] == trace_of("k", 2).split("-")[1]
    assert len({trace_of("k", 1), trace_of("k", 2), trace_of("z", 1)}) == 3
