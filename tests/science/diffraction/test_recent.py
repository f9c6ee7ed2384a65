"""The latest answers are found again, and only those to the very same question."""

from __future__ import annotations

import numpy as np

from science.diffraction import lineshapes
from science.diffraction.evidence import weigh
from science.diffraction.fit import PhaseState, lengths
from science.diffraction.observing import observe
from science.diffraction.recent import Recent
from science.diffraction.refine import refine
from tests.science.diffraction.powders import simulated
from tests.science.diffraction.test_search import DOUBLET, TRIALS


def test_a_question_is_worked_out_once_while_it_is_among_the_latest() -> None:
    """The same objects and numbers are one question, equal objects are not; what was asked longest ago goes first."""
    recent: Recent[int] = Recent(2)
    asked: list[str] = []

    def answer(of: list[int], number: float, name: str) -> int:
        return recent.answer((of,), number, lambda: asked.append(name) or len(asked))

    one, twin = [1], [1]
    assert answer(one, 0.5, "first") == answer(one, 0.5, "again") == 1
    assert answer(twin, 0.5, "an equal object") == 2
    assert answer(one, 0.5, "still there") == 1
    assert answer(one, 0.6, "another number") == 3, "which pushes out the twin, asked longest ago"
    assert answer(twin, 0.5, "gone") == 4
    assert len(recent) == 2
    assert asked == ["first", "an equal object", "another number", "gone"]


def test_no_profile_is_calculated_twice_and_a_refinement_ends_on_the_same_bits() -> None:
    """A second refinement from the same fit sets no peak anew, and what it finds is equal to the last bit."""
    observed = observe(simulated({"BaZrO3": 1.0}), DOUBLET)
    fit = refine(observed.start(TRIALS[:1], [PhaseState(TRIALS[0].start.copy())]), observed)
    calls: list[int] = []
    kernel = lineshapes.pseudo_voigt
    lineshapes.pseudo_voigt = lambda *a: calls.append(1) or kernel(*a)
    try:
        once = refine(fit, observed, iterations=2, tails=True)
        assert len(calls) > 0
        calls.clear()
        twice = refine(fit, observed, iterations=2, tails=True)
        assert calls == []
    finally:
        lineshapes.pseudo_voigt = kernel
    assert once.chi2 == twice.chi2
    assert once.parts.tobytes() == twice.parts.tobytes()
    assert weigh(once, observed) is weigh(once, observed)
    assert weigh(once, observed) is not weigh(twice, observed), "another fit, however alike"


def test_lengths_are_those_of_numpy_to_the_last_bit() -> None:
    """Decisions rest on these numbers, so a quicker way to them must not round otherwise."""
    rows = np.random.default_rng(0).normal(size=(7, 3751))
    assert lengths(rows).tobytes() == np.linalg.norm(rows, axis=1).tobytes()
