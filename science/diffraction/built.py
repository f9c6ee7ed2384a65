"""A phase library built once: crystals, their lines, and what a powder pattern cannot tell apart, in one file.

The file is a NumPy archive with a JSON head that carries format and version, the digest over all crystals,
the wavelength of the lines and the files that were skipped. Reading it takes no structure factors.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from science.crystals.crystal import Crystal, Lattice, Site
from science.diffraction.classes import classes, fingerprint
from science.diffraction.errors import LibraryError
from science.diffraction.sticks import Sticks, calculate

Array = NDArray[np.float64]

FORMAT, VERSION = "athanor phase library", 1
SUFFIX = ".phases"


@dataclass(frozen=True)
class Built:
    """A built library.

    Attributes:
        crystals: all phases.
        sticks: the lines of each.
        classes: indices of phases alike, each list a class of two or more.
        wavelength: Å, of the dispersion in the lines.
        d_min: Å, of the lines.
        skipped: files that could not be read, each with the reason.
        sha256: digest over the crystals.
    """

    crystals: tuple[Crystal, ...]
    sticks: tuple[Sticks, ...]
    classes: tuple[tuple[int, ...], ...]
    wavelength: float
    d_min: float
    skipped: tuple[str, ...]
    sha256: str


def build(crystals: tuple[Crystal, ...], skipped: tuple[str, ...], sha256: str, wavelength: float) -> Built:
    """Calculates all lines that the wavelength can reach, and the classes."""
    d_min = round(wavelength / 2 / 0.9995, 6)
    lines = tuple(calculate(c, wavelength, d_min=d_min) for c in crystals)
    rows = np.array([fingerprint(s, wavelength) for s in lines])
    several = tuple(tuple(members) for members in classes(rows) if len(members) > 1)
    return Built(crystals, lines, several, wavelength, d_min, skipped, sha256)


def to_bytes(built: Built) -> bytes:
    """The file."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": built.sha256,
        "wavelength": built.wavelength,
        "d_min": built.d_min,
        "skipped": built.skipped,
        "classes": built.classes,
        "crystals": [
            {
                "name": c.name,
                "formula": c.formula,
                "written_group": c.written_group,
                "space_group": c.space_group,
                "cell": c.lattice.parameters,
                "elements": [s.element for s in c.sites],
                "source": c.source,
            }
            for c in built.crystals
        ],
    }
    out = io.BytesIO()
    np.savez_compressed(
        out,
        head=np.frombuffer(json.dumps(head).encode(), np.uint8),
        sites=np.array([(s.x, s.y, s.z, s.occupancy, s.b_iso) for c in built.crystals for s in c.sites]),
        counts=np.array([len(s.q) for s in built.sticks]),
        hkl=np.concatenate([s.hkl for s in built.sticks]).astype(np.int16),
        q=np.concatenate([s.q for s in built.sticks]),
        strength=np.concatenate([s.strength for s in built.sticks]),
    )
    return out.getvalue()


def from_file(path: Path) -> Built:
    """The library in a file.

    Raises:
        LibraryError: it is none, it is damaged, or a newer Athanor wrote it.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            parts: dict[str, Array] = {name: archive[name] for name in archive.files}
        head: dict[str, Any] = json.loads(parts["head"].tobytes())
        if head["format"] != FORMAT:
            raise LibraryError(f"Expected an {FORMAT} at {path}, got {head['format']!r}.")
        if head["version"] > VERSION:
            raise LibraryError(
                f"Expected version {VERSION} or older of an {FORMAT} at {path}, got {head['version']}. Update Athanor, "
                "or build the library again with this one."
            )
        crystals = _crystals(head["crystals"], parts["sites"])
        ends = np.cumsum(parts["counts"]).astype(int)
        sticks = tuple(
            Sticks(parts["hkl"][a:b].astype(float), parts["q"][a:b], parts["strength"][a:b])
            for a, b in zip([0, *ends[:-1]], ends, strict=True)
        )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise LibraryError(
            f"Expected a built phase library at {path}, got a file that cannot be read: {error}"
        ) from error
    return Built(
        crystals,
        sticks,
        tuple(tuple(members) for members in head["classes"]),
        float(head["wavelength"]),
        float(head["d_min"]),
        tuple(head["skipped"]),
        str(head["sha256"]),
    )


def _crystals(entries: list[dict[str, Any]], sites: Array) -> tuple[Crystal, ...]:
    found, at = [], 0
    for entry in entries:
        rows = sites[at : at + len(entry["elements"])]
        at += len(rows)
        crystal = Crystal(
            entry["name"],
            entry["formula"],
            int(entry["written_group"]),
            Lattice(*entry["cell"]),
            tuple(Site(e, *map(float, row)) for e, row in zip(entry["elements"], rows, strict=True)),
            entry["source"],
        )
        crystal.__dict__["space_group"] = int(entry["space_group"])  # searching for it took longest
        found.append(crystal)
    return tuple(found)
