"""On a line that loses messages or says them twice, instruments keep every promise, and nothing is done twice."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from agents.actions import effectively_once
from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState, StepReport
from simulators.bad_line import BadLine
from simulators.faults import Faults, Message
from simulators.furnace import SimulatedSynthesiser
from simulators.rates import FaultRates
from tests.clock import SkippingClock
from tests.promises.synthesiser_promises import SynthesiserPromises, step
from tests.simulators.lab import FLAWLESS, SimulatedLab

LOSING = FLAWLESS.model_copy(update={"lost_message": 1.0})
DOUBLING = FLAWLESS.model_copy(update={"doubled_message": 1.0})
KEYS = [f"k-{n}" for n in range(12)]


class _Rig:
    """A furnace at the far end of a line on which every question comes twice."""

    def __init__(self, folder: Path) -> None:
        self.lab = SimulatedLab(folder)
        self.clock: SkippingClock = self.lab.clock

    async def open(self) -> BadLine:
        """The line over what is on disk."""
        self.lab.reopen()
        return BadLine(self.lab.line, Faults(1, DOUBLING))

    async def crash(self) -> None:
        """Forgets everything that is not on disk."""
        self.lab.reopen()

    def damage(self, key: str, *, how: str) -> None:
        """Spoils an entry of its journal."""
        self.lab.damage("furnace-1", key, how=how)

    def heatings(self, sample: str) -> int:
        """Counts as the world does."""
        return self.lab.bench.firings_of(sample)


class TestDoublingLine(SynthesiserPromises):
    """Promises of a synthesiser, kept though every question comes twice, the second time late."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> _Rig:
        return _Rig(tmp_path)


async def carried_out(folder: Path, rates: FaultRates) -> tuple[SimulatedLab, dict[str, StepReport], Faults]:
    """Firings as an agent carries them out over a line with these faults."""
    lab = SimulatedLab(folder)
    faults = Faults(1, rates)
    line = BadLine(lab.line, faults)
    reports = {}
    for key in KEYS:
        report = await effectively_once(line, step(key, samples=(f"c-{key[2:]}-v1",)), lab.clock.sleep_until)
        assert isinstance(report, StepReport)
        reports[key] = report
    return lab, reports, faults


@pytest.mark.parametrize("rates", [LOSING, DOUBLING], ids=["lost", "doubled"])
async def test_nothing_changes_for_the_lab(tmp_path: Path, rates: FaultRates) -> None:
    """With every message lost once, or said twice, an agent gets the very reports that it gets over a good line."""
    _, straight, calm = await carried_out(tmp_path / "good", FLAWLESS)
    lab, reports, faults = await carried_out(tmp_path / "bad", rates)
    assert reports == straight
    assert all(lab.bench.firings_of(f"c-{key[2:]}-v1") == 1 for key in KEYS)
    assert not calm.injected
    assert len(faults.injected) >= 3 * len(KEYS), "each verb of each action was struck"


async def test_both_ways_of_losing_a_start_are_met(tmp_path: Path) -> None:
    """A lost question is asked again by the line; a lost answer is left to whoever asked, and the furnace has begun."""
    lab = SimulatedLab(tmp_path)
    line = BadLine(lab.line, Faults(1, LOSING))
    fates = {key: Faults(1, LOSING).message(key, "start") for key in KEYS}
    assert set(fates.values()) == {Message.QUESTION_LOST, Message.ANSWER_LOST}
    for key, fate in fates.items():
        if fate is Message.ANSWER_LOST:
            with pytest.raises(InstrumentError, match="got silence"):
                await line.start(step(key))
        else:
            await line.start(step(key))
        assert await line.ask(key) is ActionState.RUNNING
        await line.finish(key)


async def test_a_late_copy_heats_nothing(tmp_path: Path) -> None:
    """The second copy of a start comes after the firing has ended, and while another runs: neither is disturbed."""
    lab = SimulatedLab(tmp_path)
    lab.clock.held = True
    line = BadLine(lab.line, Faults(1, DOUBLING))
    await line.start(step("one", samples=("c-1-v1",)))
    lab.clock.advance(timedelta(days=3))
    assert await lab.line.ask("one") is ActionState.DONE
    await line.start(step("two", samples=("c-2-v1",)))
    assert await line.ask("two") is ActionState.RUNNING
    assert [e.key for e in lab.line.journal] == ["one", "two"]


async def test_a_refusal_is_still_a_refusal(tmp_path: Path) -> None:
    """A busy furnace says so over any line, however often its answer is lost, and a refused wish leaves no copy."""
    for rates in (LOSING, DOUBLING):
        lab = SimulatedLab(tmp_path / str(rates.lost_message))
        lab.clock.held = True
        await lab.line.start(step("running"))
        line = BadLine(lab.line, Faults(1, rates))
        for key in KEYS:
            with pytest.raises(InstrumentBusyError):
                await line.start(step(key))
        lab.clock.advance(timedelta(days=3))
        await line.ask("running")
        assert [e.key for e in lab.line.journal] == ["running"]


async def test_an_unknown_key_is_still_unknown(tmp_path: Path) -> None:
    """What was never begun cannot be finished, whatever happens to the question."""
    for rates in (LOSING, DOUBLING):
        line = BadLine(SimulatedLab(tmp_path).line, Faults(1, rates))
        with pytest.raises(InstrumentError, match="unknown key 'nobody'"):
            await line.finish("nobody")


async def test_the_ledger_is_whole_again_after_a_restart(tmp_path: Path) -> None:
    """Every message about a recorded action can meet its fate again."""
    some = FLAWLESS.model_copy(update={"lost_message": 0.3, "doubled_message": 0.3})
    lab, _, faults = await carried_out(tmp_path, some)
    assert {i.fault for i in faults} == {"lost_message", "doubled_message"}
    lab.reopen()
    again = Faults(1, some)
    BadLine(lab.line, again).recall()
    assert again.injected == faults.injected


async def test_a_message_is_struck_once(tmp_path: Path) -> None:
    """However often a driver repeats a question, it gets through the second time: nobody waits for ever."""
    lab = SimulatedLab(tmp_path)
    line = BadLine(lab.line, Faults(1, LOSING))
    for key in KEYS:
        with suppress(InstrumentError):
            await line.start(step(key))
        await line.start(step(key))
        await line.finish(key)
    assert isinstance(lab.line, SimulatedSynthesiser)
    assert len(list(lab.line.journal)) == len(KEYS)
