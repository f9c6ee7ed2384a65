"""Tests of the expectation before any measurement."""

from __future__ import annotations

import numpy as np
import torch

from science.surrogate.prior import nothing, prior_of


def test_what_the_chemistry_does_not_speak_of_has_no_prior() -> None:
    """Nothing is assumed of it, of arrays or of batches of tensors; what it speaks of is what it says."""
    features = np.ones((5, 3))
    priors = {"lattice": lambda x: x[..., 0]}
    assert prior_of(priors, "phase_fraction") is nothing
    assert nothing(features).tolist() == [0.0] * 5
    assert nothing(torch.ones(4, 2, 3)).tolist() == [[0.0] * 2] * 4
    assert prior_of(priors, "lattice")(features).tolist() == [1.0] * 5
