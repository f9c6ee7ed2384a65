"""The maps: mixtures lie where geometry puts them."""

from __future__ import annotations

import pytest

from bus.blobs import MemoryBlobs
from contracts.materials import Composition, Species, Sublattice
from ops.reports.compositions import caption, corners, lattice_map, mixture, site_map, spots
from ops.reports.story import Story, tell
from science.chemistry.perovskite.cells import vegard
from science.chemistry.perovskite.ions import tolerance_factor
from tests.agents import said
from tests.contracts.examples import perovskite
from tests.ops.reports.telling import every_fate, label, predicted, recorded, story, tree, words

STORY = tell(recorded(every_fate(MemoryBlobs())), "here")


def test_pure_elements_stand_at_the_corners() -> None:
    """The first on top, the others clockwise; equal shares lie in the middle of a side or of the whole."""
    elements = ("Ca", "Sr", "Ba")
    assert mixture({"Ca": 1.0}, elements) == pytest.approx((0, 1))
    x, y = mixture({"Sr": 1.0}, elements)
    assert (x > 0, y < 0) == (True, True)
    assert mixture({"Sr": 0.5, "Ba": 0.5}, elements) == pytest.approx((0, -0.5))
    assert mixture(dict.fromkeys(elements, 1 / 3), elements) == pytest.approx((0, 0), abs=1e-12)


def test_two_elements_stand_side_by_side_and_one_alone() -> None:
    """A line from left to right; a single element needs no direction."""
    assert mixture({"Ba": 1.0}, ("Ba", "Sr")) == pytest.approx((-1, 0))
    assert mixture({"Sr": 1.0}, ("Ba", "Sr")) == pytest.approx((1, 0))
    assert mixture({"Ba": 1.0}, ("Ba",)) == (0, 0)
    assert mixture({}, ("Ba", "Sr")) == (0, 0)


def test_elements_that_are_capped_have_no_corner_and_are_told() -> None:
    """Tin, at most a tenth of its site, leaves a triangle of the other three, and its mixtures carry a dot."""
    assert corners(STORY, "A") == ("Ca", "Sr", "Ba")
    assert corners(STORY, "B") == ("Ti", "Zr", "Hf")
    assert "Sn (at most 10\N{NO-BREAK SPACE}%) has no corner on the B site" in caption(STORY)
    tin = perovskite({"Ba": 12}, {"Zr": 11, "Sn": 1})
    dots = list(tree(site_map(story(predicted(1, composition=tin)), "B")).iter("circle"))
    assert sum(c.attrib["class"] == "dot" for c in dots) == 1


def test_a_measured_lattice_is_drawn_and_an_expected_one_is_marked() -> None:
    """Labels lie at what was measured, the others at Vegard's expectation, the best is drawn last."""
    found = {s.candidate.name: s for s in spots(STORY)}
    sites = ({"Ba": 1.0}, {"Zr": 7 / 12, "Ti": 5 / 12})
    assert len(found) == 7
    assert (found["c-0002"].lattice, found["c-0002"].measured) == (4.12, True)
    assert found["c-0003"].lattice == pytest.approx(vegard(*sites))
    assert not found["c-0003"].measured
    assert found["c-0003"].tolerance == pytest.approx(tolerance_factor(*sites))
    assert spots(STORY)[-1].candidate.name == "c-0001"
    drawn = tree(lattice_map(STORY))
    kinds = [c.attrib["class"] for c in drawn.iter("circle") if c.attrib["class"].startswith("spot u")]
    assert sorted(kinds) == ["spot u4", "spot u9"]
    text = words(drawn)
    assert "BaZrO₃" in text
    assert "goal 4.116 ± 0.003 Å" in text
    assert "best: c-0001-v1" in text
    assert "Goldschmidt's tolerance factor t (1)" in text


def _garnet() -> Composition:
    def site(name: str, element: str, charge: int, count: int) -> Sublattice:
        return Sublattice(
            label=name, multiplicity=count, species=(Species(element=element, oxidation_state=charge, parts=1),)
        )

    return Composition(sublattices=(site("C", "Y", 3, 3), site("D", "Al", 3, 5), site("O", "O", -2, 12)))


def test_what_is_no_perovskite_has_no_place_and_breaks_nothing() -> None:
    """Ions of unknown radius are left off the map; the rest is drawn."""
    run: Story = story(predicted(1, composition=_garnet()), predicted(2), said.made(2), label(2, 0.2))
    assert [s.candidate.name for s in spots(run)] == ["c-0002"]
    assert tree(lattice_map(run)).tag == "svg"
    assert tree(site_map(run, "A")).tag == "svg"
