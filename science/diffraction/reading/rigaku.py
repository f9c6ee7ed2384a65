"""Rigaku RAS text: one block of header and rows (angle, intensity, attenuator factor) for each range."""

from __future__ import annotations

import re

import numpy as np

from science.diffraction.errors import PatternError
from science.diffraction.pattern import Array, Pattern, Provenance
from science.diffraction.reading import flags
from science.diffraction.reading.scans import Scan, Source, assemble

_ENTRY = re.compile(r'^\*(\S+) "(.*?)"', re.MULTILINE)
OVER_TWO_THETA = ("TwoTheta", "2Theta")


def read_ras(name: str, content: bytes) -> Pattern:
    """The pattern in the blocks of a file.

    Raises:
        PatternError: it holds none, or half of one.
    """
    text = content.decode("latin-1")
    begun, ended = text.count("*RAS_INT_START"), text.count("*RAS_INT_END")
    if not begun or begun != ended:
        raise PatternError(f"Expected the block RAS_INT_START to RAS_INT_END in {name}, got none or half of it.")
    first: dict[str, str] = {}
    scans, others = [], 0
    for block in text.split("*RAS_INT_END")[:-1]:
        head, _, rows = block.partition("*RAS_INT_START")
        entries = dict(_ENTRY.findall(head))
        axis = entries.get("MEAS_SCAN_AXIS_X_INTERNAL", "TwoTheta")
        if not axis.startswith(OVER_TWO_THETA):
            others += 1
            continue
        first = first or entries
        scans.append(_scan(name, rows, entries))
    if not scans:
        raise PatternError(f"Expected a scan over 2-theta in {name}, got {others} over other axes.")
    left = (flags.LEFT_OUT,) if others else ()
    notes = (f"left out {others} scans over other axes",) if others else ()
    k_alpha1, k_alpha2 = (_number(first, f"HW_XG_WAVE_LENGTH_ALPHA{n}") for n in (1, 2))
    optics = first.get("HW_COUNTER_MONOCHRO_NAME", "") or first.get("HW_I_MONOCHRO_NAME", "")
    origin = Provenance(
        "Rigaku RAS",
        first.get("FILE_VERSION", ""),
        first.get("HW_GONIOMETER_NAME", "").partition("|")[0],
        first.get("HW_XG_TARGET_NAME", ""),
        "",
        optics,
        _number(first, "HW_GONIOMETER_RADIUS-2"),
        None,
        first.get("MEAS_SCAN_UNIT_Y", ""),
        first.get("MEAS_SCAN_AXIS_X_INTERNAL", ""),
        first.get("MEAS_SCAN_START_TIME", ""),
    )
    doublet = (k_alpha2, 0.5) if k_alpha1 and k_alpha2 else None
    return assemble(scans, Source(name, k_alpha1, doublet, origin, left, notes))


def _number(entries: dict[str, str], key: str) -> float | None:
    try:
        return float(entries.get(key, "")) or None
    except ValueError:
        return None


def _scan(name: str, rows: str, entries: dict[str, str]) -> Scan:
    table = np.array([[float(v) for v in line.split()[:3]] for line in rows.strip().splitlines()])
    if table.ndim != 2 or table.shape[1] < 2:
        raise PatternError(f"Expected rows of angle and intensity in {name}, got others.")
    factor = table[:, 2] if table.shape[1] > 2 else 1.0
    label = entries.get("FILE_COMMENT", "").strip()
    return Scan(table[:, 0], table[:, 1] * factor, _seconds(table[:, 0], entries), label)


def _seconds(angles: Array, entries: dict[str, str]) -> float | None:
    """Counting time at each angle, from the speed of the scan."""
    speed, unit = _number(entries, "MEAS_SCAN_SPEED"), entries.get("MEAS_SCAN_SPEED_UNIT", "")
    if speed is None or len(angles) < 2:
        return None
    if unit.startswith("sec"):
        return speed
    step = abs(float(np.median(np.diff(angles))))
    return round(60 * step / speed, 6) if unit == "deg/min" else None
