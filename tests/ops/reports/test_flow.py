"""Bands from proposal to label: none is lost on the way."""

from __future__ import annotations

import re

from bus.blobs import MemoryBlobs
from ops.reports.flow import flow, path
from ops.reports.story import tell
from tests.ops.reports.telling import every_fate, recorded, tree

CANDIDATES = list(tell(recorded(every_fate(MemoryBlobs())), "here").candidates.values())


def test_each_candidate_goes_as_far_as_it_came() -> None:
    """From a refusal at the second stage to a success at the fourth."""
    assert [path(c)[1:] for c in CANDIDATES] == [
        ("cleared", "synthesised", "met the goal"),
        ("cleared", "synthesised", "learnt from"),
        ("put to review", "synthesised", "withheld from learning"),
        ("cleared", "lost in the making"),
        ("put to review", "declined in review"),
        ("refused",),
        ("put to review", "not made yet"),
    ]


def test_counts_of_a_stage_add_up() -> None:
    """What leaves a stage is what came to it; bars are as tall as their counts."""
    drawn = tree(flow(CANDIDATES))
    bars = [(g.find("rect"), "".join(g.find("text").itertext())) for g in drawn.iter("g") if g.find("rect") is not None]
    counts = {text.split(" ", 1)[1]: int(text.split()[0]) for _, text in bars}
    assert counts["proposed"] == 7
    assert counts["cleared"] + counts["put to review"] + counts["refused"] == 7
    assert counts["synthesised"] == counts["met the goal"] + counts["learnt from"] + counts["withheld from learning"]
    tall = {text: float(rect.attrib["height"]) for rect, text in bars}
    assert abs(tall["3 cleared"] - 3 * tall["1 refused"]) < 0.05
    assert len(re.findall(r'class="band', flow(CANDIDATES).render())) == sum(len(path(c)) - 1 for c in CANDIDATES)


def test_nothing_proposed_is_nothing_drawn() -> None:
    """An empty campaign has an empty figure, not a crash."""
    assert list(tree(flow([])).iter("path")) == []
