"""Models of nominal solid solutions hold what was planned, in the volume that Vegard's rule gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.chemistry.crystal import Crystal
from science.chemistry.formula import amounts
from science.chemistry.solid_solutions import (
    CUBICITY,
    FORMULA_UNITS,
    formula_of,
    is_perovskite,
    perovskite_models,
    pseudo_cubic,
    vegard,
)

MEASURED = {"CaTi": 3.824, "SrTi": 3.905, "BaZr": 4.193, "BaSn": 4.116, "SrHf": 4.070, "CaZr": 4.009, "LaSc": 4.052}
"""Cube root of the volume per formula unit in Å, from the cells in the literature."""


def _site(elements: tuple[str, ...]) -> st.SearchStrategy[dict[str, float]]:
    parts = st.fixed_dictionaries({e: st.integers(0, 12) for e in elements}).filter(lambda p: sum(p.values()) > 0)
    return parts.map(lambda p: {e: n / sum(p.values()) for e, n in p.items() if n})


a_sites, b_sites = _site(("Ca", "Sr", "Ba")), _site(("Ti", "Zr", "Sn", "Hf"))


def _content(crystal: Crystal) -> dict[str, float]:
    content: dict[str, float] = {}
    for site in crystal.sites:
        content[site.element] = content.get(site.element, 0.0) + site.occupancy
    return content


@pytest.mark.parametrize(("pair", "length"), MEASURED.items())
def test_end_members_are_the_measured_ones(pair: str, length: float) -> None:
    """Without mixing, Vegard's rule gives the measured lattice to a thousandth of an ångström."""
    assert vegard({pair[:2]: 1.0}, {pair[2:]: 1.0}) == pytest.approx(length, abs=1e-3)


@given(a_sites, b_sites)
def test_models_hold_what_was_planned(a_site: dict[str, float], b_site: dict[str, float]) -> None:
    """Every model has the planned cations on full sites, three oxygens a formula unit, and nothing else."""
    models = perovskite_models(a_site, b_site)
    assert [m.space_group for m in models] == [221, 99, 140, 62]
    for model in models:
        units = FORMULA_UNITS[model.space_group]
        assert _content(model) == pytest.approx({e: n * units for e, n in {**a_site, **b_site, "O": 3.0}.items()})
        assert pseudo_cubic(model.lattice, model.space_group) == pytest.approx(vegard(a_site, b_site), rel=2e-3)


@given(a_sites, b_sites)
def test_atoms_keep_their_distance(a_site: dict[str, float], b_site: dict[str, float]) -> None:
    """However far the octahedra tilt, no cation comes closer than 1.7 Å to an oxygen."""
    for model in perovskite_models(a_site, b_site):
        cations = np.array([(s.x, s.y, s.z) for s in model.sites if s.element != "O"])
        oxygens = np.array([(s.x, s.y, s.z) for s in model.sites if s.element == "O"])
        apart = cations[:, None] - oxygens[None]
        length = np.linalg.norm((apart - np.round(apart)) @ model.lattice.matrix(), axis=-1)
        assert length.min() > 1.7, model.name


@given(a_sites, b_sites)
def test_formula_says_what_is_in_it(a_site: dict[str, float], b_site: dict[str, float]) -> None:
    """The written formula, read again, is the composition to the third decimal."""
    assert amounts(formula_of(a_site, b_site)) == pytest.approx({**a_site, **b_site, "O": 3.0}, abs=1e-3)


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
