"""Fates are told apart by shape as well as by colour."""

from __future__ import annotations

import pytest

from bus.blobs import MemoryBlobs
from ops.reports.marks import census, heat, legend, linked, shape, slug, tip, told
from ops.reports.story import Fate, tell
from tests.ops.reports.telling import every_fate, recorded, tree, words

STORY = tell(recorded(every_fate(MemoryBlobs())), "here")


def test_each_fate_looks_different_without_colour() -> None:
    """No two fates share a shape and size."""
    drawn = set()
    for fate in Fate:
        mark = tree(shape(fate, 10, 10))
        drawn.add((mark.tag, mark.get("r"), mark.get("points"), mark.get("d"), "hollow" in mark.attrib["class"]))
        assert slug(fate) in mark.attrib["class"].split()
    assert len(drawn) == len(Fate)


@pytest.mark.parametrize(("utility", "step"), [(0, "u0"), (0.0999, "u0"), (0.1, "u1"), (0.9, "u9"), (1.0, "u9")])
def test_utility_has_ten_colours(utility: float, step: str) -> None:
    """From nothing to all; the best has the last one."""
    assert heat(utility) == step


def test_a_mark_tells_and_leads() -> None:
    """Pointing at it says what became of the sample, clicking leads to its row."""
    candidate = STORY.candidates["c-0002"]
    mark = tree(linked(candidate, shape(candidate.fate, 0, 0)))
    assert mark.attrib["href"] == "#c-0002"
    assert "a = 4.1200 Å" in words(mark)
    assert "it is doubtful" in tip(STORY.candidates["c-0003"])


def test_fates_are_counted_best_first() -> None:
    """Only those that occur, each once."""
    every = list(STORY.candidates.values())
    assert census(every) == [(fate, 1) for fate in Fate]
    assert census(every[:2]) == [(Fate.SUCCESS, 1), (Fate.LEARNT, 1)]
    assert told(every[:1]) == "1 candidate met the goal"
    assert words(legend(census(every), 0, 0)).count("(1)") == len(Fate)
