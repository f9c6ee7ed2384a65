"""What the instruments did stands where the lab's clock says."""

from __future__ import annotations

import pytest

from bus.blobs import MemoryBlobs
from ops.reports.timeline import caption, occupied, timeline
from tests.agents import said
from tests.ops.reports.telling import failed, pattern, step, story, tree, words


def test_blocks_are_as_long_as_what_they_stand_for() -> None:
    """A firing of two days is twice as wide as one of one day; a failed step is a ring in the row of its instrument."""
    run = story(step(1), step(3, days=2), failed(4), pattern(1, MemoryBlobs()))
    shown = timeline(run)
    assert shown is not None
    drawn = tree(shown)
    fires = [float(r.attrib["width"]) for r in drawn.iter("rect") if r.attrib["class"] == "block fire" and len(r)]
    assert fires[1] == pytest.approx(2 * fires[0], rel=0.01)
    assert any(c.attrib["class"] == "failed" and "gripper open" in words(c) for c in drawn.iter("circle"))
    assert list(occupied(run)) == ["furnace-1", "furnace-2", "furnace-3", "xrd-1"]
    assert "time on the lab's clock / d" in words(drawn)
    assert "60\N{NO-BREAK SPACE}% busy" in words(drawn)  # three of the five days
    assert caption(run) == "2 steps and 1 scan on the lab's virtual clock."


def test_an_instrument_that_the_plan_does_not_name_has_a_row() -> None:
    """What was done is shown, whoever did it."""
    stranger = step(1).model_copy(update={"instrument": "furnace-x"})
    assert list(occupied(story(stranger)))[-1] == "furnace-x"


def test_nothing_done_is_nothing_drawn() -> None:
    """Before the first step there is no figure."""
    assert timeline(story(said.proposed(1))) is None


def test_calibrations_are_told_with_the_worst_that_they_found() -> None:
    """How many there were, and for each furnace the deviation that is furthest from none, with its sign."""
    found = [said.calibrated(0.4), said.calibrated(-6.25), said.calibrated(2.0, "furnace-2"), said.calibrated(5.0)]
    told = caption(story(step(1), *found))
    assert told.endswith("4 calibrations; furthest off was found furnace-1 by -6.2 K, furnace-2 by +2.0 K.")
