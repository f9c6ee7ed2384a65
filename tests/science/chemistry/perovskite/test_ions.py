"""Tolerance factors and expected lattices of the laboratory's ions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.chemistry.elements import CHARGE, ELECTRONEGATIVITY
from science.chemistry.errors import UnknownIonError
from science.chemistry.perovskite.cells import FORMULA_UNITS, pseudo_cubic
from science.chemistry.perovskite.ions import A_RADII, B_RADII, OXYGEN_RADIUS, expected_lattice, tolerance_factor
from science.crystals.phase_facts import load_phase_facts

PAIRS = [(a, b) for a in A_RADII for b in B_RADII if CHARGE[a] + CHARGE[b] == 6]


@pytest.mark.parametrize(
    ("a", "b", "t"), [("Ca", "Ti", 0.966), ("Sr", "Ti", 1.002), ("Ba", "Ti", 1.062), ("Ba", "Zr", 1.004)]
)
def test_goldschmidts_factor(a: str, b: str, t: float) -> None:
    """SrTiO3 and BaZrO3 are cubic at t of 1; CaTiO3 tilts below, BaTiO3 is polar above."""
    assert tolerance_factor({a: 1.0}, {b: 1.0}) == pytest.approx(t, abs=1e-3)


def test_facts_speak_of_the_same_ions() -> None:
    """Every ion with a radius has a charge and an electronegativity, and the other way round."""
    assert set(A_RADII) | set(B_RADII) == set(CHARGE) == set(ELECTRONEGATIVITY)
    assert not set(A_RADII) & set(B_RADII)


@given(st.sampled_from(PAIRS), st.sampled_from(PAIRS), st.floats(0, 1))
def test_mixtures_lie_between_their_ends(one: tuple[str, str], other: tuple[str, str], x: float) -> None:
    """Mixing moves the mean radius, the lattice it suggests and the tolerance factor monotonically between the ends."""
    ends = [({one[0]: 1.0}, {b: 1.0}) for b in (one[1], other[1])]
    mixed: dict[str, float] = {one[1]: 1 - x}
    mixed[other[1]] = mixed.get(other[1], 0.0) + x
    for property_ in (tolerance_factor, expected_lattice):
        low, high = sorted(property_(*end) for end in ends)
        assert low - 1e-9 <= property_({one[0]: 1.0}, mixed) <= high + 1e-9


def test_expected_lattices_are_good_to_a_tenth() -> None:
    """The line through the radii is within 0.1 Å of every measured perovskite in the phase library."""
    checked = 0
    for fact in load_phase_facts():
        if fact.role == "target" and fact.number in FORMULA_UNITS:
            a, b, _ = fact.content
            measured = pseudo_cubic(fact.lattice, fact.number)
            assert abs(expected_lattice({a: 1.0}, {b: 1.0}) - measured) < 0.1, fact.id
            checked += 1
    assert checked >= 15


def test_unknown_ions_are_refused() -> None:
    """Lead on A or niobium on B has no radius here, and the message lists those that have."""
    with pytest.raises(UnknownIonError, match=r"known radius \(Ca, Sr, Ba, La\), got Pb"):
        tolerance_factor({"Pb": 1.0}, {"Ti": 1.0})
    with pytest.raises(UnknownIonError, match="got Nb"):
        expected_lattice({"Ba": 1.0}, {"Nb": 1.0})
    assert OXYGEN_RADIUS == 1.40
