"""A laboratory diffractometer over the hidden world; it hands over files as a real one writes them.

Bragg–Brentano geometry, copper tube: Kα1, Kα2, a trace of Kβ and of tungsten that grows as the tube ages.
Each sample is displaced, somewhat textured, and counted with Poisson noise; the zero of the circle wanders
with the weeks. Every throw of the dice is keyed, so that a scan is the same whenever it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.errors import InstrumentError
from contracts.instruments import ActionState, Clock, Radiation, ScanReport, ScanRequest
from simulators.beam import Setting, pattern
from simulators.dice import dice
from simulators.furnace import Bench
from simulators.journal import Entry, Journal

Array = NDArray[np.float64]

COUNTS_PER_SECOND = 9000.0
"""Peak counts of a strong line for each second of counting."""
OVERHEAD = timedelta(minutes=4)
"""Changing the sample and closing the door."""
TINY = 1e-300
"""Less than any line gives: where there is none in range, there is nothing to scale."""


class SimulatedDiffractometer:
    """Keeps the promises of `contracts.instruments.Diffractometer`."""

    def __init__(self, name: str, bench: Bench, clock: Clock, folder: Path, begun: datetime) -> None:
        self._name, self.bench, self.clock, self.begun = name, bench, clock, begun
        self.journal = Journal(folder, name)

    @property
    def name(self) -> str:
        """Name of the instrument."""
        return self._name

    async def start(self, request: ScanRequest) -> None:
        """Begins a scan, once for each key."""
        steps = (request.stop - request.start) / request.step + 1
        if steps < 2:
            raise InstrumentError(
                self._name,
                f"Expected a scan that runs upwards over two angles or more, got {request.start} to {request.stop} "
                f"degrees in steps of {request.step}. Ask for another range.",
            )
        lasts = OVERHEAD + timedelta(seconds=steps * request.seconds_per_step)
        self.journal.begin(request.key, self.clock.now(), lasts, request.model_dump(mode="json"))

    async def ask(self, key: str) -> ActionState:
        """What became of a key."""
        return self.journal.state(key, self.clock.now())

    async def finish(self, key: str) -> ScanReport:
        """Waits for the end of a scan and hands over its file."""
        entry = self.journal.entry(key)
        await self.clock.sleep_until(entry.ends_at)
        return self._report(entry, ScanRequest.model_validate(entry.request))

    def _report(self, entry: Entry, request: ScanRequest) -> ScanReport:
        two_theta, counts = self.scan(request, entry.started_at)
        return ScanReport(
            key=request.key,
            sample_id=request.sample_id,
            content=xrdml(request, two_theta, counts, entry),
            file_name=f"{request.sample_id}.xrdml",
            radiation=Radiation(anode="Cu", k_alpha1=1.5405980, k_alpha2=1.5444260, k_alpha2_ratio=0.5),
            started_at=entry.started_at,
            ended_at=entry.ends_at,
        )

    def recall(self) -> None:
        """Lets every recorded scan draw its faults again."""
        for entry in self.journal:
            request = ScanRequest.model_validate(entry.request)
            self.bench.faults.displacement(request.key, request.sample_id)
            self.bench.faults.empty_holder(request.key, request.sample_id)

    def scan(self, request: ScanRequest, at: datetime) -> tuple[Array, Array]:
        """Angles ``(n,)`` in degrees and counts ``(n,)`` of one scan of what the vial held at that time."""
        seed, key = self.bench.seed, request.key
        count = round((request.stop - request.start) / request.step) + 1
        two_theta: Array = request.start + request.step * np.arange(count, dtype=np.float64)
        displacement = self.bench.faults.displacement(key, request.sample_id)
        inside = self.bench.contents(request.sample_id, at)
        empty = inside is None or self.bench.faults.empty_holder(key, request.sample_id)
        signal = np.zeros(count)
        if inside is not None and not empty:
            weeks = max((at - self.begun).total_seconds() / 604800, 0.0)
            texture = float(dice(seed, request.sample_id, "texture").uniform(0.85, 1.15))
            signal = pattern(two_theta, inside.phases, Setting(displacement, self.zero(weeks), weeks, texture))
            signal *= COUNTS_PER_SECOND * request.seconds_per_step / max(signal.max(), TINY)
        u = two_theta - request.start
        air = 1.5 * np.exp(-u / 12) + 0.5 * np.exp(-(((two_theta - 28) / 7) ** 2))
        background = 120 * request.seconds_per_step * (1 + air)
        return two_theta, dice(seed, key, "counts").poisson(signal + background).astype(np.float64)

    def zero(self, weeks: float) -> float:
        """Zero error in degrees 2θ: a random walk, one step a week."""
        steps = dice(self.bench.seed, self._name, "zero").normal(0, 0.004, size=int(weeks) + 1)
        return float(steps.sum())


def xrdml(request: ScanRequest, two_theta: Array, counts: Array, entry: Entry) -> bytes:
    """The scan as an XRDML 1.5 file."""
    fields: Mapping[str, object] = {
        "sample": request.sample_id,
        "start": f"{two_theta[0]:.5f}",
        "stop": f"{two_theta[-1]:.5f}",
        "time": f"{request.seconds_per_step:.3f}",
        "counts": " ".join(str(int(c)) for c in counts),
        "began": entry.started_at.isoformat(),
        "ended": entry.ends_at.isoformat(),
    }
    return _TEMPLATE.format(**fields).encode()


_TEMPLATE = """<?xml version="1.0" encoding="UTF-8"?>
<xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/1.5" status="Completed">
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
        <positions axis="2Theta" unit="deg">
          <startPosition>{start}</startPosition><endPosition>{stop}</endPosition>
        </positions>
        <commonCountingTime unit="seconds">{time}</commonCountingTime>
        <intensities unit="counts">{counts}</intensities>
      </dataPoints>
    </scan>
  </xrdMeasurement>
</xrdMeasurements>
"""
