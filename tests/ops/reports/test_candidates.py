"""A row for each candidate, with what was expected, decided, made, measured and why not."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bus.blobs import MemoryBlobs
from ops.reports.candidates import key, strip, table
from ops.reports.story import tell
from tests.agents import said
from tests.ops.reports.telling import every_fate, label, predicted, recorded, story, tree, words

STORY = tell(recorded(every_fate(MemoryBlobs())), "here")


def _cells(row: ET.Element) -> list[str]:
    return [words(cell) for cell in row.iter("td")]


def _rows() -> dict[str, list[str]]:
    return {row.attrib["id"]: _cells(row) for row in tree(table(STORY)).iter("tr") if "id" in row.attrib}


def test_every_candidate_has_a_row_and_a_tile() -> None:
    """In the order of proposal; tiles lead to rows; the colours are explained."""
    names = [f"c-000{n}" for n in range(1, 8)]
    assert list(_rows()) == names
    assert [a.attrib["href"] for a in tree(strip(STORY)).iter("a")] == [f"#{n}" for n in names]
    assert words(key(STORY)).count("(1)") == 7


def test_a_success_is_told_with_its_numbers() -> None:
    """Composition, recipe, prediction with interval, decision, measured lattice, fraction, utility."""
    row = _rows()["c-0001"]
    assert row[1].startswith("Ba(Ti0.417Zr0.583)O3") or row[1].startswith("Ba(Zr0.583Ti0.417)O3")
    assert "1450 °C" in row[1]
    assert row[2] == "4.1150 ± 0.00204.1100 to 4.1200"
    assert row[3].startswith("cleared")
    assert row[4:] == ["success", "4.1161", "0.970", "0.900", "meets the goal"]


def test_what_kept_a_label_from_the_goal_is_said() -> None:
    """The lattice is off, the cell is not cubic, something else is in the powder, or there is no perovskite."""
    assert _rows()["c-0002"][8] == "a is +4.0 mÅ off"
    phases = (
        said.phase(space_group=62, weight_fraction=0.8),
        said.phase(formula="BaCO3", pseudo_cubic=None, weight_fraction=0.2),
    )
    run = story(
        predicted(1), said.made(1), said.scanning(1), said.identified(1, *phases),
        label(1, 0.1, lattice=4.117, cubicity=0.25, phase_fraction=0.8),
        predicted(2), said.made(2), label(2, 0.0, lattice=None, cubicity=None, phase_fraction=0.0),
    )  # fmt: skip
    first, second = (row for row in tree(table(run)).iter("tr") if "id" in row.attrib)
    assert _cells(first)[8] == "not cubic (space group 62); also 20\N{NO-BREAK SPACE}% BaCO3"
    assert _cells(second)[8] == "no perovskite"


def test_what_was_measured_and_not_believed_stands_in_brackets() -> None:
    """A withheld sample shows its numbers as doubtful, its reason, and no utility."""
    row = _rows()["c-0003"]
    assert row[4:] == ["withheld", "(4.1160)", "(0.970)", "\N{EN DASH}", "it is doubtful"]


def test_decisions_unfold_to_their_reasons() -> None:
    """Who declined, that it was no human, and on what the auditor's decision rested."""
    rows = _rows()
    assert rows["c-0005"][3].startswith("review: declined")
    assert "a test (a policy, not a human): because" in rows["c-0005"][3]
    assert rows["c-0006"][3].startswith("refused for now")
    assert rows["c-0007"][3].startswith("put to review")
    assert "lattice: exact for the family, 12 labels of zirconate" in rows["c-0001"][3]


def test_numbers_sort_as_numbers() -> None:
    """Each numeric cell carries its value; what has none sorts last by an empty one."""
    for row in tree(table(STORY)).iter("tr"):
        values = [cell.get("data-value") for cell in row.iter("td") if "num" in cell.attrib.get("class", "")]
        assert all(v == "" or float(v) >= 0 for v in values if v is not None)
        assert None not in values


def test_names_are_only_text() -> None:
    """A reason with markup in it, as a file name may bring it, stays a reason."""
    evil = said.gone(1).model_copy(update={"reason": "<script>alert(1)</script>"})
    drawn = table(story(predicted(1), evil)).render()
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn
