"""The head: what was asked for, what came of it, and that it was only simulated."""

from __future__ import annotations

from dataclasses import replace

from bus.blobs import MemoryBlobs
from ops.reports.header import TILES, header
from ops.reports.story import tell
from tests.agents import said
from tests.ops.reports.telling import PLAN, every_fate, evidence, label, recorded, started, tree, words

EVIDENCE = evidence(every_fate(MemoryBlobs()))
STORY = tell(EVIDENCE.log, "here")


def test_what_was_simulated_is_said_loudly() -> None:
    """All of it: a rehearsal. Some of it: which parts were not. Nothing: no word."""
    text = words(header(STORY, EVIDENCE))
    assert "These parts of the lab were simulated: furnace-1, furnace-2, furnace-3, reviewer and xrd-1" in text
    assert "No powder was weighed" in text
    assert "by a policy, not by a human" in text
    partly = tell(recorded([started(simulated=("furnace-1", "furnace-2", "furnace-3"))]), "here")
    text = words(header(partly, EVIDENCE))
    assert "Not simulated: xrd-1." in text
    assert "rehearsal" not in text
    assert "policy" not in text
    real = tell(recorded([started(simulated=())]), "here")
    assert "imulated" not in words(header(real, EVIDENCE))


def test_the_counts_are_those_of_the_summary() -> None:
    """Each number that the run's summary tells stands in its tile."""
    found = {d.attrib["data-count"]: d for d in tree(header(STORY, EVIDENCE)).iter() if "data-count" in d.attrib}
    told = STORY.tally.summary()
    assert set(found) == {key for key, _ in TILES} | {"successes"}
    assert found["successes"].text == str(told["successes"])
    for key, name in TILES:
        assert words(found[key]) == f"{told[key]}{name}"


def test_the_best_sample_is_told_with_units_and_distance() -> None:
    """Lattice in Å, how far off in mÅ, what was predicted, fraction and utility."""
    text = words(header(STORY, EVIDENCE))
    assert "c-0001-v1" in text
    assert "4.1161 Å" in text
    assert "+0.1 mÅ off the goal; 4.1150 ± 0.0020 Å predicted" in text
    assert "meets the goal" in text


def test_goal_seed_and_dates() -> None:
    """What was looked for, with which dice, and from when to when on the lab's clock."""
    text = words(header(STORY, EVIDENCE))
    assert "a = 4.116 ± 0.003 Å and a phase fraction of 0.95 or more" in text
    assert "bso-match-1, seed 1, composite strategy" in text
    assert "2026-01-05 08:00 to 2026-01-" in text
    assert "virtual clock" in text
    assert "enough" in text


def test_a_campaign_without_labels_or_end_says_so() -> None:
    """Nothing learnt, no perovskite found, not finished: in words, not as a gap."""
    bare = tell(recorded([started(), said.proposed(1)]), "here")
    text = words(header(bare, replace(EVIDENCE, summary=None)))
    assert "no sample became a label" in text
    assert "not finished: the log stops" in text
    assert "the run left no summary" in text
    barren = tell(recorded([started(), said.proposed(1), said.made(1), label(1, 0.0, lattice=None)]), "here")
    assert "None of 1 label shows a perovskite" in words(header(barren, EVIDENCE))


def test_an_interrupted_run_is_told_how_to_go_on() -> None:
    """The summary knows that somebody stopped it; the log alone cannot."""
    bare = tell(recorded([started(), said.proposed(1)]), "here")
    stopped = replace(EVIDENCE, summary={**(EVIDENCE.summary or {}), "interrupted": True})
    assert "it was interrupted; the same command goes on" in words(header(bare, stopped))


def test_a_title_is_only_text() -> None:
    """Campaign files are written by people."""
    plan = PLAN.model_copy(update={"title": "<img src=x onerror=alert(1)> & BaSnO3"})
    drawn = header(tell(recorded([started(plan=plan)]), "here"), EVIDENCE).render()
    assert "<img" not in drawn
    assert "&amp; BaSnO<sub>3</sub>" in drawn
