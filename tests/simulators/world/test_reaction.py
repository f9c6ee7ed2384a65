"""Kinetics and losses follow their formulas, and conserve what they do not take away."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.recipe import Atmosphere, Contact, Vessel
from simulators.world.reaction import Firing, after_losses, conversion, progress
from simulators.world.thermochemistry import HALF_REACTED, HALF_REACTED_SHIFT

A, B = sorted(HALF_REACTED_SHIFT), sorted(HALF_REACTED)
CELSIUS, HOURS = st.floats(700, 1650), st.floats(0.1, 100)
FIRINGS = st.lists(st.builds(Firing, CELSIUS, HOURS), min_size=1, max_size=4)
AMOUNTS = st.dictionaries(st.sampled_from(A + B), st.floats(0.01, 2), min_size=1)


@pytest.mark.parametrize("b", B)
@pytest.mark.parametrize("a", A)
def test_half_has_reacted_where_it_should(a: str, b: str) -> None:
    """Ten hours at a pair's own temperature convert one half."""
    assert conversion(Firing(HALF_REACTED[b] + HALF_REACTED_SHIFT[a], 10), a, b) == pytest.approx(0.5)


@given(CELSIUS, HOURS, st.floats(1, 200), st.floats(1.05, 5), st.sampled_from(A), st.sampled_from(B))
@settings(deadline=None)
def test_hotter_and_longer_react_further(
    celsius: float, hours: float, hotter: float, longer: float, a: str, b: str
) -> None:
    """Conversion grows with temperature and with time, between nothing and all."""
    here = conversion(Firing(celsius, hours), a, b)
    assert 0 <= here <= conversion(Firing(celsius + hotter, hours), a, b) <= 1
    assert here <= conversion(Firing(celsius, hours * longer), a, b) <= 1


@given(FIRINGS, st.builds(Firing, CELSIUS, HOURS))
@settings(deadline=None)
def test_one_more_firing_never_undoes_anything(firings: list[Firing], another: Firing) -> None:
    """Each firing adds to what has reacted and evens out what is uneven."""
    a_site, b_site = {"Ba": 0.5, "Sr": 0.5}, {"Ti": 0.5, "Hf": 0.5}
    reacted, uneven = progress(firings, a_site, b_site)
    further, evener = progress([*firings, another], a_site, b_site)
    assert 0 <= reacted <= further <= 1
    assert 0 <= evener <= uneven + 1e-12
    assert uneven <= 0.35


def test_grinding_alone_makes_nothing() -> None:
    """A mixture that was ground and warmed ten times without reacting is still the mixture."""
    reacted, uneven = progress([Firing(500, 5)] * 10, {"Ba": 1.0}, {"Zr": 1.0})
    assert reacted < 1e-6
    assert uneven == pytest.approx(0.35, rel=1e-6)


def test_a_regrind_is_better_than_the_same_time_at_once() -> None:
    """Two firings with a regrind between them react further than one of the same length counted twice."""
    firing = Firing(1300, 12)
    once, _ = progress([firing], {"Ba": 1.0}, {"Zr": 1.0})
    twice, _ = progress([firing, firing], {"Ba": 1.0}, {"Zr": 1.0})
    assert twice > 1 - (1 - once) ** 2


def test_the_slowest_pair_keeps_the_product_uneven() -> None:
    """A little hafnium in a titanate reacts last and shows."""
    firing = [Firing(1250, 12)]
    _, with_hafnium = progress(firing, {"Ba": 1.0}, {"Ti": 0.9, "Hf": 0.1})
    _, without = progress(firing, {"Ba": 1.0}, {"Ti": 1.0})
    assert with_hafnium > without + 0.05


@given(AMOUNTS, FIRINGS, st.sampled_from(Vessel), st.sampled_from(Contact), st.sampled_from(Atmosphere))
@settings(deadline=None)
def test_losses_balance(
    amounts: dict[str, float], firings: list[Firing], vessel: Vessel, contact: Contact, atmosphere: Atmosphere
) -> None:
    """Left, eaten and evaporated add up; only Ba, Sr and Sn evaporate, only alumina eats, only zirconia gives."""
    left, eaten = after_losses(amounts, firings, vessel, contact, atmosphere)
    for element, n in amounts.items():
        gone = n - left[element] - eaten.get(element, 0.0)
        if element == "Zr" and vessel is Vessel.ZIRCONIA:
            assert gone < 0
            continue
        assert gone >= -1e-12
        if element not in {"Ba", "Sr", "Sn"}:
            assert gone == pytest.approx(0, abs=1e-12)
        assert left[element] >= 0
    assert not eaten or vessel is Vessel.ALUMINA
    assert left.keys() - amounts.keys() <= ({"Zr"} if vessel is Vessel.ZIRCONIA else set())
    assert all(n > 0 for n in eaten.values())


@given(FIRINGS, st.floats(1, 150))
@settings(deadline=None)
def test_heat_drives_out_more(firings: list[Firing], hotter: float) -> None:
    """A hotter furnace takes more by steam and by contact."""
    amounts = {"Ba": 1.0, "Sr": 1.0, "Sn": 1.0}
    cooler = after_losses(amounts, firings, Vessel.ALUMINA, Contact.BARE, Atmosphere.AIR)[0]
    warm = [Firing(f.celsius + hotter, f.hours) for f in firings]
    warmer = after_losses(amounts, warm, Vessel.ALUMINA, Contact.BARE, Atmosphere.AIR)[0]
    assert all(warmer[e] <= cooler[e] for e in amounts)


def test_a_bed_keeps_four_fifths_of_the_contact_away() -> None:
    """Powder of the same kind under the pellet shields it."""
    eaten = [
        after_losses({"Ba": 1.0}, [Firing(1250, 10)], Vessel.ALUMINA, contact, Atmosphere.AIR)[1]["Ba"]
        for contact in (Contact.BARE, Contact.SACRIFICIAL_BED)
    ]
    assert eaten[1] == pytest.approx(eaten[0] / 5, rel=0.02)


def test_forming_gas_drives_out_tin() -> None:
    """Hydrogen takes tin twenty times faster than air does."""
    import math

    rate = [
        -math.log(after_losses({"Sn": 1.0}, [Firing(1400, 10)], Vessel.PLATINUM, Contact.BARE, gas)[0]["Sn"])
        for gas in (Atmosphere.AIR, Atmosphere.FORMING_GAS)
    ]
    assert rate[1] == pytest.approx(20 * rate[0])


def test_barium_leaves_before_strontium_and_calcium_stays() -> None:
    """At 1500 °C in platinum only the volatile ones go, barium four times as fast as strontium."""
    left, _ = after_losses(
        {"Ca": 1.0, "Sr": 1.0, "Ba": 1.0}, [Firing(1500, 10)], Vessel.PLATINUM, Contact.BARE, Atmosphere.AIR
    )
    assert left["Ca"] == 1.0
    assert (1 - left["Ba"]) / (1 - left["Sr"]) == pytest.approx(4, rel=0.1)


def test_shares_that_sum_to_a_rounding_error_above_one_react_completely() -> None:
    """Thirds and tenths do not sum to one exactly; what is left is nothing, and never a complex number."""
    a_site = {"Ba": 0.1, "Sr": 0.2, "Ca": 0.7000000000000002}
    assert sum(a_site.values()) > 1
    reacted, uneven = progress([Firing(1600, 200)] * 3, a_site, {"Ti": 1.0})
    assert reacted == 1.0
    assert uneven >= 0
