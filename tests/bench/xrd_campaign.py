"""The analyser on patterns of the simulated campaign, held against what the world really put into each vial.

``python -m tests.bench.xrd_campaign [--n 200] [--seed 7] [--jobs 1] [--wrong] [--keep DIR]``: recipes as a campaign
draws them (every second one hot and long enough to give a single phase), carried out in the hidden world, measured by
the simulated diffractometer (displaced, textured, a zero that wanders, an ageing tube, counting noise) and read back
from the files that it writes. Each pattern is identified three times: as the agent does, with what weekly scans of
silicon have shown of the instrument; without any standard; and with the whole library as candidates.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.designs import composition_of, elements_in, recipe_of, space_of
from contracts.instruments import ScanRequest
from contracts.materials import Composition
from contracts.recipe import Recipe
from science.chemistry.perovskite.cells import FORMULA_UNITS, pseudo_cubic
from science.diffraction.drift import Reading, instrument_at
from simulators.bench import Bench, hours_at_peak
from simulators.dice import dice
from simulators.diffractometer import SimulatedDiffractometer
from simulators.faults import Faults
from simulators.journal import Entry
from simulators.rates import FaultRates
from simulators.wear import WEEK
from simulators.world.reaction import Firing
from simulators.world.structures import TrueCrystal, unknown_to_analyser
from simulators.world.vial import Contents, TruePhase, contents, weighed
from simulators.xrdml import xrdml
from tests.bench.xrd_campaign_table import ALONE, STANDARDS, UNFILTERED, Found, Judged, report, wrong
from tests.clock import SkippingClock
from tests.contracts.examples import EPOCH

if TYPE_CHECKING:
    from science.diffraction.answer import Identification, IdentifiedPhase

WEEKS = 26
HOT, LONG = 1350.0, 12.0
"""°C and hours from which a recipe of this campaign gives one phase, mostly."""
SHARE = 0.02
"""Weight fraction from which a phase is to be found."""
OTHERS = 0.05
"""Weight fraction from which the cells of phases beside the perovskite are compared."""
PEROVSKITE = "perovskite"
SAME_LINES = {"CaZr4O9": "ZrO2"}
"""A phase that the library lacks → one with the same lines: a claim of that is neither right nor wrong."""
EVERY = 1.15
"""Weeks between standards."""


class Shelf(Bench):
    """Vials whose contents are known, without the furnaces that made them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, Faults(seed, FaultRates.none()))
        self.held: dict[str, Contents] = {}

    def contents(self, sample: str, until: object = None) -> Contents | None:
        """What was put there."""
        return self.held.get(sample)


@dataclass(frozen=True)
class Case:
    """One sample and its scan.

    Attributes:
        sample: its name.
        week: of the campaign in which it is measured.
        composition: what it was meant to be.
        recipe: how it is made.
    """

    sample: str
    week: float
    composition: Composition
    recipe: Recipe


def cases(count: int, seed: int) -> list[Case]:
    """Recipes as the shipped campaign draws them; every second one is fired hot and long."""
    from ops.settings import load_campaign
    from science.generation.pool import feasible_pool

    plan, rng = load_campaign("bso-match").plan, np.random.default_rng(seed)
    found: list[Any] = []
    hot = 0
    while len(found) < count:
        for design in feasible_pool(space_of(plan), 60, rng).designs:
            is_hot = design.celsius >= HOT and design.dwell_h >= LONG and design.regrinds > 0
            if (is_hot and hot < count / 2) or (not is_hot and len(found) - hot < count / 2):
                found.append(design)
                hot += is_hot
    weeks = rng.uniform(0, WEEKS, count)
    return [
        Case(f"b-{n}-v1", float(w), composition_of(d), recipe_of(d, plan))
        for n, (d, w) in enumerate(zip(found, weeks, strict=False), 1)
    ]


def made(case: Case, seed: int) -> Contents:
    """What the world makes of a recipe, on a furnace that is somewhat off."""
    offset = float(dice(seed, case.sample, "furnace").normal(0, 6))
    firing = Firing(case.recipe.profile.peak - 273.15 + offset, hours_at_peak(case.recipe.profile) + 0.2)
    amounts = weighed(seed, case.sample, case.recipe, None)
    return contents(seed, case.sample, case.composition, case.recipe, amounts, [firing] * case.recipe.firings)


def _scanned(meter: SimulatedDiffractometer, sample: str, week: float) -> bytes:
    """The file that a diffractometer writes of a sample, with the settings of the shipped campaign."""
    key, at = f"{sample}/scan/1", EPOCH + week * WEEK
    request = ScanRequest(key=key, sample_id=sample, start=15, stop=90, step=0.02, seconds_per_step=0.5)
    entry = Entry(key, 1, at, at + timedelta(hours=1), request.model_dump(mode="json"))
    return xrdml(request, *meter.scan(request, at), entry)


def measured(case: Case, inside: Contents, seed: int) -> tuple[bytes, dict[str, float]]:
    """The file of a sample, and the hidden errors of its scan."""
    with TemporaryDirectory() as folder:
        shelf = Shelf(seed)
        shelf.held[case.sample] = inside
        meter = SimulatedDiffractometer("xrd-1", shelf, SkippingClock(), Path(folder), EPOCH)
        content = _scanned(meter, case.sample, case.week)
    displacement = shelf.faults.displacement(f"{case.sample}/scan/1", case.sample)
    return content, {"zero": meter.zero(case.week), "displacement": displacement}


def scans_of_standards(seed: int) -> Iterator[tuple[float, bytes]]:
    """Weeks and files of scans of silicon: one before the first sample, then when a week is over and a vial comes."""
    with TemporaryDirectory() as folder:
        meter = SimulatedDiffractometer("xrd-1", Shelf(seed), SkippingClock(), Path(folder), EPOCH)
        for n, week in enumerate(np.arange(0, WEEKS, EVERY)):
            yield float(week), _scanned(meter, f"standard-Si-{n + 1:04d}", float(week))


@cache
def standards(seed: int) -> tuple[Reading, ...]:
    """What those scans have shown."""
    from science.diffraction.standards import aligned_bytes

    found = ((week, aligned_bytes("si.xrdml", content, "Si", None)) for week, content in scans_of_standards(seed))
    return tuple(Reading(7 * week, shown.zero, shown.zero_su, (shown.axial, shown.axial_su)) for week, shown in found)


def label(crystal: TrueCrystal) -> str:
    """What a true phase is called where answers are held against it."""
    return PEROVSKITE if crystal.name.startswith(PEROVSKITE) else crystal.name.removesuffix("_c")


def claimed(phase: IdentifiedPhase) -> str:
    """The same for a phase of an answer."""
    mixed = len(re.findall(r"[A-Z][a-z]?", phase.formula)) > 2 and phase.formula.endswith("O3")
    return (
        PEROVSKITE if mixed and phase.space_group in FORMULA_UNITS and "C" not in phase.formula[1:3] else phase.formula
    )


def _meant(phase: IdentifiedPhase, name: str, inside: Contents) -> TruePhase | None:
    """The true phase that one of an answer stands for: of several perovskites of about one weight the nearest."""
    same = [p for p in inside.phases if label(p.crystal) == name]
    close = [p for p in same if p.weight_fraction > same[0].weight_fraction / 2]
    return min(close, key=lambda p: abs(math.log(_volume(p) / _volume_of(phase))), default=None)


def _volume(true: TruePhase) -> float:
    return true.crystal.volume if true.pseudo_cubic is None else true.pseudo_cubic**3


def _volume_of(phase: IdentifiedPhase) -> float:
    volume = phase.lattice.volume
    return volume / FORMULA_UNITS[phase.space_group] if claimed(phase) == PEROVSKITE else volume


def found(answer: Identification, inside: Contents) -> Found:
    """An answer held against the truth."""
    lacking = {label(p.crystal) for p in inside.phases if p.crystal.name in unknown_to_analyser()}
    there = {label(p.crystal): p for p in reversed(inside.phases)}
    wanted = {name for name, p in there.items() if p.weight_fraction >= SHARE} - lacking
    said = [claimed(p) for p in answer.phases]
    stands_for = {SAME_LINES[name] for name in lacking & SAME_LINES.keys()}
    result = Found(
        answer.verdict, sorted(wanted - set(said)), sorted(set(said) - set(there) - stands_for), answer.flags
    )
    clear = {name for name in wanted if there[name].weight_fraction >= OTHERS}
    result.clear, result.clear_found = len(clear), len(clear & set(said))
    result.claims = len(set(said) - (stands_for - set(there)))
    for name, phase in reversed(list(zip(said, answer.phases, strict=True))):  # the greatest of a name comes last
        true = _meant(phase, name, inside)
        if true is None or (name != PEROVSKITE and min(true.weight_fraction, phase.weight_fraction) < OTHERS):
            continue
        lengths = np.array(phase.lattice.parameters[:3])
        right = np.array(true.crystal.cell[:3])
        errors, uncertain = lengths - right, np.array(phase.lattice_su[:3])
        alike = bool(np.abs(errors / right).max() < 0.02)
        if name == PEROVSKITE and true.pseudo_cubic is not None:
            off = pseudo_cubic(phase.lattice, phase.space_group) - true.pseudo_cubic
            result.pseudo_cubic = float(off)
            result.scores = [float(e / u) for e, u in zip(errors, uncertain, strict=True) if u > 0 and alike][:1]
            result.uncertain = float(uncertain[0])
            result.share = true.weight_fraction
            result.symmetries = (true.symmetry, phase.space_group)
        elif alike:
            result.others[name] = [(float(e), float(u)) for e, u in zip(errors, uncertain, strict=True) if u > 0]
    return result


def kept(case: Case, seed: int, folder: Path) -> str:
    """Writes the file of a sample, and tells how to identify it."""
    content, _ = measured(case, made(case, seed), seed)
    file = folder / f"{case.sample}.xrdml"
    file.write_bytes(content)
    return f"athanor identify {file} --elements {','.join(sorted(elements_in(case.composition, case.recipe)))}"


def judged(task: tuple[Case, int]) -> Judged:
    """A sample made, measured, identified in three ways, and held against the truth."""
    from science.chemistry.perovskite.models import perovskite_models
    from science.diffraction.identify import identify
    from science.diffraction.readers import read_pattern_bytes
    from science.diffraction.tasks import library

    case, seed = task
    whole = library(None)
    inside = made(case, seed)
    content, hidden = measured(case, inside, seed)
    scan = read_pattern_bytes("scan.xrdml", content)
    known = instrument_at(standards(seed), 7 * case.week)
    models = perovskite_models(case.composition.site("A").fractions, case.composition.site("B").fractions)
    everything = frozenset(e for c in whole.crystals for e in c.elements)
    result = Judged(case.sample, hidden, {label(p.crystal): p.weight_fraction for p in reversed(inside.phases)})
    for name, allowed, instrument in (
        (STANDARDS, elements_in(case.composition, case.recipe), known),
        (ALONE, elements_in(case.composition, case.recipe), None),
        (UNFILTERED, everything, known),
    ):
        if name != ALONE:
            identify(scan, whole, allowed)  # lines of the library, made once
        began = time.process_time()
        answer = identify(scan, whole, allowed, hypotheses=models, instrument=instrument)
        spent = time.process_time() - began
        judgement = found(answer, inside)
        judgement.seconds, judgement.candidates = spent, len(whole.within(allowed)) + len(models)
        judgement.zero = answer.zero - hidden["zero"]
        judgement.displacement = answer.displacement - hidden["displacement"]
        result.found[name] = judgement
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(prog="tests.bench.xrd_campaign", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=200, help="samples")
    parser.add_argument("--seed", type=int, default=7, help="of the recipes and of the hidden world")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--wrong", action="store_true", help="list the samples whose phases came out wrong")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="only write the patterns there, as .xrdml files")
    wish = parser.parse_args(arguments)
    tasks = [(case, wish.seed) for case in cases(wish.n, wish.seed)]
    if wish.keep is not None:
        wish.keep.mkdir(parents=True, exist_ok=True)
        sys.stdout.writelines(f"{kept(*task, wish.keep)}\n" for task in tasks)
        for week, content in scans_of_standards(wish.seed):
            (wish.keep / f"standard-Si-{EPOCH + week * WEEK:%Y-%m-%d}.xrdml").write_bytes(content)
        return
    with ProcessPoolExecutor(wish.jobs) as pool:
        runs = list(pool.map(judged, tasks, chunksize=4))
    if wish.wrong:
        sys.stdout.writelines(f"{line}\n" for run in runs for line in wrong(run))
    sys.stdout.write(report(runs) + "\n")


if __name__ == "__main__":
    main()
