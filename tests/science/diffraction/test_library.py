"""Libraries from folders, single files and facts; their digests; their lines."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from science.crystals import phase_facts
from science.crystals.crystal import Crystal, Lattice, Site
from science.diffraction.errors import LibraryError
from science.diffraction.library import PhaseLibrary

SHIPPED = Path(phase_facts.__file__).parent / "phases.toml"
POLONIUM = """data_po
_symmetry_space_group_name_H-M 'P m -3 m'
_cell_length_a 3.359
_cell_length_b 3.359
_cell_length_c 3.359
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Po1 0 0 0
"""


def _cube(a: float) -> Crystal:
    return Crystal("Po", "Po", 221, Lattice(a, a, a), (Site("Po", 0, 0, 0),))


def test_the_shipped_library() -> None:
    """It has every phase of the facts, and the same digest every time."""
    library = PhaseLibrary.shipped()
    assert len(library.crystals) == len(phase_facts.load_phase_facts())
    assert library.skipped == ()
    assert PhaseLibrary.shipped().sha256 == library.sha256


def test_a_folder_of_everything(tmp_path: Path) -> None:
    """CIF files in subfolders and TOML files count, whatever their case; broken ones are listed, others passed over."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "po.CIF").write_text(POLONIUM, encoding="utf-8")
    shutil.copy(SHIPPED, tmp_path / "facts.toml")
    (tmp_path / "broken.cif").write_text("data_\nloop_\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("nothing", encoding="utf-8")
    library = PhaseLibrary.load(tmp_path)
    assert {c.name for c in library.crystals} == {"po", *(c.name for c in PhaseLibrary.shipped().crystals)}
    assert len(library.skipped) == 1
    assert library.skipped[0].startswith("broken.cif: Expected")


def test_one_file(tmp_path: Path) -> None:
    """A single CIF or TOML file is a library as well."""
    file = tmp_path / "po.cif"
    file.write_text(POLONIUM, encoding="utf-8")
    assert [c.formula for c in PhaseLibrary.load(file).crystals] == ["Po"]
    assert PhaseLibrary.load(SHIPPED).sha256 == PhaseLibrary.shipped().sha256


def test_nothing_usable_is_refused(tmp_path: Path) -> None:
    """A missing path, an empty folder and a folder of broken files are told apart."""
    with pytest.raises(LibraryError, match="got nothing there"):
        PhaseLibrary.load(tmp_path / "missing")
    with pytest.raises(LibraryError, match="0 of 0 files were broken"):
        PhaseLibrary.load(tmp_path)
    (tmp_path / "broken.cif").write_text("", encoding="utf-8")
    with pytest.raises(LibraryError, match="1 of 1 files were broken"):
        PhaseLibrary.load(tmp_path)


def test_the_digest_is_of_the_content() -> None:
    """Moving an atom by 1e-9, renaming a phase or swapping two of them changes the digest; loading again does not."""
    one, other = _cube(3.359), replace(_cube(3.4), name="other")
    moved = replace(one, sites=(Site("Po", 1e-9, 0, 0),))
    digests = [PhaseLibrary.of(crystals).sha256 for crystals in ([one, other], [other, one], [moved, other], [one])]
    digests.append(PhaseLibrary.of([replace(one, name="Polonium"), other]).sha256)
    assert len(set(digests)) == 5
    assert PhaseLibrary.of([_cube(3.359), other]).sha256 == digests[0]


def test_only_phases_of_the_elements() -> None:
    """A phase counts when the sample may have all of its elements."""
    names = {c.name for c in PhaseLibrary.shipped().within(("Ba", "Ti", "O"))}
    assert names == {"BaO", "BaTiO3_t", "BaTiO3_c", "BaTiO3_h", "TiO2_rutile", "TiO2_anatase"}
    assert PhaseLibrary.shipped().within(()) == ()


def test_lines_are_calculated_once() -> None:
    """The same phase at the same wavelength and range has the same lines, not calculated again."""
    library = PhaseLibrary.of([_cube(3.359)])
    lines = library.sticks(library.crystals[0], 1.5406, 1.0)
    assert library.sticks(_cube(3.359), 1.5406, 1.0) is lines
    assert library.sticks(library.crystals[0], 0.7093, 1.0) is not lines
    assert len(library.sticks(library.crystals[0], 1.5406, 0.9).q) > len(lines.q)


def test_lines_are_never_those_of_a_crystal_long_gone() -> None:
    """Crystals made and forgotten one after the other, perhaps at one address in memory, have their own lines."""
    library = PhaseLibrary.of([_cube(3.359)])
    for n in range(30):
        a = 3.4 + 0.01 * n
        assert library.sticks(_cube(a), 1.5406, 1.0).q[0] == pytest.approx(1 / a**2)
