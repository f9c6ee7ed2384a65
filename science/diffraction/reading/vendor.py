"""Formats that `rietx` reads well: BRML, RASX, UXD, the later Bruker RAW and the rarer GSAS cards."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from science.diffraction.errors import PatternError
from science.diffraction.pattern import Pattern, Provenance
from science.diffraction.reading import flags
from science.diffraction.reading.scans import Scan, Source, assemble

NAMES = {"brml": "Bruker BRML", "rasx": "Rigaku RASX", "uxd": "Bruker UXD", "bruker_raw": "Bruker RAW", "gsas": "GSAS"}
MOST_SCANS = 500
"""A file of more is a map or a series over time, of which the first is no better than any other."""


def read_vendor(name: str, content: bytes) -> Pattern:
    """The pattern in the scans of a file.

    Raises:
        PatternError: none of them is over 2θ.
        Exception: whatever `rietx` says of damaged files.
    """
    from rietx.io.readers import read_pattern as read_by_rietx

    remarks: list[object] = []
    scans: list[Scan] = []
    said: dict[str, str] = {}
    refused: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        # rietx wants a file
        path = Path(folder) / f"pattern{Path(name).suffix.lower()}"  # of its name only what the format needs
        path.write_bytes(content)
        count = _scan_count(path)
        if count > MOST_SCANS:
            raise PatternError(f"Expected one pattern in {name}, got a series of {count} scans. Export one of them.")
        for number in range(count):
            options = {"scan": number} if count > 1 else {}
            try:
                read = read_by_rietx(path, diagnostics=remarks, **options)
            except ValueError as error:
                if count == 1:
                    raise
                refused.append(str(error))
                continue
            if read.two_theta is None:
                raise PatternError(f"Expected a pattern over angles in {name}, got one over times of flight.")
            said = said or dict(read.metadata)
            seconds = _number(read.metadata.get("count_time_s"), 0, 1e6)
            scans.append(
                Scan(
                    np.asarray(read.two_theta, float),
                    np.asarray(read.intensity, float),
                    seconds,
                    str(read.metadata.get("title", "")).strip(),
                )
            )
    if not scans:
        raise PatternError(f"Expected a scan over 2-theta in {name}, got {count} others ({refused[0][:200]}).")
    notes = list(dict.fromkeys(_remark(r, path.name, name) for r in remarks))
    marks = [flags.LEFT_OUT] if refused else []
    if refused:
        notes.append(f"left out {len(refused)} scans that are not over 2-theta")
    k_alpha1, k_alpha2 = (_number(said.get(key), 0.1, 5) for key in ("wavelength", "wavelength_alpha2"))
    doublet = (k_alpha2, 0.5) if k_alpha1 and k_alpha2 else None
    return assemble(scans, Source(name, k_alpha1, doublet, _provenance(name, said), tuple(marks), tuple(notes)))


def _remark(remark: object, called: str, name: str) -> str:
    return " ".join(str(getattr(remark, "message", remark)).replace(called, name).split())[:200]


def _scan_count(path: Path) -> int:
    from rietx.io.readers import identify_format, list_scans

    return max(len(list_scans(path)), 1) if identify_format(path).scans is not None else 1


def _provenance(name: str, said: dict[str, str]) -> Provenance:
    form = said.get("format", "")
    return Provenance(
        NAMES.get(form, form or Path(name).suffix.lstrip(".")),
        said.get("format_version", ""),
        said.get("instrument", ""),
        said.get("anode", ""),
        said.get("geometry", ""),
        said.get("beam_optics", said.get("monochromator", "")),
        _number(said.get("goniometer_radius_mm"), 10, 5000),
        _number(said.get("count_time_s"), 0, 1e6),
        said.get("intensity_unit", ""),
        said.get("scan_axis", ""),
        said.get("date", ""),
    )


def _number(text: object, low: float, high: float) -> float | None:
    """A number as a header says it; some headers say zero for none."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if low < value < high else None
