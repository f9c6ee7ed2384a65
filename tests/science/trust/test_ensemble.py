"""Tests of the bagged ensemble."""

from __future__ import annotations

import numpy as np
import pytest

from science.trust.ensemble import EPOCHS, GAIN, RATE, WIDTH, train

RNG = np.random.default_rng(0)
INPUTS = RNG.uniform(size=(24, 5))
TARGETS = np.column_stack([np.sin(3 * INPUTS[:, 0]), INPUTS[:, 1] * INPUTS[:, 2]])
TARGETS = (TARGETS - TARGETS.mean(0)) / TARGETS.std(0)
ONES = np.ones((1, 24))


def test_it_learns_both_outputs() -> None:
    """After training nine tenths of the variance of each output are explained, and nothing of shuffled inputs."""
    ensemble = train(INPUTS, TARGETS, ONES)
    assert (((ensemble.outputs(INPUTS)[0] - TARGETS) ** 2).mean(0) < 0.1).all()
    assert (((ensemble.outputs(INPUTS[::-1])[0] - TARGETS) ** 2).mean(0) > 0.5).all()


def test_members_trained_side_by_side_are_those_trained_alone() -> None:
    """A member's weights depend on its own bag and place only, not on who else is trained."""
    bags = np.vstack([ONES, np.random.default_rng(2).integers(0, 3, size=(3, 24))]).astype(float)
    together, first = train(INPUTS, TARGETS, bags), train(INPUTS, TARGETS, bags[:1])
    for several, alone in zip((*together.weights, *together.biases), (*first.weights, *first.biases), strict=True):
        np.testing.assert_allclose(several[0], alone[0], rtol=0, atol=1e-9)
    assert not np.allclose(together.weights[0][1], together.weights[0][2])


def test_training_is_repeatable_to_the_last_bit() -> None:
    """Two trainings on the same samples give the same numbers."""
    one, two = train(INPUTS, TARGETS, ONES), train(INPUTS, TARGETS, ONES)
    assert all((a == b).all() for a, b in zip(one.weights, two.weights, strict=True))


def test_what_was_not_measured_teaches_nothing() -> None:
    """A sample outside the bag, or without a target, leaves no trace: any value there gives the same member."""
    bags = ONES.copy()
    bags[0, 3] = 0
    missing = TARGETS.copy()
    missing[7, 0] = np.nan
    other = missing.copy()
    other[3] = 100.0
    one, two = train(INPUTS, missing, bags), train(INPUTS, other, bags)
    assert all((a == b).all() for a, b in zip(one.weights, two.weights, strict=True))
    assert np.isfinite(one.outputs(INPUTS)).all()
    whole = train(INPUTS, TARGETS, bags)
    assert not (whole.weights[0] == one.weights[0]).all()


def test_a_batch_without_any_lattice_still_trains() -> None:
    """When no perovskite was found at all, the ensemble learns the other output and stays finite."""
    missing = TARGETS.copy()
    missing[:, 0] = np.nan
    found = train(INPUTS, missing, ONES).outputs(INPUTS)[0]
    assert np.isfinite(found).all()
    assert ((found[:, 1] - TARGETS[:, 1]) ** 2).mean() < 0.1


def test_an_input_that_was_always_zero_keeps_the_members_apart() -> None:
    """What was never seen moves each member its own way: they disagree on it far more than on what they know."""
    blind = INPUTS.copy()
    blind[:, 4] = 0.0
    ensemble = train(blind, TARGETS, np.vstack([ONES] * 8))
    strange = blind.copy()
    strange[:, 4] = 1.0
    known, unknown = (ensemble.outputs(x).std(0).mean() for x in (blind, strange))
    assert unknown > 3 * known


def test_shapes_are_as_documented() -> None:
    """Latents and outputs carry members first, then designs."""
    found = train(INPUTS, TARGETS, np.vstack([ONES] * 4))
    assert found.latent(INPUTS[:6]).shape == (4, 6, WIDTH)
    assert found.outputs(INPUTS[:6]).shape == (4, 6, 2)
    assert (np.abs(found.latent(INPUTS)) <= 1).all()


@pytest.mark.slow
def test_adam_written_out_is_pytorchs_adam() -> None:
    """The same start and as many steps of `torch.optim.Adam` end at the same weights."""
    import torch

    ours = train(INPUTS, TARGETS, ONES)
    generator = torch.Generator().manual_seed(0)
    weights = [
        (torch.randn(i, o, generator=generator, dtype=torch.float64) * GAIN / i**0.5).requires_grad_()
        for i, o in ((5, WIDTH), (WIDTH, WIDTH), (WIDTH, 2))
    ]
    biases = [torch.zeros(o, dtype=torch.float64, requires_grad=True) for o in (WIDTH, WIDTH, 2)]
    optimiser = torch.optim.Adam([*weights, *biases], lr=RATE)
    x, y = torch.as_tensor(INPUTS), torch.as_tensor(TARGETS)
    for _ in range(EPOCHS):
        optimiser.zero_grad()
        hidden = torch.tanh(torch.tanh(x @ weights[0] + biases[0]) @ weights[1] + biases[1])
        ((hidden @ weights[2] + biases[2] - y) ** 2).mean().backward()
        optimiser.step()
    for mine, theirs in zip(ours.weights, weights, strict=True):
        np.testing.assert_allclose(mine[0], theirs.detach().numpy(), rtol=0, atol=1e-6)
