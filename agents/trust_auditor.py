"""Decides whether a proposal is believed, and writes down everything that the decision rests on."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.agent import Agent, folds, on
from agents.designs import design_of
from agents.memory import Memory
from agents.problems import problem_of
from contracts.campaigns import CampaignPlan, CampaignStarted
from contracts.event import Event
from contracts.learning import ModelReleased
from contracts.planning import CandidateProposed, ConstraintCheck
from contracts.trust import (
    CandidateCleared,
    CandidateRefused,
    ConformalRecord,
    DecisionRecord,
    OodScore,
    Outcome,
    ReviewRequested,
    Rubric,
    SurrogateRecord,
)

if TYPE_CHECKING:
    from science.trust.gate import Assessment

OUTCOMES = {
    "cleared": Outcome.CLEARED,
    "refused": Outcome.REFUSED,
    "hard-refused": Outcome.REFUSED,
    "escalated": Outcome.ESCALATED,
}
HUMAN = {
    Outcome.CLEARED: "not needed",
    Outcome.REFUSED: "refused without asking",
    Outcome.ESCALATED: "asked",
}


class AuditorMemory(Memory):
    """What is demanded, and the models in use."""

    plan: CampaignPlan | None = None
    released: ModelReleased | None = None


class TrustAuditor(Agent[AuditorMemory]):
    """Clears, refuses or escalates each candidate by interval width and out-of-distribution votes."""

    name = "trust_auditor"
    yields = (CandidateCleared, CandidateRefused, ReviewRequested)

    def __init__(self) -> None:
        super().__init__(AuditorMemory())

    @folds(CampaignStarted)
    def learn_plan(self, event: CampaignStarted) -> None:
        """What is demanded."""
        self.memory.plan = event.plan

    @folds(ModelReleased)
    def use_models(self, event: ModelReleased) -> None:
        """The models to judge with."""
        self.memory.released = event

    @on(CandidateProposed)
    async def audit(self, event: CandidateProposed) -> AsyncIterator[Event]:
        """One decision."""
        plan = self.memory.plan
        if plan is None:
            return
        if (broken := [c for c in event.constraints if not c.satisfied]) or not event.constraints:
            yield self._tell(event, hard=True, decision=_infeasible(event, broken))
            return
        if self.memory.released is None:
            yield self._tell(event, hard=False, decision=_no_model(event, plan))
            return
        assessment = _doubted(await self._assess(event, plan, self.memory.released))
        decision = _record(event, plan, self.memory.released, assessment)
        yield self._tell(event, hard=assessment.outcome == "hard-refused", decision=decision)

    async def _assess(self, event: CandidateProposed, plan: CampaignPlan, released: ModelReleased) -> Assessment:
        from science.acquisition.tasks import judge

        model = await self.bench.fetch(released.artifact)
        trust = await self.bench.fetch(released.trust_artifact)
        design = design_of(event.composition, event.recipe)
        return await self.compute(judge, design, problem_of(plan), model, trust, plan.trust.alpha)

    @staticmethod
    def _tell(event: CandidateProposed, *, hard: bool, decision: DecisionRecord) -> Event:
        if decision.outcome is Outcome.CLEARED:
            return CandidateCleared(candidate_id=event.candidate_id, decision=decision)
        if decision.outcome is Outcome.REFUSED:
            return CandidateRefused(candidate_id=event.candidate_id, hard=hard, decision=decision)
        return ReviewRequested(candidate_id=event.candidate_id, review_id=f"q-{event.candidate_id}", decision=decision)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _doubted(assessment: Assessment) -> Assessment:
    """A number that could not be computed exceeds no threshold; what it would have cleared is put to a human."""
    lost = [s.name for s in assessment.scores if _finite(s.value) is None]
    lost += [
        f"the interval of {name}"
        for name, i in assessment.intervals.items()
        if any(end is not None and _finite(end) is None for end in (i.lower, i.upper, i.quantile))
    ]
    if not lost:
        return assessment
    outcome = "escalated" if assessment.outcome == "cleared" else assessment.outcome
    return replace(assessment, outcome=outcome, reasons=(*assessment.reasons, f"no number for {', '.join(lost)}"))


def _constraint(event: CandidateProposed) -> str:
    return (
        f"{len(event.constraints)} constraints checked before ranking: {', '.join(c.name for c in event.constraints)}"
    )


def _infeasible(event: CandidateProposed, broken: list[ConstraintCheck]) -> DecisionRecord:
    """A candidate that should never have been ranked."""
    reasons = tuple(f"{c.name}: {c.reason}" for c in broken) or ("no constraint was checked",)
    return DecisionRecord(
        outcome=Outcome.REFUSED,
        rank=event.rank,
        surrogate=None,
        conformal=(),
        ood=(),
        votes=0,
        feasibility=event.constraints,
        reasons=reasons,
        human_review=HUMAN[Outcome.REFUSED],
        rubric=Rubric(
            constraint=_constraint(event),
            trust_signal="none needed: the candidate breaks a constraint",
            failure_mode="a constraint that is too strict refuses a material that exists",
            mitigation="the refusal names the constraint and its value, so that it can be argued with",
        ),
    )


def _no_model(event: CandidateProposed, plan: CampaignPlan) -> DecisionRecord:
    """Before anything was measured there is nothing to believe or disbelieve: a human is asked."""
    return DecisionRecord(
        outcome=Outcome.ESCALATED,
        rank=event.rank,
        surrogate=None,
        conformal=tuple(
            ConformalRecord(
                component=name,
                family=event.family,
                n_calibration=0,
                alpha=plan.trust.alpha,
                basis="too few labels: nothing was measured yet",
                quantile=None,
                lower=None,
                upper=None,
                max_width=width,
            )
            for name, width in problem_of(plan).widths.items()
        ),
        ood=(),
        votes=0,
        feasibility=event.constraints,
        reasons=("nothing was measured yet, so no prediction can be believed",),
        human_review=HUMAN[Outcome.ESCALATED],
        rubric=Rubric(
            constraint=_constraint(event),
            trust_signal="none yet: there is no model",
            failure_mode="furnace time is spent on a sample that teaches little",
            mitigation="the first batch fills the space evenly and a human agrees to it",
        ),
    )


def _record(
    event: CandidateProposed, plan: CampaignPlan, released: ModelReleased, assessment: Assessment
) -> DecisionRecord:
    outcome = OUTCOMES[assessment.outcome]
    widths = problem_of(plan).widths
    return DecisionRecord(
        outcome=outcome,
        rank=event.rank,
        surrogate=SurrogateRecord(
            model=released.model,
            trust_model=released.trust_model,
            dataset_sha256=released.dataset.sha256,
            n_observations=released.n_observations,
        ),
        conformal=tuple(
            ConformalRecord(
                component=name,
                family=i.family,
                n_calibration=i.n_calibration,
                alpha=i.alpha,
                basis=i.basis,
                quantile=_finite(i.quantile),
                lower=_finite(i.lower),
                upper=_finite(i.upper),
                max_width=widths[name],
            )
            for name, i in assessment.intervals.items()
        ),
        ood=tuple(
            OodScore(name=s.name, value=_finite(s.value), threshold=_finite(s.threshold), exceeded=s.exceeded)
            for s in assessment.scores
        ),
        votes=assessment.votes,
        feasibility=event.constraints,
        reasons=assessment.reasons,
        human_review=HUMAN[outcome],
        rubric=_rubric(event, assessment),
    )


def _rubric(event: CandidateProposed, assessment: Assessment) -> Rubric:
    intervals = ", ".join(
        f"{n} {'no interval' if i.width is None else f'±{i.width / 2:.3g}'} ({i.n_calibration} labels of {i.family})"
        for n, i in assessment.intervals.items()
    )
    failures = {
        "cleared": "the sample falls outside its intervals, as one in every 1/alpha should",
        "refused": "a good material close to the edge of what is known is passed over",
        "hard-refused": "a good material far from what is known is never made",
        "escalated": "the reviewer waves it through without looking",
    }
    mitigations = {
        "cleared": "the measured label joins the calibration of its family",
        "refused": "it may be proposed again when the model knows more",
        "hard-refused": "the refusal is kept with its scores and can be appealed",
        "escalated": "the whole record is put before the reviewer, and who decided is recorded",
    }
    return Rubric(
        constraint=_constraint(event),
        trust_signal=f"{assessment.votes} of three votes; {intervals}",
        failure_mode=failures[assessment.outcome],
        mitigation=mitigations[assessment.outcome],
    )
