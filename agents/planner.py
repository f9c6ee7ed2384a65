"""Proposes what to make next: filter first, rank second.

One batch is open at a time. What calls for the next one (the start, a model, a batch that taught nothing, the
end of a pause) calls for it once: whether it does is decided when the event is folded, not by looking at a
memory that has not yet heard what was proposed a moment ago.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from agents.agent import folds, on
from agents.candidate_book import VIALS, Fate, KeepsBook
from agents.designs import composition_of, design_of, recipe_of, space_of
from agents.planner_memory import Learnt, PlannerMemory, Proposed, Stage
from agents.problems import problem_of
from contracts.campaigns import (
    CampaignFinished,
    CampaignPaused,
    CampaignPlan,
    CampaignResumed,
    CampaignStarted,
    Strategy,
)
from contracts.event import Event
from contracts.learning import (
    ModelRejected,
    ModelReleased,
    ObservationRecorded,
    ObservationRetracted,
    ObservationWithheld,
)
from contracts.planning import (
    BatchClosed,
    CandidateProposed,
    ComponentPrediction,
    ConstraintCheck,
    Origin,
    ProposalExhausted,
)
from contracts.presence import AgentFaulted, WorkTakenUp
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from contracts.trust import CandidateRefused

GIVE_UP_AFTER = 6
"""Batches in a row of which nothing could be made, before the planner says that it is at its end."""
CALLS = frozenset(k.kind for k in (CampaignStarted, CampaignResumed, BatchClosed, ModelReleased, ModelRejected))
"""What calls for a batch."""


@dataclass(frozen=True)
class _End:
    """Why a campaign is over."""

    reason: str
    exhausted: bool = False
    """Whether there is nothing more to propose; otherwise a budget is used up."""


class Planner(KeepsBook[PlannerMemory]):
    """Draws feasible candidates, ranks them by what they promise, and ends the campaign when its budget is used."""

    name = "planner"
    yields = (BatchClosed, CandidateProposed, ProposalExhausted, CampaignFinished)

    def __init__(self) -> None:
        super().__init__(PlannerMemory())

    # memory --------------------------------------------------------------------------------------

    @folds(CampaignStarted)
    def learn_plan(self, event: CampaignStarted) -> None:
        """What is looked for, and with what budget."""
        self.memory.plan = event.plan
        self.memory.started_at = self.now

    @folds(CampaignPaused)
    def note_pause(self, _event: CampaignPaused) -> None:
        """Nothing new may begin."""
        self.memory.paused = True

    @folds(CampaignFinished)
    def note_end(self, _event: CampaignFinished) -> None:
        """Nothing more will be proposed."""
        self.memory.finished = True

    @folds(CandidateProposed)
    def keep(self, event: CandidateProposed) -> None:
        """What was proposed is not proposed again."""
        self.memory.proposed[event.candidate_id] = Proposed(composition=event.composition, recipe=event.recipe)
        self.memory.batches = len({entry.batch_id for entry in self.memory.book.values()})

    @folds(ObservationRecorded)
    def note_result(self, event: ObservationRecorded) -> None:
        """How a candidate did."""
        if (mine := self.memory.proposed.get(event.candidate_id)) is not None:
            mine.utility = event.utility
        self.memory.learnt[event.sample_id] = Learnt.of(event)

    @folds(ObservationRetracted)
    def forget_result(self, event: ObservationRetracted) -> None:
        """How a candidate did is not known after all."""
        self.memory.learnt.pop(event.sample_id, None)
        if (mine := self.memory.proposed.get(event.candidate_id)) is not None:
            mine.utility = None

    @folds(ModelReleased)
    def use_model(self, event: ModelReleased) -> None:
        """The model to rank with."""
        self.memory.model, self.memory.artifact = event.model, event.artifact

    @folds(BatchClosed)
    def note_closed(self, event: BatchClosed) -> None:
        """A batch is done."""
        self.memory.closed.append(event.batch_id)
        made = event.lost + event.observed + event.withheld
        self.memory.barren = 0 if made else self.memory.barren + 1

    @folds(CampaignStarted, CampaignResumed, BatchClosed, ModelReleased, ModelRejected)
    def turn_over(self, event: CampaignStarted | CampaignResumed | BatchClosed | ModelReleased | ModelRejected) -> None:
        """Whether it is time for a batch; in a pause it is owed instead."""
        memory = self.memory
        if isinstance(event, CampaignResumed):
            memory.paused = False
        elif isinstance(event, BatchClosed):
            if memory.stage is Stage.BATCH:
                memory.stage = Stage.MODEL if event.observed else Stage.OWED
        elif memory.stage is Stage.MODEL:
            memory.stage = Stage.OWED
        memory.called = memory.stage is Stage.OWED and not memory.paused
        if memory.called:
            memory.stage = Stage.BATCH

    @folds(AgentFaulted)
    def note_fault(self, event: AgentFaulted) -> None:
        """A batch or a model that never came because of a mistake in the program is owed: a resumption asks for it."""
        planning = event.agent == self.name and self.memory.stage is Stage.BATCH
        training = event.event_kind == BatchClosed.kind and self.memory.stage is Stage.MODEL
        if event.parked and (planning or training):
            self.memory.stage = Stage.OWED

    @folds(WorkTakenUp)
    def call_again(self, event: WorkTakenUp) -> None:
        """A batch that is still owed is called for; a resumption may have asked for it meanwhile."""
        if event.agent == self.name and event.event_kind in CALLS:
            self.memory.called = self.memory.stage is Stage.OWED and not self.memory.paused
            if self.memory.called:
                self.memory.stage = Stage.BATCH

    def takes_up(self, taken: WorkTakenUp) -> bool:
        """A batch is not proposed twice."""
        return self.memory.called if taken.event_kind in CALLS else True

    # reactions -----------------------------------------------------------------------------------

    @on(CandidateRefused, ReviewDecided, SampleLost, ObservationRecorded, ObservationWithheld)
    async def close(
        self, _event: CandidateRefused | ReviewDecided | SampleLost | ObservationRecorded | ObservationWithheld
    ) -> AsyncIterator[Event]:
        """Closes a batch when the fate of its last candidate is known."""
        if (batch_id := self.memory.settled) is None:
            return
        fates = list(self.memory.batch(batch_id).values())
        yield BatchClosed(
            batch_id=batch_id,
            proposed=len(fates),
            refused=fates.count(Fate.REFUSED),
            declined=fates.count(Fate.DECLINED),
            lost=fates.count(Fate.LOST),
            observed=fates.count(Fate.OBSERVED),
            withheld=fates.count(Fate.WITHHELD),
        )

    @on(CampaignStarted, CampaignResumed, BatchClosed, ModelReleased, ModelRejected)
    async def go_on(
        self, _event: CampaignStarted | CampaignResumed | BatchClosed | ModelReleased | ModelRejected
    ) -> AsyncIterator[Event]:
        """Proposes the next batch, or ends the campaign."""
        from science.generation.errors import EmptyPoolError

        memory, plan = self.memory, self.memory.plan
        if plan is None or not memory.called or memory.finished or plan.budget.max_samples == 0:
            return
        end = self._end(plan)
        if end is None:
            try:
                async for event in self._propose(plan):
                    yield event
            except EmptyPoolError as error:
                end = _End(str(error), exhausted=True)
            else:
                return
        if end.exhausted:
            yield ProposalExhausted(reason=end.reason, refused_in_a_row=memory.barren)
        yield CampaignFinished(
            reason=end.reason, samples=memory.count(VIALS), successes=memory.successes, best=memory.best
        )

    # the next batch ------------------------------------------------------------------------------

    def _end(self, plan: CampaignPlan) -> _End | None:
        """Why the campaign is over, if it is."""
        memory = self.memory
        if memory.count(VIALS) >= plan.budget.max_samples:
            return _End(f"the budget of {plan.budget.max_samples} samples is used up")
        if memory.started_at and self.now - memory.started_at >= timedelta(weeks=plan.budget.max_weeks):
            return _End(f"the budget of {plan.budget.max_weeks:g} weeks is used up")
        if memory.barren >= GIVE_UP_AFTER:
            return _End(f"nothing of the last {memory.barren} batches could be made", exhausted=True)
        return None

    async def _propose(self, plan: CampaignPlan) -> AsyncIterator[Event]:
        from science.acquisition.tasks import Brief, draw, suggest
        from science.constraints.checks import check

        memory = self.memory
        first = not memory.book
        wanted = plan.planner.initial if first else plan.planner.batch
        left = plan.budget.max_samples - memory.count(VIALS)
        best_first = sorted(memory.proposed.values(), key=lambda p: -(p.utility or 0.0))[:3]
        brief = Brief(
            space=space_of(plan),
            pool=plan.planner.pool,
            count=min(wanted, left),
            seed=int(self.rng.integers(2**31)),
            barred=frozenset(design_of(p.composition, p.recipe) for p in memory.proposed.values()),
            near=tuple(design_of(p.composition, p.recipe) for p in best_first if p.utility),
            best=memory.best.utility if memory.best else 0.0,
            problem=problem_of(plan),
        )
        if plan.planner.strategy is Strategy.RANDOM:
            suggestions, pool_size = await self.compute(draw, brief)
        else:
            model = await self.bench.fetch(memory.artifact) if memory.artifact else None
            suggestions, pool_size = await self.compute(suggest, brief, model)
        batch_id = f"b-{memory.batches + 1:04d}"
        number = len(memory.book)
        for rank, suggestion in enumerate(suggestions, 1):
            design = suggestion.design
            yield CandidateProposed(
                candidate_id=f"c-{number + rank:04d}",
                batch_id=batch_id,
                batch_size=len(suggestions),
                rank=rank,
                composition=composition_of(design),
                family=brief.problem.family_of(design.sites),
                recipe=recipe_of(design, plan),
                origin=_origin(plan, ranked=suggestion.score is not None),
                score=suggestion.score,
                predictions=tuple(
                    ComponentPrediction(component=n, mean=m, sd=s) for n, (m, s) in suggestion.predictions.items()
                ),
                model=memory.model if suggestion.score is not None else None,
                constraints=tuple(
                    ConstraintCheck(name=c.name, satisfied=c.satisfied, value=c.value, limit=c.limit, reason=c.reason)
                    for c in check(design, brief.space.limits)
                ),
                pool_size=pool_size,
            )


def _origin(plan: CampaignPlan, *, ranked: bool) -> Origin:
    if plan.planner.strategy is Strategy.RANDOM:
        return Origin.RANDOM
    return Origin.ACQUISITION if ranked else Origin.INITIAL
