"""Files of every known format, whole, odd and damaged, become the pattern they hold or an error that says why not."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from science.diffraction.errors import DiffractionError, PatternError
from science.diffraction.pattern import Pattern
from science.diffraction.readers import READERS, read_pattern, read_pattern_bytes
from science.diffraction.reading import flags
from science.diffraction.reading.nexus import read_nexus
from tests.science.diffraction import files
from tests.science.diffraction.files import GOOD, K_ALPHA1, K_ALPHA2, X, Y

TEXT = ["a.xy", "a.xye", "a.csv", "a.txt", "a.dat", "a.prn"]


def _holds(pattern: Pattern, x: np.ndarray = X, y: np.ndarray = Y) -> None:
    assert pattern.two_theta == pytest.approx(x, abs=1e-6)
    assert pattern.intensity == pytest.approx(y, rel=1e-5)


def test_every_suffix_has_an_example() -> None:
    """No reader goes untested."""
    assert {Path(name).suffix for name in GOOD} == set(READERS)


@pytest.mark.parametrize("name", GOOD)
def test_good_files_are_read(name: str, tmp_path: Path) -> None:
    """Each format gives all angles and counts, from bytes and from disk, whatever the case of its suffix."""
    _holds(read_pattern_bytes(name, GOOD[name]))
    file = tmp_path / name.upper()
    file.write_bytes(GOOD[name])
    pattern = read_pattern(file)
    _holds(pattern)
    assert pattern.source == name.upper()


@pytest.mark.parametrize("name", ["a.xrdml", "a.ras", "a.uxd", "a.raw", "a.brml", "a.rasx", "a.nxs"])
def test_radiation_is_what_the_file_says(name: str) -> None:
    """Formats that carry wavelengths give them; both of the doublet, with their ratio, where the file has both."""
    pattern = read_pattern_bytes(name, GOOD[name])
    assert pattern.wavelength == pytest.approx(K_ALPHA1)
    assert pattern.k_alpha2 == (None if name in ("a.brml", "a.ras", "a.nxs") else pytest.approx((K_ALPHA2, 0.5)))


@pytest.mark.parametrize("header", ["# wavelength: 1.5406\n", "; Lambda = 1.5406 A\n", "K-Alpha1 [Å] 1.5406\n"])
def test_columns_may_name_their_wavelength(header: str) -> None:
    """A comment or a header line that names the wavelength is believed; without one it is unknown."""
    assert read_pattern_bytes("a.xy", header.encode() + GOOD["a.xy"]).wavelength == pytest.approx(1.5406)
    assert read_pattern_bytes("a.xy", GOOD["a.xy"]).wavelength is None


@pytest.mark.parametrize(
    "content",
    [
        files.columns(";", header="# 2theta; counts\n").replace(b".", b","),
        files.columns("\t").replace(b".", b","),
        files.columns(" ").replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + files.columns(),
        files.columns().decode().encode("utf-16"),
        b"\n\n!comment\n'another\n" + files.columns(),
        files.columns(" ", header="Sample 12\nAngle Counts\n2theta I\n"),
        files.columns(", "),
    ],
    ids=["decimal comma", "comma and tab", "windows", "byte order mark", "utf-16", "comments", "header", "comma space"],
)
def test_columns_as_programs_write_them(content: bytes) -> None:
    """Decimal commas, line ends, encodings, comments and headers do not matter."""
    _holds(read_pattern_bytes("a.txt", content))


def test_unsorted_and_repeated_angles() -> None:
    """Rows in any order are sorted; where ranges overlap, the counts at an angle are averaged."""
    rows = files.columns().decode().splitlines()
    random.Random(3).shuffle(rows)
    _holds(read_pattern_bytes("a.xy", "\n".join(rows).encode()))
    again = f"{X[10]:.4f} {Y[10] + 8}"
    found = read_pattern_bytes("a.xy", "\n".join([*rows, again]).encode())
    assert found.intensity[10] == pytest.approx(Y[10] + 4)
    assert len(found.two_theta) == len(X)


def test_negative_counts_are_raised_as_a_whole() -> None:
    """A file whose background was subtracted keeps its peaks, and a note says what was done."""
    rows = "\n".join(f"{x} {y - 60}" for x, y in zip(X, Y, strict=True))
    pattern = read_pattern_bytes("a.xy", rows.encode())
    assert pattern.intensity == pytest.approx(Y - Y.min())
    assert pattern.notes == ("raised by 10, because the file has negative intensities",)


def test_a_scan_through_zero_begins_ahead_of_it() -> None:
    """Nothing diffracts backwards: points up to zero are left out, and a note counts them."""
    x = X - 22.0
    rows = "\n".join(f"{a:.4f} {y}" for a, y in zip(x, Y, strict=True))
    pattern = read_pattern_bytes("a.xy", rows.encode())
    _holds(pattern, x[x > 1e-6], Y[x > 1e-6])
    assert pattern.notes == ("left out 41 points at angles up to 0",)


def test_xrdml_variants() -> None:
    """Listed positions and attenuated counts are the same scan; two scans of a measurement are joined and noted."""
    _holds(read_pattern_bytes("a.xrdml", files.xrdml(listed=True)))
    _holds(read_pattern_bytes("a.xrdml", files.xrdml(attenuated=True)))
    one = files.xrdml().decode()
    scan = one[one.index("<scan ") : one.index("</scan>") + 7]
    moved = scan.replace("<startPosition>20.0", "<startPosition>40.0").replace(
        "<endPosition>29.95", "<endPosition>49.95"
    )
    pattern = read_pattern_bytes("a.xrdml", one.replace("</scan>", "</scan>" + moved).encode())
    _holds(pattern, np.concatenate([X, X + 20]), np.concatenate([Y, Y]))
    assert pattern.notes == ("2 scans joined", "nothing was measured from 29.95 to 40.00 degrees")
    assert pattern.flags == (flags.JOINED, flags.GAP)


def test_xrdml_knows_other_axes() -> None:
    """A rocking curve has no 2Theta axis, and is refused."""
    content = files.xrdml().replace(b'axis="2Theta"', b'axis="Phi"')
    with pytest.raises(PatternError, match="Expected a 2Theta scan with intensities"):
        read_pattern_bytes("a.xrdml", content)


@pytest.mark.parametrize("version", ["1.0", "1.5", "2.0", "2.3"])
def test_xrdml_of_known_schemas_is_read(version: str) -> None:
    """Schemas that instruments have written so far differ in nothing that is read here."""
    content = files.xrdml().replace(b"XRDMeasurement/1.5", f"XRDMeasurement/{version}".encode())
    _holds(read_pattern_bytes("a.xrdml", content))


@pytest.mark.parametrize("version", ["3.0", "12.1", "next"])
def test_xrdml_of_an_unknown_schema_is_refused(version: str) -> None:
    """A file of a schema that nobody knows could mean anything: it is refused, and the message says what to do."""
    content = files.xrdml().replace(b"XRDMeasurement/1.5", f"XRDMeasurement/{version}".encode())
    with pytest.raises(PatternError, match=f"Expected XRDML of schema version 1.x or 2.x .* got version {version}: "):
        read_pattern_bytes("a.xrdml", content)


def test_xrdml_without_a_schema_is_an_old_one() -> None:
    """Files that were stripped of their namespace are read as before."""
    content = files.xrdml().replace(b' xmlns="http://www.xrdml.com/XRDMeasurement/1.5"', b"")
    _holds(read_pattern_bytes("a.xrdml", content))


def test_ras_attenuator_is_applied() -> None:
    """Counts behind an absorber are multiplied by its factor."""
    _holds(read_pattern_bytes("a.ras", files.ras(attenuator=8.0)))


@pytest.mark.parametrize("ranges", [1, 2, 5])
def test_raw1_ranges_are_joined(ranges: int) -> None:
    """However many ranges a scan was measured in, it comes out whole."""
    _holds(read_pattern_bytes("a.raw", files.raw1(ranges=ranges, supplement=0 if ranges == 1 else 40)))


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_half_written_files_are_refused(name: str, share: float) -> None:
    """A file cut in the middle of a row is an error that names it, never half a pattern taken for a whole one."""
    content = GOOD[name]
    cut = content[: int(share * len(content))]
    if name in TEXT or name == "a.uxd":
        cut = cut[: cut.rfind(b"\n") + 7] if share else cut  # in the middle of an angle
    with pytest.raises(PatternError, match=name):
        pattern = read_pattern_bytes(name, cut)
        pytest.fail(f"read {len(pattern.two_theta)} points")


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(
    "content", [b"", b"   \n\n", b"\x00" * 600, b"garbage\n" * 40, b"\x89PNG\r\n\x1a\n" + bytes(500)]
)
def test_files_of_something_else_are_refused(name: str, content: bytes) -> None:
    """Empty files, zeros, prose and pictures are errors that name the file."""
    with pytest.raises(PatternError, match=name):
        read_pattern_bytes(name, content)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("25.0 inf", "finite numbers"),
        ("nan 100", "finite numbers"),
        ("25.0 12x4", "got the line '25.0 12x4' among them"),
        ("200.0 100", "2-theta in degrees"),
    ],
)
def test_rows_that_cannot_be_are_refused(row: str, complaint: str) -> None:
    """Not-a-number, infinity, damaged digits and impossible angles are told, not left out."""
    rows = files.columns().decode().splitlines()
    rows.insert(100, row)
    with pytest.raises(PatternError, match=complaint):
        read_pattern_bytes("a.xy", "\n".join(rows).encode())


def test_too_few_points_and_constants_are_refused() -> None:
    """Thirty rows are no pattern, nor are two hundred of the same count."""
    with pytest.raises(PatternError, match="50 points or more in a.xy, got 30"):
        read_pattern_bytes("a.xy", b"\n".join(GOOD["a.xy"].splitlines()[:30]))
    flat = "\n".join(f"{x} 7" for x in X)
    with pytest.raises(PatternError, match="a constant 7"):
        read_pattern_bytes("a.xy", flat.encode())


def test_unknown_suffixes_list_the_known_ones() -> None:
    """A picture is refused with the formats that would do."""
    with pytest.raises(PatternError, match=r"known format \(\.brml \.csv .*\), got scan\.png"):
        read_pattern_bytes("scan.png", b"1 2\n")


def test_content_decides_and_the_suffix_is_corrected() -> None:
    """A file with another format's suffix is read as what it is, and flagged; text can be anything and is not."""
    for name, content in GOOD.items():
        found = read_pattern_bytes("a.dat", content)
        if Path(name).suffix in (".xy", ".xye", ".csv", ".txt", ".dat", ".prn", ".gsas", ".gsa", ".xra"):
            assert flags.OTHER_FORMAT not in found.flags
        else:
            _holds(found)
            assert flags.OTHER_FORMAT in found.flags
            assert found.source == "a.dat"
        if name == "a.csv":
            break
    for name in ("a.xrdml", "a.ras", "a.raw", "a.uxd", "a.brml", "a.rasx", "a.nxs"):
        found = read_pattern_bytes("scan.bak", GOOD[name])
        _holds(found)
        assert found.flags[-1] == flags.OTHER_FORMAT
        assert Path(name).suffix in found.notes[-1]


def test_what_a_file_says_of_its_instrument_is_kept() -> None:
    """Format, schema, anode, geometry and counting time come with the pattern, where the file has them."""
    xrdml = read_pattern_bytes("a.xrdml", GOOD["a.xrdml"]).provenance
    assert (xrdml.format, xrdml.version, xrdml.axis, xrdml.seconds) == ("PANalytical XRDML", "1.5", "Gonio", 1.0)
    rasx = read_pattern_bytes("a.rasx", GOOD["a.rasx"]).provenance
    assert (rasx.format, rasx.anode, rasx.axis, rasx.unit) == ("Rigaku RASX", "Cu", "TwoTheta", "counts")
    uxd = read_pattern_bytes("a.uxd", GOOD["a.uxd"]).provenance
    assert (uxd.format, uxd.anode, uxd.seconds) == ("Bruker UXD", "Cu", 1.0)
    assert read_pattern_bytes("a.xy", GOOD["a.xy"]).provenance.format == "columns of text"


def test_hundreds_of_thousands_of_points_are_thinned_and_flagged() -> None:
    """More points than anything needs are averaged to fewer, with the same mean, and the pattern says so."""
    x = np.linspace(10, 110, 300_000)
    y = 100 + 50 * np.sin(x)
    rows = "\n".join(f"{a:.6f} {b:.3f}" for a, b in zip(x, y, strict=True))
    found = read_pattern_bytes("a.xy", rows.encode())
    assert len(found.two_theta) == 100_000
    assert found.flags == (flags.THINNED,)
    assert found.intensity.mean() == pytest.approx(y.mean(), abs=1e-3)
    assert found.two_theta[0] == pytest.approx(10.0, abs=1e-3)


def test_unreadable_paths_are_refused(tmp_path: Path) -> None:
    """A missing file and a folder are errors of our own."""
    with pytest.raises(PatternError, match="Expected a readable file"):
        read_pattern(tmp_path / "missing.xy")
    (tmp_path / "folder.xy").mkdir()
    with pytest.raises(PatternError, match="Expected a readable file"):
        read_pattern(tmp_path / "folder.xy")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.binary(max_size=600))
def test_any_bytes_are_a_pattern_or_an_error(suffix: str, content: bytes) -> None:
    """Whatever the bytes and the suffix, nothing but a pattern or an error of our own comes out."""
    try:
        pattern = read_pattern_bytes(f"scan{suffix}", content)
    except DiffractionError:
        return
    assert isinstance(pattern, Pattern)


IN_PROCESS = sorted(n for n in GOOD if READERS[Path(n).suffix] is not read_nexus)
"""Damaged HDF5 files have their own tests (`reading/test_nexus.py`), because each starts a process."""


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(IN_PROCESS), st.data())
def test_any_damage_is_survived(name: str, drawn: st.DataObject) -> None:
    """Cut anywhere and overwritten anywhere, a good file is a pattern or an error of our own."""
    content = bytearray(GOOD[name][: drawn.draw(st.integers(0, len(GOOD[name])))])
    for _ in range(drawn.draw(st.integers(0, 4))):
        if content:
            content[drawn.draw(st.integers(0, len(content) - 1))] = drawn.draw(st.integers(0, 255))
    try:
        pattern = read_pattern_bytes(name, bytes(content))
    except DiffractionError:
        return
    assert isinstance(pattern, Pattern)
