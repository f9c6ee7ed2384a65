"""The best sample's pattern, looked at again, and the patterns that nobody could explain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bus.blobs import MemoryBlobs
from ops.reports.diffractogram import Seen, close_ups, diffractogram, flagged, look_again
from ops.reports.evidence import Evidence
from ops.reports.story import Candidate, Story
from science.diffraction.picture import Picture
from science.diffraction.readers import read_pattern_bytes
from tests.agents import said
from tests.ops.reports.telling import evidence, pattern, predicted, started, story, tree, words


@pytest.fixture
def picture(seen: Seen) -> Picture:
    """The curves."""
    assert seen.picture is not None
    return seen.picture


def test_a_record_that_says_something_else_is_found_out(seen: Seen) -> None:
    """The log of this campaign was typed, its pattern computed: the second look does not believe it, and says why."""
    assert not seen.agrees
    assert "gives another answer: a of BaZr0.583Ti0.417O3 (Pm-3m) was 4.1160 Å, now it is 4.1" in seen.words


def test_a_record_that_is_right_is_confirmed(told: Story, whole: Evidence, picture: Picture) -> None:
    """With the cell and share that the pattern shows, the answer is the recorded one; other phases are not."""
    best = told.candidates["c-0001"]
    (phase,) = picture.answer.phases
    lattice = phase.lattice.a
    cell = said.phase().cell.model_copy(update=dict.fromkeys("abc", lattice))
    right = said.phase(name=phase.name, cell=cell, weight_fraction=1.0)
    assert look_again(_with(best, right), whole).agrees
    other = look_again(_with(best, right, said.phase(name="BaCO3", weight_fraction=0.1)), whole)
    assert f"the log names {phase.name}, BaCO3, now it is {phase.name}" in other.words


def _with(best: Candidate, *phases: object) -> Candidate:
    return replace(best, analysis=said.analysis(*phases))


def test_a_missing_artefact_is_named(told: Story, whole: Evidence) -> None:
    """The report goes on without it, and says which it is."""
    bare = replace(whole, blobs=MemoryBlobs(), troubles=[])
    found = look_again(told.candidates["c-0001"], bare)
    assert found.picture is None
    assert "c-0001-v1.xy" in found.words
    assert len(bare.troubles) == 1
    assert "c-0001-v1.xy" in bare.troubles[0]


def test_what_cannot_be_looked_at_is_said() -> None:
    """A label without a pattern, and a file that is none."""
    run = story(predicted(1), said.made(1))
    assert "no measured pattern" in look_again(run.candidates["c-0001"], evidence([started()])).words
    blobs = MemoryBlobs()
    broken = pattern(1, blobs).model_copy(update={"pattern": blobs.put(b"\x00garbage", "text/plain", "x.xy")})
    run = story(predicted(1), said.made(1), said.scanning(1), broken)
    found = look_again(run.candidates["c-0001"], replace(evidence([started()]), blobs=blobs))
    assert "could not be identified again" in found.words


def test_the_figure_shows_all_curves_ticks_and_axes(picture: Picture) -> None:
    """Measured, calculated, background, difference; a tick for each line of the phase with its indices; units."""
    drawn = tree(diffractogram(picture))
    kinds = [p.attrib["class"] for p in drawn.iter("path")]
    assert {"observed-dots", "calculated", "background", "difference"} <= set(kinds)
    dots = next(p for p in drawn.iter("path") if p.attrib["class"] == "observed-dots")
    assert dots.attrib["d"].count("M") == len(picture.x)
    ticks = [line for line in drawn.iter("line") if line.get("class") == "hkl"]
    assert len(ticks) == len(picture.phases[0].ticks)
    assert words(ticks[1]).startswith("BaZr0.583Ti0.417O3 (1 1 0) at 30.")
    text = words(drawn)
    assert "2θ / °" in text
    assert "counts (square-root scale)" in text
    assert "100.0\N{NO-BREAK SPACE}%" in text
    assert [t.text for t in drawn.iter("text") if t.get("class") == "peak"][:3] == ["100", "110", "111"]


def test_close_ups_look_where_it_matters(picture: Picture) -> None:
    """The strongest line, and the worst place of the fit; close to each other, a line at high angles instead."""
    first, second = (tree(node)[0].text for node in close_ups(picture))
    assert first == "Strongest line, 30.7°"
    worse = picture.observed.copy()
    worse[np.abs(picture.x - 60) < 0.2] += 3000
    changed = replace(picture, observed=np.maximum(worse, 0))
    assert tree(close_ups(changed)[1])[0].text.startswith("Largest misfit, 60.")
    near = picture.calculated.copy()
    near[np.abs(picture.x - 30.9) < 0.2] += 3000
    assert tree(close_ups(replace(picture, observed=near))[1])[0].text.startswith("Strongest line at high angles")
    assert second


def test_nothing_named_can_be_drawn(picture: Picture) -> None:
    """Without a phase there are no ticks and no indices, and no crash."""
    drawn = tree(diffractogram(replace(picture, phases=())))
    assert not [line for line in drawn.iter("line") if line.get("class") == "hkl"]


def test_unexplained_lines_are_marked(told: Story, whole: Evidence) -> None:
    """A triangle over each, which tells place, spacing and height."""
    candidate = told.candidates["c-0003"]
    assert candidate.pattern is not None
    content = whole.fetch(candidate.pattern.pattern)
    assert content is not None
    drawn = tree(flagged(candidate, read_pattern_bytes("x.xy", content)))
    (mark,) = [p for p in drawn.iter("polygon") if p.attrib["class"] == "unexplained"]
    assert "2θ = 29.10°, d = 3.0660 Å, 9\N{NO-BREAK SPACE}%" in words(mark)
