"""Vials made, measured and learnt from by the real agents in the simulated laboratory, without anybody planning them.

Chance draws the recipes, so that a hundred vials take a minute: enough to count what becomes of rare faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from agents.designs import composition_of, recipe_of, space_of
from agents.retrainer import Retrainer
from agents.runtime import Lab, Runtime
from agents.scheduler import CALIBRATION, calibration_due, run_length
from agents.synthesis_robot import SynthesisRobot
from agents.workers import Workers
from agents.xrd_analyser import XrdAnalyser
from bus.memory import MemoryBus
from contracts.campaigns import CampaignPlan, CampaignStarted
from contracts.event import Event
from contracts.scheduling import Reservation, RunScheduled, ScheduledSample
from ops.clock import VirtualClock
from ops.reckoning import Heard, Reckoning, World, reckon
from ops.settings import load_campaign
from science.diffraction.tasks import library
from science.generation.pool import feasible_pool
from simulators.bad_line import BadLine
from simulators.bench import Bench
from simulators.diffractometer import SimulatedDiffractometer
from simulators.faults import Faults
from simulators.furnace import SimulatedSynthesiser
from simulators.rates import FaultRates
from tests.contracts.examples import EPOCH

BATCH = 4
BEGUN = EPOCH


@dataclass(frozen=True)
class Made:
    """What came of it."""

    reckoning: Reckoning
    heard: Heard
    events: tuple[Event, ...]

    def of(self, *kinds: type[Event]) -> list[Event]:
        """Events of some kinds."""
        return [e for e in self.events if isinstance(e, kinds)]


def runs(plan: CampaignPlan, vials: int, over: timedelta | None = None) -> list[RunScheduled]:
    """Furnace runs of four vials each, drawn from the campaign's space.

    Args:
        plan: where to draw from.
        vials: how many.
        over: how long the lab takes over them; as fast as the furnaces go, by default.
    """
    rng = np.random.default_rng(1)
    free = dict.fromkeys((f.name for f in plan.laboratory.furnaces), BEGUN)
    calibrated: dict[str, datetime] = {}
    found: list[RunScheduled] = []
    count = -(-vials // BATCH)
    for n in range(count):
        first, *others = feasible_pool(space_of(plan), 40, rng).designs
        profile = [d for d in (first, *others) if recipe_of(d, plan).firings == recipe_of(first, plan).firings]
        same = [d for d in profile if recipe_of(d, plan).profile == recipe_of(first, plan).profile][:BATCH]
        samples = tuple(
            ScheduledSample(
                sample_id=f"c-{n:04d}{k}-v1",
                candidate_id=f"c-{n:04d}{k}",
                composition=composition_of(d),
                recipe=recipe_of(d, plan),
            )
            for k, d in enumerate(same)
        )
        furnace = min(free, key=lambda name: free[name])
        begins = free[furnace] if over is None else max(free[furnace], BEGUN + n / count * over)
        calibration: Reservation | None = None
        length = run_length(samples[0].recipe, len(samples))
        if calibration_due(plan, calibrated.get(furnace), begins + length):
            calibration = Reservation(instrument=furnace, start=begins, end=begins + CALIBRATION)
            begins = calibrated[furnace] = calibration.end
        ends = free[furnace] = begins + length
        booked = Reservation(instrument=furnace, start=begins, end=ends)
        found.append(
            RunScheduled(
                run_id=f"r-{n:04d}",
                furnace=furnace,
                samples=samples,
                reservations=(booked,),
                calibration=calibration,
            )
        )
    return found


async def make(
    folder: Path,
    rates: FaultRates,
    *,
    seed: int = 1,
    vials: int = 48,
    over: timedelta | None = None,
    interval_days: float = 7.0,
) -> Made:
    """Makes, measures and learns from vials in a world with these faults; the recipes are the same in every world."""
    plan = load_campaign("bso-match", {"laboratory": {"calibration_interval_days": interval_days}}).plan
    clock, bus, heard = VirtualClock(BEGUN), MemoryBus(), Heard()
    faults = Faults(seed, rates)
    bench = Bench(seed, faults)
    lines = {
        f.name: BadLine(SimulatedSynthesiser(f.name, bench, clock, folder), faults) for f in plan.laboratory.furnaces
    }
    device = SimulatedDiffractometer(plan.laboratory.diffractometer, bench, clock, folder, BEGUN)
    far = BadLine(device, faults)
    runtime = Runtime(
        Lab(bus, clock, clock, Workers(0), "chaos", seed, "0.0.0"),
        [SynthesisRobot(lines), XrdAnalyser(far), Retrainer()],
    )
    runtime.watchers.append(heard.note)
    await runtime.start()
    began = CampaignStarted(
        plan=plan,
        seed=seed,
        code_version="0.0.0",
        library_sha256=library(None).sha256,
        virtual=True,
        simulated=("all",),
    )
    await runtime.say(began, "root", "test")
    await clock.rest()
    for n, run in enumerate(runs(plan, vials, over)):
        await runtime.say(run, f"run/{n}", "test")
    await clock.rest()
    if runtime.failure.done():
        runtime.failure.result()
    await runtime.stop("all are made")
    for recall in (bench.recall, device.recall, far.recall, *(line.recall for line in lines.values())):
        recall()
    events = tuple([r.envelope.data async for r in bus.read("chaos")])
    return Made(await reckon(World(bench, device, None), heard), heard, events)
