"""A laboratory diffractometer over the hidden world; it hands over files as a real one writes them.

Bragg–Brentano geometry, copper tube: Kα1, Kα2, a trace of Kβ and of tungsten that grows as the tube ages.
Each sample is displaced, somewhat textured, and counted with Poisson noise; the zero of the circle wanders
with the weeks. Every throw of the dice is keyed, so that a scan is the same whenever it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState, Clock, Radiation, ScanReport, ScanRequest
from simulators.beam import Setting, pattern
from simulators.dice import dice
from simulators.faults import Shutter
from simulators.furnace import Bench
from simulators.journal import Entry, Journal
from simulators.reference import reference, stands_off
from simulators.wear import WEEK, Tube, schema_written
from simulators.world.vial import TruePhase
from simulators.xrdml import xrdml

Array = NDArray[np.float64]

COUNTS_PER_SECOND = 9000.0
"""Peak counts of a strong line for each second of counting."""
OVERHEAD = timedelta(minutes=4)
"""Changing the sample and closing the door."""
DARK_PER_SECOND = 4.0
"""What the detector counts each second and angle without any X-rays."""
TINY = 1e-300
"""Less than any line gives: where there is none in range, there is nothing to scale."""


class SimulatedDiffractometer:
    """Keeps the promises of `contracts.instruments.Diffractometer`."""

    def __init__(self, name: str, bench: Bench, clock: Clock, folder: Path, begun: datetime) -> None:
        self._name, self.bench, self.clock, self.begun = name, bench, clock, begun
        self.journal = Journal(folder, name)
        self.tube = Tube(bench.faults, name, begun)
        self._waiting: dict[str, ScanRequest] = {}
        """Scans that were asked for while it was busy, in that order; whoever asked asks again."""

    @property
    def name(self) -> str:
        """Name of the instrument."""
        return self._name

    async def start(self, request: ScanRequest) -> None:
        """Begins a scan, once for each key; not while there are no X-rays."""
        if (request.stop - request.start) / request.step < 1:
            raise InstrumentError(
                self._name,
                f"Expected a scan that runs upwards over two angles or more, got {request.start} to {request.stop} "
                f"degrees in steps of {request.step}. Ask for another range.",
            )
        now = self.clock.now()
        if self.journal.state(request.key, now) is ActionState.NEVER_SEEN:
            dark_until = self.tube.dark_until(now)
            if dark_until is not None:
                raise InstrumentBusyError(self._name, "nothing, because its X-ray tube is being replaced,", dark_until)
        self._waiting.setdefault(request.key, request)
        self.journal.begin(request.key, now, self.takes(request, now), request.model_dump(mode="json"))
        del self._waiting[request.key]

    def coming(self) -> Iterator[ScanReport]:
        """What it will hand over next if nobody asks for anything else: scans under way, then those that wait.

        A look ahead for those who play a laboratory faster than it is. It leaves no trace: no fault of these scans
        counts as injected before they are taken.
        """
        unseen, free = self._unseen(), self.clock.now()
        if (running := self.journal.running(free)) is not None:
            yield unseen.reported(running)
            free = running.ends_at
        for request in tuple(self._waiting.values()):
            entry = Entry(request.key, 0, free, free + unseen.takes(request, free), request.model_dump(mode="json"))
            yield unseen.reported(entry)
            free = entry.ends_at

    def _unseen(self) -> SimulatedDiffractometer:
        """The same instrument in the same world, with a ledger of faults that nobody reads."""
        other = copy(self)
        other.bench = self.bench.unseen()
        other.tube = replace(self.tube, faults=other.bench.faults)
        return other

    def takes(self, request: ScanRequest, now: datetime) -> timedelta:
        """How long a scan takes from now on; one in which the tube dies is taken anew with the next tube."""
        begins, lasts = now, _lasts(request)
        while (outage := self.tube.dies_within(begins, begins + lasts)) is not None:
            begins = outage.ends
        return begins + lasts - now

    async def ask(self, key: str) -> ActionState:
        """What became of a key."""
        return self.journal.state(key, self.clock.now())

    async def finish(self, key: str) -> ScanReport:
        """Waits for the end of a scan and hands over its file."""
        await self.clock.sleep_until(self.journal.entry(key).ends_at)
        return self.report(key)

    def without(self, fault: str) -> SimulatedDiffractometer:
        """The same instrument in a world without one fault; for looking only."""
        other = copy(self)
        other.bench = self.bench.without(fault)
        other.tube = replace(self.tube, faults=other.bench.faults)
        return other

    def report(self, key: str) -> ScanReport:
        """The file of a scan that was begun."""
        return self.reported(self.journal.entry(key))

    def reported(self, entry: Entry) -> ScanReport:
        """The file of a scan that an entry of a journal tells of."""
        request = ScanRequest.model_validate(entry.request)
        # it began later than it was asked for, if the tube died meanwhile
        entry = replace(entry, started_at=entry.ends_at - _lasts(request))
        two_theta, counts = self.scan(request, entry.started_at)
        schema = schema_written(self.bench.faults, self._name, self.begun, entry.ends_at, request.sample_id)
        return ScanReport(
            key=request.key,
            sample_id=request.sample_id,
            content=xrdml(request, two_theta, counts, entry, schema=schema),
            file_name=f"{request.sample_id}.xrdml",
            radiation=Radiation(anode="Cu", k_alpha1=1.5405980, k_alpha2=1.5444260, k_alpha2_ratio=0.5),
            started_at=entry.started_at,
            ended_at=entry.ends_at,
        )

    def recall(self) -> None:
        """Lets every recorded scan draw its faults again, and the tube what became of it until now."""
        faults = self.bench.faults
        for entry in self.journal:
            request = ScanRequest.model_validate(entry.request)
            if reference(request.sample_id) is None:
                faults.displacement(request.key, request.sample_id)
                faults.empty_holder(request.key, request.sample_id)
            faults.shutter_stuck(request.key, request.sample_id)
            schema_written(faults, self._name, self.begun, entry.ends_at, request.sample_id)
        self.tube.brightness(self.clock.now())

    def scan(self, request: ScanRequest, at: datetime) -> tuple[Array, Array]:
        """Angles ``(n,)`` in degrees and counts ``(n,)`` of one scan of what the vial held at that time."""
        seed, key, faults = self.bench.seed, request.key, self.bench.faults
        count = round((request.stop - request.start) / request.step) + 1
        two_theta: Array = request.start + request.step * np.arange(count, dtype=np.float64)
        shutter = faults.shutter_stuck(key, request.sample_id)
        phases, displacement, texture = self._inside(request, at)
        if shutter is not None:
            dark = DARK_PER_SECOND * request.seconds_per_step if shutter is Shutter.DARK else 0.0
            return two_theta, dice(seed, key, "counts").poisson(np.full(count, dark)).astype(np.float64)
        signal = np.zeros(count)
        if phases:
            stands = Setting(displacement, self.zero(self._weeks(at)), self.tube.age(at) / WEEK, texture)
            signal = pattern(two_theta, phases, stands)
            signal *= COUNTS_PER_SECOND * request.seconds_per_step / max(signal.max(), TINY)
        u = two_theta - request.start
        air = 1.5 * np.exp(-u / 12) + 0.5 * np.exp(-(((two_theta - 28) / 7) ** 2))
        background = 120 * request.seconds_per_step * (1 + air)
        mean = (signal + background) * self.tube.brightness(at)
        return two_theta, dice(seed, key, "counts").poisson(mean).astype(np.float64)

    def _inside(self, request: ScanRequest, at: datetime) -> tuple[tuple[TruePhase, ...], float, float]:
        """What is in the holder of a scan, its displacement in mm, and its texture."""
        seed, faults = self.bench.seed, self.bench.faults
        if (powder := reference(request.sample_id)) is not None:  # it stays in a holder of its own
            return (powder,), stands_off(seed, powder.crystal.name, request.key), 1.0
        displacement = faults.displacement(request.key, request.sample_id)
        empty = faults.empty_holder(request.key, request.sample_id)
        inside = self.bench.contents(request.sample_id, at)
        texture = float(dice(seed, request.sample_id, "texture").uniform(0.85, 1.15))
        return inside.phases if inside is not None and not empty else (), displacement, texture

    def _weeks(self, at: datetime) -> float:
        return max((at - self.begun) / WEEK, 0.0)

    def zero(self, weeks: float) -> float:
        """Zero error in degrees 2θ: a random walk, one step a week."""
        steps = dice(self.bench.seed, self._name, "zero").normal(0, 0.004, size=int(weeks) + 1)
        return float(steps.sum())


def _lasts(request: ScanRequest) -> timedelta:
    """How long a scan takes that nothing interrupts."""
    steps = (request.stop - request.start) / request.step + 1
    return OVERHEAD + timedelta(seconds=steps * request.seconds_per_step)
