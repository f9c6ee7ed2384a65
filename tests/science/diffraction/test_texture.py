"""By how much lines grow and fade when crystallites lie down."""

from __future__ import annotations

import numpy as np
import pytest

from science.crystals.phase_facts import load_phase_facts
from science.diffraction.fit import Trial
from science.diffraction.sticks import calculate
from science.diffraction.texture import AXES, march, orientations

FACTS = {fact.id: fact.crystal for fact in load_phase_facts()}
WAVELENGTH = 1.540593


def _trial(name: str) -> Trial:
    return Trial(FACTS[name], calculate(FACTS[name], WAVELENGTH, d_min=0.9))


@pytest.mark.parametrize("r", [0.3, 0.7, 1.0, 1.8])
def test_all_directions_together_stay_a_powder(r: float) -> None:
    """The mean over the sphere is one for every r, so that a texture makes no phase heavier."""
    cosine = (np.arange(20_000) + 0.5) / 20_000
    assert march(cosine**2, r).mean() == pytest.approx(1, abs=1e-6)


def test_plates_show_their_faces() -> None:
    """With r = 0.5 the faces of plates reflect eight times as much, their edges 0.35 times."""
    assert march(np.array([1.0, 0.0]), 0.5) == pytest.approx([8, 0.5**1.5])


@pytest.mark.parametrize("name", ["ZrO2_m", "TiO2_rutile", "Al2O3", "BaZrO3"])
def test_the_reflections_of_a_line_are_all_there(name: str) -> None:
    """The reflections behind each noticeable line make up its strength, and their shares one."""
    trial = _trial(name)
    behind = orientations(trial, WAVELENGTH)
    assert np.bincount(behind.owner, behind.share) == pytest.approx(np.ones(len(behind.lines)))
    assert behind.factors(trial.crystal, (0, 0, 1), np.zeros(1)) == pytest.approx(np.ones((len(behind.lines), 1)))
    assert np.linalg.norm(behind.normals, axis=1) == pytest.approx(np.ones(len(behind.normals)))


def test_a_line_is_averaged_over_its_equivalents() -> None:
    """Of 100 in a cube a third of the equivalents lies on the axis 001, of 111 all lie alike; 110 is half and half."""
    trial, r = _trial("BaZrO3"), 0.6
    behind = orientations(trial, WAVELENGTH)
    factors = behind.factors(trial.crystal, (0, 0, 1), np.log([r]))[:, 0]
    on, across, diagonal, space = (float(march(np.array([c]), r)[0]) for c in (1, 0, 0.5, 1 / 3))
    wanted = {1: (on + 2 * across) / 3, 2: (across + 2 * diagonal) / 3, 3: space}
    for line, factor in zip(behind.lines, factors, strict=True):
        square = round(float((trial.sticks.hkl[line] ** 2).sum()))
        if square in wanted:
            assert factor == pytest.approx(wanted.pop(square))
    assert not wanted


def test_trigonal_lines_count_only_reflections_that_reflect() -> None:
    """Corundum's 104 line: 014 stands where 104 does but is extinct, so that only 104, 0-14 and -114 are averaged."""
    trial = _trial("Al2O3")
    behind = orientations(trial, WAVELENGTH)
    lines = [n for n, at in enumerate(behind.lines) if abs(trial.sticks.q[at] ** -0.5 - 2.551) < 0.01]
    assert len(lines) == 1
    strong = behind.share[behind.owner == lines[0]]
    assert sorted(np.round(strong, 3))[-3:] == pytest.approx([1 / 3] * 3, abs=2e-3)


def test_every_cell_shape_has_axes() -> None:
    """Whatever the shape of a cell, there are directions to be tried, each once."""
    assert set(AXES) == {"cubic", "tetragonal", "hexagonal", "rhombohedral", "orthorhombic", "monoclinic", "triclinic"}
    assert all(len(set(axes)) == len(axes) >= 3 for axes in AXES.values())
