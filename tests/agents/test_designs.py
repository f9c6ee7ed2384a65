"""Designs and contracts: there and back again without loss."""

from __future__ import annotations

import numpy as np
import pytest

from agents.designs import composition_of, design_of, elements_in, recipe_of, space_of
from agents.synthesis_robot import expected_product_mass
from contracts.recipe import Vessel
from science.generation.pool import feasible_pool
from tests.contracts.examples import perovskite, plan, recipe

PLAN = plan()
DESIGNS = feasible_pool(space_of(PLAN), 40, np.random.default_rng(3)).designs


def test_a_design_comes_back_from_its_composition_and_recipe() -> None:
    """What was proposed is recognised again, so that it is not proposed twice."""
    assert len(DESIGNS) == 40
    for design in DESIGNS:
        assert design_of(composition_of(design), recipe_of(design, PLAN)) == design


def test_recipes_weigh_out_the_planned_product() -> None:
    """The powders become the planned mass of oxide: no cation is lost on the way to the balance."""
    for design in DESIGNS:
        made = recipe_of(design, PLAN)
        assert expected_product_mass(made) == pytest.approx(PLAN.laboratory.sample_mass, rel=1e-4)
        assert {p.element for p in made.precursors} == design.elements


def test_compositions_are_neutral() -> None:
    """Every feasible design makes a composition that balances exactly."""
    assert all(composition_of(design).charge == 0 for design in DESIGNS)


@pytest.mark.parametrize(
    ("vessel", "leaves"), [(Vessel.ALUMINA, "Al"), (Vessel.PLATINUM, "Pt"), (Vessel.ZIRCONIA, "Zr")]
)
def test_a_sample_may_hold_what_its_vessel_leaves(vessel: Vessel, leaves: str) -> None:
    """The analyser looks for the sample's own elements, those of the air, and those of the crucible."""
    found = elements_in(perovskite({"Ba": 1}, {"Ti": 1}), recipe(vessel=vessel))
    assert found == {"Ba", "Ti", "O", "C", "H", leaves}
