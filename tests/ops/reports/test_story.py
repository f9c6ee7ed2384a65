"""The story that figures are drawn from: each candidate has one fate, and nothing is told twice."""

from __future__ import annotations

import pytest

from bus.blobs import MemoryBlobs
from contracts.presence import LabTroubled, TroubleKind
from ops.reports.errors import ReportError
from ops.reports.story import Fate, tell
from tests.agents import said
from tests.ops.reports.telling import bounded, every_fate, flagged, label, pattern, predicted, recorded, story


def test_every_fate_is_told() -> None:
    """Seven candidates, seven fates, in the order of proposal; the best is the one with the highest utility."""
    told = tell(recorded(every_fate(MemoryBlobs())), "here")
    assert [c.fate for c in told.candidates.values()] == [
        Fate.SUCCESS, Fate.LEARNT, Fate.WITHHELD, Fate.LOST, Fate.DECLINED, Fate.REFUSED, Fate.OPEN,
    ]  # fmt: skip
    assert told.best is told.candidates["c-0001"]
    assert told.strangers == [("c-0009-v1", "it is doubtful")]
    assert told.finished is not None
    assert len(told.models) == 2


def test_samples_come_in_the_order_in_which_their_fate_was_known() -> None:
    """Not in the order of proposal; a lost vial counts, a candidate that was never made does not."""
    told = tell(recorded(every_fate(MemoryBlobs())), "here")
    assert [c.name for c in told.ends] == ["c-0004", "c-0001", "c-0002", "c-0003"]
    assert told.batches == [4]


def test_who_ended_it_says_why() -> None:
    """The reason of a refusal, a review, a loss or a doubt; none for what was learnt from or goes on."""
    why = [c.why for c in tell(recorded(every_fate(MemoryBlobs())), "here").candidates.values()]
    assert why == ["", "", "it is doubtful", "dropped", "because", "because", ""]


def test_the_first_of_equals_is_the_best() -> None:
    """As the tally of the console counts it."""
    told = story(said.proposed(1), said.proposed(2), said.made(1), said.made(2), label(2, 0.5), label(1, 0.5))
    assert told.best is told.candidates["c-0002"]
    assert told.tally.best is not None
    assert told.tally.best.sample_id == "c-0002-v1"


@pytest.mark.parametrize("shows", [True, False], ids=["shows more", "shows nothing"])
def test_a_vial_that_was_measured_again_is_told_by_what_was_learnt_from(shows: bool) -> None:  # noqa: FBT001
    """The rescan takes the place of the answer in doubt, unless it showed nothing: then that one stands."""
    first = pattern(1, MemoryBlobs())
    again = f"{said.vial(1)}/scan/2"
    second = first.model_copy(update={"measurement_id": again})
    intent = said.scanning(1).model_copy(update={"measurement_id": again})
    doubtful, sure = said.phase(confidence=0.6), said.phase(confidence=0.99)
    empty = flagged(1).model_copy(update={"measurement_id": again})
    told = story(
        predicted(1), said.cleared(1), said.scheduled(1), said.made(1), said.scanning(1), first, said.rescanned(1),
        said.identified(1, doubtful), intent, second,
        said.identified(1, sure, measurement=again) if shows else empty,
        label(1, measurement_id=again if shows else first.measurement_id),
    ).candidates["c-0001"]  # fmt: skip
    assert told.fate is Fate.LEARNT
    assert told.pattern == (second if shows else first)
    assert told.analysis.phases == (sure if shows else doubtful,)
    assert told.flagged is None
    assert told.asked == told.label.measurement_id


def test_only_the_measurement_that_was_asked_for_counts() -> None:
    """A file dropped under the name of a sample changes nothing of its story."""
    events = [said.proposed(1), said.cleared(1), said.made(1), said.scanning(1)]
    told = story(*events, said.identified(1, said.phase(), measurement="dropped"), said.withheld(1, unasked=True))
    assert told.candidates["c-0001"].analysis is None
    assert told.candidates["c-0001"].fate is Fate.OPEN
    assert told.strangers == [("c-0001-v1", "it is doubtful")]


def test_intervals_without_both_ends_are_none() -> None:
    """Too few labels give a record without ends: that is no interval."""
    told = story(predicted(1), bounded(1, None, None), predicted(2), bounded(2, 4.11, 4.12))
    assert told.candidates["c-0001"].interval("lattice") is None
    found = told.candidates["c-0002"].interval("lattice")
    assert found is not None
    assert (found.lower, found.upper) == (4.11, 4.12)
    assert told.candidates["c-0002"].predicted("lattice") == (4.115, 0.002)
    assert told.candidates["c-0002"].predicted("cubicity") is None


def test_troubles_beneath_the_agents_are_kept() -> None:
    """What the broker, the clock or the disk did is part of the story."""
    trouble = LabTroubled(trouble=TroubleKind.DISK, reason="full")
    assert [t for _, t in story(trouble).beneath] == [trouble]


def test_events_about_nobody_are_passed_over() -> None:
    """A log that begins in the middle, or names strangers, is told as far as it goes."""
    told = story(said.cleared(5), said.answered(5, approved=True), said.made(5), label(5))
    assert told.candidates == {}
    assert told.ends == []


def test_a_log_without_a_beginning_is_refused() -> None:
    """Nobody knows what it is about."""
    with pytest.raises(ReportError, match=r"no campaign.started among them"):
        tell(recorded([said.proposed(1)]), "here")
    with pytest.raises(ReportError, match="got 0 readable events"):
        tell([], "here")


def test_a_label_that_is_taken_back_is_none() -> None:
    """The candidate ends as withheld, with the reason of the retraction, and the next best is the best."""
    told = story(
        said.proposed(1), said.proposed(2), said.made(1), said.made(2), label(1, 0.5), label(2, 0.9), said.retracted(2)
    )
    assert [c.fate for c in told.candidates.values()] == [Fate.LEARNT, Fate.WITHHELD]
    assert told.candidates["c-0002"].why == "its furnace was too hot"
    assert [c.name for c in told.ends] == ["c-0001", "c-0002"]
    assert told.best is told.candidates["c-0001"]
    assert told.tally.best is not None
    assert told.tally.best.sample_id == "c-0001-v1"
    assert told.tally.summary()["retracted"] == 1
