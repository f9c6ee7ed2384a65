"""Measured files as instruments write them, read into one canonical pattern.

Plain formats are read here; the binary and zipped ones by `rietx`, which is well kept. A file that cannot
be read is an error that says what was expected, never an empty or half pattern.
"""

from __future__ import annotations

import re
import struct
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from science.diffraction.errors import DiffractionError, PatternError
from science.diffraction.pattern import Array, Pattern

_NUMBER = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?")
_COMMENT = "#;!*'/\"%"
MAX_BYTES = 200_000_000
XRDML_MAJOR_VERSIONS = ("1", "2")
"""Versions of the XRDML schema whose meaning is known; a new first number may change what its names mean."""


def read_pattern(path: Path) -> Pattern:
    """The pattern in a file.

    Raises:
        PatternError: it cannot be read, or holds no usable pattern.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PatternError(f"Expected a pattern of at most {MAX_BYTES} bytes, got {path} of more.")
        content = path.read_bytes()
    except OSError as error:
        raise PatternError(f"Expected a readable file at {path}, got: {error.strerror}.") from error
    return read_pattern_bytes(path.name, content)


def read_pattern_bytes(name: str, content: bytes) -> Pattern:
    """The pattern in the bytes of a file.

    Args:
        name: file name; its suffix tells the format.
        content: the bytes.

    Raises:
        PatternError: they hold no usable pattern.
    """
    if not content.strip():
        raise PatternError(f"Expected a powder pattern in {name}, got an empty file.")
    suffix = Path(name).suffix.lower()
    reader = READERS.get(suffix)
    if reader is None:
        known = " ".join(sorted(READERS))
        raise PatternError(f"Expected a file of a known format ({known}), got {name}.")
    try:
        return reader(name, content)
    except DiffractionError:
        raise
    except Exception as error:
        raise PatternError(
            f"Expected a powder pattern in the format {suffix} in {name}, got something else "
            f"({type(error).__name__}: {error}). The file may be damaged or half written."
        ) from error


def _text(name: str, content: bytes) -> str:
    if b"\x00" in content[:4096]:
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return content.decode("utf-16")
        raise PatternError(f"Expected text in {name}, got binary data.")
    return content.decode("utf-8-sig", errors="replace")


def _rows(name: str, text: str) -> list[list[float]]:
    """Leading numbers of each line that begins with two numbers."""
    decimal_comma = bool(re.search(r"^\s*\d+,\d+[;\t ]", text, re.MULTILINE))
    rows: list[list[float]] = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line[0] in _COMMENT:
            continue
        fields = re.split(r"[;\t ]+" if decimal_comma else r"[,;\t ]+", line)
        try:
            rows.append([float(f.replace(",", ".")) for f in fields if f][:3])
        except ValueError:
            if rows and _NUMBER.match(line):
                raise PatternError(f"Expected numbers in {name}, got the line {line[:60]!r} among them.") from None
            rows = [] if len(rows) < 5 else rows  # a header that looked like data
    if len(rows) > 5 and len(rows[-1]) < min(map(len, rows[:-1])):
        raise PatternError(
            f"Expected {min(map(len, rows[:-1]))} columns in each line of {name}, got {len(rows[-1])} in the last one. "
            "The file may be half written."
        )
    return [row for row in rows if len(row) >= 2]


def _columns(name: str, content: bytes) -> Pattern:
    """Angle, intensity and perhaps an error, in columns."""
    text = _text(name, content)
    rows = _rows(name, text)
    if len(rows) < 2:
        raise PatternError(f"Expected two columns of numbers in {name}, got {len(rows)} such lines.")
    table = np.array([row[:2] for row in rows], float)
    two_theta, intensity = _ordered(table[:, 0], table[:, 1])
    wavelength = re.search(r"(?:wave\s*length|lambda|K-?Alpha1)\D{0,30}?(\d\.\d{3,})", text, re.IGNORECASE)
    return _pattern(name, two_theta, intensity, float(wavelength.group(1)) if wavelength else None)


def _ordered(two_theta: Array, intensity: Array) -> tuple[Array, Array]:
    """Angles that increase; overlapping scan ranges are averaged where they repeat an angle."""
    order = np.argsort(two_theta, kind="stable")
    unique, index = np.unique(two_theta[order], return_inverse=True)
    if len(unique) == len(two_theta):
        return unique, intensity[order]
    mean = np.bincount(index, intensity[order]) / np.bincount(index)
    return unique, mean


def _pattern(
    name: str, two_theta: Array, intensity: Array, wavelength: float | None = None, notes: tuple[str, ...] = ()
) -> Pattern:
    """A pattern of what a file holds; where something had to be done to it, a note says so."""
    backwards = two_theta <= 0
    if backwards.any() and not backwards.all():  # nothing diffracts there; some instruments scan through zero
        notes = (*notes, f"left out {np.count_nonzero(backwards)} points at angles up to 0")
        two_theta, intensity = two_theta[~backwards], intensity[~backwards]
    if (intensity < 0).any():
        # a background was subtracted before: raised as a whole, so that no peak is cut
        notes = (*notes, f"raised by {-intensity.min():.4g}, because the file has negative intensities")
        intensity = intensity - intensity.min()
    return Pattern(two_theta.astype(float), intensity.astype(float), wavelength, None, name, notes)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _xrdml(name: str, content: bytes) -> Pattern:
    """PANalytical XRDML: scans of one measurement, joined."""
    try:
        root = ET.fromstring(content)  # noqa: S314  expat expands no external entities
    except ET.ParseError as error:
        raise PatternError(f"Expected XML in {name}, got: {error}. The file may be half written.") from error
    _check_schema(name, root)
    found = {_local(e.tag): e for e in root.iter()}
    wavelength = _float(found.get("kAlpha1"))
    k_alpha2, ratio = _float(found.get("kAlpha2")), _float(found.get("ratioKAlpha2KAlpha1"))
    angles, counts = [], []
    for points in (e for e in root.iter() if _local(e.tag) == "dataPoints"):
        scan = _xrdml_scan(points)
        if scan is not None:
            angles.append(scan[0])
            counts.append(scan[1])
    if not angles:
        raise PatternError(f"Expected a 2Theta scan with intensities in {name}, got none.")
    two_theta, intensity = _ordered(np.concatenate(angles), np.concatenate(counts))
    notes = (f"{len(angles)} scans joined",) if len(angles) > 1 else ()
    pattern = _pattern(name, two_theta, intensity, wavelength, notes)
    return replace(pattern, k_alpha2=(k_alpha2, ratio) if k_alpha2 and ratio else None)


def _check_schema(name: str, root: ET.Element) -> None:
    """Refuses files whose numbers may mean something else than they did; one that names no schema is an old one.

    Raises:
        PatternError: the schema is a newer one.
    """
    version = re.search(r"XRDMeasurement/([^/}]+)", root.tag)
    if version is None or version.group(1).partition(".")[0] in XRDML_MAJOR_VERSIONS:
        return
    raise PatternError(
        f"Expected XRDML of schema version {' or '.join(f'{v}.x' for v in XRDML_MAJOR_VERSIONS)} in {name}, got "
        f"version {version.group(1)}: the instrument's program was brought up to date. Nothing was read; let the "
        "program write an older version, or teach the reader the new one."
    )


def _float(element: ET.Element | None) -> float | None:
    return float(element.text) if element is not None and element.text and element.text.strip() else None


def _xrdml_scan(points: ET.Element) -> tuple[Array, Array] | None:
    values = next((e.text for e in points if _local(e.tag) in ("intensities", "counts")), None)
    if not values:
        return None
    counts = np.array(values.split(), float)
    attenuation = next((e.text for e in points if _local(e.tag) == "beamAttenuationFactors"), None)
    if attenuation and any(_local(e.tag) == "counts" for e in points):
        counts = counts * np.array(attenuation.split(), float)
    for positions in (e for e in points if _local(e.tag) == "positions" and e.get("axis") == "2Theta"):
        parts = {_local(e.tag): (e.text or "").split() for e in positions}
        if "listPositions" in parts:
            return np.array(parts["listPositions"], float), counts
        if "startPosition" in parts and "endPosition" in parts:
            start, stop = float(parts["startPosition"][0]), float(parts["endPosition"][0])
            return np.linspace(start, stop, len(counts)), counts
    return None


def _ras(name: str, content: bytes) -> Pattern:
    """Rigaku RAS text: angle, intensity, attenuator factor."""
    text = content.decode("latin-1")
    block = text.partition("*RAS_INT_START")[2].partition("*RAS_INT_END")
    if not block[1]:
        raise PatternError(f"Expected the block RAS_INT_START to RAS_INT_END in {name}, got none or half of it.")
    table = np.array([[float(v) for v in line.split()[:3]] for line in block[0].strip().splitlines()])
    factor = table[:, 2] if table.shape[1] > 2 else 1.0
    wavelength = re.search(r'HW_XG_WAVE_LENGTH_ALPHA1 "([\d.]+)"', text)
    two_theta, intensity = _ordered(table[:, 0], table[:, 1] * factor)
    return _pattern(name, two_theta, intensity, float(wavelength.group(1)) if wavelength else None)


def _gsas(name: str, content: bytes) -> Pattern:
    """GSAS powder data: a BANK card, then counts in fixed columns."""
    lines = content.decode("latin-1").splitlines()
    at = next((n for n, line in enumerate(lines) if line.startswith("BANK")), None)
    if at is None:
        return _columns(name, content)
    card = lines[at].split()
    if "CONST" not in card or {"FXY", "FXYE", "ALT"} & set(card):
        return _by_rietx(name, content)
    count, start, step = int(card[2]), float(card[5]) / 100, float(card[6]) / 100
    esd = "ESD" in card
    width, skip, offset = (16, 8, 0) if esd else (8, 8, 2)
    values: list[float] = []
    for line in lines[at + 1 :]:
        for left in range(0, 80, width):
            field = line[left : left + skip]
            if field.strip():
                values.append(float(field[offset:]))
    intensity = np.array(values[:count])
    if len(intensity) < count:
        raise PatternError(f"Expected {count} points in {name}, got {len(intensity)}: the file is cut short.")
    return _pattern(name, np.asarray(start + step * np.arange(count), float), intensity)


def _bruker_raw(name: str, content: bytes) -> Pattern:
    """Bruker RAW: the version "RAW1.01" here (layout as documented by the xylib project), others by `rietx`."""
    if not content.startswith(b"RAW1.01"):
        return _by_rietx(name, content)
    if len(content) < 712 + 304:
        raise PatternError(f"Expected a RAW1.01 file in {name}, got one that is cut short.")
    ranges = struct.unpack_from("<I", content, 12)[0]
    k_alpha1, k_alpha2 = struct.unpack_from("<dd", content, 624)
    offset, angles, counts = 712, [], []
    for _ in range(ranges):
        header, points = struct.unpack_from("<II", content, offset)
        start, step = (
            struct.unpack_from("<d", content, offset + 16)[0],
            struct.unpack_from("<d", content, offset + 176)[0],
        )
        offset += header + struct.unpack_from("<I", content, offset + 256)[0]
        if not 0 < points < 10**7 or not 0 < step < 5 or len(content) < offset + 4 * points:
            raise PatternError(f"Expected {points} points of a range in {name}, got a damaged or shortened file.")
        angles.append(start + step * np.arange(points))
        counts.append(np.frombuffer(content, "<f4", points, offset).astype(float))
        offset += 4 * points
    two_theta, intensity = _ordered(np.concatenate(angles), np.concatenate(counts))
    known = 0.3 < k_alpha1 < 3
    pattern = _pattern(name, two_theta, intensity, k_alpha1 if known else None)
    return replace(pattern, k_alpha2=(k_alpha2, 0.5) if known and 0.3 < k_alpha2 < 3 else None)


def _by_rietx(name: str, content: bytes) -> Pattern:
    """Formats that `rietx` reads; it wants a file."""
    from rietx.io.readers import read_pattern as read_by_rietx

    remarks: list[object] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"pattern{Path(name).suffix.lower()}"
        path.write_bytes(content)
        read = read_by_rietx(path, diagnostics=remarks)
    if read.two_theta is None:
        raise PatternError(f"Expected a pattern over angles in {name}, got one over times of flight.")
    two_theta, intensity = _ordered(np.asarray(read.two_theta, float), np.asarray(read.intensity, float))
    notes = tuple(" ".join(str(getattr(r, "message", r)).split())[:200] for r in remarks)
    k_alpha1, k_alpha2 = (_wavelength(read.metadata.get(key)) for key in ("wavelength", "wavelength_alpha2"))
    pattern = _pattern(name, two_theta, intensity, k_alpha1, notes)
    return replace(pattern, k_alpha2=(k_alpha2, 0.5) if k_alpha1 and k_alpha2 else None)


def _wavelength(text: object) -> float | None:
    """A wavelength in Å as a header says it; some headers say zero for none."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if 0.1 < value < 5 else None


READERS: dict[str, Callable[[str, bytes], Pattern]] = {
    ".xy": _columns,
    ".xye": _columns,
    ".csv": _columns,
    ".txt": _columns,
    ".dat": _columns,
    ".prn": _columns,
    ".xrdml": _xrdml,
    ".ras": _ras,
    ".gsas": _gsas,
    ".gsa": _gsas,
    ".xra": _gsas,
    ".raw": _bruker_raw,
    ".brml": _by_rietx,
    ".rasx": _by_rietx,
    ".uxd": _by_rietx,
}
"""Suffix → reader."""
