"""`athanor identify` answers for every kind of bad input in words, with exit code 2, and never with a traceback."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ops.identifying import IdentifyOrder, identify_files
from science.diffraction.standards import STANDARDS
from tests.science.diffraction.files import GOOD, X, columns

CIF = """data_
_cell_length_a 4.05
_cell_length_b 4.05
_cell_length_c 4.05
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Al1 Al 0 0 0 1
"""
WIDE = np.arange(20.0, 90.0, 0.05)


def _pattern(y: np.ndarray) -> bytes:
    return "\n".join(f"{a:.3f} {b:.6g}" for a, b in zip(WIDE, y, strict=True)).encode()


def _aluminium() -> np.ndarray:
    lines = ((38.47, 1000), (44.72, 470), (65.10, 220), (78.23, 240), (82.44, 70))
    return 50 + sum(h * np.exp(-(((WIDE - at) / 0.12) ** 2)) for at, h in lines)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a library of one nameless CIF, and a pattern of it."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "one.cif").write_text(CIF)
    (tmp_path / "al.xy").write_bytes(b"# Wavelength: 1.540598\n" + _pattern(_aluminium()))
    return tmp_path


def _order(place: Path, **changes: object) -> IdentifyOrder:
    return replace(IdentifyOrder("Al", place / "library", as_json=True), **changes)


def _said(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict], str]:
    out, err = capsys.readouterr()
    return [json.loads(line) for line in out.splitlines()], err


def test_a_nameless_cif_is_a_phase_like_any_other(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The pattern of aluminium is named by a structure whose CIF has no name, and drawn."""
    code = identify_files([place / "al.xy"], _order(place, plot=place / "a.png"))
    ((document,), _) = _said(capsys)
    assert document["phases"][0]["formula"] == "Al"
    assert code == (0 if document["verdict"] == "identified" else 1)
    assert Path(document["picture"]).read_bytes()[:4] == b"\x89PNG"
    assert document["provenance"]["format"] == "columns of text"


def test_repairs_are_flagged_in_the_answer(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows out of order, negative counts, a missing number and another wavelength are all told among the flags."""
    rows = (place / "al.xy").read_text().splitlines()
    rows[3], rows[4], rows[9] = rows[4], rows[3], rows[9].split()[0] + " nan"
    rows[12] = rows[12].split()[0] + " -5"
    (place / "odd.xy").write_text("\n".join(rows))
    identify_files([place / "odd.xy"], _order(place, wavelength=1.78897))
    ((document,), _) = _said(capsys)
    wanted = {"angles-sorted", "negative-counts-raised", "bad-points-left-out", "wavelength-overruled"}
    assert wanted <= set(document["flags"])
    assert any("sorted, because 1 angle" in note for note in document["notes"])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (columns(), None),
        (b"\n".join(columns().splitlines()[:10]), "50 points or more"),
        (b"\n".join(f"{a:.2f} 7".encode() for a in X), "a constant 7"),
        (b"2theta,counts\n", "got 0 such lines"),
        (_pattern(np.where(WIDE < 40, np.nan, 5.0)), "finite numbers"),
        (_pattern(_aluminium() * 1e250), None),
        (_pattern(_aluminium() * 1e-250), None),
        (b"20,05,100\n20,10,101\n20,15,99\n" * 30, "decimal point"),
        (b"\xff\xd8\xff\xe0" + bytes(500), "binary"),
    ],
    ids=["short", "ten points", "constant", "header", "half nan", "huge", "tiny", "commas", "picture"],
)
def test_no_content_makes_a_traceback(
    content: bytes, complaint: str | None, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each odd file is an answer with a verdict, or one sentence with exit code 2; a good one beside it still works."""
    (place / "odd.xy").write_bytes(content)
    code = identify_files([place / "odd.xy", place / "al.xy"], _order(place))
    ((odd, good), err) = _said(capsys)
    assert good["phases"][0]["formula"] == "Al"
    if complaint is None:
        assert odd["verdict"] in ("identified", "ambiguous", "unknown")
    else:
        assert (code, odd["verdict"]) == (2, "unusable")
        assert complaint in odd["error"]
        assert complaint in err


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"elements": "Al,Xx"}, "Expected symbols of elements such as Ba,Ti,O, got Xx"),
        ({"elements": ""}, "got none"),
        ({"axis": "k"}, "as --axis, got 'k'"),
        ({"wavelength": 15.4}, "wavelength between 0.1 and 5 angstrom, got 15.4"),
        ({"plot": Path("a.doc")}, "Expected a picture to end in"),
        ({"library": Path("nowhere")}, "nowhere"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_first(
    changes: dict, complaint: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Elements that do not exist, an axis, a wavelength, a picture and a library that are none: one sentence each."""
    assert identify_files([place / "al.xy"], _order(place, **changes)) == 2
    documents, err = _said(capsys)
    assert (documents, complaint in err) == ([], True)


def _doublets(file: Path, spacings: np.ndarray, zero: float) -> Path:
    """A scan of lines of these spacings by both lines of copper, on a circle that is off by some degrees."""
    angles = np.arange(20.0, 120.0, 0.02)
    y = np.full_like(angles, 40.0)
    for d in spacings:
        for wavelength, share in ((1.540598, 1.0), (1.544426, 0.5)):
            if (sine := wavelength / (2 * d)) < 0.99:
                u = (angles - np.degrees(2 * np.arcsin(sine)) - zero) / 0.05
                y += 900 * share / (1 + u**2)
    rows = (f"{a:.2f} {b:.1f}" for a, b in zip(angles, y, strict=True))
    file.write_text("\n".join(["# Wavelength: 1.540598", *rows]))
    return file


def test_a_standard_corrects_the_cell(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a scan of silicon that is as far off as the sample the cell comes right, and the answer says by what."""
    aluminium = 4.05 / np.sqrt([3, 4, 8, 11, 12, 16, 19, 20])
    sample = _doublets(place / "sample.xy", aluminium, 0.15)
    standard = _doublets(place / "si.xy", STANDARDS["Si"].spacings, 0.15)
    identify_files([sample], _order(place))
    identify_files([sample], _order(place, standard=standard))
    ((alone, helped), _) = _said(capsys)
    assert helped["standard"]["zero_deg"] == pytest.approx(0.15, abs=0.004)
    assert helped["zero_deg"] == pytest.approx(0.15, abs=0.01)
    off = [abs(d["phases"][0]["lattice"]["a"] - 4.05) for d in (alone, helped)]
    assert off[1] < 3e-4 < off[0]
    assert "standard" not in alone
    assert any("corrected by Si (NIST SRM 640f" in note for note in helped["notes"])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"standard": Path("al.xy")}, "Expected 4 clear lines of Si"),
        ({"standard": Path("al.xy"), "standard_name": "quartz"}, "Expected one of Si, LaB6, Al2O3"),
        ({"standard": Path("nowhere.xy")}, "nowhere.xy"),
    ],
)
def test_a_standard_that_is_none_is_refused_first(
    changes: dict, complaint: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another powder, another name and a missing file are one sentence each, before anything is identified."""
    changes["standard"] = place / changes["standard"]
    assert identify_files([place / "al.xy"], _order(place, **changes)) == 2
    documents, err = _said(capsys)
    assert (documents, complaint in err) == ([], True)


def test_an_empty_library_and_one_of_other_elements_are_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to compare with is no verdict but a message that says so."""
    (place / "empty").mkdir()
    assert identify_files([place / "al.xy"], _order(place, library=place / "empty")) == 2
    assert identify_files([place / "al.xy"], _order(place, elements="Ba,O")) == 2
    _, err = _said(capsys)
    assert "Expected phases made of Ba, O in the library" in err


def test_every_format_reaches_a_verdict(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the suffix, the same short scan of something else is never called identified."""
    names = [n for n in GOOD if n.split(".")[1] in ("xrdml", "ras", "uxd", "raw", "brml", "rasx", "nxs")]
    for name in names:
        (place / name).write_bytes(GOOD[name])
    assert identify_files([place / n for n in names], _order(place)) == 1
    documents, _ = _said(capsys)
    assert [d["verdict"] for d in documents] == ["unknown"] * len(names)
    assert all("short-range" in d["flags"] for d in documents)
