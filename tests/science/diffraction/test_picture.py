"""The curves behind an answer: they add up, they fit, and their lines stand where the powder's lines are."""

from __future__ import annotations

import numpy as np
import pytest

from science.diffraction.errors import LibraryError
from science.diffraction.identify import identify
from science.diffraction.library import PhaseLibrary
from science.diffraction.pattern import Pattern
from science.diffraction.picture import explain, explain_bytes
from science.diffraction.tasks import identify_bytes
from tests.science.diffraction.powders import K_ALPHA1, RADIUS, lines, simulated

LIBRARY = PhaseLibrary.shipped()
ELEMENTS = ("Ba", "Sr", "Ti", "Zr", "Mg", "O")


@pytest.mark.parametrize("weights", [{"BaZrO3": 1.0}, {"SrTiO3": 0.6, "MgO": 0.4}, {"BaZrO3": 0.95, "ZrO2": 0.05}])
def test_the_curves_are_the_answer(weights: dict[str, float]) -> None:
    """Background and parts add up to the calculated pattern, which fits as well as the answer says that it does."""
    pattern = simulated(weights, displacement=0.05)
    answer = identify(pattern, LIBRARY, ELEMENTS)
    picture = explain(pattern, answer, LIBRARY.crystals)
    assert [p.name for p in picture.phases] == [p.name for p in answer.phases]
    assert len(picture.phases) == len(weights)
    total = picture.background + sum(p.part for p in picture.phases)
    assert picture.calculated == pytest.approx(total)
    assert picture.difference == pytest.approx(picture.observed - total)
    assert picture.r_wp == pytest.approx(answer.r_wp, rel=0.06)
    assert np.abs(picture.difference).sum() < 0.15 * (picture.observed - picture.background).sum()


def test_each_part_belongs_to_its_phase() -> None:
    """Without the part of a second phase its strongest line stays unexplained; with it, it is gone."""
    pattern = simulated({"BaZrO3": 0.7, "TiO2": 0.3})
    picture = explain(pattern, identify(pattern, LIBRARY, ELEMENTS), LIBRARY.crystals)
    second = next(p for p in picture.phases if p.name == "TiO2_rutile")
    at = int(second.part.argmax())
    assert picture.x[at] == pytest.approx(2 * np.degrees(np.arcsin(K_ALPHA1 / 2 / 3.2482)), abs=0.05)  # (110)
    assert abs(picture.difference[at]) < 0.2 * second.part[at]


def test_ticks_stand_at_the_lines() -> None:
    """Tick for tick: Bragg's law for the true spacings, shifted as the displaced sample shifts them, with indices."""
    displacement = 0.1
    pattern = simulated({"BaZrO3": 1.0}, displacement=displacement)
    (phase,) = explain(pattern, identify(pattern, LIBRARY, ELEMENTS), LIBRARY.crystals).phases
    d, strength = lines("BaZrO3")
    theta = np.arcsin(K_ALPHA1 / 2 / d)
    shift = np.degrees(-2 * displacement / RADIUS * np.cos(theta))
    expected = (np.degrees(2 * theta) + shift)[(strength > 0.01 * strength.max()) & (np.degrees(2 * theta) < 90)]
    assert all(np.abs(phase.ticks - x).min() < 0.02 for x in expected)
    assert (np.diff(phase.ticks) > 0).all()
    assert phase.hkl[:4].tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1], [2, 0, 0]]


def test_signs_that_tell_lines_apart_stay() -> None:
    """Monoclinic zirconia: (111) and (-111) are two lines; tetragonal rutile: (110) is written so."""
    pattern = simulated({"ZrO2": 0.5, "TiO2": 0.5})
    pictures = {p.name: p for p in explain(pattern, identify(pattern, LIBRARY, ELEMENTS), LIBRARY.crystals).phases}
    monoclinic = {tuple(hkl) for hkl in pictures["ZrO2_m"].hkl.tolist()}
    assert len(monoclinic) == len(pictures["ZrO2_m"].hkl)
    assert {tuple(np.abs(h)) for h in monoclinic if np.abs(h).tolist() == [1, 1, 1]} == {(1, 1, 1)}
    assert sum(np.abs(h).tolist() == [1, 1, 1] for h in monoclinic) == 2
    assert pictures["TiO2_rutile"].hkl[0].tolist() == [1, 1, 0]


def test_nothing_named_is_drawn_as_nothing() -> None:
    """A background without lines: no phase, and the calculated pattern is the background."""
    x = np.arange(15, 80, 0.04)
    counts = np.random.default_rng(0).poisson(200.0, len(x)).astype(float)
    pattern = Pattern(x, counts)
    answer = identify(pattern, LIBRARY, ELEMENTS)
    assert not answer.phases
    picture = explain(pattern, answer, LIBRARY.crystals)
    assert picture.phases == ()
    assert (picture.calculated == picture.background).all()
    assert np.median(picture.background) == pytest.approx(200, rel=0.2)


def test_structures_that_are_not_given_are_asked_for() -> None:
    """An answer that names a phase without its structure cannot be drawn, and which one is said."""
    pattern = simulated({"SrTiO3": 0.6, "MgO": 0.4})
    answer = identify(pattern, LIBRARY, ELEMENTS)
    with pytest.raises(LibraryError, match="got none for MgO"):
        explain(pattern, answer, [c for c in LIBRARY.crystals if c.name != "MgO"])


def test_bytes_are_identified_again() -> None:
    """The picture of a file carries the very answer that `identify_bytes` gives, solid solution and all."""
    pattern = simulated({"BaZr0.6Ti0.4O3": 1.0})
    rows = (f"{x:.4f} {y:.0f}" for x, y in zip(pattern.two_theta, pattern.intensity, strict=True))
    content = "\n".join([*rows, ""]).encode()
    nominal = ({"Ba": 1.0}, {"Zr": 0.6, "Ti": 0.4})
    picture = explain_bytes("scan.xy", content, ELEMENTS, nominal, K_ALPHA1, None)
    assert picture.answer == identify_bytes("scan.xy", content, ELEMENTS, nominal, K_ALPHA1, None)
    assert picture.answer.phases[0].origin == "hypothesis"
    assert len(picture.phases[0].ticks) > 8
