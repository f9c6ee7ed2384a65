"""Tests of a question as science takes it."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import torch

from science.chemistry.perovskite.chemistry import PEROVSKITE
from science.chemistry.perovskite.prior import vegard_lattice
from science.problem import nothing
from tests.science.surrogate.labels import PROBLEM, drawn


def test_what_the_chemistry_does_not_speak_of_has_no_prior() -> None:
    """Nothing is assumed of it, of arrays or of batches of tensors; what it speaks of is what it says."""
    assert PROBLEM.prior("phase_fraction") is nothing
    assert PROBLEM.prior("lattice") is PEROVSKITE.priors["lattice"]
    assert nothing(np.ones((5, 3))).tolist() == [0.0] * 5
    assert nothing(torch.ones(4, 2, 3)).tolist() == [[0.0] * 2] * 4


def test_a_prior_goes_by_the_chemistrys_name_for_it() -> None:
    """A property may be called otherwise than what the chemistry expects of it."""
    (lattice, *_) = PROBLEM.properties
    renamed = replace(PROBLEM, properties=(replace(lattice, name="cell"),))
    assert renamed.prior("cell") is PEROVSKITE.priors["lattice"]
    numbers = np.array([d.features() for d in drawn(20, seed=2)])
    assert (renamed.prior("cell")(numbers) == vegard_lattice(numbers)).all()


def test_intervals_decide_where_a_width_is_given() -> None:
    """Properties without a width are modelled and never gate."""
    assert PROBLEM.names == ("lattice", "phase_fraction", "cubicity", "heterogeneity")
    assert PROBLEM.widths == {"lattice": 0.04, "phase_fraction": 0.9}
    assert PROBLEM.gated == ("lattice", "phase_fraction")


def test_candidates_are_grouped_by_the_rule_that_is_named() -> None:
    """The chemistry's own rule tells families as designs do; `all` knows one."""
    designs = drawn(30, seed=1)
    assert [PROBLEM.family_of(d.sites) for d in designs] == [d.family for d in designs]
    assert {replace(PROBLEM, family="all").family_of(d.sites) for d in designs} == {"all"}


def test_a_problem_travels_to_workers_and_tells_models_apart() -> None:
    """Pickled it is the same value with the same hash, and small; any change makes another problem."""
    content = pickle.dumps(PROBLEM)
    back = pickle.loads(content)  # noqa: S301  our own bytes
    assert back == PROBLEM
    assert hash(back) == hash(PROBLEM)
    assert len(content) < 4096
    assert replace(PROBLEM, family="all") != PROBLEM
