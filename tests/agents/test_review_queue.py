"""The queue of questions: the most urgent first, so many a day, each once, and none forgotten."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agents.review_queue import Doubt, ReviewQueue

MONDAY = date(2026, 1, 5)
TUESDAY = MONDAY + timedelta(days=1)


def doubt(n: int, priority: float = 0.5) -> Doubt:
    return Doubt(measurement_id=f"m-{n}", sample_id=f"s-{n}", priority=priority, question="why?")


def test_what_is_over_the_cap_waits_for_the_next_day_by_its_urgency() -> None:
    """One a day: the first is asked, the others wait, and the most urgent of them is first on the morrow."""
    queue = ReviewQueue()
    queue.turn(MONDAY, 1, doubt(1, 0.1))
    assert (queue.calls, queue.put_off) == ([doubt(1, 0.1)], [])
    queue.turn(MONDAY, 1, doubt(2, 0.2))
    queue.turn(MONDAY, 1, doubt(3, 0.9))
    assert (queue.calls, queue.put_off) == ([], [doubt(3, 0.9)]), "only what is new is put off again"
    queue.turn(TUESDAY, 1)
    assert (queue.calls, queue.put_off) == ([doubt(3, 0.9)], [doubt(2, 0.2)])


def test_whoever_comes_first_on_a_new_day_does_not_overtake_those_who_wait() -> None:
    """The day begins with its first event, whatever that is: what is more urgent goes first, of equals the older."""
    queue = ReviewQueue()
    for n in (1, 2):
        queue.turn(MONDAY, 1, doubt(n))
    queue.turn(TUESDAY, 1, doubt(3))
    assert (queue.calls, queue.waiting) == ([doubt(2)], [doubt(3)])


def test_of_all_that_wait_for_a_day_one_keeps_watch() -> None:
    """The first deferral to a day waits for it in the name of all; a deferral to the next day waits anew."""
    queue = ReviewQueue()
    watches = []
    for name, day in (("a", TUESDAY), ("b", TUESDAY), ("b", TUESDAY + timedelta(days=1))):
        queue.wake(name, day)
        watches.append(queue.waker)
    assert watches == ["a", "", "b"]


@given(
    cap=st.integers(1, 3),
    days=st.lists(st.lists(st.floats(0, 1), max_size=6), min_size=1, max_size=6),
)
def test_nothing_is_lost_nothing_is_asked_twice_and_no_day_has_too_much(cap: int, days: list[list[float]]) -> None:
    """Whatever comes on whichever day: in the end each question was asked once, and never more than the cap a day."""
    queue, asked, number = ReviewQueue(), [], 0
    per_day: Counter[date] = Counter()
    for n in range(len(days) + 40):
        today = MONDAY + timedelta(days=n)
        for priority in days[n] if n < len(days) else [None]:
            number += priority is not None
            queue.turn(today, cap, None if priority is None else doubt(number, priority))
            asked += queue.calls
            per_day[today] += len(queue.calls)
            assert set(map(str, queue.put_off)) <= set(map(str, queue.waiting))
    assert sorted(d.measurement_id for d in asked) == sorted(f"m-{n}" for n in range(1, number + 1))
    assert max(per_day.values()) <= cap
    assert queue.waiting == []
