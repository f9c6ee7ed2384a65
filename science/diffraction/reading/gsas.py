"""GSAS powder data: a BANK card, then counts in fixed columns."""

from __future__ import annotations

import numpy as np

from science.diffraction.errors import PatternError
from science.diffraction.pattern import Pattern, Provenance
from science.diffraction.reading.columns import read_columns
from science.diffraction.reading.scans import Scan, Source, assemble
from science.diffraction.reading.vendor import read_vendor


def read_gsas(name: str, content: bytes) -> Pattern:
    """The pattern of the first bank; files without a BANK card are columns of text.

    Raises:
        PatternError: the file holds no pattern, or is cut short.
    """
    lines = content.decode("latin-1").splitlines()
    at = next((n for n, line in enumerate(lines) if line.startswith("BANK")), None)
    if at is None:
        return read_columns(name, content)
    card = lines[at].split()
    if "CONST" not in card or {"FXY", "FXYE", "ALT"} & set(card):
        return read_vendor(name, content)
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
    origin = Provenance("GSAS", "ESD" if esd else "STD", unit="counts", axis="2theta")
    return assemble(
        [Scan(np.asarray(start + step * np.arange(count), float), intensity)], Source(name, provenance=origin)
    )
