"""Walks an HDF5 file in a process of its own: a damaged one can make the C library loop for ever or crash.

Run as a script by `reading.nexus`: the file comes in on stdin, and what may be a pattern goes out on stdout, as
JSON. It imports nothing of the project, so that it starts fast and depends on no path.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import numpy as np

ANGLES = ("two_theta", "twotheta", "2theta", "tth", "polar_angle", "two_theta_position")
QS = ("q", "scattering_vector")
COUNTS = ("intensity", "counts", "data", "signal", "i")
SCALARS = {
    "definition": ("definition",),
    "wavelength": ("k_alpha_one", "incident_wavelength", "wavelength"),
    "anode": ("xray_tube_material", "target_material"),
    "geometry": ("scan_mode",),
    "seconds": ("count_time", "counting_time"),
    "began": ("start_time",),
}
"""What is told → names of the arrays that may hold it."""


def walk(content: bytes) -> list[dict[str, Any]]:
    """Each array of counts over an angle or q, with what its entry says of the instrument."""
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        arrays: dict[str, Any] = {}
        file.visititems(lambda path, item: arrays.__setitem__(path, item) if isinstance(item, h5py.Dataset) else None)
        return [found for path, item in arrays.items() if (found := _pattern(path, item, arrays))]


def _pattern(path: str, item: Any, arrays: dict[str, Any]) -> dict[str, Any] | None:
    folder, _, leaf = path.rpartition("/")
    if leaf.lower() not in (*ANGLES, *QS) or not _is_vector(item):
        return None
    counts = _counts(folder, item, arrays)
    if counts is None:
        return None
    entry = path.partition("/")[0]
    scalars = {told: _scalar(arrays, entry, leaves) for told, leaves in SCALARS.items()}
    name = next((a for p, a in arrays.items() if p.endswith("instrument/name")), None)
    return {
        "path": path,
        "unit": _attribute(item, "units"),
        "values": _vector(item),
        "counts": _vector(counts),
        "counts_unit": _attribute(counts, "units"),
        "instrument": _said(name) if name is not None and name.size == 1 else "",
        "wavelength_unit": _attribute(scalars["wavelength"], "units") if scalars["wavelength"] is not None else "",
        **{told: _said(scalar) if scalar is not None else "" for told, scalar in scalars.items()},
    }


def _counts(folder: str, over: Any, arrays: dict[str, Any]) -> Any:
    """The counts in the same group: what its attribute `signal` names, or else what is called so."""
    beside = {p.rpartition("/")[2].lower(): a for p, a in arrays.items() if p.rpartition("/")[0] == folder}
    for candidate in (_attribute(over.parent, "signal"), *COUNTS):
        found = beside.get(candidate.lower())
        if found is not None and found != over and _is_vector(found) and found.size == over.size:
            return found
    return None


def _is_vector(item: Any) -> bool:
    return bool(item.size and item.size > 1 and max(item.shape) == item.size and item.dtype.kind in "iuf")


def _vector(item: Any) -> list[float]:
    return [float(v) for v in np.asarray(item[()], float).ravel()]


def _attribute(item: Any, key: str) -> str:
    value = item.attrs.get(key, "")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _scalar(arrays: dict[str, Any], entry: str, leaves: tuple[str, ...]) -> Any:
    for leaf in leaves:
        for path, item in arrays.items():
            if path.startswith(f"{entry}/") and path.rpartition("/")[2].lower() == leaf and item.size == 1:
                return item
    return None


def _said(item: Any) -> str:
    value = np.asarray(item[()]).ravel()[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(walk(sys.stdin.buffer.read())))
