"""What is read off the phases that were found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from science.chemistry.chemistry import Doubt, Phase, Value
from science.chemistry.perovskite.readings import cubicity, heterogeneity, lattice, meant, share, unevenness
from science.crystals.crystal import Lattice

CUBIC = Phase("BaZrO3", "BaZrO3", 221, 0.6, Lattice(4.2, 4.2, 4.2), 0.02, (1e-3, 1e-3, 1e-3, 0, 0, 0), 0.0067)
TILTED = Phase("CaTiO3", "CaTiO3", 62, 0.3, Lattice(5.44, 7.64, 5.38))
PYROCHLORE = Phase("La2Zr2O7", "La2Zr2O7", 227, 0.9, Lattice(10.8, 10.8, 10.8))


def test_the_perovskite_with_the_largest_share_is_meant() -> None:
    """Other phases may have more of the mass; a name chooses among several."""
    phases = (PYROCHLORE, TILTED, CUBIC)
    assert meant(phases, "") is CUBIC
    assert meant(phases, "CaTiO3") is TILTED
    assert meant(phases, "SrTiO3") == Doubt("no perovskite SrTiO3 was found, but La2Zr2O7, CaTiO3, BaZrO3")
    assert meant((), "") == Doubt("no phase was found")


def test_numbers_of_a_cubic_and_a_tilted_one() -> None:
    """Edge with its error, share with its own, symmetry graded, spread from line widths; errors only where known."""
    assert lattice((CUBIC,)) == Value(pytest.approx(4.2), pytest.approx(1e-3))
    assert lattice((TILTED,)) == Value(pytest.approx((5.44 * 7.64 * 5.38 / 4) ** (1 / 3)), None)
    assert share((PYROCHLORE, CUBIC)) == Value(0.6, 0.02)
    assert (cubicity((CUBIC,)), cubicity((TILTED,))) == (Value(1.0), Value(0.25))
    assert heterogeneity((CUBIC,)) == Value(pytest.approx(0.5))
    assert heterogeneity((replace(CUBIC, microstrain=None),)) == Value(0.0)


def test_a_share_is_none_where_only_others_were_found() -> None:
    """That teaches something; of a pattern in which nothing was found there is only doubt."""
    assert share((PYROCHLORE,)) == Value(0.0)
    assert isinstance(share(()), Doubt)
    assert isinstance(lattice((PYROCHLORE,)), Doubt)


@pytest.mark.parametrize(("microstrain", "uneven"), [(0.0, 0.0), (0.0007, 0.0), (0.0067, 0.5), (0.0127, 1.0), (1, 1.0)])
def test_line_widths_tell_of_an_uneven_powder(microstrain: float, uneven: float) -> None:
    """Nothing below what an even powder shows, and never more than all."""
    assert unevenness(microstrain) == pytest.approx(uneven)
