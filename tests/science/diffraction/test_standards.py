"""A standard tells zero error and displacement apart, with uncertainties that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from science.crystals.crystal import Lattice
from science.diffraction.errors import PatternError
from science.diffraction.fit import AXIAL_SD, Fit, PhaseState, Trial
from science.diffraction.instrument import Instrument
from science.diffraction.observing import observe
from science.diffraction.pattern import Pattern, Provenance
from science.diffraction.refine import LEAN, refine
from science.diffraction.standards import STANDARDS, aligned
from science.diffraction.sticks import calculate
from tests.science.diffraction.pressed import FACTS, powder

X = np.arange(20.0, 120.0, 0.02)
ONE, TWO = 1.540598, 1.544426


def scan(
    name: str,
    zero: float,
    displacement: float,
    seed: int = 0,
    radius: float = 240.0,
    second: float = 0.5,
    *,
    axial: float = 0.0,
) -> Pattern:
    """A counted scan of a standard on an instrument that is off by zero (degrees) and displacement (mm)."""
    dice = np.random.default_rng(seed)
    y = np.full_like(X, 40.0)
    for d in STANDARDS[name].spacings:
        height = dice.uniform(300, 3000)
        for wavelength, share in ((ONE, 1.0), (TWO, second)):
            if (sine := wavelength / (2 * d)) < 0.99:
                theta = np.arcsin(sine)
                at = np.degrees(2 * theta) + zero + np.degrees(-2 * displacement / radius) * np.cos(theta)
                for early, part in ((0.0, 7 / 12), (0.4 * axial / np.tan(2 * theta), 5 / 12)):
                    u = ((X - at + early) / 0.05) ** 2
                    y += part * share * height * (0.5 / (1 + u) + 0.5 * np.exp(-np.log(2) * u))
    counts = dice.poisson(y).astype(float)
    return Pattern(X, counts, ONE, (TWO, 0.5), f"{name}.xy", provenance=Provenance(radius=radius))


@pytest.mark.parametrize("name", sorted(STANDARDS))
def test_both_errors_come_back(name: str) -> None:
    """Whatever the powder, the errors that the scan was made with are found within four uncertainties."""
    found = aligned(scan(name, 0.05, -0.12), STANDARDS[name])
    assert found.zero == pytest.approx(0.05, abs=4 * found.zero_su)
    assert found.displacement == pytest.approx(-0.12, abs=4 * found.displacement_su)
    assert found.zero_su < 0.01
    assert found.residual < 0.01


def test_the_goniometer_of_the_file_counts() -> None:
    """On a small goniometer the same displacement moves lines more, and is told the same."""
    found = aligned(scan("Si", 0.0, 0.1, radius=145.0), STANDARDS["Si"])
    assert found.displacement == pytest.approx(0.1, abs=4 * found.displacement_su)


@pytest.mark.parametrize("second", [0.5, 0.0])
def test_whether_the_second_line_was_taken_away_is_seen(second: float) -> None:
    """A file that does not say whether it has Kα2 is aligned alike with it and without: the shape of lines tells."""
    silent = replace(scan("Si", 0.05, -0.12, second=second), k_alpha2=None)
    found = aligned(silent, STANDARDS["Si"])
    assert found.zero == pytest.approx(0.05, abs=4 * found.zero_su)
    assert found.residual < 0.01


def test_uncertainties_are_no_smaller_than_the_truth_demands() -> None:
    """Over many scans the errors stay within their uncertainties: the root mean square of z is at most 1.2."""
    z = [
        (found.zero - 0.03) / found.zero_su
        for n in range(12)
        for found in [aligned(scan("Si", 0.03, 0.05, n), STANDARDS["Si"])]
    ]
    assert np.sqrt(np.mean(np.square(z))) < 1.2


def test_another_powder_and_a_short_scan_are_refused() -> None:
    """Corundum is no silicon, and two lines cannot tell two errors apart: each is said in a sentence."""
    with pytest.raises(PatternError, match="Expected 4 clear lines of Si .* Is it Si"):
        aligned(scan("Al2O3", 0.0, 0.0), STANDARDS["Si"])
    whole = scan("Si", 0.0, 0.0)
    short = replace(whole, two_theta=whole.two_theta[:1500], intensity=whole.intensity[:1500])
    with pytest.raises(PatternError, match="Expected 4 clear lines of Si"):
        aligned(short, STANDARDS["Si"])


def test_a_wrong_wavelength_is_not_taken_for_an_alignment() -> None:
    """Copper's scan read as cobalt's has no line where one should be."""
    with pytest.raises(PatternError, match="and the wavelength right"):
        aligned(scan("LaB6", 0.0, 0.0), STANDARDS["Si"], wavelength=1.78897)


def test_spacings_are_those_of_the_reflection_conditions() -> None:
    """Silicon has 111, 220, 311, 400 and no 200 or 222; lanthanum hexaboride has 100."""
    ratios = (5.431144 / STANDARDS["Si"].spacings[:4]) ** 2
    assert ratios == pytest.approx([3, 8, 11, 16])
    assert STANDARDS["LaB6"].spacings[0] == pytest.approx(4.156826)
    assert STANDARDS["Al2O3"].spacings[0] == pytest.approx(3.4797, abs=1e-3)


def test_silicon_s_lines_stand_where_its_certificate_says() -> None:
    """SRM 640f tabulates its lines for 1.5405929 Å: each of them, and no other, to the last digit of the table."""
    tabulated = (28.441, 47.301, 56.120, 69.127, 76.373, 88.026, 94.947, 106.702, 114.085, 127.535, 136.882)
    sine = 1.5405929 / (2 * STANDARDS["Si"].spacings)
    places = np.degrees(2 * np.arcsin(sine[sine < 1]))
    assert places[places < 140] == pytest.approx(tabulated, abs=6e-4)


def test_what_a_standard_says_holds_for_samples_whose_lines_lean() -> None:
    """Axial divergence is in the zero of a standard, and with that zero the cell of a sample is right to 0.3 mÅ.

    Both scans come from the simulator of the diffractometer, where three of ten rays come 0.02° × cot 2θ early.
    """
    silicon = replace(FACTS["Si_640"], lattice=Lattice(*(3 * [5.431144])))
    found = aligned(powder({silicon: 1.0}), STANDARDS["Si"])
    assert found.zero == pytest.approx(LEAN * 6 * 0.3 * 0.02, abs=0.006)
    crystals = [FACTS[name] for name in ("BaZrO3", "TiO2_rutile")]
    observed = observe(powder(dict.fromkeys(crystals, 0.5)), ((ONE, 2 / 3), (TWO, 1 / 3)))
    known = replace(observed, zero=(found.zero, found.zero_su), lean=LEAN)
    trials = tuple(Trial(c, calculate(c, ONE, d_min=1.0)) for c in crystals)
    start = Fit(trials, [PhaseState(t.start.copy()) for t in trials])
    fit = refine(refine(start, known, iterations=20), known, iterations=20, tails=True)
    for n, crystal in enumerate(crystals):
        assert abs(fit.lattice(n).a - crystal.lattice.a) < 3e-4
    assert fit.zero + LEAN * fit.axial == pytest.approx(found.zero, abs=2 * found.zero_su)


@pytest.mark.parametrize("name", sorted(STANDARDS))
def test_upright_lines_tell_that_there_is_no_axial_divergence(name: str) -> None:
    """Without it the shapes say so, and more surely than before anything was measured."""
    found = aligned(scan(name, 0.05, -0.12), STANDARDS[name])
    assert found.axial <= 2 * found.axial_su
    assert found.axial_su < 0.8 * AXIAL_SD


@pytest.mark.parametrize("seed", range(4))
def test_leaning_lines_tell_how_much(seed: int) -> None:
    """Three of ten rays come 0.02° × cot 2θ early, which is as much as 0.036 of the model, in another shape."""
    silicon = replace(FACTS["Si_640"], lattice=Lattice(*(3 * [5.431144])))
    found = aligned(powder({silicon: 1.0}, seed=seed), STANDARDS["Si"])
    assert found.axial == pytest.approx(0.036, abs=2 * found.axial_su)
    assert 0 < found.axial_su < 0.6 * found.axial
    assert found.instrument == Instrument(found.zero, found.zero_su, found.axial, found.axial_su)


def test_a_fit_that_knows_the_axial_divergence_begins_with_it_and_stays_near() -> None:
    """A sample with few low lines cannot tell it; its cell is nearer the truth when its standard does."""
    crystal = FACTS["BaZrO3"]
    sample = powder({crystal: 1.0}, counts=2000)
    plain = replace(observe(sample, ((ONE, 2 / 3), (TWO, 1 / 3))), zero=(LEAN * 0.036, 0.002), lean=LEAN)
    trial = Trial(crystal, calculate(crystal, ONE, d_min=1.0))
    fits = []
    for axial in ((0.0, AXIAL_SD), (0.036, 0.005)):
        known = replace(plain, axial=axial)
        start = known.start((trial,), [PhaseState(trial.start.copy())])
        assert start.axial == axial[0]
        assert start.zero == pytest.approx(LEAN * (0.036 - axial[0]))
        fits.append(refine(refine(start, known, iterations=20), known, iterations=20, tails=True))
    assert abs(fits[1].axial - 0.036) < 0.01
    off = [abs(fit.lattice(0).a - crystal.lattice.a) for fit in fits]
    assert off[1] < min(off[0], 2e-4)


@pytest.mark.parametrize("axial", [0.1, 0.2, 0.25])
def test_an_instrument_without_slits_is_told_as_it_is(axial: float) -> None:
    """Divergences far beyond what most instruments have are found, too, and not cut off where others end."""
    found = aligned(scan("LaB6", 0.05, -0.12, axial=axial), STANDARDS["LaB6"])
    assert found.axial == pytest.approx(axial, abs=0.02)
