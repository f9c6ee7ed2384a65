"""The book: fates follow each other in one way, and what is known of a batch changes at exactly one event."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.agent import Agent
from agents.candidate_book import ENDS, NEXT, UNDECIDED, CandidateBook, Fate, KeepsBook
from tests.agents.said import (
    answered,
    asked,
    candidate,
    cleared,
    gone,
    observed,
    proposed,
    refused,
    withheld,
)


class Reader(KeepsBook[CandidateBook]):
    name = "reader"


def _told(*events) -> tuple[CandidateBook, list[tuple[str | None, str | None]]]:
    reader: Agent = Reader(CandidateBook())
    marks = []
    for event in events:
        reader.fold(event)
        marks.append((reader.memory.decided, reader.memory.settled))
    return reader.memory, marks


def test_a_candidate_goes_its_way_to_the_end() -> None:
    """Proposed, asked about, approved, made, measured."""
    fates = []
    events = [proposed(1, size=1), asked(1), answered(1, approved=True), observed(1)]
    for n in range(1, len(events) + 1):
        book, _ = _told(*events[:n])
        fates.append(book.book[candidate(1)].fate)
    assert fates == [Fate.PROPOSED, Fate.ASKED, Fate.CLEARED, Fate.OBSERVED]


def test_a_batch_is_decided_and_settled_at_the_last_candidates_event_and_at_no_other() -> None:
    """The marks stand for one fold each, so that whoever acts on them acts once."""
    _, marks = _told(
        proposed(1), proposed(2), proposed(3), cleared(1), refused(2), asked(3), answered(3, approved=False),
        gone(1), withheld(1), answered(3, approved=True),
    )  # fmt: skip
    batch = "b-0001"
    assert [decided for decided, _ in marks] == [None] * 6 + [batch, None, None, None]
    assert [settled for _, settled in marks] == [None] * 7 + [batch, None, None]


def test_a_batch_that_is_still_being_proposed_is_not_settled() -> None:
    """In real time the first candidate may be refused before the last one is proposed."""
    _, marks = _told(proposed(1), refused(1), proposed(2), refused(2), proposed(3), refused(3))
    assert marks == [(None, None)] * 5 + [("b-0001", "b-0001")]


def test_batches_do_not_mix() -> None:
    """Another batch that is open keeps no batch from being settled."""
    book, marks = _told(proposed(1, size=1), proposed(2, batch=2, size=1), refused(2))
    assert marks[-1] == ("b-0002", "b-0002")
    assert book.batch("b-0001") == {candidate(1): Fate.PROPOSED}
    assert book.batch_of(candidate(2)) == "b-0002"
    assert book.batch_of("nobody") is None


def test_files_that_nobody_asked_for_change_no_fate() -> None:
    """A dropped file that bears the name of a vial to come does not end its candidate."""
    book, _ = _told(proposed(1, size=1), withheld(1, unasked=True), withheld(1), observed(1))
    assert book.book[candidate(1)].fate is Fate.PROPOSED


def test_a_candidate_is_proposed_once() -> None:
    """Proposed again under the same name it keeps its fate."""
    book, _ = _told(proposed(1, size=1), refused(1), proposed(1, size=1))
    assert book.book[candidate(1)].fate is Fate.REFUSED
    assert book.count(frozenset({Fate.REFUSED})) == 1


about = st.integers(1, 4)
events = st.one_of(
    about.map(lambda n: proposed(n, batch=1 + n // 4, size=3 if n < 4 else 1)),
    about.map(cleared),
    about.map(refused),
    about.map(asked),
    st.tuples(about, st.booleans()).map(lambda told: answered(told[0], approved=told[1])),
    about.map(gone),
    about.map(observed),
    about.map(withheld),
    about.map(lambda n: withheld(n, unasked=True)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(events, max_size=40))
def test_whatever_is_said_each_batch_is_decided_and_settled_at_most_once(told: list) -> None:
    """In any order and with any repetition: ends stay, marks come once, and a settled batch is one of ends."""
    reader: Agent = Reader(CandidateBook())
    marks: Counter[tuple[str, str]] = Counter()
    for event in told:
        before = {name: entry.fate for name, entry in reader.memory.book.items()}
        reader.fold(event)
        for name, fate in before.items():
            now = reader.memory.book[name].fate
            assert now == fate or now in NEXT[fate]
        if (decided := reader.memory.decided) is not None:
            marks["decided", decided] += 1
            assert not any(f in UNDECIDED for f in reader.memory.batch(decided).values())
        if (settled := reader.memory.settled) is not None:
            marks["settled", settled] += 1
            fates = reader.memory.batch(settled)
            assert all(f in ENDS for f in fates.values())
            assert len(fates) == reader.memory.book[next(iter(fates))].batch_size
    assert max(marks.values(), default=1) == 1
