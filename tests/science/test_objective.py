"""Tests of what samples are worth."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from science.acquisition.composite import composite
from science.chemistry.perovskite.prior import vegard_lattice
from science.objective import (
    Aim,
    AtLeast,
    AtMost,
    Decay,
    Less,
    More,
    Objective,
    Peak,
    Ramp,
    Within,
    Worth,
)
from tests.science.surrogate.labels import OBJECTIVE, PROBLEM, drawn

NAMES = PROBLEM.names


def worth_of(*values: float) -> float:
    return float(OBJECTIVE.utility({name: np.array(v) for name, v in zip(NAMES, values, strict=True)}))


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
    assert worth_of(*measured) == pytest.approx(expected, abs=1e-12)


NUMBER = st.floats(-2, 2)


@given(st.floats(3.5, 4.6), NUMBER, NUMBER, NUMBER)
def test_the_utility_lies_between_nothing_and_one(lattice: float, fraction: float, cubicity: float, het: float) -> None:
    """Whatever a process draws, also a negative fraction or a cubicity of two, is worth 0 to 1."""
    assert 0.0 <= worth_of(lattice, fraction, cubicity, het) <= 1.0


def draws(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, ...]:
    """Lattice, fraction, cubicity and heterogeneity as processes draw them, out of bounds too."""
    rng = np.random.default_rng(seed)
    fraction, cubicity = rng.uniform(-0.2, 1.2, (2, *shape))
    return rng.normal(4.116, 0.05, shape), fraction, cubicity, rng.normal(0.1, 0.2, shape)


@pytest.mark.parametrize("shape", [(20_000,), (64, 300)])
def test_arrays_get_the_product_written_out_to_the_last_bit(shape: tuple[int, ...]) -> None:
    """Labels of old logs must not change their last digits, so the factors are multiplied in one order only."""
    a, w, c, h = draws(shape)
    amount = np.clip((w - 0.5) / 0.5, 0, 1)
    fit = np.exp(-0.5 * ((a - 4.116) / 0.01) ** 2)
    written = amount * fit * np.clip(c, 0, 1) * np.exp(-2.0 * np.clip(h, 0, None))
    found = OBJECTIVE.utility(dict(zip(NAMES, (a, w, c, h), strict=True)))
    np.testing.assert_array_equal(found, written)


def test_tensors_get_the_product_written_out_to_the_last_bit() -> None:
    """BoTorch's samples, the lattice as a departure from its prior, are worth what the tensor formula says."""
    x = torch.as_tensor(np.array([d.features() for d in drawn(40, 3)]))[:, None]
    off, w, c, h = (torch.as_tensor(v) for v in draws((128, 40, 1), seed=1))
    off = off - 4.116
    miss = (off + vegard_lattice(x) - 4.116) / 0.01
    even = torch.exp(-2.0 * h.clamp_min(0))
    written = ((w - 0.5) / 0.5).clamp(0, 1) * torch.exp(-0.5 * miss**2) * c.clamp(0, 1) * even
    assert torch.equal(composite(PROBLEM)(torch.stack((off, w, c, h), -1), x), written)
    assert (written > 0).any()


SHAPES: list[Worth] = [Peak(0.3, 0.2), Ramp(-0.5, 1.5), Ramp(1.0, 0.2), Decay(1.5), More(), Less()]


@pytest.mark.parametrize("worth", SHAPES)
def test_a_shape_is_worth_the_same_to_arrays_and_tensors(worth: Worth) -> None:
    """One piece of code serves both; they differ by the rounding of their exponentials at most."""
    x = np.linspace(-2, 2, 401)
    np.testing.assert_allclose(worth(torch.as_tensor(x)).numpy(), worth(x), rtol=1e-15, atol=0)
    assert worth(np.array(0.7)) == worth(np.array([0.7]))[0]


@pytest.mark.parametrize(
    ("worth", "told"),
    [
        (Peak(0.5, 0.25), {0.5: 1.0, 0.75: math.exp(-0.5), 0.0: math.exp(-2.0)}),
        (Ramp(1.0, 3.0), {0.0: 0.0, 1.0: 0.0, 2.5: 0.75, 4.0: 1.0}),
        (Ramp(3.0, 1.0), {0.0: 1.0, 1.0: 1.0, 2.5: 0.25, 4.0: 0.0}),
        (Decay(2.0), {-1.0: 1.0, 0.0: 1.0, 0.5: math.exp(-1.0)}),
        (More(), {-3.0: -3.0, 512.0: 512.0}),
        (Less(), {-3.0: 3.0, 512.0: -512.0}),
    ],
)
def test_each_shape_is_worth_what_its_sentence_says(worth: Worth, told: dict[float, float]) -> None:
    """Peaks fall off on both sides, ramps stop at both ends whichever way they go, and plain values are themselves."""
    np.testing.assert_allclose(worth(np.array(list(told))), list(told.values()), rtol=1e-15)


def test_weights_are_exponents_of_a_product_and_shares_of_a_mean() -> None:
    """Of two half-good properties the heavier counts more; in a mean one makes up for the other, in a product none."""
    aims = (Aim("a", Ramp(0.0, 1.0), weight=3.0), Aim("b", Ramp(0.0, 1.0)))
    values = {"a": np.array([0.5, 1.0, 0.0]), "b": np.array([1.0, 0.5, 1.0])}
    np.testing.assert_allclose(Objective(aims).utility(values), [0.125, 0.5, 0.0])
    np.testing.assert_allclose(Objective(aims, "mean").utility(values), [0.625, 0.875, 0.25])


def test_a_success_meets_every_demand_with_measured_values() -> None:
    """At a limit a demand is met, beyond it not, nor by what was not measured; without demands there is no success."""
    wanted = Objective((), demands=(Within("a", 4.0, 0.5), AtLeast("b", 0.9), AtMost("c", 10.0)))
    good = {"a": 4.5, "b": 0.9, "c": 10.0}
    assert wanted.met(good)
    for name, value in (("a", 4.6), ("a", 3.4), ("b", 0.89), ("c", 10.1), ("a", math.nan)):
        assert not wanted.met(good | {name: value})
    assert not wanted.met({"a": 4.0, "b": 1.0})
    assert not Objective(()).met(good)


def test_an_objective_reaches_a_worker_process_whole() -> None:
    """Pickled it is the same value."""
    assert pickle.loads(pickle.dumps(OBJECTIVE)) == OBJECTIVE  # noqa: S301  our own bytes
