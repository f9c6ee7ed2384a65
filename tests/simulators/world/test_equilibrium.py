"""Equilibrium conserves every cation, minimises energy, and knows the phase diagrams that it stands for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.world.equilibrium import A_SITE, B_SITE, CATIONS, Perovskite, Stable, equilibrium, perovskite_energy
from simulators.world.thermochemistry import COMPETITORS


def contents_of(name: str | Perovskite) -> dict[str, float]:
    """Cations in one formula unit of a phase."""
    if isinstance(name, Perovskite):
        return dict(name.a_site) | dict(name.b_site)
    return {name.removesuffix("-oxide"): 1.0} if name.endswith("-oxide") else dict(COMPETITORS[name][0])


def cations(stable: Stable) -> dict[str, float]:
    """Moles of each cation in an assemblage."""
    total: dict[str, float] = {}
    for name, n in stable.items():
        for element, per in contents_of(name).items():
            total[element] = total.get(element, 0.0) + n * per
    return total


def energy(stable: Stable, kelvin: float) -> float:
    """Gibbs energy of an assemblage against its oxides, kJ."""
    total = 0.0
    for name, n in stable.items():
        if isinstance(name, Perovskite):
            total += n * perovskite_energy(dict(name.a_site), dict(name.b_site), kelvin)
        elif not name.endswith("-oxide"):
            _, enthalpy, entropy = COMPETITORS[name]
            total += n * (enthalpy.value - kelvin * entropy)
    return total


@st.composite
def mixtures(draw: st.DrawFn) -> dict[str, float]:
    """Up to five cations in any amounts, some of them next to nothing."""
    chosen = draw(st.lists(st.sampled_from(CATIONS), min_size=1, max_size=5, unique=True))
    amounts = st.one_of(st.floats(0.01, 2), st.floats(0, 1e-6), st.just(0.0))
    return {e: draw(amounts) for e in chosen}


KELVIN = st.floats(1000, 2000)


@given(mixtures(), KELVIN)
@settings(max_examples=60, deadline=None)
def test_every_cation_is_conserved(amounts: dict[str, float], kelvin: float) -> None:
    """What went in is what is there, phase by phase, to a hundred-thousandth; nothing comes of nothing."""
    found = cations(equilibrium(amounts, kelvin))
    for element, n in amounts.items():
        assert found.get(element, 0.0) == pytest.approx(n, abs=3e-5)
    assert found.keys() <= amounts.keys()


@given(mixtures(), KELVIN)
@settings(max_examples=40, deadline=None)
def test_there_are_no_more_phases_than_cations(amounts: dict[str, float], kelvin: float) -> None:
    """Gibbs' phase rule at given temperature and pressure."""
    assert len(equilibrium(amounts, kelvin)) <= sum(n > 1e-9 for n in amounts.values())


@given(mixtures(), KELVIN)
@settings(max_examples=40, deadline=None)
def test_energy_is_never_above_that_of_the_oxides(amounts: dict[str, float], kelvin: float) -> None:
    """Doing nothing is always allowed, so the assemblage is at least as low."""
    assert energy(equilibrium(amounts, kelvin), kelvin) <= 5e-3


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), KELVIN)
@settings(max_examples=25, deadline=None)
def test_a_better_offer_never_raises_the_energy(x: float, y: float, kelvin: float) -> None:
    """With the exact composition on offer the energy falls or stays, and a lone offer is no better than all."""
    amounts = {"Ba": x, "Sr": 1 - x, "Ti": y, "Zr": 1 - y}
    exact = Perovskite((("Ba", x), ("Sr", 1 - x)), (("Ti", y), ("Zr", 1 - y)))
    without, offered = (equilibrium(amounts, kelvin, t) for t in ((), (exact,)))
    assert energy(offered, kelvin) <= energy(without, kelvin) + 5e-3
    assert energy(offered, kelvin) <= energy({exact: 1.0}, kelvin) + 5e-3


@given(mixtures(), KELVIN, st.floats(0.3, 3))
@settings(max_examples=25, deadline=None)
def test_twice_as_much_is_twice_the_energy(amounts: dict[str, float], kelvin: float, times: float) -> None:
    """Energy is extensive: the same mixture in another amount is the same assemblage."""
    once = energy(equilibrium(amounts, kelvin), kelvin)
    more = energy(equilibrium({e: times * n for e, n in amounts.items()}, kelvin), kelvin)
    assert more == pytest.approx(times * once, rel=1e-3, abs=2e-2)


def test_a_target_that_lacks_a_cation_does_not_form() -> None:
    """When all tin has gone, a stannate on offer makes no tin out of nothing."""
    target = Perovskite((("Ba", 1.0),), (("Zr", 0.5), ("Sn", 0.5)))
    stable = equilibrium({"Ba": 1.0, "Zr": 0.5, "Sn": 1e-12}, 1700, (target,))
    assert target not in stable
    assert cations(stable) == {"Ba": pytest.approx(1.0), "Zr": pytest.approx(0.5)}


@pytest.mark.parametrize(("a", "b"), list(itertools.product(("Ca", "Sr", "Ba"), ("Ti", "Zr", "Sn", "Hf"))))
def test_each_end_member_is_stable_alone(a: str, b: str) -> None:
    """One to one, each II-IV pair is its perovskite and nothing else at furnace temperature."""
    stable = equilibrium({a: 1.0, b: 1.0}, 1650)
    assert stable == {Perovskite(((a, 1.0),), ((b, 1.0),)): pytest.approx(1.0)}


@pytest.mark.parametrize(
    ("amounts", "by_product"),
    [
        ({"Sr": 1.1, "Ti": 1.0}, "Sr2TiO4"),
        ({"Ba": 1.1, "Zr": 1.0}, "Ba2ZrO4"),
        ({"Ba": 1.0, "Ti": 1.3}, "BaTi2O5"),
        ({"Ba": 1.0, "Zr": 1.2}, "Zr-oxide"),
        ({"Ca": 1.0, "Ti": 1.2}, "Ti-oxide"),
        ({"Ca": 1.2, "Ti": 1.0}, "Ca-oxide"),
    ],
)
def test_by_products_of_an_excess(amounts: dict[str, float], by_product: str) -> None:
    """Too much of one cation makes the neighbour in the phase diagram."""
    stable = equilibrium(amounts, 1650)
    assert by_product in stable
    assert sum(isinstance(p, Perovskite) for p in stable) == 1


def _perovskites(amounts: dict[str, float], kelvin: float, *targets: Perovskite) -> list[Perovskite]:
    return [p for p in equilibrium(amounts, kelvin, targets) if isinstance(p, Perovskite)]


def test_barium_and_calcium_part_on_the_a_site() -> None:
    """(Ba,Ca)TiO3 is two perovskites in the furnace; only far above it would it be one."""
    half = Perovskite((("Ba", 0.5), ("Ca", 0.5)), (("Ti", 1.0),))
    amounts = {"Ba": 0.5, "Ca": 0.5, "Ti": 1.0}
    apart = _perovskites(amounts, 1650, half)
    assert len(apart) == 2
    rich = [dict(p.a_site).get("Ba", 0.0) for p in apart]
    assert min(rich) < 0.2
    assert max(rich) > 0.8
    assert _perovskites(amounts, 3500, half) == [half]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((("Ba", 1.0),), (("Ti", 0.5), ("Zr", 0.5))),
        ((("Ba", 0.5), ("Sr", 0.5)), (("Ti", 1.0),)),
        ((("Sr", 1.0),), (("Hf", 0.5), ("Zr", 0.5))),
    ],
)
def test_near_sizes_mix(a: tuple[tuple[str, float], ...], b: tuple[tuple[str, float], ...]) -> None:
    """Ba(Ti,Zr)O3, (Ba,Sr)TiO3 and Sr(Hf,Zr)O3 are full solid solutions at 1400 °C."""
    target = Perovskite(a, b)
    assert equilibrium(dict(a) | dict(b), 1673, (target,)) == {target: pytest.approx(1.0)}


def test_lanthanum_needs_a_trivalent_partner() -> None:
    """La and Al make LaAlO3; La and Ti, whose charges do not cancel, make no perovskite together."""
    assert equilibrium({"La": 1.0, "Al": 1.0}, 1650) == {Perovskite((("La", 1.0),), (("Al", 1.0),)): pytest.approx(1.0)}
    assert not _perovskites({"La": 1.0, "Ti": 1.0}, 1650)


def test_of_nothing_comes_nothing() -> None:
    """An empty crucible holds no phase."""
    assert equilibrium({}, 1600) == equilibrium({"Ba": 0.0, "Sn": 1e-12}, 1600) == {}


def test_sites_are_told_apart() -> None:
    """A cation has one site."""
    assert set(A_SITE).isdisjoint(B_SITE)
    assert set(CATIONS) == set(A_SITE) | set(B_SITE)
