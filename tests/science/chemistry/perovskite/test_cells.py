"""Which phases are perovskites, and how long their cells are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.chemistry.perovskite.cells import CUBICITY, FORMULA_UNITS, is_perovskite, relative_error, vegard
from science.crystals.crystal import Lattice

MEASURED = {"CaTi": 3.824, "SrTi": 3.905, "BaZr": 4.193, "BaSn": 4.116, "SrHf": 4.070, "CaZr": 4.009, "LaSc": 4.052}
"""Cube root of the volume per formula unit in Å, from the cells in the literature."""


@pytest.mark.parametrize(("pair", "length"), MEASURED.items())
def test_end_members_are_the_measured_ones(pair: str, length: float) -> None:
    """Without mixing, Vegard's rule gives the measured lattice to a thousandth of an ångström."""
    assert vegard({pair[:2]: 1.0}, {pair[2:]: 1.0}) == pytest.approx(length, abs=1e-3)


@given(st.floats(0, 1))
def test_vegard_is_monotonic(x: float) -> None:
    """From BaTiO3 to BaZrO3 the lattice only grows."""
    lattice = vegard({"Ba": 1.0}, {"Ti": 1 - x, "Zr": x})
    assert vegard({"Ba": 1.0}, {"Ti": 1.0}) - 1e-9 <= lattice <= vegard({"Ba": 1.0}, {"Zr": 1.0}) + 1e-9


def test_every_perovskite_symmetry_has_a_cubicity() -> None:
    """The objective can grade whatever symmetry is found, and only the cubic one counts as cubic."""
    assert set(CUBICITY) == set(FORMULA_UNITS)
    assert [group for group, value in CUBICITY.items() if value == 1.0] == [221]


@pytest.mark.parametrize("formula", ["BaTi0.583Zr0.417O3", "Ca0.333Sr0.667Ti0.5Zr0.5O3", "LaAlO3", "Ba0.97TiO3"])
def test_solid_solutions_are_perovskites(formula: str) -> None:
    """Rounded shares and a few vacancies do not change what it is."""
    assert all(is_perovskite(formula, group) for group in FORMULA_UNITS)
    assert not is_perovskite(formula, 225)


@pytest.mark.parametrize("formula", ["Al2O3", "CaCO3", "SrTi2O3", "Ba2Ti2O6", "TiO3", "no formula", ""])
def test_three_oxygens_alone_are_no_perovskite(formula: str) -> None:
    """One kind of metal, an anion of its own, other amounts, and what is no formula at all."""
    assert not is_perovskite(formula, 167)


def test_the_error_of_the_pseudo_cubic_lattice_is_that_of_the_volume() -> None:
    """Lengths that symmetry ties go together, others add in squares: compared with the volume moved by each error."""
    cell, errors = Lattice(5.6, 5.6, 8.0), (1e-3, 1e-3, 3e-3, 0.0, 0.0, 0.0)
    by_a = ((cell.a + 1e-3) ** 2 * cell.c / cell.volume) ** (1 / 3) - 1
    by_c = (cell.a**2 * (cell.c + 3e-3) / cell.volume) ** (1 / 3) - 1
    assert relative_error(cell, errors) == pytest.approx(math.hypot(by_a, by_c), rel=1e-3)
