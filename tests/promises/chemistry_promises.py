"""What every chemistry promises, whatever it is about: the suite that each chemistry's tests inherit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from science.chemistry.chemistry import Chemistry, Doubt, Phase, Sites, Value
from science.crystals.crystal import Lattice
from science.crystals.formula import amounts

VESSEL = Phase(
    "Al2O3", "Al2O3", 167, 0.2, Lattice(4.759, 4.759, 12.993, 90, 90, 120), 0.01, (2e-4, 2e-4, 9e-4, 0, 0, 0), 1e-3
)
"""What a crucible leaves in a sample: three oxygens, and the group of a rhombohedral perovskite."""


def mistakes_of(told: Value | Doubt) -> list[str]:
    """What is wrong with an answer: it is a finite number, or a doubt in words."""
    if isinstance(told, Doubt):
        return [] if len(told.why.split()) > 2 else [f"no words: {told.why!r}"]
    if not isinstance(told, Value):
        return [f"neither value nor doubt: {told!r}"]
    wrong = [] if math.isfinite(told.value) else [f"no number: {told.value}"]
    return wrong if told.su is None or 0 <= told.su < math.inf else [*wrong, f"no uncertainty: {told.su}"]


class ChemistryPromises:
    """Inherited by a class of tests that says which chemistry it is, and draws from what it is about."""

    @pytest.fixture
    def chemistry(self) -> Chemistry:
        """The chemistry."""
        raise NotImplementedError

    @pytest.fixture
    def drawn(self) -> tuple[tuple[Sites, ...], NDArray[np.float64]]:
        """Compositions as campaigns draw them, and the same as numbers of designs ``(n, d)``."""
        raise NotImplementedError

    @pytest.fixture
    def phase(self) -> Phase:
        """A phase of the kind that it is about."""
        raise NotImplementedError

    def test_descriptors_are_numbers_inside_their_column(
        self, chemistry: Chemistry, drawn: tuple[tuple[Sites, ...], NDArray[np.float64]]
    ) -> None:
        """Each is finite and in its usual range for whatever a campaign may draw, and has a name of its own."""
        assert len({d.name for d in chemistry.descriptors}) == len(chemistry.descriptors)
        for descriptor in chemistry.descriptors:
            found = np.array([descriptor.of(sites) for sites in drawn[0]])
            assert np.isfinite(found).all(), descriptor.name
            assert descriptor.low <= found.min() <= found.max() <= descriptor.high, descriptor.name

    def test_priors_are_the_same_for_arrays_and_tensors(
        self, chemistry: Chemistry, drawn: tuple[tuple[Sites, ...], NDArray[np.float64]]
    ) -> None:
        """What the fit is told of arrays is what the objective is told of batches of tensors, one number a design."""
        numbers = drawn[1]
        for name, prior in chemistry.priors.items():
            found = np.asarray(prior(numbers))
            assert found.shape == (len(numbers),), name
            assert np.isfinite(found).all(), name
            batched = prior(torch.as_tensor(numbers).reshape(2, len(numbers) // 2, -1))
            np.testing.assert_allclose(batched.numpy().ravel(), found, rtol=0, atol=1e-14, err_msg=name)

    def test_every_family_path_ends_in_all(
        self, chemistry: Chemistry, drawn: tuple[tuple[Sites, ...], NDArray[np.float64]]
    ) -> None:
        """Where a family has too little to calibrate on, the next one has more, and the last one everything."""
        assert "all" in chemistry.families
        for name, family in chemistry.families.items():
            for sites in drawn[0]:
                path = family(sites)
                assert path[-1] == "all", name
                assert len(set(path)) == len(path), name
                assert all(path), name

    def test_every_reading_gives_a_value_or_a_doubt_in_words(self, chemistry: Chemistry, phase: Phase) -> None:
        """Nothing found, one phase, two, a vessel's alone, one of which little is known; named, unnamed, or absent."""
        known = replace(phase, share_su=0.01, lattice_su=(1e-3,) * 6, microstrain=2e-3, size_nm=80.0, size_su_nm=9.0)
        cases: Sequence[tuple[Phase, ...]] = [(), (phase,), (known,), (known, VESSEL), (VESSEL,), (phase, phase)]
        for name, reading in chemistry.readings.items():
            for phases in cases:
                for wanted in ("", phase.name, VESSEL.name, "SrTiO3"):
                    told = reading(phases, wanted)
                    assert not mistakes_of(told), f"{name} of {[p.name for p in phases]}, {wanted!r}"
                    assert told == reading(phases, wanted), name

    def test_nothing_is_read_where_nothing_was_found(self, chemistry: Chemistry, phase: Phase) -> None:
        """An empty answer is a doubt of every reading, and no number is made up for it."""
        for name, reading in chemistry.readings.items():
            assert isinstance(reading((), phase.name), Doubt), name

    def test_every_reading_reads_its_own_phase_beside_that_of_the_vessel(
        self, chemistry: Chemistry, phase: Phase
    ) -> None:
        """What a crucible leaves changes no number but those of the phase itself, whichever comes first."""
        known = replace(phase, lattice_su=(1e-3,) * 6, microstrain=2e-3, size_nm=80.0)
        for name, reading in chemistry.readings.items():
            alone = reading((known,), phase.name)
            assert isinstance(alone, Value), f"{name}: {alone}"
            assert alone == reading((known, VESSEL), phase.name) == reading((VESSEL, known), phase.name), name

    def test_hypotheses_hold_the_elements_of_the_composition(
        self, chemistry: Chemistry, drawn: tuple[tuple[Sites, ...], NDArray[np.float64]]
    ) -> None:
        """Each structure that would be tried has a name of its own, a cell, and every element that was weighed."""
        for sites in drawn[0][:20]:
            tried = chemistry.hypotheses(sites)
            assert len({c.name for c in tried}) == len(tried)
            for crystal in tried:
                assert {e for site in sites.values() for e in site} <= crystal.elements
                assert 0 < crystal.lattice.volume < math.inf

    def test_powders_bring_their_element(self, chemistry: Chemistry) -> None:
        """A powder's formula holds the element that it is there for."""
        for element, powder in chemistry.powders.items():
            assert amounts(powder).get(element, 0.0) > 0, powder
