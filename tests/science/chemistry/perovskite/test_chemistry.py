"""The perovskite keeps what every chemistry promises, and knows its own from what looks like it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from science.chemistry.chemistry import Chemistry, Doubt, Phase, Sites, Value
from science.chemistry.known import chemistry as known
from science.chemistry.perovskite.chemistry import PEROVSKITE
from science.crystals.crystal import Lattice
from science.generation.pool import feasible_pool
from tests.promises.chemistry_promises import VESSEL, ChemistryPromises
from tests.science.generation.spaces import SPACE, WILD, design

ZIRCONATE = Phase("BaZrO3", "BaZrO3", 221, 0.8, Lattice(4.193, 4.193, 4.193))


@cache
def _drawn() -> tuple[tuple[Sites, ...], NDArray[np.float64]]:
    pool = feasible_pool(SPACE, 1000, np.random.default_rng(0))
    return tuple({"A": d.a_fractions, "B": d.b_fractions} for d in pool.designs), pool.features()


class TestPerovskite(ChemistryPromises):
    """On what the shipped campaigns draw."""

    @pytest.fixture
    def chemistry(self) -> Chemistry:
        return known("perovskite")

    @pytest.fixture
    def drawn(self) -> tuple[tuple[Sites, ...], NDArray[np.float64]]:
        return _drawn()

    @pytest.fixture
    def phase(self) -> Phase:
        return ZIRCONATE


def test_it_is_found_by_its_name() -> None:
    """Plans and workers pass the word."""
    assert known("perovskite") is PEROVSKITE
    assert PEROVSKITE.name == "perovskite"


def test_a_corundum_crucible_is_no_perovskite() -> None:
    """Of what it leaves no lattice is read and no symmetry; and where only that was found, the share is none."""
    told = {name: reading((VESSEL,)) for name, reading in PEROVSKITE.readings.items()}
    assert {name for name, value in told.items() if isinstance(value, Value)} == {"share"}
    assert told["share"] == Value(0.0)
    assert told["pseudo-cubic"] == Doubt("no perovskite was found, but Al2O3")


def test_a_descriptor_is_what_designs_and_constraints_take() -> None:
    """The tolerance factor by name is the column of a design, to the last bit of its scaling."""
    (tolerance,) = PEROVSKITE.descriptors
    for made in feasible_pool(WILD, 50, np.random.default_rng(3)).designs:
        t = tolerance.of({"A": made.a_fractions, "B": made.b_fractions})
        assert (t - 1.0) / 0.05 == made.features()[11]


def test_the_finest_family_is_the_one_that_labels_tell() -> None:
    """``b-site majority`` begins with what a design calls its family."""
    made = design({"Sr": 5, "Ba": 7}, {"Hf": 11, "Sn": 1})
    path = PEROVSKITE.families["b-site majority"]({"A": made.a_fractions, "B": made.b_fractions})
    assert path == (made.family, "all") == ("hafnate", "all")
