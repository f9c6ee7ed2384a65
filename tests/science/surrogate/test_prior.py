"""Tests of the expectation before any measurement."""

from __future__ import annotations

import numpy as np
import torch

from science.chemistry.solid_solutions import vegard
from science.generation.pool import feasible_pool
from science.surrogate.prior import end_volumes, prior_mean, vegard_lattice
from tests.science.generation.spaces import WILD


def test_the_lattice_prior_is_vegards_rule_of_the_chemistry_room() -> None:
    """Worked out from the numbers of a design, Vegard's rule agrees with the one for compositions to 1e-12 Å."""
    pool = feasible_pool(WILD, 200, np.random.default_rng(0))
    expected = [vegard(d.a_fractions, d.b_fractions) for d in pool.designs]
    np.testing.assert_allclose(prior_mean("lattice", pool.features()), expected, rtol=0, atol=1e-12)


def test_tensors_and_arrays_give_the_same_prior() -> None:
    """The objective, which sees batches of tensors, and the fit, which sees arrays, expect the same lattice."""
    features = feasible_pool(WILD, 24, np.random.default_rng(1)).features()
    batched = torch.as_tensor(features).reshape(4, 3, 2, -1)
    found = vegard_lattice(batched, torch.as_tensor(end_volumes())).numpy().ravel()
    np.testing.assert_allclose(found, prior_mean("lattice", features), rtol=0, atol=1e-14)


def test_other_components_have_no_prior() -> None:
    """Nothing is assumed of phase fraction, cubicity and heterogeneity."""
    features = feasible_pool(WILD, 5, np.random.default_rng(2)).features()
    assert not prior_mean("phase_fraction", features).any()
