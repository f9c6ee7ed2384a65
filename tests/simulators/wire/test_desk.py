"""A desk answers for its line, in the time of whoever asks, and a question that comes twice changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.instruments import ActionState, StepKind
from contracts.wire import SCHEMA, Occupied, Question, Refused, Reported, Standing, Verb, misfit, trace_of
from simulators.bench import Bench
from simulators.faults import Faults
from simulators.furnace import SimulatedSynthesiser
from simulators.wire.desk import AskersClock, Desk
from tests.contracts.examples import EPOCH
from tests.promises.synthesiser_promises import step
from tests.simulators.lab import FLAWLESS, SimulatedLab, damage

LATER = EPOCH + timedelta(days=2)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk over a new journal."""
    clock = AskersClock()
    return Desk(SimulatedSynthesiser("furnace-1", Bench(1, Faults(1, FLAWLESS)), clock, tmp_path), clock)


def _question(verb: Verb, key: str = "k", now: datetime = EPOCH, **changes: Any) -> Question:
    request = step(key, **changes) if verb is Verb.START else None
    return Question(
        schema=SCHEMA, id="a-1", client="a", verb=verb, key=key, now=now, trace=trace_of(key, 1), request=request
    )


async def test_it_says_what_the_line_says_in_this_process(desk: Desk, tmp_path: Path) -> None:
    """State, times and report are those of the same line without a wire."""
    lab = SimulatedLab(tmp_path / "here")
    await lab.line.start(step("k"))
    here = await lab.line.finish("k")
    started = await desk.answer(_question(Verb.START))
    assert isinstance(started, Standing)
    assert (started.state, started.started_at, started.ends_at) == (ActionState.RUNNING, EPOCH, here.ended_at)
    running = await desk.answer(_question(Verb.REPORT, now=here.ended_at - timedelta(seconds=1)))
    assert isinstance(running, Standing)
    assert running.ends_at == here.ended_at
    told = await desk.answer(_question(Verb.REPORT, now=here.ended_at))
    assert isinstance(told, Reported)
    assert told.report == here


async def test_it_has_no_clock_of_its_own(desk: Desk) -> None:
    """Time runs as the questions say, even backwards: a question that was long under way is answered as of then."""
    await desk.answer(_question(Verb.START))
    states = [await desk.answer(_question(Verb.ASK, now=now)) for now in (LATER, EPOCH, LATER)]
    assert [s.state for s in states if isinstance(s, Standing)] == [
        ActionState.DONE, ActionState.RUNNING, ActionState.DONE,
    ]  # fmt: skip


@pytest.mark.parametrize("verb", list(Verb))
async def test_the_same_question_gets_the_same_answer(desk: Desk, verb: Verb) -> None:
    """However often it comes, at whatever time it comes."""
    await desk.answer(_question(Verb.START, "before"))
    await desk.answer(_question(Verb.START, now=LATER))
    question = _question(verb, now=LATER)
    first = await desk.answer(question)
    assert misfit(question, first) == ""
    await desk.answer(_question(Verb.START, "after", now=LATER + timedelta(days=3)))
    assert await desk.answer(question) == first
    assert desk.line.bench.firings_of("c-1-v1") == 3


async def test_a_busy_line_stays_busy_for_a_question_that_comes_late(desk: Desk) -> None:
    """A copy that was refused when it came first begins nothing when it comes again, after the line is free."""
    await desk.answer(_question(Verb.START, "one"))
    question = _question(Verb.START, "two", now=EPOCH + timedelta(hours=1))
    first = await desk.answer(question)
    assert isinstance(first, Occupied)
    assert first.doing == "one"
    assert isinstance(await desk.answer(_question(Verb.ASK, "one", now=LATER)), Standing)
    assert await desk.answer(question) == first
    assert desk.line.bench.firings_of("c-1-v1") == 1


async def test_what_the_line_refuses_is_refused_in_its_words(desk: Desk, tmp_path: Path) -> None:
    """An unknown key, a damaged entry: the reason is the line's own."""
    unknown = await desk.answer(_question(Verb.REPORT, "nobody"))
    assert isinstance(unknown, Refused)
    assert "unknown key 'nobody'" in unknown.reason
    await desk.answer(_question(Verb.START, "k"))
    damage(tmp_path, "furnace-1", "k", how="torn")
    clock = AskersClock()
    again = Desk(SimulatedSynthesiser("furnace-1", Bench(1, Faults(1, FLAWLESS)), clock, tmp_path), clock)
    for verb in (Verb.START, Verb.REPORT):
        answer = await again.answer(_question(verb, now=LATER))
        assert isinstance(answer, Refused)
        assert "damaged" in answer.reason
    state = await again.answer(_question(Verb.ASK, now=LATER))
    assert isinstance(state, Standing)
    assert state.state is ActionState.UNKNOWN


async def test_times_that_cannot_be_reckoned_with_are_refused(desk: Desk) -> None:
    """A start in the last second of the calendar is refused, begins nothing and ends nobody."""
    answer = await desk.answer(_question(Verb.START, now=datetime.max.replace(tzinfo=EPOCH.tzinfo)))
    assert isinstance(answer, Refused)
    assert "date value out of range" in answer.reason
    state = await desk.answer(_question(Verb.ASK))
    assert isinstance(state, Standing)
    assert state.state is ActionState.NEVER_SEEN


async def test_every_answer_carries_what_was_asked(desk: Desk) -> None:
    """Id, key and trace come back, whatever the outcome."""
    questions = [
        _question(Verb.ASK), _question(Verb.START), _question(Verb.REPORT, now=LATER), _question(Verb.REPORT, "z"),
        _question(Verb.START, "z", kind=StepKind.MILL),
    ]  # fmt: skip
    answers = [await desk.answer(q) for q in questions]
    assert [type(a) for a in answers] == [Standing, Standing, Reported, Refused, Occupied]
    assert all((a.id, a.key, a.trace) == (q.id, q.key, q.trace) for q, a in zip(questions, answers, strict=True))


async def test_nobody_waits_at_a_desk() -> None:
    """A clock that would have to wait says so instead of jumping ahead."""
    clock = AskersClock()
    clock.shown = EPOCH
    await clock.sleep_until(EPOCH)
    with pytest.raises(ValueError, match="Expected to be asked at"):
        await clock.sleep_until(LATER)
