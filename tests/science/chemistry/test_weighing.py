"""No cation is gained or lost between the balance and the product."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.chemistry.elements import CHARGE
from science.chemistry.errors import UnknownIonError
from science.chemistry.perovskite.ions import POWDERS
from science.chemistry.weighing import oxide_yield, weigh_out
from science.crystals.errors import FormulaError
from science.crystals.formula import amounts, molar_mass

CARBONATES = ("Ca", "Sr", "Ba")


@st.composite
def perovskites(draw: st.DrawFn) -> tuple[dict[str, float], dict[str, float]]:
    """Site fractions of an A2+B4+O3 perovskite in twelfths."""
    sites = []
    for elements in (CARBONATES, ("Ti", "Zr", "Sn", "Hf")):
        parts = {e: draw(st.integers(0, 12)) for e in elements}
        parts[elements[0]] += sum(parts.values()) == 0
        sites.append({e: n / sum(parts.values()) for e, n in parts.items() if n})
    return sites[0], sites[1]


@given(perovskites(), st.floats(-0.05, 0.2), st.floats(1e-3, 100))
def test_mass_and_cations_are_conserved(
    sites: tuple[dict[str, float], dict[str, float]], excess: float, mass: float
) -> None:
    """The powders leave exactly the mass of oxide asked for, with cations in the ratio planned plus the excess."""
    a_site, b_site = sites
    masses = weigh_out({**a_site, **b_site, "O": 3.0}, dict.fromkeys(a_site, excess), mass, POWDERS)
    assert sum(m * oxide_yield(POWDERS[e], e) for e, m in masses.items()) == pytest.approx(mass, rel=1e-12)
    moles = {e: m / molar_mass(POWDERS[e]) * amounts(POWDERS[e])[e] for e, m in masses.items()}
    per_unit = sum(moles[e] for e in b_site)
    for element, share in a_site.items():
        assert moles[element] / per_unit == pytest.approx(share * (1 + excess), rel=1e-12)
    for element, share in b_site.items():
        assert moles[element] / per_unit == pytest.approx(share, rel=1e-12)


@given(perovskites(), st.floats(0, 0.2))
def test_what_is_lost_is_carbon_dioxide(sites: tuple[dict[str, float], dict[str, float]], excess: float) -> None:
    """Grams weighed less grams of oxide are one CO2 per mole of alkaline earth, and nothing else."""
    a_site, b_site = sites
    masses = weigh_out({**a_site, **b_site}, dict.fromkeys(a_site, excess), 5.0, POWDERS)
    carbonate = sum(masses[e] / molar_mass(POWDERS[e]) for e in a_site)
    assert sum(masses.values()) - 5.0 == pytest.approx(carbonate * molar_mass("CO2"), rel=1e-9)


@pytest.mark.parametrize(
    ("powder", "element", "left"),
    [
        ("BaCO3", "Ba", 153.326 / 197.335),
        ("TiO2", "Ti", 1.0),
        ("La2O3", "La", 1.0),
        ("La(OH)3", "La", 325.808 / 2 / 189.927),
        ("Al2O3", "Al", 1.0),
    ],
)
def test_oxide_yields(powder: str, element: str, left: float) -> None:
    """Oxides keep all of their mass; carbonates and hydroxides keep what their gas leaves behind."""
    assert oxide_yield(powder, element) == pytest.approx(left, rel=1e-5)


def test_every_cation_has_a_powder_that_yields_its_oxide() -> None:
    """Radii, charges and powders speak of the same cations, and no powder gains mass in the furnace."""
    assert set(POWDERS) == set(CHARGE)
    for element, powder in POWDERS.items():
        assert 0.5 < oxide_yield(powder, element) <= 1 + 1e-12


def test_a_cation_without_a_powder_is_refused() -> None:
    """Lead is not left out in silence: the rest would be weighed for another composition."""
    with pytest.raises(UnknownIonError, match=r"Expected cations with a powder .*, got Pb"):
        weigh_out({"Ba": 0.5, "Pb": 0.5, "Ti": 1.0, "O": 3.0}, {}, 1.0, POWDERS)


def test_nothing_to_weigh_is_refused() -> None:
    """Oxygen alone is no composition."""
    with pytest.raises(UnknownIonError, match="at least one cation"):
        weigh_out({"O": 3.0}, {}, 1.0, POWDERS)


def test_a_powder_must_bring_its_element() -> None:
    """Barium cannot come from chalk, nor a yield from a text that is no formula."""
    with pytest.raises(UnknownIonError, match="brings Ba, got CaCO3"):
        oxide_yield("CaCO3", "Ba")
    with pytest.raises(UnknownIonError, match="known charge"):
        oxide_yield("PbO", "Pb")
    with pytest.raises(FormulaError):
        oxide_yield("chalk", "Ca")
