"""Bruker RAW: the version "RAW1.01" here (layout as documented by the xylib project), others by `rietx`."""

from __future__ import annotations

import struct

import numpy as np

from science.diffraction.errors import PatternError
from science.diffraction.pattern import Pattern, Provenance
from science.diffraction.reading.scans import Scan, Source, assemble
from science.diffraction.reading.vendor import read_vendor

HEADER, RANGE_HEADER = 712, 304


def read_raw(name: str, content: bytes) -> Pattern:
    """The pattern in the ranges of a file.

    Raises:
        PatternError: it holds none, or is damaged or cut short.
    """
    if not content.startswith(b"RAW1.01"):
        return read_vendor(name, content)
    if len(content) < HEADER + RANGE_HEADER:
        raise PatternError(f"Expected a RAW1.01 file in {name}, got one that is cut short.")
    ranges = struct.unpack_from("<I", content, 12)[0]
    k_alpha1, k_alpha2 = struct.unpack_from("<dd", content, 624)
    offset, scans = HEADER, []
    for _ in range(ranges):
        header, points = struct.unpack_from("<II", content, offset)
        start, step = (struct.unpack_from("<d", content, offset + at)[0] for at in (16, 176))
        seconds = struct.unpack_from("<f", content, offset + 192)[0]
        offset += header + struct.unpack_from("<I", content, offset + 256)[0]
        if not 0 < points < 10**7 or not 0 < step < 5 or len(content) < offset + 4 * points:
            raise PatternError(f"Expected {points} points of a range in {name}, got a damaged or shortened file.")
        counts = np.frombuffer(content, "<f4", points, offset).astype(float)
        scans.append(Scan(start + step * np.arange(points), counts, seconds if 0 < seconds < 1e5 else None))
        offset += 4 * points
    known = 0.3 < k_alpha1 < 3
    doublet = (k_alpha2, 0.5) if known and 0.3 < k_alpha2 < 3 else None
    anode = content[608:612].split(b"\x00")[0].decode("latin-1").strip()
    radius = struct.unpack_from("<f", content, 564)[0]
    origin = Provenance(
        "Bruker RAW",
        "1.01",
        anode=anode if anode.isalpha() else "",
        radius=float(radius) if 50 < radius < 1000 else None,
        unit="counts",
        axis="2theta",
    )
    return assemble(scans, Source(name, k_alpha1 if known else None, doublet, origin))
