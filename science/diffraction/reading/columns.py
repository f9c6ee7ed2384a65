"""Angle, intensity and perhaps an error in columns of text: .xy .xye .csv .txt .dat .prn."""

from __future__ import annotations

import re

import numpy as np

from science.diffraction.errors import PatternError
from science.diffraction.pattern import Pattern, Provenance
from science.diffraction.reading import flags
from science.diffraction.reading.axis import Axis, degrees, named_axis
from science.diffraction.reading.scans import Scan, Source, assemble
from science.diffraction.reading.text import columns, decoded

_WAVELENGTH = re.compile(r"(?:wave\s*length|lambda|K-?Alpha1)\D{0,30}?(\d\.\d{3,})", re.IGNORECASE)
_ANODE = re.compile(r"(?:anode|target)\W{1,5}(Cr|Fe|Co|Cu|Mo|Ag|W)\b", re.IGNORECASE)


def read_columns(name: str, content: bytes, axis: Axis | None = None, wavelength: float | None = None) -> Pattern:
    """The pattern in columns of text.

    Args:
        name: of the file.
        content: its bytes.
        axis: what the first column is, if better known than the header says.
        wavelength: Kα1 in Å, for q and d values in a file that does not name its own.

    Raises:
        PatternError: it holds none, or one that can be read in two ways.
    """
    text = decoded(name, content)
    if text.lstrip()[:1] in ("<", "{"):
        raise PatternError(f"Expected columns of numbers in {name}, got markup. Was the file saved from a web page?")
    found = columns(name, text)
    if len(found.rows) < 2:
        raise PatternError(f"Expected two columns of numbers in {name}, got {len(found.rows)} such lines.")
    table = np.array([row[:2] for row in found.rows], float)
    header = "\n".join(found.header)
    told = _WAVELENGTH.search(header)
    own = float(told.group(1)) if told else None
    if not np.isfinite(table[:, 0]).all():
        raise PatternError(f"Expected finite numbers in {name}, got an angle that is none. Is the file damaged?")
    kind = axis or named_axis(found.header)
    two_theta, seen, done = degrees(name, table[:, 0], kind, own or wavelength)
    marks, notes = [], []
    if done:
        marks, notes = [flags.CONVERTED], [done]
    if found.width > 3:
        marks.append(flags.FURTHER_COLUMNS)
        notes.append(f"of {found.width} columns the first is taken for angles and the second for intensities")
    anode = _ANODE.search(header)
    origin = Provenance("columns of text", anode=anode.group(1).capitalize() if anode else "", axis=kind or "")
    used = (own or wavelength) if kind in ("q", "q-nm", "d") else own
    source = Source(name, used, None, origin, tuple(marks), tuple(notes))
    return assemble([Scan(two_theta, table[seen, 1])], source)
