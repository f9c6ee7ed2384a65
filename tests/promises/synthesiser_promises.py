"""What every synthesiser promises, in one process or over a wire.

A subclass gives a `rig` fixture: an instrument that can be opened, crashed and opened again over what it left
behind. A rig over a wire starts its server in `open` and kills it in `crash`.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any, Protocol

import pytest

from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import (
    REFERENCE,
    SHOWN,
    ActionState,
    SelectiveSynthesiser,
    StepKind,
    StepRequest,
    StepSample,
    Synthesiser,
)
from tests.clock import SkippingClock
from tests.contracts.examples import perovskite, recipe


class SynthesiserRig(Protocol):
    """An instrument on the test bench."""

    clock: SkippingClock

    async def open(self) -> Synthesiser:
        """The instrument, as an agent sees it; after a crash, over what is left on its disk."""
        ...

    async def crash(self) -> None:
        """Kills it without warning; nothing that was only in its memory survives."""
        ...

    def damage(self, key: str, *, how: str) -> None:
        """Spoils what it keeps of a key while it is crashed: ``torn``, ``flipped`` or ``swapped``."""
        ...

    def heatings(self, sample: str) -> int:
        """How often the world has really heated a vial."""
        ...


def step(key: str, kind: StepKind = StepKind.FIRE, samples: tuple[str, ...] = ("c-1-v1",), **changes: Any) -> Any:
    """A step on some vials; a calibration is on none."""
    composition = perovskite({"Ba": 12}, {"Zr": 7, "Ti": 5})
    vials = tuple(StepSample(sample_id=s, composition=composition, recipe=recipe(**changes)) for s in samples)
    vials = () if kind is StepKind.CALIBRATE else vials
    return StepRequest(key=key, step=kind, samples=vials)


async def passes(instrument: Synthesiser, request: StepRequest) -> Any:
    """One action from start to end."""
    await instrument.start(request)
    return await instrument.finish(request.key)


async def calibrates(instrument: Synthesiser) -> bool:
    """Whether it can be asked to."""
    return not isinstance(instrument, SelectiveSynthesiser) or await instrument.offers(StepKind.CALIBRATE)


class SynthesiserPromises:
    """Promises of `contracts.instruments.Synthesiser`."""

    async def test_it_is_one(self, rig: SynthesiserRig) -> None:
        """The instrument has the verbs and a name."""
        instrument = await rig.open()
        assert isinstance(instrument, Synthesiser)
        assert instrument.name == "furnace-1"

    async def test_a_key_is_never_seen_then_running_then_done(self, rig: SynthesiserRig) -> None:
        """Asking tells how far an action is, and asking begins nothing."""
        rig.clock.held = True
        instrument = await rig.open()
        assert await instrument.ask("k") is ActionState.NEVER_SEEN
        assert await instrument.ask("k") is ActionState.NEVER_SEEN
        await instrument.start(step("k"))
        assert await instrument.ask("k") is ActionState.RUNNING
        rig.clock.advance(timedelta(days=2))
        assert await instrument.ask("k") is ActionState.DONE
        assert await instrument.ask("other") is ActionState.NEVER_SEEN

    async def test_finish_waits_for_the_planned_time(self, rig: SynthesiserRig) -> None:
        """A firing takes as long as its thermal profile, on the lab's clock."""
        instrument = await rig.open()
        before = rig.clock.now()
        request = step("k")
        report = await passes(instrument, request)
        assert report.succeeded
        assert report.key == "k"
        assert report.started_at == before
        planned = request.samples[0].recipe.profile.duration()
        assert (report.ended_at - report.started_at).total_seconds() == pytest.approx(planned)
        assert rig.clock.now() == report.ended_at

    async def test_finish_does_not_return_before_the_end(self, rig: SynthesiserRig) -> None:
        """While the action runs, whoever waits for it goes on waiting."""
        rig.clock.held = True
        instrument = await rig.open()
        await instrument.start(step("k"))
        waiting = asyncio.create_task(instrument.finish("k"))
        rig.clock.advance(timedelta(minutes=1))
        await asyncio.wait([waiting], timeout=0.05)
        assert not waiting.done()
        rig.clock.held = False
        rig.clock.advance(timedelta(days=2))
        assert (await asyncio.wait_for(waiting, 120)).succeeded

    async def test_finish_reports_the_same_again(self, rig: SynthesiserRig) -> None:
        """Asked again, alone or by two at once, an action has one report."""
        instrument = await rig.open()
        await instrument.start(step("k"))
        one, two = await asyncio.gather(instrument.finish("k"), instrument.finish("k"))
        assert one == two == await instrument.finish("k")

    async def test_starting_again_does_nothing_more(self, rig: SynthesiserRig) -> None:
        """The same key is the same action, while it runs and for ever after."""
        rig.clock.held = True
        instrument = await rig.open()
        await instrument.start(step("k"))
        rig.clock.advance(timedelta(minutes=10))
        await instrument.start(step("k"))
        rig.clock.held = False
        report = await instrument.finish("k")
        await instrument.start(step("k"))
        assert await instrument.ask("k") is ActionState.DONE
        assert await instrument.finish("k") == report
        assert rig.heatings("c-1-v1") == 1

    async def test_busy_says_until_when(self, rig: SynthesiserRig) -> None:
        """Another action is refused with the time at which it may begin, and is then accepted."""
        rig.clock.held = True
        instrument = await rig.open()
        await instrument.start(step("one"))
        with pytest.raises(InstrumentBusyError, match="furnace-1 to be free") as caught:
            await instrument.start(step("two", samples=("c-2-v1",)))
        assert await instrument.ask("two") is ActionState.NEVER_SEEN
        assert rig.heatings("c-2-v1") == 0
        rig.clock.set(caught.value.until - timedelta(seconds=1))
        with pytest.raises(InstrumentBusyError):
            await instrument.start(step("two", samples=("c-2-v1",)))
        rig.clock.set(caught.value.until)
        await instrument.start(step("two", samples=("c-2-v1",)))
        assert await instrument.ask("one") is ActionState.DONE
        assert (await instrument.finish("one")).ended_at == caught.value.until

    async def test_a_batch_is_heated_together_and_once(self, rig: SynthesiserRig) -> None:
        """One firing heats each of its vials once."""
        instrument = await rig.open()
        vials = ("c-1-v1", "c-2-v1", "c-3-v1")
        await passes(instrument, step("k", samples=vials))
        assert [rig.heatings(v) for v in vials] == [1, 1, 1]

    @pytest.mark.parametrize("kind", list(StepKind))
    async def test_every_step_ends_with_a_report(self, rig: SynthesiserRig, kind: StepKind) -> None:
        """Whatever the step, it takes time, succeeds, and names its key; only firing heats."""
        instrument = await rig.open()
        report = await passes(instrument, step("k", kind))
        assert (report.key, report.succeeded) == ("k", True)
        assert report.ended_at > report.started_at
        assert rig.heatings("c-1-v1") == (1 if kind is StepKind.FIRE else 0)

    async def test_an_unknown_key_cannot_be_finished(self, rig: SynthesiserRig) -> None:
        """Waiting for what was never begun is an error and not an endless wait."""
        instrument = await rig.open()
        with pytest.raises(InstrumentError, match="unknown key 'nobody'"):
            await asyncio.wait_for(instrument.finish("nobody"), 120)

    async def test_keys_are_kept_apart(self, rig: SynthesiserRig) -> None:
        """Keys that differ in a slash, in case, in an accent or at the very end are different actions."""
        instrument = await rig.open()
        keys = [
            "a/b",
            "a_b",
            "A/B",
            "a b",
            "ä",
            "a\u0308",
            "../k",
            "x" * 159 + "y",
            "x" * 159 + "z",
            "run-1/1/fire/#/+",
        ]
        for n, key in enumerate(keys):
            assert await instrument.ask(key) is ActionState.NEVER_SEEN
            await passes(instrument, step(key, samples=(f"c-{n}-v1",)))
        assert [rig.heatings(f"c-{n}-v1") for n in range(len(keys))] == [1] * len(keys)
        assert [(await instrument.finish(key)).key for key in keys] == keys

    async def test_every_step_of_a_synthesis_is_offered(self, rig: SynthesiserRig) -> None:
        """One that says what it offers offers all that a sample needs; a calibration may be left to others."""
        instrument = await rig.open()
        if isinstance(instrument, SelectiveSynthesiser):
            assert {k for k in StepKind if await instrument.offers(k)} >= set(StepKind) - {StepKind.CALIBRATE}

    async def test_a_calibration_is_done_once_over_a_crash(self, rig: SynthesiserRig) -> None:
        """Asked again after a crash in its midst it is the same action, and reports the same for ever."""
        rig.clock.held = True
        instrument = await rig.open()
        begun, request = rig.clock.now(), step("cal", StepKind.CALIBRATE)
        offered = await calibrates(instrument)
        await instrument.start(request)
        rig.clock.advance(timedelta(minutes=2))
        await rig.crash()
        instrument = await rig.open()
        assert await instrument.ask("cal") is ActionState.RUNNING
        assert await calibrates(instrument) is offered
        await instrument.start(request)
        rig.clock.held = False
        report = await instrument.finish("cal")
        assert (report.started_at, report.succeeded) == (begun, True)
        await rig.crash()
        instrument = await rig.open()
        await instrument.start(request)
        assert await instrument.finish("cal") == report
        assert rig.heatings("c-1-v1") == 0

    async def test_a_calibration_says_what_furnace_and_reference_showed(self, rig: SynthesiserRig) -> None:
        """Whoever offers it reads both off, in one unit, a deviation apart that a furnace may have."""
        instrument = await rig.open()
        if not await calibrates(instrument):
            pytest.skip("it leaves that to others")
        report = await passes(instrument, step("cal", StepKind.CALIBRATE))
        read = {r.name: r for r in report.readings}
        assert read[SHOWN].unit == read[REFERENCE].unit == "Cel"
        assert abs(read[REFERENCE].value - read[SHOWN].value) < 50

    # crashes -------------------------------------------------------------------------------------

    async def test_a_running_action_goes_on_over_a_crash(self, rig: SynthesiserRig) -> None:
        """After a restart the action still runs, ends when it would have ended, and heats nothing twice."""
        rig.clock.held = True
        instrument = await rig.open()
        begun = rig.clock.now()
        await instrument.start(step("k"))
        rig.clock.advance(timedelta(hours=3))
        await rig.crash()
        instrument = await rig.open()
        assert await instrument.ask("k") is ActionState.RUNNING
        await instrument.start(step("k"))
        rig.clock.held = False
        report = await instrument.finish("k")
        assert report.started_at == begun
        assert (report.ended_at - begun).total_seconds() == pytest.approx(
            step("k").samples[0].recipe.profile.duration()
        )
        assert rig.heatings("c-1-v1") == 1

    async def test_a_running_action_still_keeps_others_out_after_a_crash(self, rig: SynthesiserRig) -> None:
        """A restart does not free the furnace."""
        rig.clock.held = True
        instrument = await rig.open()
        await instrument.start(step("one"))
        with pytest.raises(InstrumentBusyError) as before:
            await instrument.start(step("two"))
        await rig.crash()
        instrument = await rig.open()
        with pytest.raises(InstrumentBusyError) as after:
            await instrument.start(step("two"))
        assert after.value.until == before.value.until

    async def test_a_finished_action_is_still_known_after_a_crash(self, rig: SynthesiserRig) -> None:
        """After a restart the report is the same, and starting again does nothing."""
        instrument = await rig.open()
        report = await passes(instrument, step("k"))
        await rig.crash()
        instrument = await rig.open()
        assert await instrument.ask("k") is ActionState.DONE
        await instrument.start(step("k"))
        assert await instrument.finish("k") == report
        assert rig.heatings("c-1-v1") == 1

    async def test_time_that_passed_while_it_was_down_counts(self, rig: SynthesiserRig) -> None:
        """A furnace that nobody talks to still reaches the end of its programme."""
        rig.clock.held = True
        instrument = await rig.open()
        await instrument.start(step("k"))
        await rig.crash()
        rig.clock.advance(timedelta(days=3))
        instrument = await rig.open()
        assert await instrument.ask("k") is ActionState.DONE
        assert (await instrument.finish("k")).ended_at < rig.clock.now()

    @pytest.mark.parametrize("how", ["torn", "flipped", "swapped"])
    async def test_damage_is_unknown_and_nothing_is_heated_again(self, rig: SynthesiserRig, how: str) -> None:
        """What the disk spoilt is not guessed at: unknown, not begun again, not reported; others are untouched."""
        instrument = await rig.open()
        await passes(instrument, step("spoilt"))
        whole = await passes(instrument, step("whole", samples=("c-2-v1",)))
        await rig.crash()
        rig.damage("spoilt", how=how)
        for _ in range(2):
            instrument = await rig.open()
            assert await instrument.ask("spoilt") is ActionState.UNKNOWN
            with pytest.raises(InstrumentError, match="damaged"):
                await instrument.start(step("spoilt"))
            with pytest.raises(InstrumentError, match="damaged"):
                await asyncio.wait_for(instrument.finish("spoilt"), 120)
            assert await instrument.finish("whole") == whole
            await rig.crash()
        assert rig.heatings("c-1-v1") <= 1

    @pytest.mark.parametrize("seed", range(4))
    async def test_any_history_heats_each_vial_once_for_each_key(self, rig: SynthesiserRig, seed: int) -> None:
        """Over random starts, repetitions, waits and crashes the world counts one heating an accepted key."""
        rng = random.Random(seed)
        rig.clock.held = True
        instrument = await rig.open()
        accepted: dict[str, str] = {}
        reports: dict[str, Any] = {}
        for _ in range(50):
            key = f"k-{rng.randrange(6)}"
            vial = f"c-{int(key[2:]) % 3}-v1"
            match rng.choice(["start", "start", "ask", "finish", "pass", "crash"]):
                case "start":
                    try:
                        await instrument.start(step(key, samples=(vial,)))
                        accepted[key] = vial
                    except InstrumentBusyError:
                        assert key not in accepted
                case "ask":
                    seen = await instrument.ask(key) is not ActionState.NEVER_SEEN
                    assert seen == (key in accepted)
                case "finish" if key in accepted:
                    rig.clock.held = False
                    report = await instrument.finish(key)
                    rig.clock.held = True
                    assert reports.setdefault(key, report) == report
                case "pass":
                    rig.clock.advance(timedelta(hours=rng.uniform(0, 12)))
                case "crash":
                    await rig.crash()
                    instrument = await rig.open()
                case _:
                    pass
            for known in {f"c-{n}-v1" for n in range(3)}:
                assert rig.heatings(known) == sum(v == known for v in accepted.values())
        assert accepted
