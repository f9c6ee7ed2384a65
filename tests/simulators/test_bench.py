"""What really is in the vials: swapped, soiled, baked too short or too hot, and what would be without one fault."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from agents.labels import MASS_TOLERANCE
from contracts.instruments import REFERENCE, SHOWN, StepKind, StepReport, StepRequest, StepSample
from contracts.materials import Composition
from contracts.recipe import Vessel
from simulators.rates import FaultRates
from simulators.wear import REFERENCE_UNCERTAINTY, WEEK, reference_error
from tests.contracts.examples import EPOCH, perovskite
from tests.simulators.lab import FLAWLESS, SimulatedLab, shares, weighed_recipe

BZT, STO = perovskite({"Ba": 12}, {"Zr": 7, "Ti": 5}), perovskite({"Sr": 12}, {"Ti": 12})


def vial(name: str, composition: Composition = BZT, **how: object) -> StepSample:
    """A vial and how it is made."""
    return StepSample(sample_id=name, composition=composition, recipe=weighed_recipe(composition, **how))


async def do(lab: SimulatedLab, kind: StepKind, *vials: StepSample, firing: int = 1) -> StepReport:
    """One step."""
    key = f"{'+'.join(v.sample_id for v in vials)}/{kind.value}/{firing}"
    await lab.line.start(StepRequest(key=key, step=kind, samples=vials, firing=firing))
    return await lab.line.finish(key)


async def run(lab: SimulatedLab, *vials: StepSample) -> dict[str, StepReport]:
    """A furnace run from weighing to unloading; the reports of the unloadings."""
    for one in vials:
        await do(lab, StepKind.WEIGH, one)
    await do(lab, StepKind.FIRE, *vials)
    return {one.sample_id: await do(lab, StepKind.UNLOAD, one) for one in vials}


def world(folder: Path, seed: int = 1, **rates: float) -> SimulatedLab:
    """A lab in which only these faults strike."""
    return SimulatedLab(folder, seed=seed, rates=FLAWLESS.model_copy(update=rates))


def mass(report: StepReport) -> float:
    """The product mass that the balance shows."""
    return next(r.value for r in report.readings if r.name == "product mass")


# swapped vials -----------------------------------------------------------------------------------


async def test_swapped_vials_hold_each_others_powder(tmp_path: Path) -> None:
    """Under each name lies what was weighed for the other, in the other's crucible, fired in this one's place."""
    straight, mixed = world(tmp_path / "a"), world(tmp_path / "b", swapped_vials=1.0)
    for lab in (straight, mixed):
        await run(lab, vial("c-1-v1", BZT), vial("c-2-v1", STO), vial("c-3-v1", BZT))
    assert mixed.bench.contents("c-1-v1") == straight.bench.contents("c-2-v1")
    assert mixed.bench.contents("c-2-v1") == straight.bench.contents("c-1-v1")
    assert mixed.bench.contents("c-3-v1") == straight.bench.contents("c-3-v1"), "the third has no neighbour left"
    assert {i.thing for i in mixed.faults if i.fault == "swapped_vials"} == {"c-1-v1", "c-2-v1"}


async def test_before_they_meet_in_the_furnace_nothing_is_swapped(tmp_path: Path) -> None:
    """What a vial held before its first firing is what was weighed into it."""
    lab = world(tmp_path, swapped_vials=1.0)
    one, two = vial("c-1-v1", BZT), vial("c-2-v1", STO)
    await do(lab, StepKind.WEIGH, one)
    await do(lab, StepKind.WEIGH, two)
    weighed_at = lab.clock.now()
    before = lab.bench.contents("c-1-v1", weighed_at)
    await do(lab, StepKind.FIRE, one, two)
    assert lab.bench.contents("c-1-v1", weighed_at) == before != lab.bench.contents("c-1-v1")


async def test_a_swap_shows_in_the_bar_code_or_in_the_tares(tmp_path: Path) -> None:
    """Four of five are read from the bar code; of the rest, most give themselves away by their crucibles' weights."""
    shown = silent = betrayed = 0
    for seed in range(60):
        lab = world(tmp_path / str(seed), seed, swapped_vials=1.0)
        for name, report in (await run(lab, vial("c-1-v1"), vial("c-2-v1"))).items():
            logged = lab.faults.injected[name, "swapped_vials"].logged
            assert bool(report.troubles) == logged
            assert not any(t.lost for t in report.troubles)
            shown += logged
            silent += not logged
            betrayed += not logged and abs(mass(report) - 5.0) > 0.05
    assert shown + silent == 120
    assert 70 <= shown <= 115, "four of five, within what chance allows"
    assert betrayed >= 0.7 * silent


async def test_unswapped_vials_show_no_tare(tmp_path: Path) -> None:
    """The balance subtracts the right tare as long as each crucible stands where it should."""
    lab = world(tmp_path)
    reports = await run(lab, *(vial(f"c-{n}-v1") for n in range(4)))
    assert all(abs(mass(r) - 5.0) < 0.05 and not r.troubles for r in reports.values())


# dirty crucibles ---------------------------------------------------------------------------------


async def test_a_dirty_crucible_brings_the_phase_that_was_in_it_before(tmp_path: Path) -> None:
    """The share of the sample before is added to the product, to its phases and to its mass; the rest is as it was."""
    clean, dirty = world(tmp_path / "a"), world(tmp_path / "b", dirty_crucible=1.0)
    reports = {}
    for lab in (clean, dirty):
        await run(lab, vial("c-1-v1", STO))
        reports[lab] = (await run(lab, vial("c-2-v1", BZT)))["c-2-v1"]
    share = dirty.faults.injected["c-2-v1", "dirty_crucible"].magnitude
    before = dirty.bench.contents("c-1-v1").phases[0]
    pure, soiled = clean.bench.contents("c-2-v1"), dirty.bench.contents("c-2-v1")
    assert sum(shares(soiled).values()) == pytest.approx(1, abs=2e-3)
    added = [p for p in soiled.phases if p.crystal == before.crystal]
    assert [p.weight_fraction for p in added] == [share]
    for phase in pure.phases:
        same = next(p for p in soiled.phases if p.crystal == phase.crystal)
        assert same.weight_fraction == pytest.approx(phase.weight_fraction * (1 - share))
    assert mass(reports[dirty]) == pytest.approx(mass(reports[clean]) / (1 - share), abs=2e-4)
    assert not reports[dirty].troubles, "no log shows it"


async def test_a_crucible_of_another_kind_or_of_the_same_batch_leaves_nothing(tmp_path: Path) -> None:
    """The first vial in a kind of crucible finds it new, whatever else was fired; its neighbours use others."""
    lab = world(tmp_path, dirty_crucible=1.0)
    await run(lab, vial("c-1-v1", STO), vial("c-2-v1", STO))
    await run(lab, vial("c-3-v1", vessel=Vessel.ALUMINA))
    await run(lab, vial("c-4-v1", vessel=Vessel.ALUMINA))
    for name in ("c-1-v1", "c-2-v1", "c-3-v1", "c-4-v1"):
        lab.bench.contents(name)
    assert {i.thing for i in lab.faults if i.fault == "dirty_crucible"} == {"c-4-v1"}


async def test_dirt_goes_with_its_crucible(tmp_path: Path) -> None:
    """Swapped and dirty: the residue is under the name of whoever got the crucible."""
    lab = world(tmp_path, dirty_crucible=1.0, swapped_vials=1.0)
    await run(lab, vial("c-0-v1", STO))
    await run(lab, vial("c-1-v1", BZT), vial("c-2-v1", BZT))
    share = lab.faults.injected["c-2-v1", "dirty_crucible"].magnitude
    assert share in {p.weight_fraction for p in lab.bench.contents("c-1-v1").phases}


async def test_honest_products_are_believed(tmp_path: Path) -> None:
    """The masses of 400 flawless products scatter by 0.3 %; hardly one in a hundred is off by what the lab doubts."""
    lab = world(tmp_path)
    off = [mass(await do(lab, StepKind.UNLOAD, vial(f"c-{n}-v1"))) / 5.0 - 1 for n in range(400)]
    assert 0.002 < np.std(off) < 0.0045
    assert sum(abs(x) > MASS_TOLERANCE for x in off) <= 4


# the furnace -------------------------------------------------------------------------------------


async def test_a_stalled_controller_cuts_the_dwell_short_and_says_so(tmp_path: Path) -> None:
    """The vials see a share of the dwell, the firing ends earlier by the rest, and the log shows the hours."""
    whole, stalled = world(tmp_path / "a"), world(tmp_path / "b", controller_stall=1.0)
    one = vial("c-1-v1", hours=10)
    reports = {lab: await do(lab, StepKind.FIRE, one) for lab in (whole, stalled)}
    share = stalled.faults.injected["c-1-v1", "controller_stall"].magnitude
    hours = {lab: lab.bench.history("c-1-v1")[1][0].hours for lab in (whole, stalled)}
    missing = timedelta(hours=10 * (1 - share))
    assert hours[whole] - hours[stalled] == pytest.approx(10 * (1 - share))
    assert reports[whole].ended_at - reports[stalled].ended_at == pytest.approx(missing, abs=timedelta(seconds=1))
    shown = {lab: next(r.value for r in r_.readings if r.name == "time at peak") for lab, r_ in reports.items()}
    assert (shown[whole], shown[stalled]) == (10, pytest.approx(10 * share, abs=0.01))
    assert [t.sample_id for t in reports[stalled].troubles] == ["c-1-v1"]
    assert "controller stalled" in reports[stalled].troubles[0].reason
    assert not reports[whole].troubles


async def test_a_drifting_thermocouple_shows_nothing_and_heats_more(tmp_path: Path) -> None:
    """Ten weeks on, the vial is ten kelvin hotter than it would be, and every log says what it would say."""
    steady, drifting = world(tmp_path / "a"), world(tmp_path / "b", thermocouple_drift=1.0)
    reports = {}
    for lab in (steady, drifting):
        await do(lab, StepKind.WEIGH, vial("c-0-v1"))
        lab.clock.advance(10 * WEEK)
        reports[lab] = await do(lab, StepKind.FIRE, vial("c-1-v1"))
    hot, cool = (lab.bench.history("c-1-v1")[1][0].celsius for lab in (drifting, steady))
    assert hot - cool == pytest.approx(10, abs=0.01)
    assert reports[drifting] == reports[steady]
    told = drifting.faults.injected["furnace-1", "thermocouple_drift"]
    assert (told.magnitude, told.logged) == (pytest.approx(10, abs=0.01), False)


# what would be -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["misweigh", "swapped_vials", "dirty_crucible", "overshoot", "controller_stall"])
async def test_a_fault_can_be_thought_away(tmp_path: Path, fault: str) -> None:
    """Without a fault the vials hold what they hold in a world where it never strikes, and the ledger stays."""
    there, never = world(tmp_path / "a", **{fault: 1.0}), world(tmp_path / "b")
    for lab in (there, never):
        await run(lab, vial("c-0-v1", STO, celsius=1300))
        await run(lab, vial("c-1-v1", celsius=1300), vial("c-2-v1", STO, celsius=1300))
    struck = there.bench.contents("c-1-v1")
    ledger = dict(there.faults.injected)
    assert struck != never.bench.contents("c-1-v1") == there.bench.without(fault).contents("c-1-v1")
    assert there.bench.contents("c-1-v1") == struck
    assert there.faults.injected == ledger


async def test_the_ledger_is_whole_again_after_a_restart(tmp_path: Path) -> None:
    """Recalling the journal draws every fault of the making again, exactly as it struck."""
    some = dict.fromkeys(
        ("misweigh", "dropped_vial", "swapped_vials", "dirty_crucible", "overshoot", "controller_stall"), 0.6
    )
    lab = world(tmp_path, seed=2, thermocouple_drift=1.0, **some)
    for n in range(6):
        vials = [vial(f"c-{2 * n}-v1"), vial(f"c-{2 * n + 1}-v1")]
        for one in vials:
            await do(lab, StepKind.LOAD, one)
        await run(lab, *vials)
    for n in range(12):
        lab.bench.contents(f"c-{n}-v1")
    injected = dict(lab.faults.injected)
    assert {fault for _, fault in injected} == {*some, "thermocouple_drift"}
    lab.reopen()
    assert not lab.faults.injected
    lab.bench.recall()
    assert lab.faults.injected == injected


async def test_a_fault_strikes_whoever_it_strikes_in_any_company(tmp_path: Path) -> None:
    """Whether a vial is mis-weighed or its crucible dirty depends on nothing that happens to other vials."""
    rates = FLAWLESS.model_copy(update={"misweigh": 0.5, "dirty_crucible": 0.5})
    alone, crowded = SimulatedLab(tmp_path / "a", rates=rates), SimulatedLab(tmp_path / "b", rates=rates)
    for lab, others in ((alone, 0), (crowded, 5)):
        await run(lab, vial("before-v1", STO))
        for n in range(others):
            await run(lab, vial(f"other-{n}-v1", STO))
        await run(lab, *(vial(f"c-{n}-v1") for n in range(4)))
        lab.bench.recall()
    mine = {key: told for key, told in crowded.faults.injected.items() if key[0].startswith("c-")}
    assert mine == {key: told for key, told in alone.faults.injected.items() if key[0].startswith("c-")}
    assert mine


async def test_nothing_goes_wrong_in_a_flawless_world(tmp_path: Path) -> None:
    """With every rate at nought the ledger stays empty through weeks of work."""
    lab = SimulatedLab(tmp_path, rates=FaultRates.none())
    for n in range(3):
        await run(lab, vial(f"c-{2 * n}-v1"), vial(f"c-{2 * n + 1}-v1"))
        lab.clock.advance(10 * WEEK)
        lab.bench.contents(f"c-{2 * n}-v1")
    lab.bench.recall()
    assert not lab.faults.injected


# a furnace that drifts and is calibrated ---------------------------------------------------------


async def calibrate(lab: SimulatedLab, n: int) -> float:
    """Holds the furnace against the reference; by how much hotter it was than it said."""
    report = await do_key(lab, f"calibration/{n}")
    read = {r.name: r.value for r in report.readings}
    return read[REFERENCE] - read[SHOWN]


async def do_key(lab: SimulatedLab, key: str) -> StepReport:
    """A calibration under a key."""
    await lab.line.start(StepRequest(key=key, step=StepKind.CALIBRATE, samples=()))
    return await lab.line.finish(key)


async def too_hot(lab: SimulatedLab, sample: str) -> float:
    """Kelvin by which a firing that begins now is hotter than its thermocouple shows, and than the line's offset."""
    await do(lab, StepKind.WEIGH, vial(sample))
    report = await do(lab, StepKind.FIRE, vial(sample))
    [fired] = lab.bench.history(sample)[1]
    shown = next(r.value for r in report.readings if r.name == "peak temperature")
    return fired.celsius - shown - lab.line.offset


async def test_a_calibration_finds_what_has_drifted_and_puts_it_right(tmp_path: Path) -> None:
    """After eight weeks it finds eight kelvin, as well as the reference knows; after it, those are gone."""
    lab = world(tmp_path, thermocouple_drift=1.0)
    assert await too_hot(lab, "c-1-v1") == pytest.approx(0, abs=0.06)
    lab.clock.set(EPOCH + 8 * WEEK)
    assert await too_hot(lab, "c-2-v1") == pytest.approx(8, abs=0.15)
    found = await calibrate(lab, 1)
    left = await too_hot(lab, "c-3-v1")
    assert found == pytest.approx(8.1, abs=3 * REFERENCE_UNCERTAINTY)
    assert abs(left) < 3 * REFERENCE_UNCERTAINTY
    assert found + left == pytest.approx(8.2, abs=0.2), "what the reference reads wrong is what is left"
    lab.clock.advance(WEEK)
    assert await too_hot(lab, "c-4-v1") == pytest.approx(left + 1, abs=0.2)


async def test_the_reference_does_not_see_where_the_vials_stand(tmp_path: Path) -> None:
    """The constant offset of a furnace stays, however often it is calibrated: only what the sensor does wrong shows."""
    for seed in range(6):
        lab = world(tmp_path / str(seed), seed=seed)
        for n in range(2):
            left = -reference_error(seed, f"calibration/{n - 1}") if n else 0.0
            wanted = left + reference_error(seed, f"calibration/{n}")
            assert await calibrate(lab, n) == pytest.approx(wanted, abs=0.01)
        await too_hot(lab, "c-1-v1")
        [fired] = lab.bench.history("c-1-v1")[1]
        shown = lab.bench.shown_celsius(StepRequest.model_validate(lab.line.actions_on("c-1-v1")[-1].request))
        assert fired.celsius - shown + reference_error(seed, "calibration/1") == pytest.approx(lab.line.offset)


async def test_a_calibration_is_remembered_over_a_restart(tmp_path: Path) -> None:
    """Opened again the furnace is as right as before, reports the same, and the ledger tells the same drift."""
    lab = world(tmp_path, thermocouple_drift=1.0)
    await too_hot(lab, "c-1-v1")
    lab.clock.advance(5 * WEEK)
    report = await do_key(lab, "calibration/1")
    lab.clock.advance(WEEK)
    await too_hot(lab, "c-2-v1")
    before, ledger = lab.bench.history("c-2-v1"), dict(lab.faults.injected)
    assert ledger["furnace-1", "thermocouple_drift"].magnitude == pytest.approx(1, abs=0.01), "nothing was fired hotter"
    lab.reopen()
    assert lab.bench.history("c-2-v1") == before
    assert await do_key(lab, "calibration/1") == report
    lab.bench.recall()
    assert lab.faults.injected == ledger


async def test_without_drift_a_calibrated_furnace_is_off_by_what_the_reference_was(tmp_path: Path) -> None:
    """Thinking the drift away leaves the calibrations: two worlds differ by the drift since the last of them."""
    lab = world(tmp_path, thermocouple_drift=1.0)
    await calibrate(lab, 1)
    lab.clock.advance(5 * WEEK)
    await calibrate(lab, 2)
    lab.clock.advance(2 * WEEK)
    await too_hot(lab, "c-1-v1")
    entry = lab.line.actions_on("c-1-v1")[-1]
    drifting, steady = lab.bench, lab.bench.without("thermocouple_drift")
    hot, cold = (bench.firing(lab.line, entry).celsius for bench in (drifting, steady))
    assert hot - cold == pytest.approx(2, abs=0.01)
    assert steady.out_of_true(lab.line, entry.started_at) == -reference_error(1, "calibration/2")
    assert drifting.out_of_true(lab.line, entry.started_at) - steady.out_of_true(lab.line, entry.started_at) == (
        pytest.approx(hot - cold)
    )
