"""Tolerance factors, expected lattices and families of the laboratory's ions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.chemistry.errors import UnknownIonError
from science.chemistry.ions import (
    A_RADII,
    B_RADII,
    CHARGE,
    ELECTRONEGATIVITY,
    OXYGEN_RADIUS,
    expected_lattice,
    family,
    tolerance_factor,
)
from science.chemistry.phase_facts import load_phase_facts
from science.chemistry.solid_solutions import FORMULA_UNITS, pseudo_cubic

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


@pytest.mark.parametrize(
    ("a_site", "b_site", "name"),
    [
        ({"Ba": 1.0}, {"Ti": 0.6, "Zr": 0.4}, "titanate"),
        ({"Ba": 1.0}, {"Ti": 0.5, "Zr": 0.5}, "titanate"),
        ({"Ba": 1.0}, {"Ti": 0.4, "Zr": 0.35, "Sn": 0.25}, "mixed"),
        ({"Sr": 0.5, "Ba": 0.5}, {"Hf": 1.0}, "hafnate"),
        ({"Ba": 1.0}, {"Sn": 1.0}, "stannate"),
        ({"La": 1.0}, {"Sc": 1.0}, "3-3"),
        ({"La": 0.01, "Ba": 0.99}, {"Zr": 1.0}, "3-3"),
    ],
)
def test_families(a_site: dict[str, float], b_site: dict[str, float], name: str) -> None:
    """The B cation with half its site names the family; any trivalent A cation makes it 3-3."""
    assert family(a_site, b_site) == name


def test_unknown_ions_are_refused() -> None:
    """Lead on A or niobium on B has no radius here, and the message lists those that have."""
    with pytest.raises(UnknownIonError, match=r"known radius \(Ca, Sr, Ba, La\), got Pb"):
        tolerance_factor({"Pb": 1.0}, {"Ti": 1.0})
    with pytest.raises(UnknownIonError, match="got Nb"):
        expected_lattice({"Ba": 1.0}, {"Nb": 1.0})
    assert OXYGEN_RADIUS == 1.40
