"""The trust auditor: each proposal gets one decision, with everything that it rests on."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest

from agents.trust_auditor import TrustAuditor
from contracts.event import Event
from contracts.learning import ModelReleased
from contracts.trust import CandidateCleared, CandidateRefused, Outcome, ReviewRequested
from tests.agents.lab import House, started
from tests.agents.said import BROKEN, FINE, candidate, proposed, released
from tests.agents.world import Dice, World
from tests.contracts.examples import plan


def house(verdict: str = "cleared") -> House:
    return House(lambda _: [TrustAuditor()], started(), workers=World(Dice(fixed={"judge": verdict})).workers)


async def models(lab: House) -> ModelReleased:
    put = lab.bus.blobs.put
    return released(1, put(b"model", "x/y", "model"), put(b"trust", "x/y", "trust"))


def obeys_its_schema(event: Event) -> None:
    """The published JSON schema accepts what was said."""
    text = resources.files("contracts").joinpath(f"schemas/{event.kind}.{event.version}.json").read_text()
    jsonschema.Draft202012Validator(json.loads(text)).validate(json.loads(event.model_dump_json()))


def is_whole(event: CandidateCleared | CandidateRefused | ReviewRequested) -> None:
    """Nothing that the decision rests on is left out, and the four statements are there."""
    record = event.decision
    obeys_its_schema(event)
    assert record.feasibility == proposed(1).constraints or event.hard
    assert record.reasons
    assert all(reason.strip() for reason in record.reasons)
    statements = record.rubric.model_dump()
    assert list(statements) == ["constraint", "trust_signal", "failure_mode", "mitigation"]
    assert len(set(statements.values())) == 4
    assert all(len(statement) > 20 for statement in statements.values())
    assert record.human_review in ("not needed", "asked", "refused without asking")
    assert record.rank == 1


async def test_before_anything_is_measured_a_human_is_asked() -> None:
    """Without a model there is nothing to believe: no interval is made up, and the record says so."""
    [said] = await house().hear(proposed(1))
    assert isinstance(said, ReviewRequested)
    is_whole(said)
    assert (said.decision.outcome, said.decision.surrogate, said.decision.ood) == (Outcome.ESCALATED, None, ())
    assert {c.component for c in said.decision.conformal} == {"lattice", "phase_fraction"}
    for interval in said.decision.conformal:
        assert (interval.quantile, interval.lower, interval.upper, interval.n_calibration) == (None, None, None, 0)
        assert interval.basis.startswith("too few labels")
    assert said.decision.human_review == "asked"


@pytest.mark.parametrize("constraints", [(FINE, BROKEN), ()], ids=["broken", "unchecked"])
async def test_what_is_infeasible_is_refused_for_good(constraints: tuple) -> None:
    """It should never have been ranked: no model is asked, and the constraint is named."""
    lab = house("cleared")
    [said] = await lab.hear(await models(lab), proposed(1, constraints=constraints))
    assert isinstance(said, CandidateRefused)
    is_whole(said)
    assert said.hard
    assert said.decision.reasons == (
        ("tolerance factor: it is 1.2",) if constraints else ("no constraint was checked",)
    )
    assert said.decision.human_review == "refused without asking"


@pytest.mark.parametrize(
    ("verdict", "kind", "hard", "human", "votes"),
    [
        ("cleared", CandidateCleared, None, "not needed", 0),
        ("refused", CandidateRefused, False, "refused without asking", 1),
        ("hard-refused", CandidateRefused, True, "refused without asking", 2),
        ("escalated", ReviewRequested, None, "asked", 0),
    ],
)
async def test_each_verdict_is_told_with_its_whole_record(verdict, kind, hard, human, votes) -> None:
    """Model and data by digest, every interval with its basis, every score with its threshold, the votes."""
    lab = house(verdict)
    model = await models(lab)
    [said] = await lab.hear(model, proposed(1))
    assert type(said) is kind
    is_whole(said)
    assert getattr(said, "hard", None) == hard
    record, policy = said.decision, plan().trust
    assert (record.human_review, record.votes) == (human, votes)
    assert (record.surrogate.model, record.surrogate.trust_model) == (model.model, model.trust_model)
    assert (record.surrogate.dataset_sha256, record.surrogate.n_observations) == (model.dataset.sha256, 6)
    widths = {"lattice": policy.max_width_lattice, "phase_fraction": policy.max_width_phase_fraction}
    assert {c.component: c.max_width for c in record.conformal} == widths
    for interval in record.conformal:
        assert (interval.alpha, interval.n_calibration, interval.basis) == (policy.alpha, 12, "drawn")
        assert interval.upper - interval.lower == pytest.approx(0.4 * interval.max_width)
    assert [(s.name, s.threshold, s.exceeded) for s in record.ood] == [
        (name, 2.0, n < votes)
        for n, name in enumerate(("latent distance", "mahalanobis distance", "ensemble disagreement"))
    ]
    assert record.reasons == (f"it was drawn: {verdict}",)


async def test_a_number_that_cannot_be_computed_clears_nothing() -> None:
    """A score that is no number exceeds no threshold, so a human is asked, and the record shows the gap."""
    lab = house("nan")
    [said] = await lab.hear(await models(lab), proposed(1))
    assert isinstance(said, ReviewRequested)
    is_whole(said)
    assert [score.value for score in said.decision.ood] == [None] * 3
    assert said.decision.reasons[-1] == ("no number for latent distance, mahalanobis distance, ensemble disagreement")


async def test_each_proposal_gets_one_decision_over_a_restart() -> None:
    """Nobody is decided about twice, and the new life decides with the model that it remembers."""
    lab = house("cleared")
    first = await lab.hear(await models(lab), proposed(1), proposed(2))
    assert [e.candidate_id for e in first] == [candidate(1), candidate(2)]
    lab.forget_acknowledgements(after=2)
    assert await lab.hear() == []
    [third] = await lab.hear(proposed(3))
    assert isinstance(third, CandidateCleared)
    assert third.decision.surrogate == first[0].decision.surrogate
