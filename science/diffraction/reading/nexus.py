"""NeXus (HDF5): counts over 2θ or q, wherever a file has them.

NXmonopd, NXxrd_pan and plain NXdata are all found by the same walk: what carries the right name and a unit
that is known. The walk happens in another process (`reading.hdf5` says why).
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np

from science.diffraction.errors import PatternError
from science.diffraction.pattern import Pattern, Provenance
from science.diffraction.reading import flags, hdf5
from science.diffraction.reading.axis import Axis, degrees
from science.diffraction.reading.scans import Scan, Source, assemble

PATIENCE = 60.0
"""Seconds after which a file is damaged."""
UNITS: dict[str, Axis] = {
    **dict.fromkeys(("deg", "degree", "degrees", "°"), "2theta"),
    **dict.fromkeys(("rad", "radian", "radians"), "radians"),
    **dict.fromkeys(("1/angstrom", "angstrom^-1", "1/a", "a^-1", "1/å", "å^-1"), "q"),
    **dict.fromkeys(("1/nm", "nm^-1"), "q-nm"),
}
TO_ANGSTROM = {"m": 1e10, "nm": 10.0, "pm": 0.01}
"""Units of wavelengths other than Å, in Å."""


def read_nexus(
    name: str, content: bytes, axis: Axis | None = None, wavelength: float | None = None, patience: float = PATIENCE
) -> Pattern:
    """The first pattern in a file.

    Args:
        name: of the file.
        content: its bytes.
        axis: what the scanned axis is, if better known than the file says.
        wavelength: Kα1 in Å, for q values in a file that does not name its own.
        patience: seconds that the file may take.

    Raises:
        PatternError: it holds none, or cannot be walked through.
    """
    found = _walked(name, content, patience)
    if not found:
        raise PatternError(
            f"Expected counts ({', '.join(hdf5.COUNTS)}) beside {' or '.join((*hdf5.ANGLES[:2], *hdf5.QS[:1]))} in "
            f"{name}, got none. Name the counts by the attribute signal of their group."
        )
    first = found[0]
    unit = first["unit"].lower()
    kind = axis or UNITS.get(unit)
    if kind is None and unit:
        raise PatternError(f"Expected an axis in degrees, radians, 1/angstrom or 1/nm in {name}, got {unit[:40]!r}.")
    if kind is None and first["path"].rpartition("/")[2].lower() in hdf5.QS:
        raise PatternError(f"Expected a unit of the q values in {name}, got none. Say q or q-nm with --axis.")
    own = _wavelength(first)
    two_theta, seen, done = degrees(name, np.array(first["values"], float), kind, own or wavelength)
    marks, notes = ([flags.CONVERTED], [done]) if done else ([], [])
    if len(found) > 1:
        marks.append(flags.LEFT_OUT)
        notes.append(f"the first of {len(found)} patterns is used, {first['path']}")
    source = Source(name, own or (wavelength if done else None), None, _provenance(first), tuple(marks), tuple(notes))
    return assemble([Scan(two_theta, np.array(first["counts"], float)[seen])], source)


def _walked(name: str, content: bytes, patience: float) -> list[dict[str, Any]]:
    if b"\x89HDF\r\n\x1a\n" not in content[:8200]:  # at 0 or at 512, 1024, … (HDF5 file format specification)
        raise PatternError(f"Expected an HDF5 file in {name}, got something else.")
    command = [sys.executable, str(hdf5.__file__)]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=patience, check=False)  # noqa: S603  our own script
    except subprocess.TimeoutExpired:
        raise PatternError(
            f"Expected an HDF5 file in {name}, got one whose end is not reached in {patience:g} s. It is damaged."
        ) from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PatternError(
            f"Expected an HDF5 file in {name}, got something else ({said[-1][:200] if said else 'a crash'}). "
            "The file may be damaged or half written."
        )
    walked: list[dict[str, Any]] = json.loads(done.stdout)
    return walked


def _wavelength(said: dict[str, Any]) -> float | None:
    value = _number(said["wavelength"])
    if value is None:
        return None
    value *= TO_ANGSTROM.get(said["wavelength_unit"].lower(), 1.0)
    return value if 0.1 < value < 5 else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _provenance(said: dict[str, Any]) -> Provenance:
    return Provenance(
        "NeXus",
        said["definition"],
        said["instrument"],
        said["anode"],
        said["geometry"],
        "",
        None,
        _number(said["seconds"]),
        said["counts_unit"],
        said["path"],
        said["began"],
    )
