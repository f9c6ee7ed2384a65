"""Each injected fault meets its true fate in the reckoning: caught, harmless, missed, or open."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.protocol import Recorded
from contracts.diffraction import MeasurementFailed
from contracts.event import Event
from contracts.instruments import StepKind, StepRequest, StepSample
from contracts.materials import Composition
from contracts.synthesis import StepFailed
from ops.reckoning import Fate, Heard, Judged, Reckoning, World, _holds_the_same, reckon
from simulators.bench import RUN_SCATTER
from simulators.faults import Injected
from simulators.wear import WEEK
from tests.agents.said import gone, observed, retracted, vial, withheld
from tests.contracts.examples import EPOCH, envelope, perovskite
from tests.simulators.lab import FLAWLESS, SimulatedLab, weighed_recipe

BZT, STO = perovskite({"Ba": 12}, {"Zr": 7, "Ti": 5}), perovskite({"Sr": 12}, {"Ti": 12})


def heard(*events: Event) -> Heard:
    """What a log of these events tells."""
    found = Heard()
    for n, event in enumerate(events, 1):
        found.note(Recorded(n, "s", envelope(event), b"", EPOCH))
    return found


def lab_with(folder: Path, **rates: float) -> SimulatedLab:
    """A lab in which only these faults strike."""
    return SimulatedLab(folder, rates=FLAWLESS.model_copy(update=rates))


async def fire(lab: SimulatedLab, *compositions: Composition, first: int = 1, celsius: float = 1400) -> None:
    """Vials 1, 2, … of these compositions, weighed and fired in one batch."""
    vials = [
        StepSample(sample_id=vial(n), composition=c, recipe=weighed_recipe(c, celsius=celsius))
        for n, c in enumerate(compositions, first)
    ]
    for one in vials:
        await lab.line.start(StepRequest(key=f"{one.sample_id}/weigh", step=StepKind.WEIGH, samples=(one,)))
        await lab.line.finish(f"{one.sample_id}/weigh")
    key = f"{vials[0].sample_id}/fire"
    await lab.line.start(StepRequest(key=key, step=StepKind.FIRE, samples=tuple(vials)))
    await lab.line.finish(key)


async def judged(lab: SimulatedLab, said: Heard) -> Reckoning:
    """The reckoning of a lab, after everything has been recalled."""
    lab.bench.recall()
    return await reckon(World(lab.bench, lab.diffractometer, None), said)


@pytest.mark.parametrize(
    ("events", "fate"),
    [
        ((withheld(1),), Fate.CAUGHT),
        ((gone(1),), Fate.CAUGHT),
        ((observed(1),), Fate.MISSED),
        ((withheld(1, unasked=True), observed(1)), Fate.MISSED),
        ((), Fate.OPEN),
        ((observed(2), withheld(3)), Fate.OPEN),
    ],
)
async def test_what_became_of_a_misweighed_vial(tmp_path: Path, events: tuple[Event, ...], fate: Fate) -> None:
    """Never a label: caught; a label after all, whatever else was withheld under its name: missed; else still open."""
    lab = lab_with(tmp_path, misweigh=1.0)
    await fire(lab, BZT)
    found = await judged(lab, heard(*events))
    assert [(j.fault.fault, j.fate) for j in found.judged] == [("misweigh", fate)]
    assert found.poisoned == ((vial(1),) if fate is Fate.MISSED else ())


@pytest.mark.parametrize("fault", ["overshoot", "controller_stall", "swapped_vials", "dirty_crucible"])
async def test_a_label_of_a_vial_that_holds_something_else_is_poisoned(tmp_path: Path, fault: str) -> None:
    """Whatever changed what is in the vial, silently learnt from it is missed."""
    lab = lab_with(tmp_path, **{fault: 1.0})
    await fire(lab, STO, first=8, celsius=1250)
    await fire(lab, BZT, STO, celsius=1250)
    found = await judged(lab, heard(observed(1), withheld(2), withheld(8)))
    fates = {j.fault.thing: j.fate for j in found.judged if j.fault.fault == fault}
    assert fates[vial(1)] is Fate.MISSED
    assert fates[vial(2)] is Fate.CAUGHT
    assert found.poisoned == (vial(1),)


async def test_a_swap_of_two_alike_changes_nothing_and_is_harmless(tmp_path: Path) -> None:
    """Two vials of one recipe hold the same within what weighing scatters: whose is whose does not matter."""
    lab = lab_with(tmp_path, swapped_vials=1.0)
    await fire(lab, STO, STO, celsius=1550)
    found = await judged(lab, heard(observed(1), observed(2)))
    assert {j.fate for j in found.judged} == {Fate.HARMLESS}
    assert not found.poisoned


async def test_a_drifted_furnace_poisons_the_labels_that_would_be_others(tmp_path: Path) -> None:
    """Of the vials of one furnace, those count that half a year of drift has changed, and no vial of its first day."""
    lab = lab_with(tmp_path, thermocouple_drift=1.0)
    await fire(lab, BZT, first=1, celsius=1250)
    lab.clock.advance(24 * WEEK)
    await fire(lab, BZT, first=2, celsius=1250)
    found = await judged(lab, heard(observed(1), observed(2)))
    assert [(j.fault.thing, j.fate, j.poisoned) for j in found.judged] == [("furnace-1", Fate.MISSED, (vial(2),))]
    assert str(found.judged[0]) == "furnace-1: thermocouple drift (24.1), 1 labels"
    kept_out = await judged(lab, heard(observed(1), withheld(2)))
    assert [(j.fate, j.poisoned) for j in kept_out.judged] == [(Fate.HARMLESS, ())]


async def calibrate(lab: SimulatedLab, key: str) -> None:
    """Holds the furnace against the reference."""
    await lab.line.start(StepRequest(key=key, step=StepKind.CALIBRATE, samples=()))
    await lab.line.finish(key)


async def test_a_label_that_was_taken_back_is_not_poisoned(tmp_path: Path) -> None:
    """Kept out after all: neither what a line made nor what struck the vial itself counts against it."""
    lab = lab_with(tmp_path, thermocouple_drift=1.0, misweigh=1.0)
    await fire(lab, BZT, first=1, celsius=1250)
    lab.clock.advance(24 * WEEK)
    await fire(lab, BZT, first=2, celsius=1250)
    found = await judged(lab, heard(withheld(1), observed(2), retracted(2)))
    fates = {(j.fault.fault, j.fault.thing): j.fate for j in found.judged}
    assert fates["misweigh", vial(2)] is Fate.CAUGHT
    assert not found.poisoned


async def test_a_drift_within_the_scatter_from_run_to_run_is_harmless(tmp_path: Path) -> None:
    """In steps of half a week, no label is poisoned before the furnace is three kelvin off, and some are beyond it."""
    lab = lab_with(tmp_path, thermocouple_drift=1.0)
    began = lab.clock.now()
    for n in range(1, 25):
        await fire(lab, BZT, first=n, celsius=1150)
        lab.clock.set(began + n * WEEK / 2)
    found = await judged(lab, heard(*(observed(n) for n in range(1, 25))))
    weeks = {n: (lab.line.actions_on(vial(n))[-1].started_at - began) / WEEK for n in range(1, 25)}
    assert {weeks[n] >= RUN_SCATTER for n in weeks if vial(n) in found.poisoned} == {True}
    steady = lab.bench.without("thermocouple_drift")
    other = {n for n in weeks if not _holds_the_same(lab.bench, steady, vial(n))}
    assert {n for n in other if weeks[n] >= RUN_SCATTER} == {n for n in weeks if vial(n) in found.poisoned}


async def test_a_calibrated_furnace_poisons_nothing(tmp_path: Path) -> None:
    """Half a year of drift, put right every week: what is left is less than a furnace scatters; no label is wrong."""
    lab = lab_with(tmp_path, thermocouple_drift=1.0)
    for n in range(1, 25):
        await calibrate(lab, f"calibration/{n}")
        lab.clock.advance(0.9 * WEEK)
        await fire(lab, BZT, first=n, celsius=1250)
    found = await judged(lab, heard(*(observed(n) for n in range(1, 25))))
    assert [(j.fate, j.poisoned) for j in found.judged] == [(Fate.HARMLESS, ())]
    assert found.judged[0].fault.magnitude < 1.3, "the ledger tells how far it had drifted at most"


async def test_a_message_is_harmless_unless_its_action_failed(tmp_path: Path) -> None:
    """Lost or doubled, it changed nothing when the action came to its end; when it did not, no label came of it."""
    lab = lab_with(tmp_path)
    keys = {"r/1/fire/batch/1 start": Fate.CAUGHT, "c-0001-v1/scan/1 finish": Fate.CAUGHT, "other ask": Fate.HARMLESS}
    for n, thing in enumerate(keys):
        lab.faults.note(thing, ("lost_message", "doubled_message")[n % 2], 1.0, logged=False)
    failed = StepFailed(
        run_id="r", key="r/1/fire/batch/1", step=StepKind.FIRE, instrument="furnace-1", sample_ids=(vial(1),),
        reason="silence", retryable=False, readings=(), troubles=(),
    )  # fmt: skip
    unmeasured = MeasurementFailed(
        measurement_id="c-0001-v1/scan/1", sample_id=vial(1), instrument="xrd-1", reason="silence", retryable=False
    )
    found = await judged(lab, heard(failed, unmeasured))
    assert {j.fault.thing: j.fate for j in found.judged} == keys


async def test_wear_of_the_tube_is_harmless(tmp_path: Path) -> None:
    """Fewer counts and two days of waiting make no label another."""
    lab = lab_with(tmp_path)
    lab.faults.note("xrd-1", "tube_decay", 0.3, logged=False)
    lab.faults.note("xrd-1 tube 1", "dead_tube", 2.0, logged=True)
    found = await judged(lab, heard(observed(1)))
    assert [j.fate for j in found.judged] == [Fate.HARMLESS] * 2


async def test_judging_changes_neither_ledger_nor_world(tmp_path: Path) -> None:
    """Thinking a fault away leaves no trace: judged again, everything is the same."""
    lab = lab_with(tmp_path, misweigh=1.0, overshoot=1.0, thermocouple_drift=1.0)
    await fire(lab, BZT, STO)
    said = heard(observed(1), observed(2))
    first = await judged(lab, said)
    ledger, inside = dict(lab.faults.injected), lab.bench.contents(vial(1))
    assert await judged(lab, said) == first
    assert lab.faults.injected == ledger
    assert lab.bench.contents(vial(1)) == inside


def test_the_summary_adds_up() -> None:
    """Every fault is in exactly one column of its kind, and the totals are the sums."""
    fates = [Fate.CAUGHT, Fate.CAUGHT, Fate.HARMLESS, Fate.MISSED, Fate.OPEN]
    one = [
        Judged(Injected(f"c-{n}", "misweigh", 1.1, logged=False), f, (f"c-{n}",) if f is Fate.MISSED else ())
        for n, f in enumerate(fates)
    ]
    line = Judged(Injected("furnace-1", "thermocouple_drift", 9.0, logged=False), Fate.MISSED, ("c-3", "c-7"))
    poisoned = Judged(Injected("c-3", "overshoot", 40.0, logged=True), Fate.MISSED, ("c-3",))
    told = Reckoning((*one, line, poisoned)).summary()
    assert told["faults"] == {
        "misweigh": {"injected": 5, "caught": 2, "harmless": 1, "missed": 1, "open": 1},
        "overshoot": {"injected": 1, "caught": 0, "harmless": 0, "missed": 1, "open": 0},
        "thermocouple_drift": {"injected": 1, "caught": 0, "harmless": 0, "missed": 1, "open": 0},
    }
    assert (told["faults_injected"], told["faults_caught"], told["faults_harmless"], told["faults_open"]) == (
        7,
        2,
        1,
        1,
    )
    assert told["faults_missed"] == [
        "c-3: misweigh (1.1)", "furnace-1: thermocouple drift (9), 2 labels", "c-3: overshoot (40)",
    ]  # fmt: skip
    assert told["poisoned_labels"] == ["c-3", "c-7"], "a label that two faults poisoned is one label"
    assert told["poisoned_by"] == {"misweigh": 1, "overshoot": 1, "thermocouple_drift": 2}
    assert Reckoning(()).summary()["faults_injected"] == 0
