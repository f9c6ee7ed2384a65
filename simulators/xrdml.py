"""Files as a diffractometer's program writes them: XRDML, in the schema that is known and in one that is not yet.

The new schema keeps the names of the old one and changes what they mean (radians, counts per second): whoever
reads it as the old one gets numbers, and wrong ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from contracts.instruments import ScanRequest
from simulators.journal import Entry
from simulators.wear import KNOWN_SCHEMA

Array = NDArray[np.float64]


def xrdml(request: ScanRequest, two_theta: Array, counts: Array, entry: Entry, *, schema: str = KNOWN_SCHEMA) -> bytes:
    """A scan as an XRDML file.

    Args:
        request: what was asked for.
        two_theta: ``(n,)`` degrees.
        counts: ``(n,)``.
        entry: when it was taken.
        schema: version of the schema; any but the known one is the new one.
    """
    known = schema == KNOWN_SCHEMA
    ends = two_theta[[0, -1]] if known else np.radians(two_theta[[0, -1]])
    fields: Mapping[str, object] = {
        "schema": schema,
        "sample": request.sample_id,
        "angle": "deg" if known else "rad",
        "start": f"{ends[0]:.5f}",
        "stop": f"{ends[1]:.5f}",
        "time": f"{request.seconds_per_step:.3f}",
        "unit": "counts" if known else "cps",
        "intensities": " ".join(str(int(c)) for c in counts)
        if known
        else " ".join(f"{c:.2f}" for c in counts / request.seconds_per_step),
        "began": entry.started_at.isoformat(),
        "ended": entry.ends_at.isoformat(),
    }
    return _TEMPLATE.format(**fields).encode()


_TEMPLATE = """<?xml version="1.0" encoding="UTF-8"?>
<xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/{schema}" status="Completed">
  <sample type="To be analyzed"><id>{sample}</id></sample>
  <xrdMeasurement measurementType="Scan" status="Completed" sampleMode="Reflection">
    <usedWavelength intended="K-Alpha">
      <kAlpha1 unit="Angstrom">1.5405980</kAlpha1>
      <kAlpha2 unit="Angstrom">1.5444260</kAlpha2>
      <kBeta unit="Angstrom">1.3922500</kBeta>
      <ratioKAlpha2KAlpha1>0.5000</ratioKAlpha2KAlpha1>
    </usedWavelength>
    <scan appendNumber="0" mode="Continuous" scanAxis="Gonio" status="Completed">
      <header><startTimeStamp>{began}</startTimeStamp><endTimeStamp>{ended}</endTimeStamp></header>
      <dataPoints>
        <positions axis="2Theta" unit="{angle}">
          <startPosition>{start}</startPosition><endPosition>{stop}</endPosition>
        </positions>
        <commonCountingTime unit="seconds">{time}</commonCountingTime>
        <intensities unit="{unit}">{intensities}</intensities>
      </dataPoints>
    </scan>
  </xrdMeasurement>
</xrdMeasurements>
"""
