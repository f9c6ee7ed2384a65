"""A chemistry of forty lines keeps the promises, and one that breaks a promise is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from science.chemistry.chemistry import Chemistry, Descriptor, Doubt, Phase, Sites, Value
from science.crystals.crystal import Crystal, Lattice, Site
from tests.promises.chemistry_promises import VESSEL, ChemistryPromises

METALS = ("Ni", "Cu")
EDGES = {"Ni": 3.524, "Cu": 3.615}
"""Å, face-centred cubic."""


def edge(sites: Sites) -> float:
    """Vegard's rule in Å."""
    return sum(share * EDGES[metal] for metal, share in sites[""].items())


def majority(sites: Sites) -> tuple[str, ...]:
    return (max(sites[""], key=sites[""].__getitem__), "all")


def read_edge(phases: Sequence[Phase], wanted: str = "") -> Value | Doubt:
    alloys = [p for p in phases if p.space_group == 225 and (not wanted or p.name == wanted)]
    return Value(alloys[0].lattice.a) if alloys else Doubt("no solid solution was found")


def solution(sites: Sites) -> tuple[Crystal, ...]:
    at = ((0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
    atoms = tuple(Site(metal, *place, share) for place in at for metal, share in sites[""].items())
    return (Crystal("solution", "NiCu", 225, Lattice(*[edge(sites)] * 3), atoms),)


TOY = Chemistry(
    name="nickel copper",
    descriptors=(Descriptor("mean edge", "Angstrom", 3.5, 3.62, edge),),
    priors={"edge": lambda numbers: numbers[..., 0] * EDGES["Ni"] + numbers[..., 1] * EDGES["Cu"]},
    families={"majority": majority, "all": lambda _: ("all",)},
    readings={"edge": read_edge},
    powders={"Ni": "NiO", "Cu": "CuO"},
    hypotheses=solution,
)


class TestToy(ChemistryPromises):
    """On mixtures of two metals."""

    @pytest.fixture
    def chemistry(self) -> Chemistry:
        return TOY

    @pytest.fixture
    def drawn(self) -> tuple[tuple[Sites, ...], NDArray[np.float64]]:
        return mixtures()

    @pytest.fixture
    def phase(self) -> Phase:
        return ALLOY


ALLOY = Phase("solution", "NiCu", 225, 0.9, Lattice(3.57, 3.57, 3.57))


def mixtures() -> tuple[tuple[Sites, ...], NDArray[np.float64]]:
    """Shares of a hundred mixtures."""
    shares = np.random.default_rng(0).dirichlet((1, 1), 100)
    return tuple({"": dict(zip(METALS, pair, strict=True))} for pair in shares.tolist()), shares


BROKEN = {
    "test_descriptors_are_numbers_inside_their_column": {
        "descriptors": (Descriptor("mean edge", "Angstrom", 3.55, 3.62, edge),)
    },
    "test_priors_are_the_same_for_arrays_and_tensors": {"priors": {"edge": lambda x: x[..., 0].sum() + x[..., 0]}},
    "test_every_family_path_ends_in_all": {"families": {"all": lambda _: ("all", "alloys")}},
    "test_every_reading_gives_a_value_or_a_doubt_in_words": {
        "readings": {"edge": lambda phases, _="": Value(sum(p.lattice.a for p in phases) or float("nan"))}
    },
    "test_nothing_is_read_where_nothing_was_found": {"readings": {"edge": lambda _, __="": Value(0.0)}},
    "test_every_reading_reads_its_own_phase_beside_that_of_the_vessel": {
        "readings": {"edge": lambda phases, _="": Value(phases[0].lattice.a)}
    },
    "test_hypotheses_hold_the_elements_of_the_composition": {
        "hypotheses": lambda _: (Crystal("nickel", "Ni", 225, Lattice(3.5, 3.5, 3.5), (Site("Ni", 0, 0, 0),)),)
    },
    "test_powders_bring_their_element": {"powders": {"Ni": "CuO"}},
}
"""Promise → what a chemistry has instead that does not keep it."""


def test_each_promise_can_be_broken() -> None:
    """The suite fails for a chemistry that does not keep it, promise by promise, and none is left out."""
    assert set(BROKEN) == {name for name in vars(ChemistryPromises) if name.startswith("test_")}
    given = {"chemistry": TOY, "drawn": mixtures(), "phase": ALLOY}
    for name, part in BROKEN.items():
        promise = getattr(ChemistryPromises(), name)
        wanted = promise.__code__.co_varnames[1 : promise.__code__.co_argcount]
        promise(**{fixture: given[fixture] for fixture in wanted})
        with pytest.raises(AssertionError):
            promise(**{fixture: (given | {"chemistry": replace(TOY, **part)})[fixture] for fixture in wanted})


def test_a_chemistry_is_a_value() -> None:
    """It cannot be changed behind the back of whoever holds it; what it leaves out it knows nothing of."""
    with pytest.raises(FrozenInstanceError):
        TOY.name = "other"
    bare = Chemistry("bare")
    assert (bare.hypotheses({}), bare.families["all"]({}), dict(bare.priors)) == ((), ("all",), {})
    assert isinstance(TOY.readings["edge"]((VESSEL,)), Doubt)
