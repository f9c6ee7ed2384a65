"""Measured files as instruments write them, read into one canonical pattern.

The content decides what a file is, the suffix only says what it is meant to be: where the two differ the
pattern says so. A file that cannot be read is an error that says what was expected, never an empty or half
pattern; what had to be done to one that can is told in its flags and notes (`reading.flags`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from science.diffraction.errors import DiffractionError, PatternError
from science.diffraction.pattern import Pattern
from science.diffraction.reading import flags
from science.diffraction.reading.axis import Axis
from science.diffraction.reading.bruker import read_raw
from science.diffraction.reading.columns import read_columns
from science.diffraction.reading.gsas import read_gsas
from science.diffraction.reading.nexus import read_nexus
from science.diffraction.reading.rigaku import read_ras
from science.diffraction.reading.vendor import read_vendor
from science.diffraction.reading.xrdml import read_xrdml

MAX_BYTES = 200_000_000


def read_pattern(path: Path, *, axis: Axis | None = None, wavelength: float | None = None) -> Pattern:
    """The pattern in a file; arguments as for `read_pattern_bytes`.

    Raises:
        PatternError: it cannot be read, or holds no usable pattern.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PatternError(f"Expected a pattern of at most {MAX_BYTES} bytes, got {path} of more.")
        content = path.read_bytes()
    except OSError as error:
        raise PatternError(f"Expected a readable file at {path}, got: {error.strerror}.") from error
    return read_pattern_bytes(path.name, content, axis=axis, wavelength=wavelength)


def read_pattern_bytes(
    name: str, content: bytes, *, axis: Axis | None = None, wavelength: float | None = None
) -> Pattern:
    """The pattern in the bytes of a file.

    Args:
        name: file name; its suffix tells the format, unless the content is clearly of another.
        content: the bytes.
        axis: what the values of a text or NeXus file are, if better known than the file says.
        wavelength: Kα1 in Å, to convert q or d in a file that does not name its own.

    Raises:
        PatternError: they hold no usable pattern.
    """
    if not content.strip():
        raise PatternError(f"Expected a powder pattern in {name}, got an empty file.")
    suffix = Path(name).suffix.lower()
    written = _written_as(content)
    found = written if written is not None and written not in SAME.get(suffix, (suffix,)) else suffix
    reader = READERS.get(found)
    if reader is None:
        known = " ".join(sorted(READERS))
        raise PatternError(f"Expected a file of a known format ({known}), got {name}.")
    try:
        if reader is read_columns or reader is read_nexus:
            pattern = reader(name, content, axis, wavelength)
        elif reader is read_vendor and found != suffix:
            pattern = replace(read_vendor(f"{name}{found}", content), source=name)
        else:
            pattern = reader(name, content)
    except DiffractionError:
        raise
    except Exception as error:
        raise PatternError(
            f"Expected a powder pattern in the format {found} in {name}, got something else "
            f"({type(error).__name__}: {error}). The file may be damaged or half written."
        ) from error
    if found == suffix:
        return pattern
    note = f"its content is that of a {found} file" if suffix else f"it has no suffix, and is a {found} file"
    return replace(pattern, notes=(*pattern.notes, note), flags=(*pattern.flags, flags.OTHER_FORMAT))


def _written_as(content: bytes) -> str | None:
    """The suffix that a file should have by its first bytes, where these leave no doubt."""
    start = content[:4096]
    if start.startswith(b"\x89HDF\r\n"):
        return ".nxs"
    if start.startswith(b"PK\x03\x04"):
        return ".rasx" if b"root.xml" in content[:200] or b"Profile0.txt" in content else ".brml"
    if start.startswith((b"RAW1.01", b"RAW4.00", b"RAW ", b"RAW2")):
        return ".raw"
    if b"<xrdMeasurements" in start:
        return ".xrdml"
    if b"*RAS_DATA_START" in start or b"*RAS_HEADER_START" in start:
        return ".ras"
    if b"_FILEVERSION" in start or b"_2THETACOUNTS" in start:
        return ".uxd"
    return None


READERS: dict[str, Callable[..., Pattern]] = {
    ".xy": read_columns,
    ".xye": read_columns,
    ".csv": read_columns,
    ".txt": read_columns,
    ".dat": read_columns,
    ".prn": read_columns,
    ".xrdml": read_xrdml,
    ".ras": read_ras,
    ".gsas": read_gsas,
    ".gsa": read_gsas,
    ".xra": read_gsas,
    ".raw": read_raw,
    ".brml": read_vendor,
    ".rasx": read_vendor,
    ".uxd": read_vendor,
    ".nxs": read_nexus,
    ".nexus": read_nexus,
    ".h5": read_nexus,
    ".hdf5": read_nexus,
}
"""Suffix → reader."""
SAME = {suffix: (".nxs", suffix) for suffix in (".nxs", ".nexus", ".h5", ".hdf5")}
"""Suffixes that mean the same as another."""
