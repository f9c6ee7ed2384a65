"""Models of nominal solid solutions hold what was planned, in the volume that Vegard's rule gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.chemistry.perovskite.cells import FORMULA_UNITS, pseudo_cubic, vegard
from science.chemistry.perovskite.models import formula_of, perovskite_models
from science.crystals.crystal import Crystal
from science.crystals.formula import amounts


def _site(elements: tuple[str, ...]) -> st.SearchStrategy[dict[str, float]]:
    parts = st.fixed_dictionaries({e: st.integers(0, 12) for e in elements}).filter(lambda p: sum(p.values()) > 0)
    return parts.map(lambda p: {e: n / sum(p.values()) for e, n in p.items() if n})


a_sites, b_sites = _site(("Ca", "Sr", "Ba")), _site(("Ti", "Zr", "Sn", "Hf"))


def _content(crystal: Crystal) -> dict[str, float]:
    content: dict[str, float] = {}
    for site in crystal.sites:
        content[site.element] = content.get(site.element, 0.0) + site.occupancy
    return content


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
