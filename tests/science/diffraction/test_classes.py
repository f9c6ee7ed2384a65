"""Which phases count as one to a powder pattern."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from science.crystals.crystal import Crystal, Lattice
from science.crystals.phase_facts import load_phase_facts
from science.diffraction.classes import ALIKE, D_RANGE, STEP, alike, classes, fingerprint, similarity
from science.diffraction.sticks import Sticks, calculate

W = 1.540593
FACTS = {fact.id: fact.crystal for fact in load_phase_facts()}


def _sticks(crystal: Crystal) -> Sticks:
    return calculate(crystal, W, d_min=0.85)


def _strained(name: str, strain: float) -> Crystal:
    one = FACTS[name]
    a, b, c, *angles = one.lattice.parameters
    return replace(one, lattice=Lattice(a * (1 + strain), b * (1 + strain), c * (1 + strain), *angles))


@pytest.mark.parametrize("strain", [-0.012, 0.0, 0.007, 0.012])
@pytest.mark.parametrize("name", ["BaZrO3", "ZrO2_m", "TiO2_anatase"])
def test_a_strained_cell_is_the_same_class(name: str, strain: float) -> None:
    """A cell that is 1.2 % longer or shorter has the same lines, elsewhere: still one class."""
    assert alike(_sticks(FACTS[name]), [_sticks(_strained(name, strain))], W)[0] >= ALIKE


def test_more_strain_than_allowed_is_another_class() -> None:
    """Five per cent are no strain of a solid; a limit that is wide enough would call it one."""
    pair = _sticks(FACTS["MgO"]), [_sticks(_strained("MgO", 0.05))]
    assert alike(*pair, W)[0] < 0.3
    assert alike(*pair, W, max_strain=0.055)[0] >= ALIKE


def test_polymorphs_are_told_apart() -> None:
    """Rutile is not anatase, nor monoclinic zirconia tetragonal; each is most like itself."""
    names = ["TiO2_rutile", "TiO2_anatase", "ZrO2_m", "ZrO2_t"]
    rows = np.array([fingerprint(_sticks(FACTS[n]), W) for n in names])
    for n in range(4):
        scores = similarity(rows[n], rows)
        assert scores[n] == pytest.approx(1)
        assert max(np.delete(scores, n)) < 0.8


def test_classes_gather_duplicates_in_order() -> None:
    """Two sources of one phase are one class, whatever lies between them; strangers stay alone."""
    crystals = [FACTS["MgO"], FACTS["BaZrO3"], _strained("MgO", 0.004), FACTS["TiO2_rutile"]]
    crystals.append(_strained("BaZrO3", -0.01))
    rows = np.array([fingerprint(_sticks(c), W) for c in crystals])
    assert classes(rows) == [[0, 2], [1, 4], [3]]


def test_no_line_in_range_is_like_nothing() -> None:
    """A phase without a line between the limits has an empty fingerprint, and no class but its own."""
    empty = Sticks(np.zeros((1, 3)), np.array([1 / (2 * D_RANGE[1]) ** 2]), np.ones(1))
    row = fingerprint(empty, W)
    assert not row.any()
    assert classes(np.array([row, fingerprint(_sticks(FACTS["MgO"]), W)])) == [[0], [1]]
    assert similarity(row, np.zeros((0, len(row)))).size == 0


def test_the_grid_is_finer_than_a_line() -> None:
    """A shift of a quarter of a step hardly changes the likeness, so that the grid decides nothing."""
    assert alike(_sticks(FACTS["ZrO2_m"]), [_sticks(_strained("ZrO2_m", STEP / 4))], W, max_strain=0)[0] > 0.98
