"""A simulated lab on the test bench, and realistic recipes for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from contracts.instruments import ScanRequest, StepKind, StepRequest, StepSample
from contracts.materials import Composition
from contracts.recipe import Cooling, Precursor, Recipe, Segment, ThermalProfile
from science.chemistry.perovskite.ions import POWDERS
from science.chemistry.weighing import weigh_out
from simulators.bench import Bench
from simulators.diffractometer import SimulatedDiffractometer
from simulators.faults import Faults
from simulators.furnace import SimulatedSynthesiser
from simulators.journal import Journal
from simulators.rates import FaultRates
from simulators.world.reaction import Firing
from simulators.world.vial import Contents, contents, weighed
from tests.clock import SkippingClock
from tests.contracts.examples import EPOCH, POWDER, perovskite, recipe

FLAWLESS = FaultRates.none()
"""A world in which nothing goes wrong."""


def weighed_recipe(
    composition: Composition,
    *,
    celsius: float = 1450,
    hours: float = 12,
    rate: float = 5,
    excess: float = 0.02,
    cooling: Cooling = Cooling.FURNACE,
    **changes: Any,
) -> Recipe:
    """A recipe whose grams follow from the composition, as a planner would write it."""
    masses = weigh_out(composition.amounts, dict.fromkeys(composition.site("A").fractions, excess), 5.0, POWDERS)
    profile = ThermalProfile(
        segments=(Segment(rate=rate, target=celsius + 273.15, dwell=hours * 3600),), cooling=cooling
    )
    return recipe(
        precursors=tuple(Precursor(formula=POWDER[e], element=e, lot=f"{e}-1", mass=m) for e, m in masses.items()),
        a_site_excess=excess,
        profile=profile,
        **({"regrinds": 0} | changes),
    )


def made(a: dict[str, int], b: dict[str, int], *, seed: int = 1, sample: str = "c-1-v1", **how: Any) -> Contents:
    """What a vial holds after its recipe was carried out to the letter, on a furnace without offset."""
    composition = perovskite(a, b)
    wanted = weighed_recipe(composition, **how)
    segment = wanted.profile.segments[0]
    firing = Firing(segment.target - 273.15, segment.dwell / 3600)
    amounts = weighed(seed, sample, wanted, None)
    return contents(seed, sample, composition, wanted, amounts, [firing] * wanted.firings)


def shares(inside: Contents) -> dict[str, float]:
    """Phase → weight fraction."""
    found: dict[str, float] = {}
    for phase in inside.phases:
        found[phase.crystal.name] = found.get(phase.crystal.name, 0.0) + phase.weight_fraction
    return found


def damage(folder: Path, instrument: str, key: str, *, how: str) -> None:
    """Spoils what an instrument's journal says of a key."""
    journal = Journal(folder, instrument)
    path = journal.path(key)
    if how == "torn":
        path.write_bytes(path.read_bytes()[:100])
    elif how == "flipped":
        document = json.loads(path.read_text())
        document["entry"]["ends_at"] = document["entry"]["ends_at"].replace("2026", "2027")
        path.write_text(json.dumps(document))
    elif how == "swapped":
        other = next(e for e in journal if e.key != key)
        path.write_bytes(journal.path(other.key).read_bytes())
    else:
        raise AssertionError(how)


class SimulatedLab:
    """One synthesis line and one diffractometer over one world; opened again after a crash over the same folder."""

    def __init__(self, folder: Path, *, seed: int = 1, rates: FaultRates = FLAWLESS) -> None:
        self.folder, self.seed, self.rates = folder, seed, rates
        self.clock = SkippingClock()
        self.reopen()

    def reopen(self) -> None:
        """Everything anew, from what is on disk."""
        self.faults = Faults(self.seed, self.rates)
        self.bench = Bench(self.seed, self.faults)
        self.line = SimulatedSynthesiser("furnace-1", self.bench, self.clock, self.folder)
        self.diffractometer = SimulatedDiffractometer("xrd-1", self.bench, self.clock, self.folder, EPOCH)

    def damage(self, instrument: str, key: str, *, how: str) -> None:
        """Spoils the journal entry of a key."""
        damage(self.folder, instrument, key, how=how)

    async def make(self, sample: str, composition: Composition, wanted: Recipe) -> None:
        """Weighs and fires one vial."""
        vial = StepSample(sample_id=sample, composition=composition, recipe=wanted)
        steps = [(StepKind.WEIGH, 1)] + [(StepKind.FIRE, n + 1) for n in range(wanted.firings)]
        for kind, firing in steps:
            request = StepRequest(key=f"{sample}/{kind.value}/{firing}", step=kind, samples=(vial,), firing=firing)
            await self.line.start(request)
            await self.line.finish(request.key)

    def scan(self, sample: str, n: int = 1, **changes: Any) -> ScanRequest:
        """A full scan of a vial."""
        fields = {"start": 15, "stop": 90, "step": 0.02, "seconds_per_step": 0.5}
        return ScanRequest(key=f"{sample}/scan/{n}", sample_id=sample, **(fields | changes))
