"""Tests of the expectation before any measurement."""

from __future__ import annotations

import numpy as np
import torch

from science.chemistry.perovskite.cells import vegard
from science.chemistry.perovskite.prior import vegard_lattice
from science.generation.pool import feasible_pool
from tests.science.generation.spaces import WILD


def test_the_lattice_prior_is_vegards_rule_of_the_chemistry_room() -> None:
    """Worked out from the numbers of a design, Vegard's rule agrees with the one for compositions to 1e-12 Å."""
    pool = feasible_pool(WILD, 200, np.random.default_rng(0))
    expected = [vegard(d.a_fractions, d.b_fractions) for d in pool.designs]
    np.testing.assert_allclose(vegard_lattice(pool.features()), expected, rtol=0, atol=1e-12)


def test_tensors_and_arrays_give_the_same_prior() -> None:
    """The objective, which sees batches of tensors, and the fit, which sees arrays, expect the same lattice."""
    features = feasible_pool(WILD, 24, np.random.default_rng(1)).features()
    batched = torch.as_tensor(features).reshape(4, 3, 2, -1)
    found = vegard_lattice(batched).numpy().ravel()
    np.testing.assert_allclose(found, vegard_lattice(features), rtol=0, atol=1e-14)
