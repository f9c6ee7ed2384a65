"""From the bytes of a file to the answer, as a worker process does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from science.diffraction.errors import LibraryError, PatternError
from science.diffraction.instrument import Instrument
from science.diffraction.refine import LEAN
from science.diffraction.tasks import identify_bytes, library
from tests.science.diffraction.powders import simulated

ELEMENTS = ("Ba", "Zr", "Ti", "O")


def _xy(weights: dict[str, float], header: str = "") -> bytes:
    pattern = simulated(weights)
    rows = (f"{x:.4f} {y:.0f}" for x, y in zip(pattern.two_theta, pattern.intensity, strict=True))
    return "\n".join([*([header] if header else []), *rows, ""]).encode()


def test_a_file_is_identified_with_its_nominal_solid_solution() -> None:
    """Bytes, elements and the plan in; the planned perovskite out."""
    content = _xy({"BaZr0.6Ti0.4O3": 1.0})
    nominal = ({"Ba": 1.0}, {"Zr": 0.6, "Ti": 0.4})
    answer = identify_bytes("scan.xy", content, ELEMENTS, nominal, 1.540593, None)
    assert answer.verdict == "identified"
    assert (answer.phases[0].formula, answer.phases[0].origin) == ("BaZr0.6Ti0.4O3", "hypothesis")
    without = identify_bytes("scan.xy", content, ELEMENTS, None, 1.540593, None)
    assert without.verdict != "identified"


def test_the_files_own_wavelength_comes_first() -> None:
    """An instrument that is told to be molybdenum does not overrule a file that says copper."""
    told = identify_bytes("scan.xy", _xy({"BaZrO3": 1.0}, "# wavelength 1.540593"), ELEMENTS, None, 0.7093, None)
    assert told.verdict == "identified"
    assert told.wavelength == pytest.approx(1.540593)
    silent = identify_bytes("scan.xy", _xy({"BaZrO3": 1.0}), ELEMENTS, None, 0.7093, None)
    assert silent.wavelength == pytest.approx(0.7093)
    assert silent.verdict != "identified"


def test_what_a_standard_showed_reaches_the_fit() -> None:
    """Zero and axial divergence that are told with their uncertainties are those of the answer, as closely as known."""
    content = _xy({"BaZrO3": 1.0})
    told = identify_bytes("scan.xy", content, ELEMENTS, None, 1.540593, None, Instrument(0.04, 1e-3))
    assert told.zero + LEAN * told.axial == pytest.approx(0.04, abs=3e-3)
    leaning = Instrument(0.04, 1e-3, 0.03, 1e-3)
    told = identify_bytes("scan.xy", content, ELEMENTS, None, 1.540593, None, leaning)
    assert told.axial == pytest.approx(0.03, abs=3e-3)
    assert told.zero + LEAN * told.axial == pytest.approx(0.04, abs=3e-3)


def test_a_library_is_loaded_once_a_process() -> None:
    """The same path is the same library, and a wrong path is an error."""
    assert library(None) is library(None)
    with pytest.raises(LibraryError):
        library("/nowhere/at/all")


def test_another_library(tmp_path: Path) -> None:
    """A library given by path is the one that answers."""
    file = tmp_path / "po.cif"
    file.write_text(
        "data_po\n_symmetry_space_group_name_H-M 'P m -3 m'\n"
        + "".join(f"_cell_length_{axis} 4.193\n" for axis in "abc")
        + "".join(f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma"))
        + "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nBa1 0 0 0\n",
        encoding="utf-8",
    )
    answer = identify_bytes("scan.xy", _xy({"BaZrO3": 1.0}), ELEMENTS, None, 1.540593, str(tmp_path))
    assert {p.name for p in answer.phases} <= {"po"}


def test_bytes_that_are_no_pattern_are_refused() -> None:
    """A damaged file is an error before any library is looked at."""
    with pytest.raises(PatternError, match="empty file"):
        identify_bytes("scan.xy", b"", ELEMENTS, None, None, "/nowhere/at/all")
