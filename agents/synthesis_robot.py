"""Makes samples, step by step, and never the same step twice.

Each action is written down as an intent before the instrument is asked. After a crash the run is delivered
again: intents and facts that are in the log are not repeated, and the instrument is asked what became of
each key. What nobody can tell is not tried again; the vial is set aside.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from agents.agent import Agent, Memory, on
from contracts.errors import InstrumentBusyError
from contracts.event import Event
from contracts.instruments import ActionState, StepKind, StepReport, StepRequest, StepSample, Synthesiser
from contracts.recipe import Recipe
from contracts.scheduling import RunScheduled, ScheduledSample
from contracts.synthesis import SampleLost, SampleSynthesised, StepCompleted, StepFailed, StepStarted

TRIES = 2
"""How often a step that its instrument calls retryable is tried."""

Weigh = Mapping[str, float]
"""Precursor formula → product oxide mass per gram of precursor."""


class RobotMemory(Memory):
    """The robot remembers nothing: what a run needs is in its schedule, and what was done in the instruments."""


@dataclass
class _Vial:
    """One vial on its way through a run."""

    sample: ScheduledSample
    product_mass: float | None = None
    doubts: list[str] = field(default_factory=list)
    lost: str = ""


@dataclass
class _Run:
    """One run in progress, and what its last action led to."""

    event: RunScheduled
    instrument: Synthesiser
    vials: list[_Vial]
    report: StepReport | None = None

    @property
    def left(self) -> list[_Vial]:
        """Vials that are still there."""
        return [v for v in self.vials if not v.lost]


def expected_product_mass(recipe: Recipe) -> float:
    """Mass that is left of the weighed precursors when CO2 and water have gone, in g.

    Conservation of mass: only oxygen-bearing volatiles leave, the cations stay as oxides.
    """
    from science.chemistry.weighing import oxide_yield

    return sum(p.mass * oxide_yield(p.formula, p.element) for p in recipe.precursors)


class SynthesisRobot(Agent[RobotMemory]):
    """Carries out furnace runs: weigh, mill, load, fire, regrind, unload."""

    name = "synthesis_robot"

    def __init__(self, synthesisers: Mapping[str, Synthesiser]) -> None:
        super().__init__(RobotMemory())
        self.synthesisers = dict(synthesisers)

    @on(RunScheduled, long=True)
    async def make(self, event: RunScheduled) -> AsyncIterator[Event]:
        """One run from the first weighing to the last unloading."""
        run = _Run(event, self.synthesisers[event.furnace], [_Vial(s) for s in event.samples])
        await self.bench.wait_until(event.reservations[0].start)
        recipe = event.samples[0].recipe
        async for told in self._each(run, StepKind.WEIGH, 1):
            yield told
        for firing in range(1, recipe.firings + 1):
            first = firing == 1
            async for told in self._together(run, StepKind.MILL if first else StepKind.REGRIND, firing):
                yield told
            async for told in self._each(run, StepKind.LOAD, firing):
                yield told
            async for told in self._together(run, StepKind.FIRE, firing):
                yield told
            async for told in self._each(run, StepKind.UNLOAD, firing):
                yield told
        for vial in run.vials:
            yield self._end(run, vial)

    async def _each(self, run: _Run, step: StepKind, firing: int) -> AsyncIterator[Event]:
        for vial in run.left:
            async for told in self._act(run, step, firing, [vial]):
                yield told
            self._read_mass(run, step, vial)

    async def _together(self, run: _Run, step: StepKind, firing: int) -> AsyncIterator[Event]:
        if run.left:
            async for told in self._act(run, step, firing, run.left):
                yield told

    @staticmethod
    def _read_mass(run: _Run, step: StepKind, vial: _Vial) -> None:
        if step is StepKind.UNLOAD and run.report is not None and run.report.succeeded:
            for reading in run.report.readings:
                if reading.name == "product mass":
                    vial.product_mass = reading.value

    async def _act(self, run: _Run, step: StepKind, firing: int, vials: list[_Vial]) -> AsyncIterator[Event]:
        """One action: intent, instrument, fact; again with a new key where the instrument says it may be."""
        ids = tuple(v.sample.sample_id for v in vials)
        who = ids[0] if len(ids) == 1 else "batch"
        for attempt in range(1, TRIES + 1):
            key = f"{run.event.run_id}/{firing}/{step.value}/{who}/{attempt}"
            yield StepStarted(
                run_id=run.event.run_id,
                key=key,
                step=step,
                firing=firing,
                instrument=run.instrument.name,
                sample_ids=ids,
            )
            report = await self._carry_out(run.instrument, _request(key, step, firing, vials))
            run.report = report
            told = _fact(run, step, ids, key, report)
            yield told
            self._heed(vials, step, report)
            if report is None or report.succeeded or not report.retryable:
                return

    async def _carry_out(self, instrument: Synthesiser, request: StepRequest) -> StepReport | None:
        """The instrument's report; none when it cannot tell what became of the action."""
        while True:
            state = await instrument.ask(request.key)
            if state is ActionState.UNKNOWN:
                return None
            try:
                if state is ActionState.NEVER_SEEN:
                    await instrument.start(request)
            except InstrumentBusyError as busy:
                await self.bench.wait_until(busy.until)
                continue
            return await instrument.finish(request.key)

    @staticmethod
    def _heed(vials: list[_Vial], step: StepKind, report: StepReport | None) -> None:
        """What the report means for the vials."""
        if report is None:
            for vial in vials:
                vial.lost = f"nobody can tell what became of the step {step.value}"
            return
        troubles = {t.sample_id: t for t in report.troubles}
        for vial in vials:
            trouble = troubles.get(vial.sample.sample_id)
            if trouble is not None:
                vial.doubts.append(f"{step.value}: {trouble.reason}")
                vial.lost = trouble.reason if trouble.lost else vial.lost
            if not report.succeeded and not report.retryable and (trouble is None or not trouble.lost):
                vial.doubts.append(f"{step.value} failed: {report.reason}")

    def _end(self, run: _Run, vial: _Vial) -> Event:
        sample = vial.sample
        if vial.lost:
            return SampleLost(
                sample_id=sample.sample_id,
                candidate_id=sample.candidate_id,
                run_id=run.event.run_id,
                reason=vial.lost,
            )
        expected = expected_product_mass(sample.recipe)
        if vial.product_mass is None:
            vial.doubts.append("the product was not weighed")
        return SampleSynthesised(
            sample_id=sample.sample_id,
            candidate_id=sample.candidate_id,
            run_id=run.event.run_id,
            composition=sample.composition,
            recipe=sample.recipe,
            product_mass=vial.product_mass or 0.0,
            expected_mass=expected,
            steps_ok=not vial.doubts,
            doubts=tuple(vial.doubts),
        )


def _request(key: str, step: StepKind, firing: int, vials: list[_Vial]) -> StepRequest:
    return StepRequest(
        key=key,
        step=step,
        firing=firing,
        samples=tuple(
            StepSample(sample_id=v.sample.sample_id, composition=v.sample.composition, recipe=v.sample.recipe)
            for v in vials
        ),
    )


def _fact(
    run: _Run, step: StepKind, ids: tuple[str, ...], key: str, report: StepReport | None
) -> StepCompleted | StepFailed:
    if report is not None and report.succeeded:
        return StepCompleted(
            run_id=run.event.run_id,
            key=key,
            step=step,
            instrument=run.instrument.name,
            sample_ids=ids,
            started_at=report.started_at,
            ended_at=report.ended_at,
            readings=report.readings,
            troubles=report.troubles,
        )
    return StepFailed(
        run_id=run.event.run_id,
        key=key,
        step=step,
        instrument=run.instrument.name,
        sample_ids=ids,
        reason=report.reason if report else "the instrument does not know what became of this action",
        retryable=report.retryable if report else False,
        readings=report.readings if report else (),
        troubles=report.troubles if report else (),
    )
