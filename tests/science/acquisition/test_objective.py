"""Tests of the utility."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from science.acquisition.composite import composite
from science.acquisition.objective import Objective
from science.chemistry.perovskite.prior import vegard_lattice
from tests.science.generation.spaces import design

OBJECTIVE = Objective(lattice=4.116, scale=0.01)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ((4.116, 1.0, 1.0, 0.0), 1.0),
        ((4.116, 0.75, 1.0, 0.0), 0.5),
        ((4.116, 0.5, 1.0, 0.0), 0.0),
        ((4.126, 1.0, 1.0, 0.0), math.exp(-0.5)),
        ((4.096, 1.0, 1.0, 0.0), math.exp(-2.0)),
        ((4.116, 1.0, 0.6, 0.0), 0.6),
        ((4.116, 1.0, 1.0, 0.35), math.exp(-0.7)),
        ((4.116, 1.0, 1.0, -0.1), 1.0),
        ((4.126, 0.75, 0.6, 0.35), 0.5 * math.exp(-0.5) * 0.6 * math.exp(-0.7)),
    ],
)
def test_the_utility_is_the_product_that_was_agreed(measured: tuple, expected: float) -> None:
    """Half of the phase is worth nothing, one scale off the lattice costs a factor exp(-½), and factors multiply."""
    assert float(OBJECTIVE.utility(*(np.array(v) for v in measured))) == pytest.approx(expected, abs=1e-12)


NUMBER = st.floats(-2, 2)


@given(st.floats(3.5, 4.6), NUMBER, NUMBER, NUMBER)
def test_the_utility_lies_between_nothing_and_one(lattice: float, fraction: float, cubicity: float, het: float) -> None:
    """Whatever a process draws, also a negative fraction or a cubicity of two, is worth 0 to 1."""
    value = float(OBJECTIVE.utility(*(np.array(v) for v in (lattice, fraction, cubicity, het))))
    assert 0.0 <= value <= 1.0


@given(st.lists(st.tuples(st.floats(-0.1, 0.1), NUMBER, NUMBER, NUMBER), min_size=1, max_size=6))
def test_botorch_is_given_the_same_utility(rows: list[tuple[float, float, float, float]]) -> None:
    """The objective on samples of the processes, lattice as a departure, equals the one that labels are made with."""
    x = design({"Sr": 5, "Ba": 7}, {"Hf": 11, "Sn": 1}).features()[None]
    samples = torch.tensor(rows, dtype=torch.float64)[:, None, :]
    designs = torch.as_tensor(np.repeat(x, len(rows), 0))[:, None, :]
    lattice, *others = np.array(rows).T
    expected = OBJECTIVE.utility(lattice + vegard_lattice(x)[0], *others)
    found = composite(OBJECTIVE, vegard_lattice)(samples, designs)[:, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
