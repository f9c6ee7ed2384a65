"""Events as bytes: what is written always fits the ledger."""

from __future__ import annotations

import contextlib
import pickle
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.codec import _decoded_at_once, _decoded_in_steps, decode, encode
from bus.errors import EventTooLargeError
from bus.ledger.entry import MAX_ENTRY, decode_entry, encode_entry
from bus.protocol import MAX_PAYLOAD
from bus.subjects import subject_of
from contracts.envelope import Envelope
from contracts.errors import ContractError, MalformedEventError
from contracts.event import Event
from contracts.presence import AgentFaulted, AgentStopped
from contracts.scheduling import Reservation, RunScheduled, ScheduledSample
from contracts.synthesis import SampleLost
from tests.bus.ledger.growing import envelope, event_id
from tests.contracts.examples import EPOCH, perovskite, recipe


def of_size(size: int) -> AgentStopped:
    """A fact whose event has that many bytes."""
    short = len(encode(envelope(1, AgentStopped(agent="planner", start=1, reason=""))))
    return AgentStopped(agent="planner", start=1, reason="x" * (size - short))


def test_the_largest_event_is_kept_whole_in_the_ledger() -> None:
    """An event of the largest size, of the longest campaign and kind that there can be, fits an entry."""
    payload = encode(envelope(1, of_size(MAX_PAYLOAD)))
    assert len(payload) == MAX_PAYLOAD
    assert decode(payload) == envelope(1, of_size(MAX_PAYLOAD))
    entry = encode_entry(2**64 - 1, subject_of("c" * 128, "t" * 128 + "." + "f" * 128), "i" * 36, 2**63, payload)
    assert len(entry) <= MAX_ENTRY
    assert decode_entry(entry).payload == payload


def test_a_larger_event_is_not_written() -> None:
    """One byte more is refused where the bytes are made, so that no way of publishing can forget to."""
    with pytest.raises(EventTooLargeError, match=str(MAX_PAYLOAD)):
        encode(envelope(1, of_size(MAX_PAYLOAD + 1)))


FACTS = [
    AgentStopped(agent="planner", start=3, reason='Größe ≠ 1\n"type":"x.y"'),
    AgentFaulted(
        agent="planner", event_id=event_id(1), event_kind="a.b", attempt=1, error="E", where="f.py:1", parked=False
    ),
    SampleLost(sample_id="s", candidate_id="c", run_id="r", reason="dropped"),
    RunScheduled(
        run_id="r-1",
        furnace="furnace-1",
        samples=(
            ScheduledSample(
                sample_id="s-1", candidate_id="c-1", composition=perovskite({"Ba": 1}, {"Zr": 1}), recipe=recipe()
            ),
        ),
        reservations=(Reservation(instrument="furnace-1", start=EPOCH, end=EPOCH + timedelta(hours=9)),),
    ),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.kind)
def test_both_ways_of_reading_agree(fact: Event) -> None:
    """Read in one pass or step by step, an event is the same envelope, of the same class, and is written the same."""
    payload = encode(envelope(1, fact))
    at_once, in_steps = _decoded_at_once(payload), _decoded_in_steps(payload)
    assert at_once == in_steps == decode(payload) == envelope(1, fact)
    assert type(at_once) is Envelope
    assert type(at_once.data) is type(fact)
    assert at_once.model_fields_set == in_steps.model_fields_set
    assert repr(at_once) == repr(in_steps)
    assert encode(at_once) == payload
    assert pickle.loads(pickle.dumps(at_once)) == in_steps  # noqa: S301  our own


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_both_ways_of_reading_agree_on_damage(data: st.DataObject) -> None:
    """What is read in one pass from damaged bytes is what the steps read; all else is told by them in words."""
    content = bytearray(encode(envelope(1, data.draw(st.sampled_from(FACTS)))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["flip", "drop", "double", "digit"]))
        if how == "flip":
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "drop":
            del content[at]
        elif how == "double":
            content[at:at] = content[at : at + data.draw(st.integers(1, 40))]
        else:
            content[at : at + 1] = data.draw(st.sampled_from([b"0", b"-1", b"1e400", b"null", b"NaN", b'"', b"1.0"]))
    payload = bytes(content)
    at_once = _decoded_at_once(payload)
    if at_once is not None:
        assert at_once == _decoded_in_steps(payload)
    else:
        with contextlib.suppress(ContractError):  # an older version would be read
            _decoded_in_steps(payload)


@pytest.mark.parametrize("version", ["0", "01", "-1", "²", "1.0", "", "9" * 5000])
def test_a_version_that_never_was_is_no_event(version: str) -> None:
    """Versions count from one; anything else in their place is refused as bytes that are no event."""
    payload = encode(envelope(1, FACTS[1])).replace(b"agent_faulted:2", f"agent_faulted:{version}".encode())
    with pytest.raises(MalformedEventError):
        decode(payload)


def test_an_older_version_is_read_step_by_step() -> None:
    """An event of an older version is told in today's words; the one pass leaves it to the steps."""
    payload = encode(envelope(1, FACTS[1]))
    old = payload.replace(b"agent_faulted:2", b"agent_faulted:1").replace(b',"where":"f.py:1"', b"")
    assert old != payload
    assert _decoded_at_once(old) is None
    assert decode(old).data == FACTS[1].model_copy(update={"where": "not recorded by version 1"})


@given(
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(minutes=-210))])),
    st.none() | st.text(max_size=20),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_bytes_are_those_that_pydantic_writes(at: datetime, subject: str | None, caused: bool) -> None:  # noqa: FBT001  drawn
    """Writing attribute by attribute gives what the model's own serialiser gives, whatever is absent, in every zone."""
    assert [*Envelope.model_fields] == [
        "specversion", "id", "source", "type", "dataschema", "datacontenttype", "time", "subject", "campaign",
        "causationid", "correlationid", "traceparent", "data",
    ]  # fmt: skip
    for n, fact in enumerate(FACTS):
        said = envelope(n + 1, fact).model_copy(
            update={"time": at, "subject": subject, "causationid": event_id(7) if caused else None}
        )
        slow = said.model_dump(mode="json", exclude_none=True) | {"data": fact.model_dump(mode="json")}
        assert encode(said) == orjson.dumps(slow)
