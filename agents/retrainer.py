"""Turns analysed patterns into labels, and labels into models. What is doubtful teaches nothing."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

from pydantic import Field

from agents.agent import folds, on
from agents.candidate_book import CandidateBook, KeepsBook
from agents.labels import doubt_about, found_off, label_of, row_of
from agents.problems import problem_of
from agents.triaging import shows
from contracts.campaigns import CampaignPlan, CampaignStarted
from contracts.diffraction import (
    AnalysisFlagged,
    MeasurementFailed,
    MeasurementStarted,
    PhasesIdentified,
    RescanRequested,
)
from contracts.event import Event
from contracts.identifiers import STANDARD_SCAN
from contracts.learning import (
    Metric,
    ModelRejected,
    ModelReleased,
    ObservationRecorded,
    ObservationRetracted,
    ObservationWithheld,
)
from contracts.planning import BatchClosed, ModelRef
from contracts.scheduling import RunScheduled
from contracts.synthesis import FurnaceCalibrated, SampleSynthesised


class RetrainerMemory(CandidateBook):
    """The plan, what was made, and what was learnt."""

    plan: CampaignPlan | None = None
    made: dict[str, SampleSynthesised] = Field(default_factory=dict)
    asked: dict[str, str] = Field(default_factory=dict)
    """Vial → the measurement that the lab asked for."""
    awaited: dict[str, str] = Field(default_factory=dict)
    """Vial → the rescan that is to settle what is in doubt about it; its last one."""
    held: dict[str, PhasesIdentified | AnalysisFlagged] = Field(default_factory=dict)
    """Vial → the answer in doubt, which counts if the rescan shows nothing."""
    labels: list[ObservationRecorded] = Field(default_factory=list)
    furnaces: dict[str, str] = Field(default_factory=dict)
    """Run → its furnace."""
    unproven: dict[str, list[str]] = Field(default_factory=dict)
    """Furnace → vials that came out of it since its temperature was last compared with a reference."""
    doubtful: dict[str, str] = Field(default_factory=dict)
    """Vial → why its firing is doubtful, as a later calibration has shown."""
    newly: list[str] = Field(default_factory=list)
    """Those of them that the latest calibration has shown."""
    models: int = 0


class Retrainer(KeepsBook[RetrainerMemory]):
    """Records observations, snapshots them, refits the models, and releases what passes its checks."""

    name = "retrainer"
    yields = (
        ObservationRecorded,
        ObservationWithheld,
        ObservationRetracted,
        ModelReleased,
        ModelRejected,
    )

    def __init__(self) -> None:
        super().__init__(RetrainerMemory())

    @folds(CampaignStarted)
    def learn_plan(self, event: CampaignStarted) -> None:
        """What counts as good."""
        self.memory.plan = event.plan

    @folds(SampleSynthesised)
    def note_made(self, event: SampleSynthesised) -> None:
        """What a vial was meant to be, and whether its making can be trusted."""
        self.memory.made[event.sample_id] = event
        if (furnace := self.memory.furnaces.get(event.run_id)) is not None:
            self.memory.unproven.setdefault(furnace, []).append(event.sample_id)

    @folds(RunScheduled)
    def note_run(self, event: RunScheduled) -> None:
        """Where a vial will be fired."""
        self.memory.furnaces[event.run_id] = event.furnace

    @folds(FurnaceCalibrated)
    def note_calibrated(self, event: FurnaceCalibrated) -> None:
        """What a furnace made since it was last found right is doubtful if it is found too far off now."""
        plan, since = self.memory.plan, self.memory.unproven.pop(event.furnace, [])
        off = plan is not None and abs(event.deviation) > plan.laboratory.max_deviation
        self.memory.newly = since if off else []
        self.memory.doubtful |= dict.fromkeys(self.memory.newly, found_off(event))

    @folds(MeasurementStarted)
    def note_asked(self, event: MeasurementStarted) -> None:
        """Which measurement a vial is learnt from, once; other files of its name may be dropped at any time."""
        self.memory.asked[event.sample_id] = event.measurement_id

    @folds(RescanRequested)
    def await_rescan(self, event: RescanRequested) -> None:
        """What a vial is learnt from is still to come."""
        self.memory.awaited[event.sample_id] = event.measurement_id

    @folds(PhasesIdentified, AnalysisFlagged)
    def hold(self, event: PhasesIdentified | AnalysisFlagged) -> None:
        """An answer in doubt is kept until the rescan is there."""
        mine = self.memory.asked.get(event.sample_id) == event.measurement_id
        if mine and self.memory.awaited.get(event.sample_id, event.measurement_id) != event.measurement_id:
            self.memory.held[event.sample_id] = event

    @folds(ObservationRecorded, ObservationWithheld)
    def let_go(self, event: ObservationRecorded | ObservationWithheld) -> None:
        """What became of a vial is known."""
        if event.candidate_id is not None:
            self.memory.held.pop(event.sample_id, None)

    @folds(ObservationRecorded)
    def keep_label(self, event: ObservationRecorded) -> None:
        """A label to train on."""
        self.memory.labels.append(event)

    @folds(ObservationRetracted)
    def drop_label(self, event: ObservationRetracted) -> None:
        """No label any more."""
        self.memory.labels = [label for label in self.memory.labels if label.sample_id != event.sample_id]

    @folds(ModelReleased, ModelRejected)
    def count_models(self, _event: ModelReleased | ModelRejected) -> None:
        """The next model gets the next number."""
        self.memory.models += 1

    # labels --------------------------------------------------------------------------------------

    @on(PhasesIdentified, AnalysisFlagged, MeasurementFailed)
    async def label(self, event: PhasesIdentified | AnalysisFlagged | MeasurementFailed) -> AsyncIterator[Event]:
        """A label, or the reason why there is none; nothing yet while a rescan is to settle what is in doubt."""
        plan = self.memory.plan
        if event.measurement_id.startswith(STANDARD_SCAN):
            return  # it judges the diffractometer, and no sample
        made = self.memory.made.get(event.sample_id)
        if plan is None or made is None:
            yield ObservationWithheld(
                sample_id=event.sample_id, candidate_id=None, reason="nobody here made a sample of that name"
            )
            return
        if self.memory.asked.get(event.sample_id) != event.measurement_id:
            yield ObservationWithheld(
                sample_id=event.sample_id, candidate_id=None, reason="nobody asked for this measurement of the sample"
            )
            return
        if self.memory.awaited.get(event.sample_id, event.measurement_id) != event.measurement_id:
            return
        if (before := self.memory.held.get(event.sample_id)) is not None and not shows(event):
            event = before
        if (doubt := doubt_about(event, made, plan) or self.memory.doubtful.get(event.sample_id)) is not None:
            yield ObservationWithheld(sample_id=event.sample_id, candidate_id=made.candidate_id, reason=doubt)
            return
        assert isinstance(event, PhasesIdentified)  # noqa: S101  every other kind is a doubt
        yield label_of(event, made, plan, self.memory.batch_of(made.candidate_id) or "none")

    @on(FurnaceCalibrated)
    async def retract(self, _event: FurnaceCalibrated) -> AsyncIterator[Event]:
        """Takes back what was learnt from a furnace before it was found too far off."""
        for label in self.memory.labels:
            if label.sample_id in self.memory.newly:
                yield self._retracted(label)

    @on(ObservationRecorded)
    async def retract_at_once(self, event: ObservationRecorded) -> AsyncIterator[Event]:
        """Takes a label back that was on its way when its furnace was found too far off."""
        if event.sample_id in self.memory.doubtful:
            yield self._retracted(event)

    def _retracted(self, label: ObservationRecorded) -> ObservationRetracted:
        return ObservationRetracted(
            sample_id=label.sample_id,
            candidate_id=label.candidate_id,
            measurement_id=label.measurement_id,
            reason=self.memory.doubtful[label.sample_id],
        )

    # models --------------------------------------------------------------------------------------

    @on(BatchClosed)
    async def refit(self, event: BatchClosed) -> AsyncIterator[Event]:
        """Fits new models when a batch has brought new labels."""
        plan = self.memory.plan
        if plan is None or event.observed == 0:
            return
        from science.acquisition.tasks import train
        from science.surrogate.archive import MEDIA_TYPE as MODEL
        from science.surrogate.dataset import MEDIA_TYPE as DATASET
        from science.surrogate.dataset import Dataset
        from science.surrogate.errors import SurrogateError

        dataset = Dataset(tuple(row_of(label, self.memory.made[label.sample_id]) for label in self.memory.labels))
        content, problem = dataset.to_bytes(), problem_of(plan)
        number = self.memory.models + 1
        name = f"m-{number:04d}"
        snapshot = await self.bench.keep(content, DATASET, f"dataset-{number:04d}.json")
        try:
            trained = await self.compute(train, content, problem, plan.trust.ood_percentile)
        except SurrogateError as error:
            yield ModelRejected(
                model_id=name,
                dataset_sha256=snapshot.sha256,
                n_observations=len(dataset.rows),
                reason=str(error),
                metrics=(),
            )
            return
        units = {f"mae {p.name}": p.unit for p in problem.properties}
        metrics = tuple(
            Metric(name=n, value=v, unit=units.get(n, "1")) for n, v in trained.metrics.items() if math.isfinite(v)
        )
        if len(metrics) < len(trained.metrics):
            yield ModelRejected(
                model_id=name,
                dataset_sha256=snapshot.sha256,
                n_observations=len(dataset.rows),
                reason="its leave-one-out errors are not finite",
                metrics=metrics,
            )
            return
        model = await self.bench.keep(trained.model, MODEL, f"model-{number:04d}.npz")
        trust = await self.bench.keep(trained.trust, MODEL, f"trust-{number:04d}.npz")
        yield ModelReleased(
            model=ModelRef(model_id=name, sha256=model.sha256),
            artifact=model,
            trust_model=ModelRef(model_id=f"t-{number:04d}", sha256=trust.sha256),
            trust_artifact=trust,
            dataset=snapshot,
            n_observations=len(dataset.rows),
            metrics=metrics,
        )
