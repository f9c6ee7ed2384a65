"""Makes samples, step by step, and never the same step twice.

Each action is written down as an intent before the instrument is asked. After a crash the run is delivered
again: intents and facts that are in the log are not repeated, what the log has a fact of is done, and for the
rest the instrument is asked what became of each key. What nobody can tell is not tried again; the vial is set
aside. A calibration of the furnace is such an action, too; a run goes on without one that does not succeed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from agents.actions import NotDone, all_lost, effectively_once
from agents.agent import Agent, on
from agents.calibrating import not_offered, outcome
from agents.memory import Memory
from contracts.event import Event
from contracts.instruments import (
    SelectiveSynthesiser,
    StepKind,
    StepReport,
    StepRequest,
    StepSample,
    Synthesiser,
)
from contracts.recipe import Recipe
from contracts.scheduling import RunScheduled, ScheduledSample
from contracts.synthesis import (
    FurnaceCalibrated,
    FurnaceNotCalibrated,
    SampleLost,
    SampleSynthesised,
    StepCompleted,
    StepFailed,
    StepStarted,
)

TRIES = 2
"""How often a step that its instrument calls retryable is tried."""
LOOK_AGAIN = timedelta(minutes=10)
"""How often a run looks whether the one before it has left the furnace, when that is late."""
MOST_MASS = 10_000.0
"""Largest mass in g that a balance of this lab can mean."""

Fact = StepCompleted | StepFailed


class RobotMemory(Memory):
    """The robot remembers nothing: what a run needs is in its schedule, and what was done in the log."""


@dataclass
class _Vial:
    """One vial on its way through a run."""

    sample: ScheduledSample
    product_mass: float | None = None
    doubts: list[str] = field(default_factory=list)
    lost: str = ""


@dataclass
class _Run:
    """One run in progress."""

    event: RunScheduled
    instrument: Synthesiser
    vials: list[_Vial]

    @property
    def left(self) -> list[_Vial]:
        """Vials that are still there."""
        return [v for v in self.vials if not v.lost]


@dataclass(frozen=True)
class _Step:
    """One step of a run."""

    kind: StepKind
    firing: int
    who: str
    """The vial, or ``batch``, or the furnace."""

    def key(self, run: _Run, attempt: int) -> str:
        """The idempotency key of an attempt."""
        return f"{run.event.run_id}/{self.firing}/{self.kind.value}/{self.who}/{attempt}"


def expected_product_mass(recipe: Recipe) -> float:
    """Mass that is left of the weighed precursors when CO2 and water have gone, in g.

    Conservation of mass: only oxygen-bearing volatiles leave, the cations stay as oxides.
    """
    from science.chemistry.weighing import oxide_yield

    return sum(p.mass * oxide_yield(p.formula, p.element) for p in recipe.precursors)


class SynthesisRobot(Agent[RobotMemory]):
    """Carries out furnace runs: weigh, mill, load, fire, regrind, unload; has furnaces calibrated before them."""

    name = "synthesis_robot"
    yields = (
        StepStarted,
        StepCompleted,
        StepFailed,
        SampleSynthesised,
        SampleLost,
        FurnaceCalibrated,
        FurnaceNotCalibrated,
    )

    def __init__(self, synthesisers: Mapping[str, Synthesiser]) -> None:
        super().__init__(RobotMemory())
        self.synthesisers = dict(synthesisers)
        self._lines: dict[str, list[str]] = {}

    @on(RunScheduled, long=True)
    async def make(self, event: RunScheduled) -> AsyncIterator[Event]:
        """One run from the first weighing to the last unloading."""
        instrument = self.synthesisers.get(event.furnace)
        if instrument is None:
            there = ", ".join(sorted(self.synthesisers)) or "none"
            for sample in event.samples:
                yield _lost(event, sample, f"never made: expected the furnace {event.furnace}, got only: {there}")
            return
        run = _Run(event, instrument, [_Vial(s) for s in event.samples])
        line = self._lines.setdefault(event.furnace, [])
        line.append(event.run_id)
        try:
            await self._furnace_is_free(event, line)
            async for told in self._make(run):
                yield told
        finally:
            line.remove(event.run_id)

    async def _furnace_is_free(self, event: RunScheduled, line: list[str]) -> None:
        """Waits for the booked time, and for the run before it, should that be late. One that has begun goes on."""
        until = event.begins
        await self.bench.wait_until(until)
        while not self.told and line[0] != event.run_id:
            until += LOOK_AGAIN
            await self.bench.wait_until(until)

    async def _make(self, run: _Run) -> AsyncIterator[Event]:
        if run.event.calibration is not None:
            async for told in self._calibrate(run):
                yield told
        async for told in self._each(run, StepKind.WEIGH, 1):
            yield told
        for firing in range(1, run.event.samples[0].recipe.firings + 1):
            async for told in self._together(run, StepKind.MILL if firing == 1 else StepKind.REGRIND, firing):
                yield told
            async for told in self._each(run, StepKind.LOAD, firing):
                yield told
            async for told in self._together(run, StepKind.FIRE, firing):
                yield told
            async for told in self._each(run, StepKind.UNLOAD, firing):
                yield told
        for vial in run.vials:
            yield _end(run, vial)

    async def _calibrate(self, run: _Run) -> AsyncIterator[Event]:
        """Has the furnace calibrated, or says that it is not. What its instrument offers is asked once."""
        if not await self._can_calibrate(run.instrument):
            yield not_offered(run.event, run.instrument)
            return
        fact: Event | None = None
        async for fact in self._act(run, _Step(StepKind.CALIBRATE, 1, run.event.furnace), []):
            yield fact
        assert isinstance(fact, StepCompleted | StepFailed)  # noqa: S101  an action ends with one of them
        yield outcome(run.event, fact)

    async def _can_calibrate(self, instrument: Synthesiser) -> bool:
        if self.told:
            return isinstance(self.told[0], StepStarted)  # the calibration is the first that is said of a run
        return not isinstance(instrument, SelectiveSynthesiser) or await instrument.offers(StepKind.CALIBRATE)

    async def _each(self, run: _Run, kind: StepKind, firing: int) -> AsyncIterator[Event]:
        for vial in run.left:
            async for told in self._act(run, _Step(kind, firing, vial.sample.sample_id), [vial]):
                yield told

    async def _together(self, run: _Run, kind: StepKind, firing: int) -> AsyncIterator[Event]:
        if vials := run.left:
            who = vials[0].sample.sample_id if len(vials) == 1 else "batch"
            async for told in self._act(run, _Step(kind, firing, who), vials):
                yield told

    async def _act(self, run: _Run, step: _Step, vials: list[_Vial]) -> AsyncIterator[Event]:
        """One action: intent, instrument, fact; again with a new key where the instrument says it may be."""
        for attempt in range(1, TRIES + 1):
            present = [v for v in vials if not v.lost]
            if vials and not present:
                return
            intent = StepStarted(
                run_id=run.event.run_id,
                key=step.key(run, attempt),
                step=step.kind,
                firing=step.firing,
                instrument=run.instrument.name,
                sample_ids=tuple(v.sample.sample_id for v in present),
            )
            yield intent
            fact = self._recorded(intent.key)
            if fact is None:
                request = _request(intent, present)
                fact = _fact(intent, await effectively_once(run.instrument, request, self.bench.wait_until))
            yield fact
            again = attempt < TRIES and isinstance(fact, StepFailed) and fact.retryable
            _heed(present, fact, final=not again)
            if not again:
                return

    def _recorded(self, key: str) -> Fact | None:
        """What the log has of an action: it is done, whatever its instrument may remember."""
        return next((e for e in self.told if isinstance(e, StepCompleted | StepFailed) and e.key == key), None)


def _request(intent: StepStarted, vials: list[_Vial]) -> StepRequest:
    return StepRequest(
        key=intent.key,
        step=intent.step,
        firing=intent.firing,
        samples=tuple(
            StepSample(sample_id=v.sample.sample_id, composition=v.sample.composition, recipe=v.sample.recipe)
            for v in vials
        ),
    )


def _fact(intent: StepStarted, outcome: StepReport | NotDone) -> Fact:
    if isinstance(outcome, StepReport) and outcome.succeeded:
        return StepCompleted(
            run_id=intent.run_id,
            key=intent.key,
            step=intent.step,
            instrument=intent.instrument,
            sample_ids=intent.sample_ids,
            started_at=outcome.started_at,
            ended_at=outcome.ended_at,
            readings=outcome.readings,
            troubles=outcome.troubles,
        )
    if isinstance(outcome, StepReport):
        retryable, readings, troubles = outcome.retryable, outcome.readings, outcome.troubles
    else:
        lost = intent.sample_ids if outcome.unknown else ()
        retryable, readings, troubles = False, (), all_lost(intent.step, lost)
    return StepFailed(
        run_id=intent.run_id,
        key=intent.key,
        step=intent.step,
        instrument=intent.instrument,
        sample_ids=intent.sample_ids,
        reason=outcome.reason,
        retryable=retryable,
        readings=readings,
        troubles=troubles,
    )


def _heed(vials: list[_Vial], fact: Fact, *, final: bool) -> None:
    """What a fact means for the vials: a trouble is a doubt, and so is a step that failed for good."""
    for vial in vials:
        for trouble in (t for t in fact.troubles if t.sample_id == vial.sample.sample_id):
            vial.doubts.append(f"{fact.step.value}: {trouble.reason}")
            vial.lost = trouble.reason if trouble.lost else vial.lost
        if isinstance(fact, StepFailed):
            if final:
                vial.doubts.append(f"{fact.step.value} failed: {fact.reason}")
            if final and fact.step is StepKind.WEIGH and not vial.lost:
                vial.lost = f"it was never filled: {fact.reason}"
        elif fact.step is StepKind.UNLOAD:
            vial.product_mass = next((r.value for r in fact.readings if r.name == "product mass"), vial.product_mass)


def _lost(event: RunScheduled, sample: ScheduledSample, reason: str) -> SampleLost:
    return SampleLost(sample_id=sample.sample_id, candidate_id=sample.candidate_id, run_id=event.run_id, reason=reason)


def _end(run: _Run, vial: _Vial) -> Event:
    sample, mass, doubts = vial.sample, vial.product_mass, list(vial.doubts)
    if vial.lost:
        return _lost(run.event, sample, vial.lost)
    if mass is None:
        doubts.append("the product was not weighed")
    elif not 0 <= mass <= MOST_MASS:
        doubts.append(f"the balance showed {mass:g} g")
        mass = None
    return SampleSynthesised(
        sample_id=sample.sample_id,
        candidate_id=sample.candidate_id,
        run_id=run.event.run_id,
        composition=sample.composition,
        recipe=sample.recipe,
        product_mass=mass or 0.0,
        expected_mass=expected_product_mass(sample.recipe),
        steps_ok=not doubts,
        doubts=tuple(doubts),
    )
