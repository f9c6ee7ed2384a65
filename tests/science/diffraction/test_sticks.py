"""Reflections, structure factors and the cells that lines are calculated from."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.crystals.crystal import Crystal, Lattice, Site, expand, find_space_group
from science.crystals.phase_facts import load_phase_facts
from science.diffraction.sticks import (
    MAX_REFLECTIONS,
    calculate,
    cell_shape,
    dispersion,
    form_factor,
    lattice_of,
    lorentz_polarisation,
    metric_design,
    metric_parameters,
    reflections,
)

CU = 1.540593
FACTS = {fact.id: fact for fact in load_phase_facts()}
SHAPES: dict[str, tuple[int, Lattice]] = {
    "cubic": (221, Lattice(4.1, 4.1, 4.1)),
    "tetragonal": (139, Lattice(4.1, 4.1, 13.2)),
    "hexagonal": (194, Lattice(5.2, 5.2, 8.7, 90, 90, 120)),
    "rhombohedral": (167, Lattice(5.4, 5.4, 5.4, 60.1, 60.1, 60.1)),
    "orthorhombic": (62, Lattice(5.4, 7.6, 5.3)),
    "monoclinic-a": (14, Lattice(5.1, 5.2, 5.3, 99.2, 90, 90)),
    "monoclinic-b": (14, Lattice(5.1, 5.2, 5.3, 90, 99.2, 90)),
    "monoclinic-c": (14, Lattice(5.1, 5.2, 5.3, 90, 90, 99.2)),
    "triclinic": (2, Lattice(5.1, 6.2, 7.3, 80, 95, 103)),
}
every_shape = pytest.mark.parametrize("shape", SHAPES)


def _crystal(shape: str) -> Crystal:
    number, lattice = SHAPES[shape]
    return Crystal(shape, "Po", number, lattice, (Site("Po", 0, 0, 0),))


def _sphere(lattice: Lattice, d_min: float) -> set[tuple[int, ...]]:
    """All reflections down to a spacing, by trying every index."""
    reach = range(-12, 13)
    hkl = np.array([(h, k, l) for h in reach for k in reach for l in reach if (h, k, l) != (0, 0, 0)], float)
    inside = np.linalg.norm(hkl @ lattice.reciprocal(), axis=1) <= 1 / d_min
    return {tuple(map(int, index)) for index in hkl[inside]}


@every_shape
def test_cell_and_metric_are_each_others_inverse(shape: str) -> None:
    """Every shape is told from its cell, has as many parameters as freedoms, and comes back from them."""
    crystal = _crystal(shape)
    assert cell_shape(crystal) == shape
    parameters = metric_parameters(crystal)
    freedoms = {"cubic": 1, "tetragonal": 2, "hexagonal": 2, "rhombohedral": 2, "orthorhombic": 3, "triclinic": 6}
    assert len(parameters) == freedoms.get(shape, 4)
    assert lattice_of(parameters, crystal).parameters == pytest.approx(crystal.lattice.parameters)


@every_shape
@given(strains=st.lists(st.floats(-0.02, 0.02), min_size=6, max_size=6))
def test_design_gives_the_spacings_of_any_such_cell(shape: str, strains: list[float]) -> None:
    """1/d² is linear in the free metric: for the cell and for every cell it can become."""
    crystal = _crystal(shape)
    start = metric_parameters(crystal)
    parameters = start + np.array(strains[: len(start)]) * np.abs(start).max()
    lattice = lattice_of(parameters, crystal)
    hkl = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, -1, 2), (2, 1, -3), (-1, 3, 1)], float)
    q = ((hkl @ lattice.reciprocal()) ** 2).sum(1)
    assert metric_design(hkl, crystal) @ parameters == pytest.approx(q, rel=1e-9)


@every_shape
def test_half_of_all_reflections_by_friedel(shape: str) -> None:
    """Of each reflection and its opposite exactly one is there, and none is missing down to the limit."""
    lattice = SHAPES[shape][1]
    hkl, q = reflections(lattice, 1.1, 50.0)
    found = [tuple(map(int, index)) for index in hkl]
    opposite = [tuple(-n for n in index) for index in found]
    assert len(set(found)) == len(found)
    assert not set(found) & set(opposite)
    assert set(found) | set(opposite) == _sphere(lattice, 1.1)
    assert q == pytest.approx(((hkl @ lattice.reciprocal()) ** 2).sum(1))


def test_structure_factors_by_hand() -> None:
    """CsCl type: |F|² is (f₁ ± f₂)², the plus for an even sum of indices, and multiplicities are those of a cube."""
    sites = (Site("Cs", 0, 0, 0, 1, 0.0), Site("Cl", 0.5, 0.5, 0.5, 1, 0.0))
    lines = calculate(Crystal("CsCl", "CsCl", 221, Lattice(4.12, 4.12, 4.12), sites), CU, d_min=1.6, anomalous=False)
    multiplicity = {1: 6, 2: 12, 3: 8, 4: 6, 5: 24, 6: 24}
    indices = np.round(lines.q * 4.12**2).astype(int)
    assert indices.tolist() == [1, 2, 3, 4, 5, 6]
    cs, cl = form_factor("Cs", lines.q / 4), form_factor("Cl", lines.q / 4)
    sign = np.where(indices % 2 == 0, 1, -1)
    assert lines.strength == pytest.approx([multiplicity[n] for n in indices] * (cs + sign * cl) ** 2)


def test_extinctions() -> None:
    """Diamond has no 200 and no 222, rock salt no mixed indices."""
    silicon = FACTS["Si_640"].crystal
    n = np.round(calculate(silicon, CU, d_min=1.0, anomalous=False).q * silicon.lattice.a**2).astype(int)
    assert n.tolist() == [3, 8, 11, 16, 19, 24, 27]
    magnesia = FACTS["MgO"].crystal
    n = np.round(calculate(magnesia, CU, d_min=1.2, anomalous=False).q * magnesia.lattice.a**2).astype(int)
    assert n.tolist() == [3, 4, 8, 11, 12]


@pytest.mark.parametrize(
    ("element", "wavelength", "real", "imaginary"),
    [
        ("Fe", 1.5418, -1.13, 3.20),
        ("Zn", 1.5418, -1.55, 0.68),
        ("Cu", 1.5418, -1.97, 0.59),
        ("Mo", 0.7107, -1.68, 0.69),
    ],
)
def test_dispersion_is_that_of_the_tables(element: str, wavelength: float, real: float, imaginary: float) -> None:
    """f′ and f″ at laboratory wavelengths are those of International Tables C (4.2.6.8) within a tenth."""
    value = dispersion(element, wavelength)
    assert value.real == pytest.approx(real, abs=0.1)
    assert value.imag == pytest.approx(imaginary, abs=0.1)


def test_dispersion_matters() -> None:
    """Iron at Cu Kα scatters by a tenth less with dispersion than without: a fraction by weight would be as wrong."""
    sites = expand(find_space_group("I m -3 m"), [Site("Fe", 0, 0, 0, 1, 0.3)])
    iron = Crystal("iron", "Fe", 229, Lattice(2.8665, 2.8665, 2.8665), sites)
    with_it, without = (calculate(iron, CU, d_min=0.9, anomalous=a) for a in (True, False))
    f0, f = form_factor("Fe", with_it.q / 4), dispersion("Fe", CU)
    assert with_it.strength / without.strength == pytest.approx(np.abs(f0 + f) ** 2 / f0**2)
    assert (with_it.strength / without.strength).max() < 0.92


def test_friedels_law_fails_where_it_should() -> None:
    """In polar ZnS with dispersion 002 and 00-2 differ; their line is the mean of both, whichever way c points."""
    group = find_space_group("P 63 m c")
    up = [Site("Zn", 1 / 3, 2 / 3, 0.0), Site("S", 1 / 3, 2 / 3, 0.3748)]
    down = [replace(s, z=-s.z) for s in up]
    lattice = Lattice(3.8227, 3.8227, 6.2607, 90, 90, 120)
    one, other = (calculate(Crystal("ZnS", "ZnS", 186, lattice, expand(group, s)), CU, d_min=1.0) for s in (up, down))
    assert one.hkl.tolist() == other.hkl.tolist()
    assert one.strength == pytest.approx(other.strength)


@pytest.mark.parametrize("name", ["BaTiO3_t", "CaTiO3", "LaAlO3", "ZrO2_m", "La2Zr2O7"])
def test_the_setting_makes_no_difference(name: str) -> None:
    """Moving the origin by any vector changes no line."""
    crystal = FACTS[name].crystal
    moved = tuple(replace(s, x=s.x + 0.13, y=s.y + 0.37, z=s.z - 0.21) for s in crystal.sites)
    one, other = (calculate(c, CU, d_min=1.2) for c in (crystal, replace(crystal, sites=moved)))
    assert one.q == pytest.approx(other.q)
    assert one.strength == pytest.approx(other.strength)


def test_displacement_factors_damp() -> None:
    """A B of 1 Å² takes exp(−2 B s²) off each line."""
    site = Site("Po", 0, 0, 0, 1, 0.0)
    still = Crystal("Po", "Po", 221, Lattice(3.35, 3.35, 3.35), (site,))
    moving = replace(still, sites=(replace(site, b_iso=1.0),))
    one, other = (calculate(c, CU, d_min=0.9, anomalous=False) for c in (still, moving))
    assert other.strength / one.strength == pytest.approx(np.exp(-2 * one.q / 4))


def test_form_factors_count_electrons() -> None:
    """Forward, an atom scatters as many electrons as it has, and ever less with the angle."""
    for element, electrons in (("O", 8), ("Ti", 22), ("Zr", 40), ("Ba", 56), ("La", 57), ("Hf", 72)):
        f = form_factor(element, np.linspace(0, 0.4, 9))
        assert f[0] == pytest.approx(electrons, abs=0.1)
        assert (np.diff(f) < 0).all()


def test_huge_cells_stop_in_time() -> None:
    """A protein-sized cell is calculated to coarser spacings instead of filling the memory."""
    huge = Crystal("huge", "O", 2, Lattice(60, 70, 80, 85, 95, 100), (Site("O", 0.1, 0.2, 0.3),))
    assert len(calculate(huge, CU, d_min=0.8).q) < 1.2 * MAX_REFLECTIONS


def test_nothing_in_range_is_no_lines() -> None:
    """A cell smaller than the shortest spacing asked for has no lines, and no error."""
    assert len(calculate(_crystal("cubic"), CU, d_min=4.5).q) == 0


def test_lorentz_polarisation() -> None:
    """At 90° the factor is 2√2, at 60° 10√3/6; a monochromator at 26.6° takes a fifth of the cos² term."""
    assert lorentz_polarisation(np.array([90.0, 60.0])) == pytest.approx([2 * math.sqrt(2), 10 / math.sqrt(3)])
    assert lorentz_polarisation(np.array([60.0]), 0.8) == pytest.approx([1.2 / 0.25 / (math.sqrt(3) / 2)])
