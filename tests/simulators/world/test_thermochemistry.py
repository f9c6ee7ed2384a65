"""Energies are found where somebody measured, and by the correlation where nobody did."""

from __future__ import annotations

import pytest

from simulators.world.equilibrium import A_SITE, B_SITE
from simulators.world.thermochemistry import (
    CHARGES,
    COMPETITORS,
    PEROVSKITES,
    RADII,
    perovskite_enthalpy,
    tolerance_factor,
)


def test_measured_values_come_first() -> None:
    """A pair in the table has its own enthalpy."""
    for pair, known in PEROVSKITES.items():
        a, b = next((x, y) for x in A_SITE for y in B_SITE if x + y == pair)
        assert perovskite_enthalpy(a, b) == known.value


def test_the_correlation_is_continuous_with_what_was_measured() -> None:
    """Yokokawa's line lies within 15 kJ/mol of the calorimetry of the zirconates that it rests on."""
    for a in ("Ca", "Sr", "Ba"):
        t = tolerance_factor({a: 1.0}, {"Zr": 1.0})
        assert -125 + 1000 * (1 - t) == pytest.approx(PEROVSKITES[a + "Zr"].value, abs=15)


def test_a_pair_that_cannot_balance_alone_gains_nothing() -> None:
    """Ba²⁺ with Al³⁺ is no perovskite."""
    assert perovskite_enthalpy("Ba", "Al") == 0.0
    assert perovskite_enthalpy("La", "Ti") == 0.0


@pytest.mark.parametrize(
    ("a", "b", "t"), [("Sr", "Ti", 1.002), ("Ba", "Ti", 1.062), ("Ca", "Ti", 0.966), ("Sr", "Zr", 0.947)]
)
def test_goldschmidt(a: str, b: str, t: float) -> None:
    """Tolerance factors are those of the textbooks."""
    assert tolerance_factor({a: 1.0}, {b: 1.0}) == pytest.approx(t, abs=5e-4)


def test_every_cation_has_all_that_the_world_needs() -> None:
    """No cation of the two sites lacks a charge, a radius or a structure for its by-products."""
    from simulators.world.structures import names
    from simulators.world.vial import OXIDES

    sites = set(A_SITE) | set(B_SITE)
    assert sites == CHARGES.keys() == RADII.keys() == OXIDES.keys()
    assert set(OXIDES.values()) | COMPETITORS.keys() <= set(names())
