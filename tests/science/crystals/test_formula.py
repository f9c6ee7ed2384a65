"""Formulas are read as chemists write them, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.crystals.errors import FormulaError
from science.crystals.formula import amounts, molar_mass


@pytest.mark.parametrize(
    ("formula", "content"),
    [
        ("BaZrO3", {"Ba": 1, "Zr": 1, "O": 3}),
        ("La(OH)3", {"La": 1, "O": 3, "H": 3}),
        ("Ca((OH)2)2", {"Ca": 1, "O": 4, "H": 4}),
        ("BaZr0.6Ti0.4O3", {"Ba": 1, "Zr": 0.6, "Ti": 0.4, "O": 3}),
        ("TiOTiO", {"Ti": 2, "O": 2}),
    ],
)
def test_amounts(formula: str, content: dict[str, float]) -> None:
    """Brackets multiply, decimals count, and an element named twice adds up."""
    assert amounts(formula) == pytest.approx(content)


@pytest.mark.parametrize(
    ("formula", "mass"),
    [("H2O", 18.015), ("BaCO3", 197.34), ("TiO2", 79.866), ("La(OH)3", 189.93), ("SrCO3", 147.63)],
)
def test_molar_mass(formula: str, mass: float) -> None:
    """Molar masses are those of the tables, to their last digit."""
    assert molar_mass(formula) == pytest.approx(mass, abs=6e-3)


@pytest.mark.parametrize(
    ("formula", "complaint"),
    [
        ("", "empty or not closed"),
        ("()", "empty or not closed"),
        ("La(OH", "empty or not closed"),
        ("La)OH", "stops being one at 2"),
        ("ba", "stops being one at 0"),
        ("Ba 2", "stops being one at 2"),
        ("Ba2(2O)", "stops being one at 3"),
        ("Ba-O", "stops being one at 2"),
        ("XxO2", "got Xx"),
    ],
)
def test_what_is_no_formula_is_refused(formula: str, complaint: str) -> None:
    """The message says where the text stops being a formula."""
    with pytest.raises(FormulaError, match=complaint):
        amounts(formula)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever the text, there is a content with a mass, or a FormulaError; never another error."""
    try:
        content = amounts(text)
    except FormulaError:
        return
    assert sum(content.values()) > 0
    assert molar_mass(text) > 0
