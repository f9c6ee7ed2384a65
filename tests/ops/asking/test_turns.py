"""Turns of a life in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.planning import ModelRef, Origin
from ops.asking.moment import Heard, Moment, Tone
from ops.asking.turns import turn
from tests.agents import said
from tests.ops.asking.told import believed, every_fate
from tests.ops.reports.telling import BEGUN, flagged, label, predicted


def told(event: object) -> Moment:
    """An event as a turn."""
    return turn(Heard(7, BEGUN, event))  # type: ignore[arg-type]


def test_a_proposal_says_why() -> None:
    """Rank, origin, score, expectation and constraints."""
    event = predicted(1).model_copy(
        update={"origin": Origin.ACQUISITION, "score": 0.1234, "model": ModelRef(model_id="m-0001", sha256="0" * 64)}
    )
    moment = told(event)
    assert moment.told == "number 1 of 3 in b-0001, chosen by acquisition, out of 100 feasible designs"
    assert moment.details == (
        "score 0.123, by m-0001",
        "expected lattice 4.1150 ± 0.0020 Å, phase fraction 0.90 ± 0.05",
        "1 constraint checked, all hold",
    )
    broken = told(said.proposed(1, constraints=(said.FINE, said.BROKEN)))
    assert broken.details[-1] == "2 constraints checked, broken: tolerance factor: it is 1.2"


def test_a_clearance_tells_the_numbers_of_trust() -> None:
    """Model, interval with its certainty, and each score against its threshold."""
    moment = told(believed(9))
    assert (moment.what, moment.tone) == ("cleared", Tone.GOOD)
    assert [d.replace("\N{NO-BREAK SPACE}", " ") for d in moment.details] == [
        "by m-0001, fitted on 6 observations",
        "lattice 4.1100 to 4.1200 Å with 90 % from 12 scores of zirconate (width 0.0100, at most 0.0400)",
        "out of distribution 1 of 3 votes: latent distance 3 > 2.5, design distance 0.5",
    ]


def test_intervals_that_there_are_not_are_told_together() -> None:
    """Two quantities without an interval for one reason need one line."""
    event = believed(9)
    (known,) = event.decision.conformal
    none = known.model_copy(update={"lower": None, "upper": None, "basis": "too few labels"})
    other = none.model_copy(update={"component": "phase_fraction"})
    decision = event.decision.model_copy(update={"conformal": (none, other), "ood": ()})
    moment = told(event.model_copy(update={"decision": decision}))
    assert moment.details[1:] == ("no interval of lattice and phase fraction: too few labels",)


@pytest.mark.parametrize(
    ("event", "what", "tone"),
    [
        (said.refused(1), "refused", Tone.BAD),
        (said.refused(1).model_copy(update={"hard": True}), "refused for good", Tone.BAD),
        (said.asked(1), "escalated", Tone.DOUBT),
        (said.answered(1, approved=True), "approved", Tone.GOOD),
        (said.answered(1, approved=False), "declined", Tone.BAD),
        (said.scheduled(1, 2), "scheduled", Tone.PLAIN),
        (said.made(1), "made", Tone.GOOD),
        (said.made(1, steps_ok=False, doubts=("spilt",)), "made", Tone.DOUBT),
        (said.gone(1), "lost", Tone.BAD),
        (said.identified(1, said.phase()), "identified", Tone.GOOD),
        (said.identified(1, said.phase(), verdict="ambiguous"), "ambiguous", Tone.DOUBT),
        (flagged(1), "flagged", Tone.DOUBT),
        (label(1, 0.4), "learnt", Tone.GOOD),
        (label(1, 0.9, success=True), "success", Tone.GOOD),
        (said.withheld(1), "withheld", Tone.DOUBT),
        (said.retracted(1), "observation retracted", Tone.DOUBT),
        (said.released(1), "model", Tone.PLAIN),
    ],
)
def test_each_turn_has_its_word_and_tone(event: object, what: str, tone: Tone) -> None:
    """What went well, what is doubtful and what went wrong are told apart."""
    moment = told(event)
    assert (moment.what, moment.tone, moment.seq) == (what, tone, 7)
    assert moment.told
    assert moment.took is None or moment.took >= timedelta(0)


def test_every_event_has_words() -> None:
    """Kinds that no teller knows are told by their name and their reason or numbers."""
    assert all(told(event).what for event in every_fate())
    assert told(said.retracted(1)).told == said.retracted(1).reason
