"""The chemistry that knows nothing keeps the promises, and reads whatever phase is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from science.chemistry.chemistry import Chemistry, Doubt, Phase, Sites, Value
from science.chemistry.known import chemistry as known
from science.chemistry.nothing import NOTHING
from science.crystals.crystal import Lattice
from tests.promises.chemistry_promises import VESSEL, ChemistryPromises

MONOCLINIC = Phase(
    "ZrO2_m", "ZrO2", 14, 0.4, Lattice(5.15, 5.21, 5.31, 90, 99.2, 90), 0.02, (1e-3, 2e-3, 3e-3, 0, 0.01, 0), 1e-3, 50.0
)
READINGS = NOTHING.readings


class TestNothing(ChemistryPromises):
    """On mixtures of which nothing is known."""

    @pytest.fixture
    def chemistry(self) -> Chemistry:
        return known("none")

    @pytest.fixture
    def drawn(self) -> tuple[tuple[Sites, ...], NDArray[np.float64]]:
        shares = np.random.default_rng(0).dirichlet((1, 1, 1), 100)
        return tuple({"": dict(zip(("Ni", "Co", "Cr"), s, strict=True))} for s in shares.tolist()), shares

    @pytest.fixture
    def phase(self) -> Phase:
        return MONOCLINIC


def test_it_reads_the_phase_that_is_named() -> None:
    """By name or formula: share, edges, volume and size, each with the error that is known."""
    told = {name: reading((VESSEL, MONOCLINIC), "ZrO2") for name, reading in READINGS.items()}
    volume = told.pop("volume")
    assert told == {
        "share": Value(0.4, 0.02), "a": Value(5.15, pytest.approx(1e-3)), "b": Value(5.21, pytest.approx(2e-3)),
        "c": Value(5.31, pytest.approx(3e-3)), "size": Value(50.0, None),
    }  # fmt: skip
    assert volume.value == pytest.approx(MONOCLINIC.lattice.volume)


def test_the_error_of_a_volume_is_that_of_lengths_and_angles_that_move_together() -> None:
    """A cube's volume is off by thrice its edge; of a monoclinic cell the angle takes part as well."""
    cube = replace(VESSEL, lattice=Lattice(4, 4, 4), lattice_su=(1e-3, 1e-3, 1e-3, 0, 0, 0))
    assert READINGS["volume"]((cube,), "Al2O3") == Value(pytest.approx(64), pytest.approx(3 * 16 * 1e-3, rel=1e-3))
    cell, angle = MONOCLINIC.lattice, np.radians(99.2)
    parts = [1e-3 / cell.a, 2e-3 / cell.b, 3e-3 / cell.c, np.radians(0.01) / np.tan(angle)]
    told = READINGS["volume"]((MONOCLINIC,), "ZrO2_m")
    assert told.su == pytest.approx(cell.volume * np.hypot.reduce(parts), rel=1e-3)


def test_what_was_not_named_or_found_is_a_doubt() -> None:
    """It guesses no phase, tells those that there are, and has no number for one of two that share a formula."""
    a, share = READINGS["a"], READINGS["share"]
    cubic = replace(MONOCLINIC, name="ZrO2_c")
    assert a((VESSEL, MONOCLINIC)) == Doubt("nobody said which phase to read; found: Al2O3, ZrO2_m")
    assert a((VESSEL,), "ZrO2") == Doubt("ZrO2 was not found; found: Al2O3")
    assert a((cubic, MONOCLINIC), "ZrO2") == Doubt("2 phases are ZrO2: ZrO2_c, ZrO2_m")
    assert isinstance(share((cubic, MONOCLINIC), "ZrO2"), Doubt)
    assert share((VESSEL,), "ZrO2") == Value(0.0), "none of it is a number, and it teaches something"


def test_a_size_that_the_instrument_hides_is_a_doubt() -> None:
    """No number stands for one that is not known."""
    told = READINGS["size"]((VESSEL,), "Al2O3")
    assert told == Doubt("the width of the instrument hides how large the crystallites of Al2O3 are")
