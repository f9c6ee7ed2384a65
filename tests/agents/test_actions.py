"""Physical actions are effectively once, whatever the instrument says, refuses or forgets."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from agents.actions import PAUSE, NotDone, effectively_once
from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState, Radiation, ScanReport, ScanRequest
from tests.contracts.examples import EPOCH

REQUEST = ScanRequest(key="k", sample_id="s", start=10, stop=90, step=0.02, seconds_per_step=1)
REPORT = ScanReport(
    key="k", sample_id="s", content=b"1", file_name="a.xy", radiation=Radiation(), started_at=EPOCH, ended_at=EPOCH
)
DOWN = InstrumentError("xrd", "Expected an answer, got none.")


class Scripted:
    """An instrument that answers from a list, and keeps a record of what it was asked."""

    name = "xrd"

    def __init__(self, **answers) -> None:
        self.answers = {verb: list(given) for verb, given in answers.items()}
        self.asked: list[str] = []
        self.waited: list[datetime] = []

    def _answer(self, verb: str):
        self.asked.append(verb)
        answer = self.answers[verb].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def start(self, request) -> None:
        assert request is REQUEST
        self._answer("start")

    async def ask(self, key: str) -> ActionState:
        assert key == "k"
        return self._answer("ask")

    async def finish(self, key: str):
        assert key == "k"
        return self._answer("finish")

    async def wait_until(self, when: datetime) -> None:
        self.waited.append(when)


async def _carry_out(instrument: Scripted):
    outcome = await effectively_once(instrument, REQUEST, instrument.wait_until)
    assert all(not left for left in instrument.answers.values()), "it stopped asking too early"
    return outcome


NEW, RUNNING, DONE, UNKNOWN = ActionState.NEVER_SEEN, ActionState.RUNNING, ActionState.DONE, ActionState.UNKNOWN


@pytest.mark.parametrize("state", [RUNNING, DONE])
async def test_what_was_begun_is_joined_and_not_begun_again(state: ActionState) -> None:
    """After a crash an action that is under way or done is only waited for."""
    instrument = Scripted(ask=[state], finish=[REPORT])
    assert await _carry_out(instrument) is REPORT
    assert instrument.asked == ["ask", "finish"]


async def test_it_is_asked_before_anything_is_begun() -> None:
    """The first question is what became of the key."""
    instrument = Scripted(ask=[NEW], start=[None], finish=[REPORT])
    assert await _carry_out(instrument) is REPORT
    assert instrument.asked == ["ask", "start", "finish"]


async def test_what_nobody_can_tell_is_not_tried() -> None:
    """An unknown key is neither begun nor waited for."""
    instrument = Scripted(ask=[UNKNOWN])
    outcome = await _carry_out(instrument)
    assert outcome == NotDone("the instrument does not know what became of this action", unknown=True)
    assert instrument.asked == ["ask"]


async def test_an_instrument_that_does_not_answer_may_have_acted() -> None:
    """Silence to the first question counts as not knowing."""
    assert await _carry_out(Scripted(ask=[DOWN])) == NotDone(str(DOWN), unknown=True)


async def test_a_refusal_is_no_action() -> None:
    """Refused, and asked again it has never seen the key: nothing happened, and that is known."""
    instrument = Scripted(ask=[NEW, NEW], start=[DOWN])
    assert await _carry_out(instrument) == NotDone(str(DOWN), unknown=False)


async def test_an_error_at_the_start_may_hide_an_action() -> None:
    """If it has begun all the same, it is waited for and not begun again."""
    instrument = Scripted(ask=[NEW, RUNNING], start=[DOWN], finish=[REPORT])
    assert await _carry_out(instrument) is REPORT
    assert instrument.asked.count("start") == 1


async def test_an_error_at_the_start_and_then_silence_is_unknown() -> None:
    """Whether it has begun cannot be told any more."""
    assert await _carry_out(Scripted(ask=[NEW, DOWN], start=[DOWN])) == NotDone(str(DOWN), unknown=True)


async def test_a_report_that_never_comes_is_unknown() -> None:
    """It was begun, and what became of it cannot be told."""
    assert await _carry_out(Scripted(ask=[NEW], start=[None], finish=[DOWN])) == NotDone(str(DOWN), unknown=True)


async def test_a_busy_instrument_is_waited_for_and_asked_again() -> None:
    """It is asked what became of the key each time, because somebody else may have begun it."""
    later = EPOCH + timedelta(hours=1)
    busy = InstrumentBusyError("xrd", "another scan", later)
    instrument = Scripted(ask=[NEW, NEW], start=[busy, None], finish=[REPORT])
    assert await _carry_out(instrument) is REPORT
    assert instrument.waited == [later]


async def test_a_busy_instrument_that_does_not_know_until_when_is_not_asked_without_end() -> None:
    """A time that has passed is followed by later ones, so that the lab's clock goes on."""
    busy = InstrumentBusyError("xrd", "another scan", EPOCH)
    instrument = Scripted(ask=[NEW] * 4, start=[busy, busy, busy, None], finish=[REPORT])
    assert await _carry_out(instrument) is REPORT
    assert instrument.waited == [EPOCH, EPOCH + PAUSE, EPOCH + 2 * PAUSE]
