"""Tests of how a plan's question reaches science."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.problems import problem_of, values_in
from science.designs import BOUNDS, FEATURES
from tests.agents.said import observed
from tests.contracts.examples import plan


def test_a_plan_says_how_far_properties_must_be_known() -> None:
    """Four properties with their units; the plan's widths gate two of them, and the chemistry expects a lattice."""
    problem = problem_of(plan())
    assert problem.names == ("lattice", "phase_fraction", "cubicity", "heterogeneity")
    assert [p.unit for p in problem.properties] == ["Angstrom", "1", "1", "1"]
    assert problem.widths == {"lattice": 0.05, "phase_fraction": 0.8}
    assert [p.prior for p in problem.properties] == ["lattice", "", "", ""]
    assert problem.family_of({"A": {"Ba": 1.0}, "B": {"Zr": 0.75, "Ti": 0.25}}) == "zirconate"


def test_the_columns_are_the_numbers_of_a_design() -> None:
    """Names and usual ranges are those that designs tell, to the last bit."""
    problem = problem_of(plan())
    assert tuple(c.name for c in problem.columns) == FEATURES
    np.testing.assert_array_equal(problem.bounds, BOUNDS)


def test_what_was_learnt_goes_by_the_names_of_the_properties() -> None:
    """Every property has its value, or NaN where a sample had none to measure."""
    label = observed(1)
    assert tuple(values_in(label)) == problem_of(plan()).names
    assert values_in(label)["lattice"] == label.lattice
    without = label.model_copy(update={"lattice": None, "cubicity": None, "heterogeneity": None, "phase_fraction": 0.0})
    assert {name: str(value) for name, value in values_in(without).items()} == {
        "lattice": "nan", "phase_fraction": "0.0", "cubicity": "nan", "heterogeneity": "nan",
    }  # fmt: skip


BEST = {"lattice": 4.116, "phase_fraction": 1.0, "cubicity": 1.0, "heterogeneity": 0.0}


@pytest.mark.parametrize(
    ("changed", "worth"),
    [
        ({}, 1.0),
        ({"lattice": 4.126}, math.exp(-0.5)),
        ({"phase_fraction": 0.75}, 0.5),
        ({"phase_fraction": 0.4}, 0.0),
        ({"cubicity": 0.25}, 0.25),
        ({"heterogeneity": 0.5}, math.exp(-1.0)),
    ],
)
def test_a_plan_asks_for_enough_of_a_cubic_even_phase_with_its_lattice(changed: dict, worth: float) -> None:
    """Each property lowers the worth by what was agreed, and the goal says where and how wide the lattice's peak is."""
    found = problem_of(plan()).objective.utility({name: np.array(v) for name, v in (BEST | changed).items()})
    assert float(found) == pytest.approx(worth)


@pytest.mark.parametrize(
    ("changed", "success"),
    [
        ({}, True),
        ({"lattice": 4.118}, True),
        ({"lattice": 4.120}, False),
        ({"phase_fraction": 0.95}, True),
        ({"phase_fraction": 0.949}, False),
        ({"cubicity": 0.25}, False),
        ({"heterogeneity": 5.0}, True),
    ],
)
def test_a_success_meets_the_goals_tolerances(changed: dict, success: bool) -> None:  # noqa: FBT001
    """Lattice within its tolerance, enough of the phase, cubic; unevenness lowers the worth and forbids nothing."""
    assert problem_of(plan()).objective.met(BEST | changed) is success
