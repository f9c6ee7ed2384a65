"""PANalytical XRDML, schema by schema: what a number means depends on the version that wrote it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import numpy as np

from science.diffraction.errors import PatternError
from science.diffraction.pattern import Array, Pattern, Provenance
from science.diffraction.reading import flags
from science.diffraction.reading.scans import Scan, Source, assemble

MAJOR_VERSIONS = ("1", "2")
"""Versions of the schema whose meaning is known; a new first number may change what its names mean."""
UNITS = ("counts", "cps")
OPTICS = ("monochromator", "xRayMirror", "filter")


def read_xrdml(name: str, content: bytes) -> Pattern:
    """The pattern of the first measurement in the file, its scans put together.

    Raises:
        PatternError: it is no XRDML of a known schema, or holds no scan over 2θ.
    """
    try:
        root = ET.fromstring(content.lstrip())  # noqa: S314  expat expands no external entities
    except ET.ParseError as error:
        raise PatternError(f"Expected XML in {name}, got: {error}. The file may be half written.") from error
    version = _schema(name, root)
    measurements = [e for e in root.iter() if _local(e.tag) == "xrdMeasurement"] or [root]
    found = [(m, list(_scans(name, m))) for m in measurements]
    usable = [(m, scans) for m, scans in found if scans]
    if not usable:
        raise PatternError(f"Expected a 2Theta scan with intensities in {name}, got none.")
    measurement, scans = usable[0]
    marks, notes = [], []
    if len(usable) > 1:
        marks = [flags.LEFT_OUT]
        notes = [f"the first of {len(usable)} measurements is used"]
    names = {_local(e.tag): e for e in measurement.iter()}
    k_alpha1, k_alpha2 = _float(names.get("kAlpha1")), _float(names.get("kAlpha2"))
    ratio = _float(names.get("ratioKAlpha2KAlpha1"))
    doublet = (k_alpha2, ratio) if k_alpha2 and ratio else None
    origin = _provenance(root, measurement, names, version)
    return assemble(scans, Source(name, k_alpha1 or None, doublet, origin, tuple(marks), tuple(notes)))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _schema(name: str, root: ET.Element) -> str:
    """The version of the schema; empty if the file names none, as old and stripped ones do.

    Raises:
        PatternError: it is no XRDML, or of a newer schema, whose numbers may mean something else.
    """
    if _local(root.tag) != "xrdMeasurements":
        raise PatternError(f"Expected XRDML in {name}, got XML whose outermost element is {_local(root.tag)[:40]!r}.")
    version = re.search(r"XRDMeasurement/([^/}]+)", root.tag)
    if version is None or version.group(1).partition(".")[0] in MAJOR_VERSIONS:
        return version.group(1) if version else ""
    raise PatternError(
        f"Expected XRDML of schema version {' or '.join(f'{v}.x' for v in MAJOR_VERSIONS)} in {name}, got "
        f"version {version.group(1)}: the instrument's program was brought up to date. Nothing was read; let the "
        "program write an older version, or teach the reader the new one."
    )


def _float(element: ET.Element | None) -> float | None:
    return float(element.text) if element is not None and element.text and element.text.strip() else None


def _text(element: ET.Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def _provenance(root: ET.Element, measurement: ET.Element, names: dict[str, ET.Element], version: str) -> Provenance:
    entries = [_text(e) for e in root.iter() if _local(e.tag) == "entry"]
    system = next((e.partition("=")[2] for e in entries if e.startswith("Diffractometer system=")), "")
    instrument = system or _text(names.get("instrumentID")) or _text(names.get("applicationSoftware"))
    scan = names.get("scan")
    optics = [_optic(names[n]) for n in OPTICS if n in names]
    return Provenance(
        "PANalytical XRDML",
        version,
        instrument,
        _text(names.get("anodeMaterial")),
        (measurement.get("sampleMode") or "").lower(),
        "; ".join(o for o in optics if o),
        _float(names.get("radius")),
        None,
        "counts",
        (scan.get("scanAxis") or "") if scan is not None else "",
        _text(names.get("startTimeStamp")),
    )


def _optic(element: ET.Element) -> str:
    return element.get("name") or next((_text(e) for e in element if _text(e)), _local(element.tag))


def _scans(name: str, measurement: ET.Element) -> Iterator[Scan]:
    for scan in (e for e in measurement.iter() if _local(e.tag) == "scan"):
        for points in (e for e in scan.iter() if _local(e.tag) == "dataPoints"):
            found = _scan(name, points, f"append {scan.get('appendNumber', '?')}")
            if found is not None:
                yield found


def _scan(name: str, points: ET.Element, label: str) -> Scan | None:
    values = next((e for e in points if _local(e.tag) in ("intensities", "counts")), None)
    if values is None or not values.text:
        return None
    times = next(
        ((e.text or "").split() for e in points if _local(e.tag) in ("commonCountingTime", "countingTimes")), []
    )
    seconds = np.array(times, float) if times else None
    counts = np.array(values.text.split(), float)
    unit = values.get("unit", "counts")
    if unit not in UNITS:
        raise PatternError(f"Expected intensities in counts or cps in {name}, got them in {unit[:40]!r}.")
    if unit == "cps" and seconds is not None:
        counts = counts * seconds
    attenuation = next((e.text for e in points if _local(e.tag) == "beamAttenuationFactors"), None)
    if attenuation and _local(values.tag) == "counts":
        counts = counts * np.array(attenuation.split(), float)
    angles = _angles(name, points, len(counts))
    if angles is None:
        return None
    return Scan(angles, counts, float(np.median(seconds)) if seconds is not None else None, label)


def _angles(name: str, points: ET.Element, count: int) -> Array | None:
    for positions in (e for e in points if _local(e.tag) == "positions" and e.get("axis") == "2Theta"):
        unit = positions.get("unit", "deg")
        if unit != "deg":  # no known schema has others: it is a new one that goes by an old name
            raise PatternError(f"Expected angles in degrees in {name}, got them in {unit[:40]!r}.")
        parts = {_local(e.tag): (e.text or "").split() for e in positions}
        if "listPositions" in parts:
            return np.array(parts["listPositions"], float)
        if "startPosition" in parts and "endPosition" in parts:
            return np.linspace(float(parts["startPosition"][0]), float(parts["endPosition"][0]), count)
    return None
