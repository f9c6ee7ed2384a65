"""Answers to patterns whose content is known: pure phases, mixtures, strangers, and no sample at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from science.chemistry.perovskite.models import perovskite_models
from science.diffraction.errors import LibraryError
from science.diffraction.identify import AS_SHIPPED, Identification, IdentifySettings, _radiation, _trials, identify
from science.diffraction.instrument import Instrument
from science.diffraction.library import PhaseLibrary
from science.diffraction.observing import GRID, observe
from science.diffraction.pattern import Pattern
from tests.science.diffraction.powders import K_ALPHA1, K_ALPHA2, lines, simulated, structure

LIBRARY = PhaseLibrary.shipped()
ELEMENTS = ("Ba", "Sr", "Ti", "Zr", "Mg", "O")
IDS = {"BaZrO3": "BaZrO3", "SrTiO3": "SrTiO3", "MgO": "MgO", "TiO2": "TiO2_rutile", "ZrO2": "ZrO2_m"}
X = simulated({}).two_theta


def _said(answer: Identification) -> dict[str, float]:
    return {phase.name: phase.weight_fraction for phase in answer.phases}


def _check(answer: Identification) -> None:
    """What holds of every answer, right or wrong."""
    assert answer.verdict in ("identified", "ambiguous", "unknown")
    assert answer.verdict != "identified" or (answer.phases and not answer.unexplained_lines)
    assert 0 <= answer.unexplained_fraction <= 1
    assert all(0 <= p.confidence <= 1 and 0 < p.weight_fraction <= 1 for p in answer.phases)
    assert not answer.phases or sum(_said(answer).values()) == pytest.approx(1)
    assert len(answer.flags) == len(set(answer.flags))
    assert all(line.d > 0 and 0 < line.relative_intensity <= 1.01 for line in answer.unexplained_lines)


@pytest.mark.parametrize("name", IDS)
def test_pure_phases_are_identified(name: str) -> None:
    """Alone, each phase is named with confidence, its cell within 0.7 mÅ, although it is strained and displaced."""
    answer = identify(simulated({name: 1.0}, strain=0.001, zero=0.01, displacement=0.05), LIBRARY, ELEMENTS)
    _check(answer)
    assert answer.verdict == "identified"
    (phase,) = answer.phases
    assert phase.name == IDS[name]
    assert phase.confidence > 0.9
    assert phase.lattice.parameters[:3] == pytest.approx(structure(name, 0.001).lattice.abc, abs=7e-4)


@pytest.mark.parametrize(
    "weights",
    [{"BaZrO3": 0.7, "TiO2": 0.3}, {"SrTiO3": 0.6, "MgO": 0.4}, {"BaZrO3": 0.95, "ZrO2": 0.05}],
)
def test_mixtures_are_identified_with_their_fractions(weights: dict[str, float]) -> None:
    """Phases and fractions come out; dispersion, which the patterns lack, may cost two percent by weight."""
    fine = IdentifySettings(grain=0.0)  # these powders know no grains
    answer = identify(simulated(weights, displacement=0.05), LIBRARY, ELEMENTS, settings=fine)
    _check(answer)
    assert answer.verdict == "identified"
    assert _said(answer) == pytest.approx({IDS[name]: w for name, w in weights.items()}, abs=0.02)
    assert answer.displacement == pytest.approx(0.05, abs=0.02)
    assert answer.r_wp < 0.1


def test_a_standard_s_zero_tells_cell_and_displacement_apart() -> None:
    """On a circle that is 0.12° off the cell is over 1 mÅ wrong; told so by a standard it is right to 0.5 mÅ."""
    pattern = simulated({"BaZrO3": 0.8, "TiO2": 0.2}, zero=0.12, displacement=-0.05)
    alone = identify(pattern, LIBRARY, ELEMENTS)
    helped = identify(pattern, LIBRARY, ELEMENTS, instrument=Instrument(0.12, 0.002))
    _check(helped)
    assert helped.verdict == "identified"
    off = [abs(answer.phases[0].lattice.a - 4.193) for answer in (alone, helped)]
    assert off[0] > 1e-3
    assert off[1] < 5e-4
    assert helped.zero == pytest.approx(0.12, abs=0.006)
    assert helped.displacement == pytest.approx(-0.05, abs=0.02)


def test_ends_of_a_solid_solution_may_take_up_each_other_s_atoms() -> None:
    """Where barium zirconate titanate was to be made, the cells of both ends may stray as far as its own, no others."""
    observed = observe(simulated({}), ((K_ALPHA1, 1.0),))
    models = perovskite_models({"Ba": 1.0}, {"Zr": 0.6, "Ti": 0.4})
    room = {t.crystal.name: t.max_strain for t in _trials(observed, LIBRARY, ELEMENTS, models, AS_SHIPPED)}
    far = {n for n, strain in room.items() if strain == AS_SHIPPED.hypothesis_strain} - {m.name for m in models}
    assert far == {"BaZrO3", "BaTiO3_c", "BaTiO3_t"}
    assert {t.max_strain for t in _trials(observed, LIBRARY, ELEMENTS, (), AS_SHIPPED)} == {0.015}


def test_a_great_zero_that_is_known_is_no_trouble() -> None:
    """Half a degree is no displacement to one who knows of it; unexplained lines are listed where they belong."""
    far = {"zero": 0.5, "displacement": 0.02}
    known = Instrument(0.5, 0.003)
    assert "displaced" in identify(simulated({"TiO2": 1.0}, **far), LIBRARY, ELEMENTS).flags
    found = identify(simulated({"TiO2": 1.0}, **far), LIBRARY, ELEMENTS, instrument=known)
    assert (found.verdict, *_said(found)) == ("identified", "TiO2_rutile")
    assert "displaced" not in found.flags
    stranger = identify(simulated({"KCl": 1.0}, **far), LIBRARY, ELEMENTS, instrument=known)
    assert min(abs(line.d - 6.2931 / 2) for line in stranger.unexplained_lines) < 0.004


@pytest.mark.parametrize(
    ("stranger", "weights"), [("TiO2", {"BaZrO3": 0.7, "TiO2": 0.3}), ("MgO", {"SrTiO3": 0.6, "MgO": 0.4})]
)
def test_a_phase_that_the_library_lacks_is_told(stranger: str, weights: dict[str, float]) -> None:
    """Without the phase in the library the verdict is unknown, and the d of its strongest line is listed."""
    formula = stranger
    without = PhaseLibrary.of(c for c in LIBRARY.crystals if c.formula != formula)
    answer = identify(simulated(weights), without, ELEMENTS)
    _check(answer)
    assert answer.verdict == "unknown"
    assert "unexplained-lines" in answer.flags
    d, strength = lines(stranger)
    two_theta = 2 * np.arcsin(K_ALPHA1 / 2 / d)
    seen = strength * (1 + np.cos(two_theta) ** 2) / np.sin(two_theta / 2) ** 2 / np.cos(two_theta / 2)
    strongest = d[seen.argmax()]
    assert min(abs(line.d - strongest) for line in answer.unexplained_lines) < 0.01
    assert set(_said(answer)) == {IDS[name] for name in weights} - {IDS[stranger]}


def test_a_stranger_alone_matches_nothing() -> None:
    """Potassium chloride is none of the oxides: unknown, with its lines at 3.147 and 2.225 Å."""
    answer = identify(simulated({"KCl": 1.0}), LIBRARY, ELEMENTS)
    _check(answer)
    assert (answer.verdict, answer.phases) == ("unknown", ())
    assert "no-match" in answer.flags
    assert [line.d for line in answer.unexplained_lines[:2]] == pytest.approx([3.147, 2.225], abs=0.01)


SAMPLELESS = {
    "empty holder": simulated({}).intensity,
    "noise": np.random.default_rng(3).poisson(100, len(X)).astype(float),
    "noise of few counts": np.random.default_rng(4).poisson(0.3, len(X)).astype(float),
    "all but constant": np.where(np.arange(len(X)) == 500, 101.0, 100.0),
    "ramp": X.copy(),
    "one spike": np.where(np.arange(len(X)) == 500, 10_000.0, 100.0),
    "waves": 100 + 50 * np.sin(X),
}


@pytest.mark.parametrize("name", SAMPLELESS)
def test_without_a_sample_nothing_is_claimed(name: str) -> None:
    """Whatever is no powder pattern is unknown, says that there are no peaks, and lists no noise as lines."""
    answer = identify(Pattern(X, SAMPLELESS[name]), LIBRARY, ELEMENTS)
    _check(answer)
    assert (answer.verdict, answer.phases, answer.unexplained_lines) == ("unknown", (), ())
    assert "no-peaks" in answer.flags


@pytest.mark.parametrize("wavelength", [0.7093, 1.5, 1.62, 1.78897, 2.2897])
@pytest.mark.parametrize("name", ["SrTiO3", "BaZrO3"])
def test_a_wrong_wavelength_is_not_believed(name: str, wavelength: float) -> None:
    """A copper pattern taken for one of another radiation is not identified as anything."""
    answer = identify(simulated({name: 1.0}), LIBRARY, ELEMENTS, wavelength=wavelength)
    _check(answer)
    assert answer.verdict != "identified"


def test_two_names_for_one_pattern_are_both_told() -> None:
    """A pattern that fits two substances equally well is ambiguous, and the other one is named."""
    one = next(c for c in LIBRARY.crystals if c.name == "BaZrO3")
    library = PhaseLibrary.of([one, replace(one, name="twin", formula="ZrBaO3")])
    answer = identify(simulated({"BaZrO3": 1.0}), library, ELEMENTS)
    _check(answer)
    assert answer.verdict == "ambiguous"
    assert {answer.phases[0].name, *(a.split(" (")[0] for a in answer.phases[0].alternatives)} == {"BaZrO3", "twin"}


def test_hypotheses_are_tried_and_marked() -> None:
    """A solid solution that no library has is found among the models of what was planned, with its cell."""
    models = perovskite_models({"Ba": 1.0}, {"Zr": 0.6, "Ti": 0.4})
    pattern = simulated({"BaZr0.6Ti0.4O3": 0.9, "ZrO2": 0.1}, displacement=0.05)
    answer = identify(pattern, LIBRARY, ("Ba", "Zr", "Ti", "O"), hypotheses=models)
    _check(answer)
    assert answer.verdict == "identified"
    perovskite, leftover = answer.phases
    assert (perovskite.formula, perovskite.space_group, perovskite.origin) == ("BaZr0.6Ti0.4O3", 221, "hypothesis")
    assert perovskite.lattice.a == pytest.approx(4.12, abs=1e-3)
    assert (leftover.name, leftover.origin) == ("ZrO2_m", "library")
    assert leftover.weight_fraction == pytest.approx(0.1, abs=0.02)


def test_the_same_answer_again() -> None:
    """Nothing depends on what was asked before: the same pattern, again, has the same answer to the last bit."""
    library = PhaseLibrary.of(c for c in LIBRARY.crystals if c.formula in ("TiO2", "ZrO2", "BaO"))
    pattern = simulated({"BaZrO3": 0.8, "TiO2": 0.2})

    def ask(a: str, b: str) -> Identification:
        return identify(pattern, library, ELEMENTS, hypotheses=perovskite_models({a: 1.0}, {b: 1.0}))

    first = ask("Ba", "Zr")
    assert ask("Sr", "Ti") != first
    assert ask("Ba", "Zr") == first


@pytest.mark.parametrize("factor", [1e-300, 1e-9, 1e-3, 1e9, 1e290])
def test_units_make_no_difference(factor: float) -> None:
    """Counts, counts per second or a normalised pattern: the answer is the same."""
    pattern = simulated({"BaZrO3": 1.0})
    answer = identify(replace(pattern, intensity=pattern.intensity * factor), LIBRARY, ELEMENTS)
    _check(answer)
    assert (answer.verdict, list(_said(answer))) == ("identified", ["BaZrO3"])


def test_displaced_and_assumed_are_flagged() -> None:
    """A holder half a millimetre off, and a file that does not say its wavelength, are told beside the answer."""
    pattern = simulated({"BaZrO3": 0.6, "TiO2": 0.4}, displacement=0.45)
    answer = identify(replace(pattern, wavelength=None), LIBRARY, ELEMENTS)
    assert {"displaced", "assumed-wavelength"} <= set(answer.flags)
    assert answer.displacement == pytest.approx(0.45, abs=0.05)
    assert answer.wavelength == pytest.approx(K_ALPHA1)


def test_elements_without_a_phase_are_refused() -> None:
    """Helium makes no phase of the library; the message says what to do."""
    with pytest.raises(
        LibraryError, match=r"Expected phases made of He in the library, got none among 51 entries\. Name"
    ):
        identify(simulated({"MgO": 1.0}), LIBRARY, ("He",))


@pytest.mark.parametrize(
    ("told", "file", "doublet", "expected"),
    [
        (None, None, None, [(1.540593, 2 / 3), (1.544427, 1 / 3)]),
        (None, 1.78897, None, [(1.78897, 2 / 3), (1.79285, 1 / 3)]),
        (None, 1.5406, (1.5444, 0.5), [(1.5406, 2 / 3), (1.5444, 1 / 3)]),
        (None, 0.4593, None, [(0.4593, 1.0)]),
        (0.7093, 1.5406, (1.5444, 0.5), [(0.7093, 2 / 3), (0.713607 * 0.7093 / 0.70932, 1 / 3)]),
    ],
)
def test_radiation(
    told: float | None, file: float | None, doublet: tuple[float, float] | None, expected: list[tuple[float, float]]
) -> None:
    """What is told comes before the file, the file's doublet before the tables, copper last."""
    pattern = replace(simulated({}), wavelength=file, k_alpha2=doublet)
    found, flags = _radiation(pattern, told)
    assert np.array(found) == pytest.approx(np.array(expected), rel=1e-6)
    assert flags == (["assumed-wavelength"] if told is None and file is None else [])


@settings(max_examples=40)
@given(st.integers(50, 9000), st.floats(0.1, 30), st.floats(5, 120), st.integers(0, 2**16))
def test_any_grid_is_made_even(points: int, first: float, span: float, seed: int) -> None:
    """Uneven, fine or coarse, a pattern becomes an even, finite grid over the same angles."""
    rng = np.random.default_rng(seed)
    angles = first + span * np.sort(rng.uniform(0, 1, points))
    angles[0], angles[-1] = first, first + span
    angles = np.unique(angles)
    counts = rng.poisson(50, len(angles)) + 500 * np.exp(-(((angles - first - span / 2) / 0.2) ** 2))
    observed = observe(Pattern(angles, counts), ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3)))
    assert 50 <= len(observed.x) <= GRID
    assert np.ptp(np.diff(observed.x)) < 1e-9
    assert observed.x[[0, -1]] == pytest.approx(angles[[0, -1]])
    assert (observed.sigma > 0).all()
    assert np.isfinite(observed.y).all()
    assert counts.min() - 1e-9 <= observed.y.min() <= observed.y.max() <= counts.max() + 1e-9
