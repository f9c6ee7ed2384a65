"""Formulas and compositions on a page."""

from __future__ import annotations

from ops.reports.formulas import composition, formula, prose
from ops.reports.markup import el
from tests.contracts.examples import perovskite


def test_formulas_have_low_numbers() -> None:
    """Each number becomes a subscript."""
    assert el("p", formula("BaZr0.6Ti0.4O3")).render() == ("<p>BaZr<sub>0.6</sub>Ti<sub>0.4</sub>O<sub>3</sub></p>")


def test_a_composition_is_written_site_by_site() -> None:
    """Shared sites in brackets with their shares, others without."""
    written = el("p", composition(perovskite({"Sr": 6, "Ba": 6}, {"Zr": 12}))).render()
    assert written == "<p>(Sr<sub>0.5</sub>Ba<sub>0.5</sub>)ZrO<sub>3</sub></p>"


def test_formulas_in_prose_have_low_numbers_and_nothing_else() -> None:
    """Titles keep their numbers, words and acronyms."""
    text = "Lattice of BaSnO3 (4.116 Å) from (Ca,Sr)(Ti,Zr)O3 by XRD, seed 12, week B3"
    written = el("p", prose(text)).render()
    assert written.count("<sub>") == 2
    assert "BaSnO<sub>3</sub>" in written
    assert ")O<sub>3</sub>" in written
    assert "XRD, seed 12, week B3" in written
