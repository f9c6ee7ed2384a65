"""Cells, orbits, formulas and the symmetry of cells that were written out."""

from __future__ import annotations

import os

import gemmi
import numpy as np
import pytest
import spglib
from hypothesis import given
from hypothesis import strategies as st

from science.crystals.crystal import (
    Crystal,
    Lattice,
    Site,
    crystal_system,
    expand,
    find_space_group,
    find_symmetry,
    reduced_formula,
    under,
)
from science.crystals.errors import CrystalError
from science.crystals.phase_facts import load_phase_facts

FACTS = {fact.id: fact for fact in load_phase_facts()}
angles = st.floats(65, 115)
lengths = st.floats(2, 30)


@given(lengths, lengths, lengths, angles, angles, angles)
def test_cell_vectors_have_the_parameters(
    a: float, b: float, c: float, alpha: float, beta: float, gamma: float
) -> None:
    """Lengths and angles of the cell vectors are the parameters, and the volume is that of crystallographers."""
    lattice = Lattice(a, b, c, alpha, beta, gamma)
    vectors = lattice.matrix()
    lengths_found = np.linalg.norm(vectors, axis=1)
    cosines = (vectors @ vectors.T) / np.outer(lengths_found, lengths_found)
    assert lengths_found == pytest.approx([a, b, c])
    assert np.degrees(np.arccos([cosines[1, 2], cosines[0, 2], cosines[0, 1]])) == pytest.approx([alpha, beta, gamma])
    assert lattice.volume == pytest.approx(gemmi.UnitCell(a, b, c, alpha, beta, gamma).volume)
    assert vectors @ lattice.reciprocal().T == pytest.approx(np.eye(3), abs=1e-9)


@pytest.mark.parametrize(
    ("symbol", "at", "multiplicity"),
    [
        ("P m -3 m", (0.5, 0, 0), 3),
        ("P m -3 m", (0.1, 0.2, 0.3), 48),
        ("F d -3 m:1", (0.625, 0.625, 0.625), 16),
        ("F d -3 m:2", (0.625, 0.625, 0.625), 8),
        ("R -3 c:H", (0.3063, 0, 0.25), 18),
        ("P n m a", (0.03, 0.25, -0.007), 4),
        ("I 41/a m d:1", (0, 0, 0.2081), 8),
    ],
)
def test_orbits_have_the_multiplicity_of_the_tables(
    symbol: str, at: tuple[float, float, float], multiplicity: int
) -> None:
    """Positions on symmetry elements have the short orbits of the International Tables, in the setting's own origin."""
    orbit = expand(find_space_group(symbol), [Site("Ti", *at)])
    assert len(orbit) == multiplicity
    assert all(0 <= v < 1 for site in orbit for v in (site.x, site.y, site.z))


def test_positions_that_rounding_tore_apart_are_merged() -> None:
    """An atom at 0.3333, 0.6667 stands on the threefold axis although 1/3 has more digits."""
    assert len(expand(find_space_group("P 63/m m c"), [Site("Ba", 0.3333, 0.6667, 0.25)])) == 2


def test_centring_alone_multiplies() -> None:
    """Operations without a named group, here a face-centred tetragonal cell, are applied all the same."""
    centring = [gemmi.Op(o) for o in ("x,y,z", "x,y+1/2,z+1/2", "x+1/2,y,z+1/2", "x+1/2,y+1/2,z")]
    assert len(under(centring, [Site("Po", 0.1, 0.2, 0.3)])) == 4
    assert len(expand(find_space_group("F 1"), [Site("Po", 0.1, 0.2, 0.3)])) == 4


def test_an_unknown_symbol_is_refused() -> None:
    """A symbol that no table has is an error that names it."""
    with pytest.raises(CrystalError, match="Hermann-Mauguin symbol with its setting, got 'Q m 7'"):
        find_space_group("Q m 7")


@pytest.mark.parametrize(
    ("number", "system"),
    [
        *((1, "triclinic"), (14, "monoclinic"), (62, "orthorhombic"), (141, "tetragonal")),
        *((167, "trigonal"), (194, "hexagonal"), (227, "cubic")),
    ],
)
def test_crystal_systems(number: int, system: str) -> None:
    """Each number belongs to one system, and only numbers of the tables do."""
    assert crystal_system(number) == system
    with pytest.raises(CrystalError, match="from 1 to 230, got 231"):
        crystal_system(231)


@pytest.mark.parametrize(
    ("content", "formula"),
    [
        ([("O", 12, 1.0), ("Ba", 4, 1.0), ("Zr", 4, 1.0)], "BaZrO3"),
        ([("Zr", 4, 0.5), ("Ti", 4, 0.5), ("O", 8, 1.0)], "ZrTiO4"),
        ([("Ba", 1, 1.0), ("Zr", 1, 0.6), ("Ti", 1, 0.4), ("O", 3, 1.0)], "Ba5Zr3Ti2O15"),
        ([("Si", 8, 1.0)], "Si"),
    ],
)
def test_formulas(content: list[tuple[str, int, float]], formula: str) -> None:
    """The content of the cell is reduced to the smallest whole numbers, least electronegative element first."""
    sites = [Site(e, 0, 0, 0, occupancy) for e, n, occupancy in content for _ in range(n)]
    assert reduced_formula(sites) == formula


@pytest.mark.parametrize("name", sorted(FACTS))
def test_symmetry_of_a_written_out_cell_is_found(name: str) -> None:
    """Every phase of the library, written out atom by atom in P1, is given back its space group."""
    crystal = FACTS[name].crystal
    written_out = Crystal(name, crystal.formula, 1, crystal.lattice, crystal.sites)
    assert written_out.space_group == FACTS[name].number


def test_coordinates_keep_their_digits() -> None:
    """A large cell keeps its symmetry: 0.03775 of 24 Å is not rounded to 0.038, which would miss by 6 pm a time."""
    orbit = expand(
        find_space_group("P b c a"), [Site("Mg", 0.03775, 0.12345, 0.43215), Site("O", 0.20005, 0.0715, 0.3)]
    )
    assert find_symmetry(Lattice(24.0, 23.0, 25.0), orbit) == 61


def test_mixed_sites_count_as_one_kind_of_atom() -> None:
    """Two half atoms in one place are one place; the same two halves apart are two, and the symmetry falls."""
    lattice = Lattice(4.0, 4.0, 4.0)
    mixed = (Site("Cu", 0, 0, 0, 0.5), Site("Zn", 1e-7, 0, 0, 0.5))
    assert find_symmetry(lattice, mixed) == 221
    assert find_symmetry(lattice, (mixed[0], Site("Zn", 0.4, 0.2, 0.1, 0.5))) < 16


def test_other_shares_are_another_kind_of_atom() -> None:
    """A body-centred alloy is one kind of place; with more copper on the corners than inside it is the CsCl type."""
    lattice = Lattice(4.0, 4.0, 4.0)

    def place(at: float, copper: float) -> tuple[Site, Site]:
        return Site("Cu", at, at, at, copper), Site("Zn", at, at, at, 1 - copper)

    assert find_symmetry(lattice, (*place(0, 0.6), *place(0.5, 0.6))) == 229
    assert find_symmetry(lattice, (*place(0, 0.7), *place(0.5, 0.3))) == 221


def _rutile() -> tuple[Lattice, tuple[Site, ...]]:
    """Rutile, whose symmetry spglib does not find at a tolerance of 1.5 Å without remarks on stderr."""
    return FACTS["TiO2_rutile"].lattice, FACTS["TiO2_rutile"].crystal.sites


def test_searches_are_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is written to the file descriptors of the process, and its environment is as it was."""
    before = dict(os.environ)
    assert find_symmetry(*_rutile(), tolerance=1.5) == 136
    assert capfd.readouterr() == ("", "")
    assert dict(os.environ) == before


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
def test_spglib_alone_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    """The silence is ours: spglib by itself writes remarks about the same cell."""
    lattice, sites = _rutile()
    cell = (lattice.matrix().tolist(), [(s.x, s.y, s.z) for s in sites], [len(s.element) for s in sites])
    spglib.get_symmetry_dataset(cell, symprec=1.5)
    assert "spglib:" in capfd.readouterr().err


def test_a_search_that_fails_is_p1() -> None:
    """Atoms nearly on top of each other have no symmetry to find: the answer is P1, not an error."""
    assert find_symmetry(Lattice(4.0, 4.0, 4.0), (Site("Cu", 0, 0, 0), Site("Cu", 0.006, 0, 0)), tolerance=0.5) == 1


def test_density_and_elements() -> None:
    """Rock salt: 4 formula units of 58.44 g/mol in a cube of 5.6402 Å weigh 2.163 g/cm³."""
    sites = expand(find_space_group("F m -3 m"), [Site("Na", 0, 0, 0), Site("Cl", 0.5, 0.5, 0.5)])
    salt = Crystal("halite", "NaCl", 225, Lattice(5.6402, 5.6402, 5.6402), sites)
    assert salt.density == pytest.approx(2.163, abs=1e-3)
    assert salt.elements == {"Na", "Cl"}
    assert salt.crystal_system == "cubic"
