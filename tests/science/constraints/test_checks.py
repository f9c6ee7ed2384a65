"""Tests of the constraints."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import example, given, settings

from science.chemistry.elements import CHARGE
from science.chemistry.perovskite.ions import tolerance_factor
from science.chemistry.perovskite.rules import charge
from science.constraints.checks import Limits, check, feasible
from tests.science.generation.spaces import LIMITS, WILD, design, proposals

WIDE = Limits(12, 4, {}, (0.5, 1.5))
"""Limits under which only correctness is left to break."""


def broken(of: object, limits: Limits = WIDE) -> set[str]:
    return {c.name for c in check(of, limits) if not c.satisfied}


def test_a_sound_design_satisfies_each_constraint_by_name() -> None:
    """A textbook target passes all seven constraints, and each says what it allows."""
    found = check(design({"Ba": 12}, {"Ti": 5, "Zr": 7}), LIMITS)
    assert [c.name for c in found] == [
        "site fractions", "ions on their sites", "charge balance", "tolerance factor", "element caps", "weighable",
        "vessel chemistry",
    ]  # fmt: skip
    assert all(c.satisfied and c.limit and c.reason for c in found)


@pytest.mark.parametrize(
    ("a_site", "b_site", "net"),
    [
        ({"La": 12}, {"Ti": 12}, Fraction(1)),
        ({"Ba": 12}, {"Al": 12}, Fraction(-1)),
        ({"La": 1, "Ba": 11}, {"Zr": 12}, Fraction(1, 12)),
        ({"Sr": 12}, {"Ti": 11, "In": 1}, Fraction(-1, 12)),
        ({"La": 5, "Sr": 7}, {"Ti": 7, "Al": 5}, Fraction(0)),
        ({"La": 12}, {"Sc": 12}, Fraction(0)),
    ],
)
def test_charge_errors_are_refused_to_the_last_twelfth(a_site: dict, b_site: dict, net: Fraction) -> None:
    """A formula whose ions do not add up is refused, were it by a twelfth of a charge; a compensated one is not."""
    made = design(a_site, b_site)
    assert charge(made) == net
    assert ("charge balance" in broken(made)) == (net != 0)
    assert feasible(made, WIDE) == (net == 0)


def test_na2cl3_is_refused_for_its_ions() -> None:
    """The textbook's impossible salt cannot even be weighed: neither ion belongs on its site."""
    salt = design({"Na": 12}, {"Cl": 12})
    found = {c.name: c for c in check(salt, WIDE)}
    assert not feasible(salt, WIDE)
    assert found["ions on their sites"].reason == "strangers: Cl, Na"
    assert "charge balance" not in found, "a charge that nobody knows must not be reported"


@given(proposals())
@example(design({"Ba": 12}, {"Zr": 12}))
@settings(max_examples=400)
def test_feasible_says_what_check_says(proposed: object) -> None:
    """The quick answer and the explained one never differ, whatever is proposed."""
    for limits in (WIDE, LIMITS, WILD.limits):
        assert feasible(proposed, limits) == all(c.satisfied for c in check(proposed, limits))


@given(proposals())
@settings(max_examples=400)
def test_what_is_feasible_holds_up_to_arithmetic_done_afresh(proposed: object) -> None:
    """Each accepted proposal is neutral, sums to one on each site and keeps its caps, by independent arithmetic."""
    limits = WILD.limits
    if not feasible(proposed, limits):
        return
    shares = [{}, {}]
    for site, parts in zip(shares, (proposed.a_site, proposed.b_site), strict=True):
        for element, n in parts:
            site[element] = site.get(element, Fraction(0)) + Fraction(n, limits.divisor)
        assert sum(site.values()) == 1
        assert all(x > 0 for x in site.values())
        assert len(site) == len(parts) <= limits.max_species
    assert sum(x * CHARGE[e] for site in shares for e, x in site.items()) == 6
    assert all(float(shares[1].get(e, 0)) <= cap + 1e-12 for e, cap in limits.max_fraction.items())
    low, high = limits.tolerance_factor
    assert low <= tolerance_factor(*({e: float(x) for e, x in s.items()} for s in shares)) <= high


def test_an_element_named_twice_on_a_site_is_refused() -> None:
    """Two entries of one element would count its ions twice in the sum and once in the composition."""
    made = replace(design({"Ba": 12}, {"Zr": 12}), a_site=(("Ba", 6), ("Ba", 6)))
    assert broken(made) == {"site fractions"}
    assert not feasible(made, WIDE)


@pytest.mark.parametrize("site", [(), (("Ba", 0), ("Sr", 12)), (("Ba", -1), ("Sr", 13)), (("Ba", 11),)])
def test_parts_that_are_no_composition_are_refused(site: tuple) -> None:
    """Empty sites, zero or negative parts and wrong sums are refused without an arithmetic error."""
    assert broken(replace(design({"Ba": 12}, {"Zr": 12}), a_site=site)) == {"site fractions"}


def test_the_tolerance_window_includes_its_ends() -> None:
    """A factor on the edge of the window passes; the next float outside does not."""
    made = design({"Sr": 12}, {"Zr": 12})
    t = tolerance_factor(made.a_fractions, made.b_fractions)
    for low, high, passes in ((t, t, True), (t + 1e-12, 1.1, False), (0.9, t - 1e-12, False)):
        limits = Limits(12, 3, {}, (low, high))
        assert feasible(made, limits) is passes
        assert ("tolerance factor" in broken(made, limits)) is not passes


def test_a_cap_holds_on_either_site_and_lets_its_own_value_pass() -> None:
    """Tin at its cap passes, one part more does not; calcium on the A site is capped alike."""
    capped = Limits(12, 3, {"Sn": 1 / 12, "Ca": 0.5}, (0.5, 1.5))
    assert not broken(design({"Ca": 6, "Ba": 6}, {"Sn": 1, "Zr": 11}), capped)
    assert broken(design({"Ba": 12}, {"Sn": 2, "Zr": 10}), capped) == {"element caps"}
    assert broken(design({"Ca": 7, "Ba": 5}, {"Zr": 12}), capped) == {"element caps"}


def test_more_elements_than_can_be_weighed_are_refused() -> None:
    """A site with more elements than the balance's patience allows is refused, on whichever site."""
    limits = Limits(12, 2, {}, (0.5, 1.5))
    assert broken(design({"Ba": 6, "Sr": 6}, {"Zr": 12}), limits) == set()
    assert broken(design({"Ba": 4, "Sr": 4, "Ca": 4}, {"Zr": 12}), limits) == {"weighable"}
    assert broken(design({"Ba": 12}, {"Zr": 4, "Ti": 4, "Hf": 4}), limits) == {"weighable"}


def test_platinum_is_kept_from_tin_under_hydrogen_only() -> None:
    """All three together are refused; take one away and the recipe may be fired."""
    tin, none = {"Sn": 1, "Zr": 11}, {"Zr": 12}
    assert broken(design({"Ba": 12}, tin, vessel="Pt", atmosphere="5%H2/N2")) == {"vessel chemistry"}
    assert not broken(design({"Ba": 12}, none, vessel="Pt", atmosphere="5%H2/N2"))
    assert not broken(design({"Ba": 12}, tin, vessel="alumina", atmosphere="5%H2/N2"))
    assert not broken(design({"Ba": 12}, tin, vessel="Pt", atmosphere="air"))


def test_hot_barium_on_bare_alumina_is_warned_about_and_not_refused() -> None:
    """The reaction costs some barium, so the record says so, but a human may want to pay."""
    warned = design({"Ba": 12}, {"Zr": 12}, vessel="alumina", celsius=1400.0)
    reasons = [
        {c.name: c.reason for c in check(d, WIDE)}["vessel chemistry"]
        for d in (warned, design({"Ba": 12}, {"Zr": 12}, vessel="alumina", celsius=1400.0, contact="sacrificial bed"))
    ]
    assert feasible(warned, WIDE)
    assert reasons == ["hot barium on bare alumina: expect a reaction", "nothing speaks against the vessel"]
