"""Grams become moles of cation, whatever the powder."""

from __future__ import annotations

import pytest

from contracts.recipe import Precursor
from science.chemistry.perovskite.ions import POWDERS
from science.chemistry.weighing import oxide_yield
from simulators.world.powders import atoms_in, mass_per_cation, moles_weighed, oxide_mass


@pytest.mark.parametrize(
    ("formula", "atoms"),
    [
        ("BaCO3", {"Ba": 1, "C": 1, "O": 3}),
        ("La(OH)3", {"La": 1, "O": 3, "H": 3}),
        ("Ba(NO3)2", {"Ba": 1, "N": 2, "O": 6}),
        ("Al2(SO4)3", {"Al": 2, "S": 3, "O": 12}),
        ("Ba0.5Sr0.5TiO3", {"Ba": 0.5, "Sr": 0.5, "Ti": 1, "O": 3}),
        ("CH3COOH", {"C": 2, "H": 4, "O": 2}),
        ("Ca((OH)2)2", {"Ca": 1, "O": 4, "H": 4}),
    ],
)
def test_formulas(formula: str, atoms: dict[str, float]) -> None:
    """Brackets multiply, repeated elements add, fractions count."""
    assert atoms_in(formula) == atoms


@pytest.mark.parametrize("formula", ["La(OH", "La)OH(", "Xx2O3", "La(OH)3)"])
def test_what_is_no_formula_holds_nothing(formula: str) -> None:
    """Open brackets and unknown symbols are no powder."""
    assert atoms_in(formula) == {}


@pytest.mark.parametrize("element", POWDERS)
def test_the_world_and_the_planner_agree_on_grams(element: str) -> None:
    """Two independent sums over two tables of atomic weights give the same oxide per gram of powder."""
    powder = POWDERS[element]
    ours = oxide_mass(element) / mass_per_cation(powder, element)
    assert ours == pytest.approx(oxide_yield(powder, element), rel=1e-4)


def test_moles_on_the_balance() -> None:
    """197.34 g of barium carbonate and 159.7 g of titania are one mole of barium and two of titanium."""
    powders = (
        Precursor(formula="BaCO3", element="Ba", lot="x", mass=197.335),
        Precursor(formula="TiO2", element="Ti", lot="x", mass=2 * 79.865),
    )
    assert moles_weighed(powders) == {"Ba": pytest.approx(1.0, rel=1e-4), "Ti": pytest.approx(2.0, rel=1e-4)}
