"""The simulated synthesis line keeps the promises of a synthesiser, and heats what lies on its balance."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import InstrumentError
from contracts.instruments import StepKind, StepReport, StepRequest, StepSample
from contracts.recipe import Cooling, Precursor, Segment, ThermalProfile
from simulators.furnace import SimulatedSynthesiser
from simulators.logs import VIBRATION_LIMIT
from tests.clock import SkippingClock
from tests.contracts.examples import perovskite
from tests.promises.synthesiser_promises import SynthesiserPromises, step
from tests.simulators.lab import FLAWLESS, SimulatedLab, weighed_recipe

BZT = perovskite({"Ba": 12}, {"Zr": 7, "Ti": 5})


class _Rig:
    """The line in this process."""

    def __init__(self, folder: Path) -> None:
        self.lab = SimulatedLab(folder)
        self.clock: SkippingClock = self.lab.clock

    async def open(self) -> SimulatedSynthesiser:
        """The line over what is on disk."""
        self.lab.reopen()
        return self.lab.line

    async def crash(self) -> None:
        """Forgets everything that is not on disk."""
        self.lab.reopen()

    def damage(self, key: str, *, how: str) -> None:
        """Spoils an entry of its journal."""
        self.lab.damage("furnace-1", key, how=how)

    def heatings(self, sample: str) -> int:
        """Counts as the world does."""
        return self.lab.bench.firings_of(sample)


class TestSimulatedSynthesiser(SynthesiserPromises):
    """Promises, kept over the hidden world."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> _Rig:
        return _Rig(tmp_path)


async def _do(lab: SimulatedLab, kind: StepKind, sample: str = "c-1-v1", *, firing: int = 1) -> StepReport:
    """One step on one vial of the usual composition."""
    vial = StepSample(sample_id=sample, composition=BZT, recipe=weighed_recipe(BZT))
    request = StepRequest(key=f"{sample}/{kind.value}/{firing}", step=kind, samples=(vial,), firing=firing)
    await lab.line.start(request)
    return await lab.line.finish(request.key)


async def test_the_balance_shows_what_the_recipe_asks_for(tmp_path: Path) -> None:
    """Without a mistake each reading is the planned mass within the balance's scatter."""
    lab = SimulatedLab(tmp_path)
    report = await _do(lab, StepKind.WEIGH)
    planned = {p.formula: p.mass for p in weighed_recipe(BZT).precursors}
    shown = {r.name.removeprefix("mass of "): r.value for r in report.readings}
    assert shown.keys() == planned.keys()
    assert all(shown[f] == pytest.approx(planned[f], rel=4e-3) for f in planned)
    assert shown != planned, "a balance scatters"
    assert not report.troubles


async def test_the_product_weighs_what_its_oxides_weigh(tmp_path: Path) -> None:
    """From the furnace come the cations that were weighed in, with their oxygen and without CO2."""
    lab = SimulatedLab(tmp_path)
    masses = []
    for n in range(30):
        report = await _do(lab, StepKind.UNLOAD, f"c-{n}-v1")
        masses.append(report.readings[0].value)
    assert sum(masses) / 30 == pytest.approx(5.0, rel=2e-3)
    assert max(masses) - min(masses) > 0.005, "a balance scatters"


async def test_a_misweighed_powder_changes_the_product_by_its_oxide(tmp_path: Path) -> None:
    """Too much of one powder adds that powder's oxide, oxygen included, to the product."""
    lab = SimulatedLab(tmp_path, rates=FLAWLESS.model_copy(update={"misweigh": 1.0}))
    oxides = {"Ba": 153.326, "Zr": 123.218, "Ti": 79.865}
    moles = {"Ba": 1.02, "Zr": 7 / 12, "Ti": 5 / 12}
    whole = sum(oxides[e] * moles[e] for e in oxides)
    seen = set()
    for n in range(40):
        sample = f"c-{n}-v1"
        element, factor, _ = lab.faults.misweigh(
            StepSample(sample_id=sample, composition=BZT, recipe=weighed_recipe(BZT))
        )
        seen.add(element)
        product = (await _do(lab, StepKind.UNLOAD, sample)).readings[0].value
        added = (factor - 1) * oxides[element] * moles[element] / whole
        assert product == pytest.approx(5.0 * (1 + added), rel=0.009)
    assert seen == oxides.keys()


async def test_a_shown_mistake_is_told_and_a_hidden_one_is_not(tmp_path: Path) -> None:
    """The balance complains of a mis-weighed powder exactly when its log shows it, and then shows it truly."""
    lab = SimulatedLab(tmp_path, rates=FLAWLESS.model_copy(update={"misweigh": 1.0}))
    logged = 0
    for n in range(60):
        report = await _do(lab, StepKind.WEIGH, f"c-{n}-v1")
        fault = lab.faults.injected[f"c-{n}-v1", "misweigh"]
        logged += fault.logged
        assert bool(report.troubles) == fault.logged
        planned = {p.formula: p.mass for p in weighed_recipe(BZT).precursors}
        off = [r for r in report.readings if abs(r.value / planned[r.name.removeprefix("mass of ")] - 1) > 0.04]
        assert len(off) == fault.logged
        for reading in off:
            factor = reading.value / planned[reading.name.removeprefix("mass of ")]
            assert factor == pytest.approx(fault.magnitude, rel=4e-3)
    assert 35 <= logged <= 58, "four of five, within what chance allows (binomial, 1 in 10 000)"


async def test_a_dropped_vial_is_lost_and_shows_in_the_vibration(tmp_path: Path) -> None:
    """The robot arm tells of a drop, and of nothing when there is none."""
    dropping = SimulatedLab(tmp_path / "drops", rates=FLAWLESS.model_copy(update={"dropped_vial": 1.0}))
    careful = SimulatedLab(tmp_path / "careful")
    for n in range(30):
        fallen = await _do(dropping, StepKind.LOAD, f"c-{n}-v1")
        held = await _do(careful, StepKind.LOAD, f"c-{n}-v1")
        assert fallen.readings[0].value > VIBRATION_LIMIT > held.readings[0].value
        assert [(t.sample_id, t.lost) for t in fallen.troubles] == [(f"c-{n}-v1", True)]
        assert not held.troubles
    again = await _do(dropping, StepKind.LOAD, "c-1-v1", firing=2)
    assert not again.troubles, "a vial falls on the way in, or not at all"


async def test_an_overshoot_shows_and_makes_the_whole_batch_doubtful(tmp_path: Path) -> None:
    """The thermocouple shows the heat, each vial of the batch is marked, none is lost, and the vials saw it."""
    lab = SimulatedLab(tmp_path, rates=FLAWLESS.model_copy(update={"overshoot": 1.0}))
    request = step("k", samples=("c-1-v1", "c-2-v1"))
    await lab.line.start(request)
    report = await lab.line.finish("k")
    excess = report.readings[0].value - 1450
    assert 30 - 12 < excess < 80 + 12
    assert {t.sample_id for t in report.troubles} == {"c-1-v1", "c-2-v1"}
    assert not any(t.lost for t in report.troubles)
    assert lab.bench.history("c-1-v1")[1][0].celsius == pytest.approx(1450 + excess + lab.line.offset, abs=0.06)


async def test_the_thermocouple_hides_its_own_offset(tmp_path: Path) -> None:
    """What the furnace shows is near the set point; what the vial saw is off by the line's constant error."""
    lab = SimulatedLab(tmp_path)
    shown = []
    for n in range(20):
        shown.append((await _do(lab, StepKind.FIRE, f"c-{n}-v1")).readings[0].value)
        assert lab.bench.history(f"c-{n}-v1")[1][0].celsius - shown[-1] == pytest.approx(lab.line.offset, abs=0.06)
    assert sum(shown) / 20 == pytest.approx(1450, abs=3)
    assert lab.line.offset != 0
    again = SimulatedLab(tmp_path / "again")
    other = SimulatedLab(tmp_path / "other", seed=2)
    assert again.line.offset == lab.line.offset != other.line.offset


async def test_slow_ramps_count_towards_the_time_at_the_peak(tmp_path: Path) -> None:
    """The way up to the hottest segment counts, whichever place in the profile that segment has."""
    lab = SimulatedLab(tmp_path)
    up = Segment(rate=2, target=1723.15, dwell=3600)
    down = Segment(rate=50, target=1273.15, dwell=7200)
    alone, followed = (
        weighed_recipe(BZT).model_copy(update={"profile": ThermalProfile(segments=s, cooling=Cooling.FURNACE)})
        for s in ((up,), (up, down))
    )
    seen = []
    for n, wanted in enumerate((alone, followed)):
        vial = StepSample(sample_id=f"c-{n}-v1", composition=BZT, recipe=wanted)
        request = StepRequest(key=f"k-{n}", step=StepKind.FIRE, samples=(vial,))
        await lab.line.start(request)
        await lab.line.finish(request.key)
        seen.append(lab.bench.history(f"c-{n}-v1")[1][0].hours)
    assert seen == [pytest.approx(1.5), pytest.approx(1.5)]


async def test_history_ends_where_it_is_asked_to_end(tmp_path: Path) -> None:
    """What a vial held at a time does not depend on what was done to it later."""
    lab = SimulatedLab(tmp_path)
    await lab.make("c-1-v1", BZT, weighed_recipe(BZT, celsius=1200))
    then = lab.clock.now()
    before = lab.bench.contents("c-1-v1", then)
    await lab.make("c-1-v1b", BZT, weighed_recipe(BZT))
    await _do(lab, StepKind.FIRE, firing=2)
    assert lab.bench.contents("c-1-v1", then) == before
    assert lab.bench.contents("c-1-v1").reacted > before.reacted
    assert lab.bench.contents("never-filled") is None


async def test_what_is_under_way_has_not_happened_yet(tmp_path: Path) -> None:
    """A vial in the furnace counts as fired when the firing has ended, not when it begins."""
    lab = SimulatedLab(tmp_path)
    report = await _do(lab, StepKind.FIRE)
    middle = report.started_at + (report.ended_at - report.started_at) / 2
    assert [len(lab.bench.history("c-1-v1", at)[1]) for at in (report.started_at, middle, report.ended_at)] == [0, 0, 1]


async def test_another_furnace_is_another_furnace(tmp_path: Path) -> None:
    """Two lines of one bench have their own journals and offsets, and one vial may go through both."""
    lab = SimulatedLab(tmp_path)
    second = SimulatedSynthesiser("furnace-2", lab.bench, lab.clock, tmp_path)
    await lab.make("c-1-v1", BZT, weighed_recipe(BZT))
    await second.start(step("k", samples=("c-1-v1",)))
    await second.finish("k")
    assert lab.bench.firings_of("c-1-v1") == 2
    first, last = lab.bench.history("c-1-v1")[1]
    assert last.celsius - second.offset != first.celsius - lab.line.offset
    assert second.offset != lab.line.offset


@pytest.mark.parametrize(
    "powder",
    [
        Precursor(formula="TiO2", element="Ba", lot="x", mass=1),
        Precursor(formula="Fe2O3", element="Fe", lot="x", mass=1),
        Precursor(formula="Ba(OH", element="Ba", lot="x", mass=1),
        Precursor(formula="BaXx", element="Ba", lot="x", mass=1),
    ],
)
async def test_a_powder_that_brings_nothing_is_refused(tmp_path: Path, powder: Precursor) -> None:
    """The line refuses a bottle that cannot hold its cation, before anything is weighed."""
    lab = SimulatedLab(tmp_path)
    wanted = weighed_recipe(BZT).model_copy(update={"precursors": (powder,)})
    request = StepRequest(
        key="k", step=StepKind.WEIGH, samples=(StepSample(sample_id="c-1-v1", composition=BZT, recipe=wanted),)
    )
    with pytest.raises(InstrumentError, match="Expected a powder that brings"):
        await lab.line.start(request)
    assert lab.bench.history("c-1-v1") == (None, [])
