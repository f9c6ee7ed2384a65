"""Tests of how a plan's question reaches science."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.problems import objective_of
from tests.contracts.examples import plan

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
    found = objective_of(plan()).utility({name: np.array(v) for name, v in (BEST | changed).items()})
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
    assert objective_of(plan()).met(BEST | changed) is success
