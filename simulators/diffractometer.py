"""A laboratory diffractometer over the hidden world; it hands over files as a real one writes them.

Bragg–Brentano geometry, copper tube: Kα1, Kα2, a trace of Kβ and of tungsten that grows as the tube ages.
Widths by Caglioti, Scherrer and strain, combined after Thompson, Cox & Hastings
(doi:10.1107/S0021889887087090); axial divergence makes low-angle lines lopsided; each sample is displaced,
somewhat textured, and counted with Poisson noise. It shares no code with the analyser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState, Clock, Radiation, ScanReport, ScanRequest
from simulators.dice import dice
from simulators.furnace import Bench
from simulators.journal import Entry, Journal
from simulators.world.structures import TrueCrystal
from simulators.world.vial import TruePhase

Array = NDArray[np.float64]

K_ALPHA1, K_ALPHA2, K_BETA, W_L_ALPHA = 1.5405929, 1.5444274, 1.39222, 1.4764
"""Å; copper after Hölzer et al. 1997 (doi:10.1103/PhysRevA.56.4554), tungsten after Bearden 1967."""
RADIUS = 240.0
"""Goniometer radius, mm."""
CAGLIOTI = (0.010, -0.006, 0.005)
"""U, V, W in degrees squared."""
COUNTS_PER_SECOND = 9000.0
"""Peak counts of a strong line for each second of counting."""


@dataclass(frozen=True)
class _Lines:
    """Lines of a crystal: spacing in Å, intensity, and cosine of the angle to the preferred axis."""

    d: Array
    intensity: Array
    tilt: Array


@lru_cache(maxsize=512)
def _lines(crystal: TrueCrystal) -> _Lines:
    """Structure factors of the true crystal, with dispersion and thermal motion."""
    cell = gemmi.UnitCell(*crystal.cell)
    reciprocal = np.array(cell.frac.mat.tolist())  # rows a*, b*, c* of an orthogonal frame
    reach = [int(length / 0.98) + 1 for length in crystal.cell[:3]]
    grid = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), -1).reshape(-1, 3)
    half = (grid[:, 0] > 0) | ((grid[:, 0] == 0) & ((grid[:, 1] > 0) | ((grid[:, 1] == 0) & (grid[:, 2] > 0))))
    hkl = grid[half].astype(float)
    vectors = hkl @ reciprocal
    length = np.linalg.norm(vectors, axis=1)
    keep = (length > 1 / 12) & (length < 1 / 0.98)
    hkl, vectors, length = hkl[keep], vectors[keep], length[keep]
    s2 = (length / 2) ** 2
    total = np.zeros(len(hkl), complex)
    by_element: dict[str, list[tuple[float, float, float, float]]] = {}
    for element, x, y, z, occupancy in crystal.atoms:
        by_element.setdefault(element, []).append((x, y, z, occupancy))
    energy = gemmi.hc / K_ALPHA1
    for element, atoms in by_element.items():
        table = gemmi.Element(element).it92
        curve = table.c + sum(a * np.exp(-b * s2) for a, b in zip(table.a, table.b, strict=True))
        real, imaginary = gemmi.cromer_liberman(gemmi.Element(element).atomic_number, energy)
        places = np.array(atoms)
        b_iso = 0.9 if element == "O" else 0.45
        waves = np.exp(2j * np.pi * (hkl @ places[:, :3].T)) @ places[:, 3]
        total += (curve + real + 1j * imaginary) * np.exp(-b_iso * s2) * waves
    strength = 2 * np.abs(total) ** 2
    strong = strength > 2e-4 * strength.max()
    tilt = np.abs(vectors[strong, 2]) / length[strong]
    return _Lines(1 / length[strong], strength[strong], tilt)


def _shape(offset: Array, gauss: float, lorentz: float) -> Array:
    """A pseudo-Voigt of unit area with Gaussian and Lorentzian widths combined (Thompson et al. 1987)."""
    g, l = gauss, lorentz
    width = (
        g**5 + 2.69269 * g**4 * l + 2.42843 * g**3 * l**2 + 4.47163 * g**2 * l**3 + 0.07842 * g * l**4 + l**5
    ) ** 0.2
    ratio = l / width
    mixing = 1.36603 * ratio - 0.47719 * ratio**2 + 0.11116 * ratio**3
    u2 = (offset / width) ** 2
    lorentzian = 2 / np.pi / width / (1 + 4 * u2)
    gaussian = 2 * np.sqrt(np.log(2) / np.pi) / width * np.exp(-4 * np.log(2) * u2)
    return np.asarray(mixing * lorentzian + (1 - mixing) * gaussian)


class SimulatedDiffractometer:
    """Keeps the promises of `contracts.instruments.Diffractometer`."""

    def __init__(self, name: str, bench: Bench, clock: Clock, folder: Path, begun: datetime) -> None:
        self._name, self.bench, self.clock, self.begun = name, bench, clock, begun
        self.journal = Journal(folder / name)

    @property
    def name(self) -> str:
        """Name of the instrument."""
        return self._name

    async def start(self, request: ScanRequest) -> None:
        """Begins a scan, once for each key."""
        if self.journal.knows(request.key):
            return
        if self.journal.is_unreadable(request.key):
            raise InstrumentError(
                self._name, f"Expected a readable journal entry for {request.key}, got a damaged one."
            )
        now = self.clock.now()
        busy = next((e for e in self.journal if e.ends_at > now), None)
        if busy is not None:
            raise InstrumentBusyError(self._name, busy.key, busy.ends_at)
        steps = (request.stop - request.start) / request.step + 1
        ends = now + timedelta(minutes=4, seconds=steps * request.seconds_per_step)
        self.journal.write(request.key, now, ends, request.model_dump(mode="json"))

    async def ask(self, key: str) -> ActionState:
        """What became of a key."""
        if self.journal.is_unreadable(key):
            return ActionState.UNKNOWN
        entry = self.journal.entries.get(key)
        if entry is None:
            return ActionState.NEVER_SEEN
        return ActionState.DONE if entry.ends_at <= self.clock.now() else ActionState.RUNNING

    async def finish(self, key: str) -> ScanReport:
        """Waits for the end of a scan and hands over its file."""
        entry = self.journal.entries.get(key)
        if entry is None:
            raise InstrumentError(self._name, f"Expected a scan that was started, got the unknown key {key!r}.")
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
        """Angles ``(n,)`` in degrees and counts ``(n,)`` of one scan."""
        seed, key = self.bench.seed, request.key
        weeks = max((at - self.begun).total_seconds() / 604800, 0.0)
        count = round((request.stop - request.start) / request.step) + 1
        two_theta: Array = request.start + request.step * np.arange(count, dtype=np.float64)
        shift = self.bench.faults.displacement(key, request.sample_id)
        inside = self.bench.contents(request.sample_id)
        empty = inside is None or self.bench.faults.empty_holder(key, request.sample_id)
        signal = np.zeros(count)
        if inside is not None and not empty:
            texture = float(dice(seed, request.sample_id, "texture").uniform(0.85, 1.15))
            for phase in inside.phases:
                signal += self._phase(two_theta, phase, shift, self._zero(weeks), weeks, texture)
            signal *= COUNTS_PER_SECOND * request.seconds_per_step / signal.max()
        u = two_theta - request.start
        air = 1.5 * np.exp(-u / 12) + 0.5 * np.exp(-(((two_theta - 28) / 7) ** 2))
        background = 120 * request.seconds_per_step * (1 + air)
        return two_theta, dice(seed, key, "counts").poisson(signal + background).astype(np.float64)

    def _zero(self, weeks: float) -> float:
        """Zero error in degrees: a random walk over the weeks."""
        steps = dice(self.bench.seed, self._name, "zero").normal(0, 0.004, size=int(weeks) + 1)
        return float(steps.sum())

    def _phase(
        self, two_theta: Array, phase: TruePhase, shift: float, zero: float, weeks: float, texture: float
    ) -> Array:
        """Counts of one phase on an arbitrary common scale."""
        lines = _lines(phase.crystal)
        scale = phase.weight_fraction / (phase.crystal.mass * phase.crystal.volume)
        # March (1932), Dollase (1986, doi:10.1107/S0021889886089458), about the c axis
        cos2 = lines.tilt**2
        preferred = (texture**2 * cos2 + (1 - cos2) / texture) ** -1.5
        total = np.zeros(len(two_theta))
        tube = {K_ALPHA1: 1.0, K_ALPHA2: 0.5, K_BETA: 0.004, W_L_ALPHA: 0.001 * weeks}
        for wavelength, share in tube.items():
            weak = share < 0.01
            for d, intensity in zip(lines.d, lines.intensity * preferred * scale, strict=True):
                sine = wavelength / 2 / d
                if sine >= 0.999 or (weak and intensity < 0.05 * scale * lines.intensity.max()):
                    continue
                self._line(total, two_theta, float(np.arcsin(sine)), intensity * share, phase, shift, zero, wavelength)
        return total

    @staticmethod
    def _line(
        total: Array,
        two_theta: Array,
        theta: float,
        intensity: float,
        phase: TruePhase,
        shift: float,
        zero: float,
        wavelength: float,
    ) -> None:
        """Adds one line; axial divergence draws low-angle lines out to the left."""
        tan, cos = np.tan(theta), np.cos(theta)
        centre = np.degrees(2 * theta) + zero - 2 * np.degrees(shift / RADIUS) * cos
        u, v, w = CAGLIOTI
        gauss = float(np.sqrt(max(u * tan**2 + v * tan + w, 1e-4)))
        lorentz = float(np.degrees(0.9 * wavelength / phase.size / cos) + np.degrees(4 * phase.strain) * tan)
        step = two_theta[1] - two_theta[0]
        reach = 12 * gauss + 25 * lorentz
        low = max(int((centre - reach - two_theta[0]) / step), 0)
        high = min(int((centre + reach - two_theta[0]) / step) + 2, len(two_theta))
        if high <= low:
            return
        polarised = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * cos)
        x = two_theta[low:high] - centre
        tail = 0.02 / np.tan(2 * theta) if theta < np.pi / 4 else 0.0
        shape = 0.7 * _shape(x, gauss, lorentz) + 0.3 * _shape(x + tail, gauss, lorentz)
        total[low:high] += intensity * polarised * shape


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
