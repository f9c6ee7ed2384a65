"""Compositions that do not balance cannot be built."""

from __future__ import annotations

import pytest
from hypothesis import given
from pydantic import ValidationError

from contracts.materials import Composition, Species, Sublattice
from tests.contracts.examples import compositions, perovskite


@given(compositions())
def test_charges_cancel_and_fractions_sum_to_one(composition: Composition) -> None:
    """Charge is exactly zero and every sublattice's fractions sum to one within 1e-12."""
    assert composition.charge == 0
    for sublattice in composition.sublattices:
        assert abs(sum(sublattice.fractions.values()) - 1) < 1e-12
    assert sum(composition.amounts.values()) == pytest.approx(5)


@given(compositions())
def test_round_trip(composition: Composition) -> None:
    """JSON and back is the same composition."""
    assert Composition.model_validate_json(composition.model_dump_json()) == composition


def test_na2cl3_is_refused() -> None:
    """Na2Cl3 does not balance, and the message says by how much."""
    with pytest.raises(ValidationError, match=r"got -1 e per formula unit of Na2Cl3"):
        Composition(
            sublattices=(
                Sublattice(label="A", multiplicity=2, species=(Species(element="Na", oxidation_state=1, parts=1),)),
                Sublattice(label="X", multiplicity=3, species=(Species(element="Cl", oxidation_state=-1, parts=1),)),
            )
        )


@pytest.mark.parametrize(
    ("element", "state", "message"),
    [("Xx", 2, "symbol of a chemical element"), ("Ba", 5, "oxidation state of Ba")],
)
def test_impossible_ions_are_refused(element: str, state: int, message: str) -> None:
    """Elements that do not exist and charges never seen are refused."""
    with pytest.raises(ValidationError, match=message):
        Species(element=element, oxidation_state=state, parts=1)


def test_an_element_twice_on_a_site_is_refused() -> None:
    """A sublattice names each element once."""
    barium = Species(element="Ba", oxidation_state=2, parts=1)
    with pytest.raises(ValidationError, match="each element once"):
        Sublattice(label="A", multiplicity=1, species=(barium, barium))


def test_formula_reads_as_chemists_write_it() -> None:
    """Site order is kept and ones are left out."""
    assert perovskite({"Ba": 12}, {"Zr": 6, "Ti": 6}).formula == "BaZr0.5Ti0.5O3"


def test_three_three_perovskites_balance_too() -> None:
    """LaInO3 is neutral; BaInO3 is not."""
    assert perovskite({"La": 1}, {"In": 1}).charge == 0
    with pytest.raises(ValidationError, match="charges that cancel"):
        perovskite({"Ba": 1}, {"In": 1})
