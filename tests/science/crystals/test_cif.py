"""CIF files as people have them: good, nameless, half written, with strange settings and mixed sites."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gemmi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from science.crystals.cif import read_cif
from science.crystals.crystal import Crystal
from science.crystals.errors import CrystalError, StructureError

ANATASE = (3.7852, 3.7852, 9.5139, 90, 90, 90)
CUBE = (4.0, 4.0, 4.0, 90, 90, 90)
Atoms = Sequence[tuple[str, object, object, object, object]]


def cif(
    atoms: Atoms,
    cell: Sequence[float] = CUBE,
    symbol: str | None = "P 1",
    operations: Sequence[str] = (),
    block: str = "phase",
) -> str:
    """The text of a CIF file."""
    lines = [f"data_{block}"]
    lines += [f"_symmetry_space_group_name_H-M '{symbol}'"] if symbol else []
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines += [f"_cell_{name} {value}" for name, value in zip(names, cell, strict=True)]
    if operations:
        lines += ["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{o}'" for o in operations)]
    lines += ["loop_", "_atom_site_label", *(f"_atom_site_fract_{axis}" for axis in "xyz"), "_atom_site_occupancy"]
    return "\n".join([*lines, *(" ".join(map(str, atom)) for atom in atoms), ""])


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Where the file of a test goes."""
    return tmp_path / "phase.cif"


def _read(path: Path, text: str) -> Crystal:
    path.write_text(text, encoding="utf-8")
    return read_cif(path)


def test_a_good_file(written: Path) -> None:
    """Rutile comes out with its formula, density, group, and named for its file."""
    rutile = _read(
        written,
        cif([("Ti1", 0, 0, 0, 1), ("O1", 0.3048, 0.3048, 0, 1)], (4.5937, 4.5937, 2.9587, 90, 90, 90), "P 42/m n m"),
    )
    assert (rutile.name, rutile.formula, rutile.space_group, len(rutile.sites)) == ("phase", "TiO2", 136, 6)
    assert rutile.density == pytest.approx(4.25, abs=5e-3)
    assert rutile.source == "phase.cif"


def test_a_nameless_block(written: Path) -> None:
    """A data block without a name is read like any other."""
    assert _read(written, cif([("Po1", 0, 0, 0, 1)], block="")).formula == "Po"


def test_the_first_block_with_atoms_counts(written: Path) -> None:
    """Blocks that hold only a title or a bibliography are passed over."""
    text = "data_global\n_publ_section_title 'A title'\n\n" + cif([("Po1", 0, 0, 0, 1)])
    assert _read(written, text).formula == "Po"


@pytest.mark.parametrize(("origin", "shift"), [("1", (0.0, 0.0, 0.0)), ("2", (0.0, 0.75, 0.125))])
@pytest.mark.parametrize("with_operations", [True, False])
def test_the_origin_is_the_one_that_the_file_means(
    written: Path, origin: str, shift: tuple[float, float, float], *, with_operations: bool
) -> None:
    """Anatase from either origin is anatase: by the operations listed, or, without them, by where atoms are special."""
    group = gemmi.SpaceGroup(f"I 41/a m d:{origin}")
    operations = [o.triplet() for o in group.operations()] if with_operations else []
    x, y, z = shift
    atoms = [("Ti1", x, y, z, 1), ("O1", x, y, z + 0.2081, 1)]
    anatase = _read(written, cif(atoms, ANATASE, "I 41/a m d", operations))
    assert (anatase.formula, anatase.space_group, len(anatase.sites)) == ("TiO2", 141, 12)
    assert anatase.density == pytest.approx(3.89, abs=5e-3)


@pytest.mark.parametrize(("cell", "atoms"), [((4, 4, 5, 90, 90, 120), 3), ((4, 4, 4, 60, 60, 60), 1)])
def test_rhombohedral_cells_say_their_axes(written: Path, cell: tuple[float, ...], atoms: int) -> None:
    """R -3 m on hexagonal axes has three lattice points, on rhombohedral axes one."""
    assert len(_read(written, cif([("Bi1", 0, 0, 0, 1)], cell, "R -3 m")).sites) == atoms


def test_a_setting_without_a_name(written: Path) -> None:
    """A triple hexagonal cell (H centring), in no table, is filled by its operations and given its true group."""
    operations = ["x,y,z", "x+2/3,y+1/3,z", "x+1/3,y+2/3,z"]
    assert gemmi.find_spacegroup_by_ops(gemmi.GroupOps([gemmi.Op(o) for o in operations])) is None
    simple = _read(written, cif([("Hg1", 0, 0, 0, 1)], (6.0, 6.0, 3.5, 90, 90, 120), None, operations))
    assert (simple.formula, simple.space_group, len(simple.sites)) == ("Hg", 191, 3)


def test_a_cell_written_out_in_p1(written: Path) -> None:
    """Atom by atom in P 1, cubic perovskite is still perovskite of space group 221."""
    atoms = [("Sr1", 0.5, 0.5, 0.5, 1), ("Ti1", 0, 0, 0, 1)]
    atoms += [(f"O{n}", *(0.5 if n == axis else 0.0 for axis in range(3)), 1) for n in range(3)]
    perovskite = _read(written, cif(atoms, (3.905, 3.905, 3.905, 90, 90, 90)))
    assert (perovskite.written_group, perovskite.space_group, perovskite.formula) == (1, 221, "SrTiO3")


def test_mixed_and_partial_occupancy(written: Path) -> None:
    """Shares of a site add up to a formula; unknown occupancies are full; empty sites are left out."""
    atoms = [("Cu1", 0, 0, 0, "0.75(2)"), ("Zn1", 0, 0, 0, 0.25), ("S1", 0.5, 0.5, 0.5, "?"), ("Fe1", 0.2, 0.2, 0.2, 0)]
    mixed = _read(written, cif(atoms))
    assert mixed.formula == "ZnCu3S4"
    assert sorted(s.occupancy for s in mixed.sites) == [0.25, 0.75, 1.0]


def test_thermal_displacement_and_deuterium(written: Path) -> None:
    """U becomes B = 8π²U; deuterium scatters X-rays like hydrogen."""
    text = cif([("D1", 0, 0, 0, 1)]).replace("_atom_site_occupancy", "_atom_site_occupancy\n_atom_site_U_iso_or_equiv")
    crystal = _read(written, text.replace("D1 0 0 0 1", "D1 0 0 0 1 0.01"))
    assert crystal.sites[0].element == "H"
    assert crystal.sites[0].b_iso == pytest.approx(0.789568, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Expected atom sites .*, got none"),
        ("data_x\n", "Expected atom sites .*, got none"),
        ("not a cif at all", "Expected a CIF file"),
        ("data_x\nloop_\n_cell_length_a\n", "Expected"),
        (cif([("Po1", 0, 0, 0, 1)])[:-40], "Expected"),
        (cif([("Xx1", 0, 0, 0, 1)]), "Expected elements .*, got the atom label 'Xx1'"),
        (cif([("Cu1", "?", "?", "?", 1)]), "Expected finite coordinates"),
        (cif([("Cu1", 0, 0, 0, 0)]), "sites that are occupied .*, got none"),
        (cif([("Cu1", 0, 0, 0, -1)]), "occupancies from 0 to 1 .*, got -1"),
        (cif([("Cu1", 0, 0, 0, 7)]), "occupancies from 0 to 1 .*, got 7"),
        (cif([("Cu1", 0, 0, 0, 1)], (4, 4, 0, 90, 90, 90)), "Expected a unit cell"),
        (cif([("Cu1", 0, 0, 0, 1)], (4, 4, 4, 10, 100, 170)), "Expected a unit cell"),
        (cif([("Cu1", 0, 0, 0, 1)], symbol="Q 1"), "Expected a space group .*, got 'Q 1'"),
        (cif([("Cu1", 0, 0, 0, 1)], symbol=None), "Expected a space group .*, got ''"),
    ],
)
def test_broken_files_are_refused(written: Path, text: str, complaint: str) -> None:
    """Each kind of damage is an error of our own that names the file and says what was found in it."""
    with pytest.raises(CrystalError, match=complaint) as caught:
        _read(written, text)
    assert "phase.cif" in str(caught.value)


def test_what_is_not_there_or_not_text_is_refused(written: Path) -> None:
    """A missing file, a folder and binary data are errors of our own."""
    with pytest.raises(CrystalError, match="Expected a CIF file"):
        read_cif(written)
    written.write_bytes(b"\xff\xfe\x00\x01data_")
    with pytest.raises(CrystalError, match="Expected a CIF file"):
        read_cif(written)
    with pytest.raises(CrystalError, match="Expected a CIF file"):
        read_cif(written.parent)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_is_survived(written: Path, drawn: st.DataObject) -> None:
    """Cut anywhere, and overwritten anywhere, a CIF is a crystal or an error of our own; never another error."""
    good = cif([("Ti1", 0, 0, 0, 1), ("O1", 0.3048, 0.3048, 0, 1)], ANATASE, "P 42/m n m").encode()
    damaged = bytearray(good[: drawn.draw(st.integers(0, len(good)))])
    for _ in range(drawn.draw(st.integers(0, 3))):
        if damaged:
            damaged[drawn.draw(st.integers(0, len(damaged) - 1))] = drawn.draw(st.integers(0, 255))
    written.write_bytes(bytes(damaged))
    try:
        crystal = read_cif(written)
    except StructureError:
        return
    assert crystal.density > 0
    assert 1 <= crystal.space_group <= 230
