"""What campaign files asked before they stated a question is a question, part for part."""

from __future__ import annotations

import pytest

from contracts.objectives import Peak, Within
from contracts.spaces import Sites
from ops.questions.before import question_of
from ops.questions.names import unknown_names
from ops.settings import load_campaign, shipped
from science.chemistry.elements import CHARGE
from science.chemistry.known import chemistry


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_plan_of_before_is_a_question(name: str) -> None:
    """Sites, levels, caps, limits of trust and the goal stand in it, and its chemistry knows every name."""
    plan = load_campaign(name).plan
    question = question_of(plan)
    sites = question.space.composition
    assert isinstance(sites, Sites)
    a, b, x = sites.sites
    assert (tuple(a.ions), tuple(b.ions), x.multiplicity) == (plan.space.a_site, plan.space.b_site, 3)
    assert all(charges == (CHARGE[e],) for site in (a, b) for e, charges in site.ions.items())
    assert (sites.divisor, a.max_species, b.max_species) == (plan.space.divisor, *[plan.space.max_species] * 2)
    chosen = {s.name: len(s.values if s.kind == "levels" else s.options) for s in question.space.settings}
    assert chosen["temperature"] == len(plan.space.temperatures_c)
    assert chosen["vessel"] == len(plan.space.vessels)
    lattice = next(aim.worth for aim in question.objective.aims if aim.property == "lattice")
    assert lattice == Peak(at=plan.goal.lattice, width=plan.goal.lattice_scale)
    assert question.objective.success[0] == Within(
        property="lattice", at=plan.goal.lattice, by=plan.goal.lattice_tolerance
    )
    assert {p.name: p.max_width for p in question.properties}["phase_fraction"] == plan.trust.max_width_phase_fraction
    assert unknown_names(question, chemistry(question.chemistry)) == []
