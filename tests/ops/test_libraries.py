"""Building a phase library on the command line, and showing what is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli import app
from science.diffraction.library import PhaseLibrary

CIF = """data_{name}
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
A {metal} 0 0 0
O O 0.5 0.5 0.5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Magnesia from two sources, baria, and a broken file."""
    where = tmp_path / "cifs"
    where.mkdir()
    for name, a, metal in (("one", 4.21, "Mg"), ("two", 4.22, "Mg"), ("baria", 5.54, "Ba")):
        (where / f"{name}.cif").write_text(CIF.format(name=name, a=a, metal=metal))
    (where / "broken.cif").write_text("data_x\n_cell_length_a banana\n")
    return where


def test_a_library_is_built_shown_and_used(folder: Path, tmp_path: Path) -> None:
    """The file holds what could be read, names what could not, gathers the twins, and is read as a library."""
    out = tmp_path / "oxides.phases"
    done = CliRunner().invoke(app, ["library", "build", str(folder), "-o", str(out), "--json"])
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    assert (told["phases"], told["classes"]) == (3, [["one (225)", "two (225)"]])
    assert [line.split(":")[0] for line in told["skipped"]] == ["broken.cif"]
    shown = CliRunner().invoke(app, ["library", "show", str(out), "--json"])
    assert json.loads(shown.stdout) == {k: v for k, v in told.items() if k != "seconds"}
    assert PhaseLibrary.load(out).sha256 == PhaseLibrary.load(folder).sha256 == told["sha256"]


def test_a_table_names_classes_and_skipped_files(folder: Path) -> None:
    """For people: the twins on one line, the broken file with its reason."""
    shown = CliRunner().invoke(app, ["library", "show", str(folder)])
    assert "one (225) = two (225)" in shown.stdout
    assert "broken.cif" in shown.stdout


@pytest.mark.parametrize("case", ["suffix", "nothing", "wavelength", "damaged"])
def test_what_cannot_be_used_is_refused(folder: Path, tmp_path: Path, case: str) -> None:
    """A wrong ending, no folder, an impossible wavelength or a damaged file: exit 2 and a sentence, no traceback."""
    damaged = tmp_path / "damaged.phases"
    damaged.write_bytes(b"PK\x03\x04nothing")
    arguments = {
        "suffix": ["build", str(folder), "-o", str(tmp_path / "x.zip")],
        "nothing": ["build", str(tmp_path / "none"), "-o", str(tmp_path / "x.phases")],
        "wavelength": ["build", str(folder), "-o", str(tmp_path / "x.phases"), "--wavelength", "50"],
        "damaged": ["show", str(damaged)],
    }[case]
    done = CliRunner().invoke(app, ["library", *arguments])
    assert done.exit_code == 2
    assert "Expected" in done.stderr
    assert "Traceback" not in done.output
