"""Tests of designs as numbers."""

from __future__ import annotations

import numpy as np

from science.chemistry.perovskite.ions import A_ORDER
from science.designs import BOUNDS, FEATURES
from science.generation.pool import feasible_pool
from tests.science.generation.spaces import WILD, design


def test_each_number_has_a_name_and_a_range() -> None:
    """Names, ranges and numbers of a design are as many, so that a model cannot mix up its columns."""
    assert design({"Ba": 12}, {"Zr": 12}).features().shape == (len(FEATURES),)
    assert BOUNDS.shape == (2, len(FEATURES))
    assert (BOUNDS[0] < BOUNDS[1]).all()


def test_shares_stand_in_the_column_of_their_element() -> None:
    """Parts become shares under the element's own name, and nowhere else."""
    found = dict(zip(FEATURES, design({"Sr": 3, "Ba": 9}, {"Hf": 12}).features(), strict=True))
    assert (found["A Sr"], found["A Ba"], found["B Hf"]) == (0.25, 0.75, 1.0)
    assert sum(found[f"A {e}"] for e in A_ORDER) == 1.0
    assert sum(v for n, v in found.items() if n.startswith("B ")) == 1.0


def test_every_choice_that_matters_moves_a_number() -> None:
    """Temperature, dwell, regrinds, excess, vessel, gas and contact each change the numbers that a model sees."""
    usual = design({"Ba": 12}, {"Zr": 12})
    changes = {"celsius": 1500.0, "dwell_h": 24.0, "regrinds": 2, "a_excess": 0.03}
    changes |= {"vessel": "alumina", "atmosphere": "5%H2/N2", "contact": "sacrificial bed"}
    for name, value in changes.items():
        other = design({"Ba": 12}, {"Zr": 12}, **{name: value})
        assert (usual.features() != other.features()).sum() == 1, name


def test_what_the_lab_can_make_lies_within_the_ranges() -> None:
    """A pool from every ion and recipe stays in the ranges, except where the tolerance factor is unusual."""
    features = feasible_pool(WILD, 500, np.random.default_rng(0)).features()
    unusual = FEATURES.index("tolerance factor")
    ordinary = np.delete(features, unusual, axis=1)
    low, high = np.delete(BOUNDS, unusual, axis=1)
    assert (ordinary >= low - 1e-12).all()
    assert (ordinary <= high + 1e-12).all()
