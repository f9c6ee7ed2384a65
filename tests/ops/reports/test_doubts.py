"""Reasons are counted, incidents listed, and nothing is hidden because it is embarrassing."""

from __future__ import annotations

from bus.blobs import MemoryBlobs
from contracts.instruments import SampleTrouble
from contracts.presence import LabTroubled, TroubleKind
from ops.reports.doubts import bars, counted, faults, groups, incidents, injected, unexplained
from ops.reports.story import tell
from tests.agents import said
from tests.ops.reports.telling import every_fate, failed, flagged, predicted, recorded, step, story, tree, words

STORY = tell(recorded(every_fate(MemoryBlobs())), "here")


def test_the_same_reason_with_other_numbers_is_the_same() -> None:
    """Counted once for each candidate, the commonest first."""
    one, two, three = (predicted(n) for n in (1, 2, 3))
    run = story(one, two, three)
    every = list(run.candidates.values())
    found = counted(
        [(every[0], ["6 of 10 labels", "7 of 10 labels"]), (every[1], ["8 of 10 labels"]), (every[2], ["too wide"])]
    )
    assert {reason: [c.name for c in names] for reason, names in found.items()} == {
        "… of … labels": ["c-0001", "c-0002"],
        "too wide": ["c-0003"],
    }
    assert list(found) == ["… of … labels", "too wide"]


def test_every_kind_of_no_has_its_group() -> None:
    """Reviews, refusals, declined, lost and withheld candidates, each under its own heading with its count."""
    sizes = {title: sum(len(n) for n in reasons.values()) for title, (_, reasons) in groups(STORY).items()}
    assert sizes == {
        "Put to review": 3, "Refused by the auditor": 1, "Declined in review": 1, "Lost in the making": 1,
        "Withheld from learning": 1,
    }  # fmt: skip
    drawn = tree(bars(STORY))
    assert "Put to review (3)" in words(drawn)
    assert {a.attrib["href"] for a in drawn.iter("a")} == {f"#c-000{n}" for n in range(3, 8)}
    assert "Nothing was refused" in words(bars(story(predicted(1))))


def test_incidents_are_listed_with_place_and_time() -> None:
    """Failed steps, troubles (vials of one step together), strangers, troubles beneath, and the words of each."""
    both = [SampleTrouble(sample_id=f"c-000{n}-v1", reason="furnace overshoot", lost=False) for n in (1, 2)]
    dropped = SampleTrouble(sample_id="c-0003-v1", reason="vial dropped", lost=True)
    disk = LabTroubled(trouble=TroubleKind.DISK, reason="3 % left")
    run = story(step(1, *both, dropped), failed(4), said.withheld(9, unasked=True), disk)
    shown = incidents(run)
    assert shown is not None
    rows = [[words(td) for td in row.iter("td")] for row in tree(shown).iter("tr")][1:]
    assert [r[0] for r in rows] == [
        "load failed", "in doubt", "lost", "file that nobody asked for", "trouble with the disk",
    ]  # fmt: skip
    assert rows[0][1].startswith("furnace-2")
    assert rows[0][3] == "gripper open (not tried again)"
    assert rows[1][2] == "c-0001-v1, c-0002-v1"
    assert rows[1][1] == "furnace-12026-01-07 08:00"
    assert incidents(story()) is None


def test_unexplained_lines_are_listed_with_place_and_height() -> None:
    """2θ, d and relative height of each line, after the reason."""
    told = unexplained(STORY.candidates["c-0003"])
    assert told.startswith("1 clear line belongs to no known phase")
    assert "29.10° (d = 3.0660 Å, 9\N{NO-BREAK SPACE}%)" in told
    assert flagged(3).reason == STORY.candidates["c-0003"].flagged.reason


def test_faults_are_told_by_the_summary_alone() -> None:
    """How many, what became of them, which were missed and which labels they poisoned; or that nobody told."""
    told = faults(
        {
            "faults_injected": 3,
            "faults_caught": 1,
            "faults_missed": ["a"],
            "faults_harmless": 1,
            "poisoned_labels": ["c-1"],
        }
    )
    assert "injected 3 faults: 1 missed, 1 caught, 1 without consequence." in told
    assert "Missed: a." in told
    assert "wrong because of them: c-1" in told
    assert "no summary" in faults(None)
    assert "no summary" in faults({"faults_injected": "many"})


def test_faults_by_kind() -> None:
    """A row for each kind, if the summary tells them; a summary of another shape is passed over."""
    shown = injected(
        {"faults": {"dropped_vial": {"injected": 2, "caught": 2}, "misweigh": {"injected": 1, "missed": 1}}}
    )
    assert shown is not None
    rows = [[words(cell) for cell in row] for row in tree(shown).iter("tr")]
    assert rows == [
        ["fault", "injected", "caught", "missed"], ["dropped vial", "2", "2", "0"], ["misweigh", "1", "0", "1"],
    ]  # fmt: skip
    assert injected(None) is None
    assert injected({"faults": {"x": 1}}) is None
