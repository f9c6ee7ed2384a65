"""The world knows what another process did on its line, and what that made of the vials."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from contracts.instruments import StepKind, StepRequest, StepSample
from simulators.bench import Bench
from simulators.diffractometer import SimulatedDiffractometer
from simulators.faults import Faults
from simulators.rates import FaultRates
from simulators.wire.distant import DistantLine
from tests.contracts.examples import EPOCH, perovskite
from tests.promises.synthesiser_promises import step
from tests.simulators.lab import FLAWLESS, SimulatedLab, weighed_recipe

BZT = perovskite({"Ba": 12}, {"Zr": 7, "Ti": 5})
FAULTY = FaultRates(misweigh=0.5, dropped_vial=0.5, overshoot=0.5)


def _seen_from_afar(lab: SimulatedLab) -> Bench:
    """The bench of a process that shares nothing with the line's but the folder."""
    bench = Bench(lab.seed, Faults(lab.seed, lab.rates))
    DistantLine("furnace-1", bench, lab.folder)
    return bench


async def test_truth_is_the_same_from_afar(tmp_path: Path) -> None:
    """Contents, history and the measured pattern of each vial are those that the line's own process knows."""
    lab = SimulatedLab(tmp_path, rates=FLAWLESS.model_copy(update={"misweigh": 0.5, "overshoot": 0.5}))
    bench = _seen_from_afar(lab)
    assert bench.contents("c-0-v1") is None
    device = SimulatedDiffractometer("xrd-1", bench, lab.clock, tmp_path / "afar", EPOCH)
    for n in range(4):
        vial = f"c-{n}-v1"
        await lab.make(vial, BZT, weighed_recipe(BZT, celsius=1300 + 50 * n))
        assert bench.history(vial) == lab.bench.history(vial)
        assert bench.contents(vial) == lab.bench.contents(vial)
        assert bench.contents(vial) is not None
        here, there = (d.scan(lab.scan(vial), lab.clock.now()) for d in (lab.diffractometer, device))
        assert (here[1] == there[1]).all()


async def test_the_ledger_of_faults_is_the_same_from_afar(tmp_path: Path) -> None:
    """What struck over there is recalled here, up to the last action."""
    lab = SimulatedLab(tmp_path, rates=FAULTY)
    bench = _seen_from_afar(lab)
    for n in range(6):
        vial = StepSample(sample_id=f"c-{n}-v1", composition=BZT, recipe=weighed_recipe(BZT))
        for kind in (StepKind.WEIGH, StepKind.LOAD, StepKind.FIRE, StepKind.UNLOAD):
            request = StepRequest(key=f"{n}/{kind.value}", step=kind, samples=(vial,))
            await lab.line.start(request)
            await lab.line.finish(request.key)
    lab.bench.recall()
    bench.recall()
    assert bench.faults.injected == lab.faults.injected
    assert len({fault for _, fault in bench.faults.injected}) >= 3


async def test_a_calibration_over_there_is_known_here(tmp_path: Path) -> None:
    """What a drifted furnace was put right by counts for what is fired after it, seen from any process."""
    lab = SimulatedLab(tmp_path, rates=FLAWLESS.model_copy(update={"thermocouple_drift": 1.0}))
    bench = _seen_from_afar(lab)
    for n in range(3):
        await lab.line.start(StepRequest(key=f"calibration/{n}", step=StepKind.CALIBRATE, samples=()))
        await lab.line.finish(f"calibration/{n}")
        lab.clock.advance(timedelta(days=20))
        await lab.make(f"c-{n}-v1", BZT, weighed_recipe(BZT))
        assert bench.history(f"c-{n}-v1") == lab.bench.history(f"c-{n}-v1")
    lab.bench.recall()
    bench.recall()
    assert bench.faults.injected == lab.faults.injected
    assert next(iter(bench.faults)).magnitude < 3.2


async def test_a_vial_is_heated_here_when_it_was_heated_there(tmp_path: Path) -> None:
    """Each firing counts once, and as soon as it has begun."""
    lab = SimulatedLab(tmp_path)
    bench = _seen_from_afar(lab)
    for n in range(1, 4):
        await lab.line.start(step(f"k-{n}"))
        assert bench.firings_of("c-1-v1") == n
        await lab.line.finish(f"k-{n}")


def test_it_cannot_be_asked_to_act(tmp_path: Path) -> None:
    """The world's view of a line is no instrument: only the line's own process acts for it."""
    line = DistantLine("furnace-1", Bench(1, Faults(1, FLAWLESS)), tmp_path)
    assert line.name == "furnace-1"
    assert not any(hasattr(line, verb) for verb in ("start", "ask", "finish"))
