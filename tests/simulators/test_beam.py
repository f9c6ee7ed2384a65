"""What a true crystal does to the beam agrees with the formulas and with another program."""

from __future__ import annotations

from functools import cache

import gemmi
import numpy as np
import pytest
from numpy.typing import NDArray

from simulators.beam import K_ALPHA1, K_ALPHA2, K_BETA, RADIUS, W_L_ALPHA, Setting, lines, pattern
from simulators.world.structures import TrueCrystal, names, perovskite, typed
from simulators.world.vial import TruePhase

Array = NDArray[np.float64]
FINE: Array = np.arange(15, 100, 0.005)
ALIGNED = Setting(displacement=0.0, zero=0.0, weeks=0.0, texture=1.0)


def phase(name: str, share: float = 1.0, *, size: float = 3000.0, strain: float = 1e-4) -> TruePhase:
    """A phase of large, even crystallites."""
    return TruePhase(typed(name, 1), share, size, strain)


def two_theta(d: float, wavelength: float = K_ALPHA1) -> float:
    """Bragg's law, degrees."""
    return float(2 * np.degrees(np.arcsin(wavelength / 2 / d)))


def area(y: Array, low: float, high: float) -> float:
    """Integrated intensity between two angles."""
    return float(y[(low < FINE) & (high > FINE)].sum() * 0.005)


def centroid(y: Array, low: float, high: float) -> float:
    """Centre of gravity between two angles."""
    inside = (low < FINE) & (high > FINE)
    return float((y * FINE)[inside].sum() / y[inside].sum())


@cache
def peer(name: str) -> tuple[tuple[tuple[float, float], ...], float]:
    """Lines of a crystal by pymatgen, (d, intensity), and its weight per volume."""
    from pymatgen.analysis.diffraction.xrd import XRDCalculator
    from pymatgen.core import Lattice, Structure

    crystal = typed(name, 1)
    species = [{element: occupancy} for element, *_, occupancy in crystal.atoms]
    structure = Structure(Lattice.from_parameters(*crystal.cell), species, [atom[1:4] for atom in crystal.atoms])
    debye_waller = {"O": 0.9} | {e: 0.45 for e, *_ in crystal.atoms if e != "O"}
    calculator = XRDCalculator(K_ALPHA1, debye_waller_factors=debye_waller)
    found = calculator.get_pattern(structure, scaled=False, two_theta_range=(15, 95))
    return tuple(zip(found.d_hkls, found.y, strict=True)), float(structure.density)


@pytest.mark.parametrize("name", ["Si", "MgO", "CaO", "TiO2", "Al2O3", "CaCO3", "ZrO2_c"])
def test_relative_intensities_agree_with_another_program(name: str) -> None:
    """Structure factors, multiplicities, absences, Lorentz and polarisation factors are those of pymatgen."""
    y = pattern(FINE, (phase(name),), ALIGNED)
    theirs, _ = peer(name)
    angles = np.array([two_theta(d) for d, _ in theirs])
    alone = [n for n, a in enumerate(angles) if np.abs(np.delete(angles, n) - a).min(initial=9) > 2.0]
    ours = np.array([area(y, angles[n] - 0.9, angles[n] + 0.9) for n in alone])
    expected = np.array([theirs[n][1] for n in alone])
    strong = expected > 0.1 * expected.max()
    assert strong.sum() >= 2
    np.testing.assert_allclose(ours[strong] / ours[strong].sum(), expected[strong] / expected[strong].sum(), rtol=0.08)


@pytest.mark.parametrize(("one", "other"), [("Si", "MgO"), ("Si", "TiO2"), ("MgO", "CaO"), ("Si", "Al2O3")])
def test_phases_share_by_weight(one: str, other: str) -> None:
    """In a mixture the lines of two phases stand as their weights, densities and cells say: w/(ρ V²) times |F|²."""
    y = [pattern(FINE, (phase(name, 0.5),), ALIGNED) for name in (one, other)]
    ours, expected = [], []
    for name, signal in zip((one, other), y, strict=True):
        theirs, density = peer(name)
        d, intensity = max(theirs, key=lambda line: line[1])
        ours.append(area(signal, two_theta(d) - 0.9, two_theta(d) + 0.9))
        expected.append(intensity / typed(name, 1).volume ** 2 / density)
    assert ours[0] / ours[1] == pytest.approx(expected[0] / expected[1], rel=0.1)


def test_a_mixture_is_the_sum_of_its_phases() -> None:
    """Patterns add, each in proportion to its share."""
    both = pattern(FINE, (phase("Si", 0.7), phase("MgO", 0.3)), ALIGNED)
    apart = 0.7 * pattern(FINE, (phase("Si"),), ALIGNED) + 0.3 * pattern(FINE, (phase("MgO"),), ALIGNED)
    np.testing.assert_allclose(both, apart, rtol=1e-12)


@pytest.mark.parametrize("displacement", [-0.5, -0.1, 0.08, 0.45])
def test_displacement_shifts_lines_by_minus_two_s_cos_theta_over_r(displacement: float) -> None:
    """A raised or sunken sample moves each line by −2 s cosθ/R, at every angle."""
    still = pattern(FINE, (phase("Si"),), ALIGNED)
    moved = pattern(FINE, (phase("Si"),), Setting(displacement, 0.0, 0.0, 1.0))
    for d in (5.4312 / np.sqrt(n) for n in (3, 8, 11, 16, 19, 24)):
        at = two_theta(d)
        expected = -2 * np.degrees(displacement / RADIUS) * np.cos(np.radians(at / 2))
        low, high = at - 1.2, at + 1.2
        shift = centroid(moved, low + expected, high + expected) - centroid(still, low, high)
        assert shift == pytest.approx(expected, abs=4e-4)


def test_the_zero_shifts_all_lines_alike() -> None:
    """An error of the circle moves every line by itself."""
    still = pattern(FINE, (phase("Si"),), ALIGNED)
    moved = pattern(FINE, (phase("Si"),), Setting(0.0, 0.05, 0.0, 1.0))
    np.testing.assert_allclose(moved[10:], still[:-10], rtol=1e-6, atol=1e-9 * still.max())


def test_k_alpha_2_stands_beside_k_alpha_1_at_half_its_height() -> None:
    """At high angle the doublet parts: two maxima where Bragg's law puts them, two to one."""
    y = pattern(FINE, (phase("Si", size=20000, strain=1e-6),), ALIGNED)
    d = typed("Si", 1).cell[0] / np.sqrt(24)
    first, second = two_theta(d), two_theta(d, K_ALPHA2)
    inside = (first - 0.5 < FINE) & (second + 0.5 > FINE)
    x, local = FINE[inside], y[inside]
    tops = [n for n in range(1, len(x) - 1) if local[n - 1] < local[n] > local[n + 1]]
    assert [x[n] for n in tops] == [pytest.approx(first, abs=0.008), pytest.approx(second, abs=0.012)]
    middle = (first + second) / 2
    assert area(y, middle, second + 3) / area(y, first - 3, middle) == pytest.approx(0.5, abs=0.1)


def lorentz_polarisation(at: float) -> float:
    """(1 + cos²2θ)/(sin²θ cosθ) of a powder on a flat plate."""
    theta = np.radians(at / 2)
    return float((1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta)))


def test_beta_and_tungsten_are_faint_copies_and_tungsten_grows() -> None:
    """Kβ has 0.4 % of Kα1, the tungsten of an ageing tube 0.1 % more each week, where their wavelengths put them."""
    d = typed("Si", 1).cell[0] / np.sqrt(3)
    new, old = (pattern(FINE, (phase("Si"),), Setting(0, 0, weeks, 1)) for weeks in (0.0, 20.0))
    main = area(new, two_theta(d) - 0.5, two_theta(d) + 0.5) / 1.5 / lorentz_polarisation(two_theta(d))
    beta, tungsten = two_theta(d, K_BETA), two_theta(d, W_L_ALPHA)
    foot = area(new, beta - 1.0, beta - 0.5)  # what the tails of the strong line leave there
    assert (area(new, beta - 0.25, beta + 0.25) - foot) / main / lorentz_polarisation(beta) == pytest.approx(
        0.004, rel=0.15
    )
    grown = area(old - new, tungsten - 0.5, tungsten + 0.5)
    assert grown / main / lorentz_polarisation(tungsten) == pytest.approx(0.02, rel=0.02)
    elsewhere = (FINE > 47) & (FINE < 48)
    assert area(old, 47, 48) > 0
    np.testing.assert_allclose(old[elsewhere], new[elsewhere], rtol=0.01)


def width(y: Array, at: float, reach: float = 4.0) -> float:
    """Full width at half maximum of the line at an angle, degrees."""
    near = (at - reach < FINE) & (at + reach > FINE)
    half = FINE[near & (y > y[near].max() / 2)]
    return float(half[-1] - half[0])


def test_small_crystallites_broaden_lines_as_scherrer_says() -> None:
    """Width goes as Kλ/(L cosθ), and the area stays."""
    small, large = (pattern(FINE, (phase("Si", size=size, strain=0),), ALIGNED) for size in (60, 240))
    angles = [two_theta(typed("Si", 1).cell[0] / np.sqrt(n)) for n in (3, 16, 24)]
    scherrer = [np.degrees(0.9 * K_ALPHA1 / 60 / np.cos(np.radians(at / 2))) for at in angles]
    np.testing.assert_allclose([width(small, at) for at in angles], scherrer, rtol=0.1)  # Kα2 adds a little
    at = angles[0]
    assert area(small, at - 6, at + 6) == pytest.approx(area(large, at - 6, at + 6), rel=0.06)
    assert width(small, at) > 3 * width(large, at)


def test_strain_broadens_with_the_tangent() -> None:
    """An uneven lattice widens high-angle lines more than low ones, as 4 ε tanθ."""
    y = pattern(FINE, (phase("Si", size=1e6, strain=4e-3),), ALIGNED)
    angles = [two_theta(typed("Si", 1).cell[0] / np.sqrt(n)) for n in (8, 24)]
    widths = [width(y, at, 2.5) / np.tan(np.radians(at / 2)) for at in angles]
    assert widths[0] == pytest.approx(widths[1], rel=0.1)
    assert widths[0] == pytest.approx(np.degrees(4 * 4e-3), rel=0.15)


def test_dispersion_is_that_of_copper_radiation() -> None:
    """Barium scatters with f' = −1.05 and f'' = 8.46 electrons, as the International Tables (vol. C, 4.2.6) say."""
    crystal = typed("BaO", 1)
    found = lines(crystal)
    groups = np.add.reduceat(found.intensity, found.starts)
    for index, sign, pairs in ((0, -1, 4), (1, 1, 3)):  # 111 and 200
        d = found.d[found.starts[index]]
        s2 = 1 / (2 * d) ** 2
        barium, oxygen = (
            (t.c + sum(a * np.exp(-b * s2) for a, b in zip(t.a, t.b, strict=True)) + f) * np.exp(-b_iso * s2)
            for t, f, b_iso in (
                (gemmi.Element("Ba").it92, -1.046 + 8.460j, 0.45),
                (gemmi.Element("O").it92, 0.049 + 0.032j, 0.9),
            )
        )
        assert groups[index] == pytest.approx(2 * pairs * abs(4 * (barium + sign * oxygen)) ** 2, rel=0.01)


def test_axial_divergence_draws_low_lines_to_the_left() -> None:
    """Below 90° a line's centre of gravity lies left of Bragg's angle, the further the lower the angle."""
    cubic, _, _ = perovskite({"Ba": 1.0}, {"Zr": 1.0}, 1.0, 1)
    y = pattern(FINE, (TruePhase(cubic, 1.0, 5000, 1e-6),), ALIGNED)
    lag = []
    for n in (1, 2, 6):
        d = cubic.cell[0] / np.sqrt(n)
        mean = (two_theta(d) + 0.5 * two_theta(d, K_ALPHA2)) / 1.5
        lag.append(mean - centroid(y, mean - 1.0, mean + 1.0))
    assert lag[0] > lag[1] > lag[2] > 0


def test_texture_favours_the_preferred_planes() -> None:
    """March's factor: planes across c gain as r⁻³ against none, planes along c as r³ᐟ²."""
    crystal = typed("La2O3", 1)
    a, c = crystal.cell[0], crystal.cell[2]
    across, along = two_theta(c / 2), two_theta(a / 2)  # 002 and 110
    plain = pattern(FINE, (TruePhase(crystal, 1, 3000, 1e-4),), ALIGNED)
    platy = pattern(FINE, (TruePhase(crystal, 1, 3000, 1e-4),), Setting(0, 0, 0, 0.85))
    gain = [area(platy, at - 0.3, at + 0.3) / area(plain, at - 0.3, at + 0.3) for at in (across, along)]
    assert gain[0] == pytest.approx(0.85**-3, rel=0.03)
    assert gain[1] == pytest.approx(0.85**1.5, rel=0.03)


@pytest.mark.parametrize("name", names())
def test_every_crystal_gives_a_clean_pattern(name: str) -> None:
    """Finite, nowhere negative, with lines in falling order of spacing and each pair once."""
    found = lines(typed(name, 1))
    assert (np.diff(found.d) <= 1e-9).all()
    assert found.starts[0] == 0
    assert (np.diff(found.starts) > 0).all()
    y = pattern(FINE[::10], (phase(name),), ALIGNED)
    assert np.isfinite(y).all()
    assert (y >= 0).all()
    assert y.max() > 0


def test_equal_spacings_are_gathered_and_nothing_is_lost() -> None:
    """A cubic crystal has one group a spacing, and the groups hold all its reflections."""
    cubic, lattice, _ = perovskite({"Sr": 1.0}, {"Ti": 1.0}, 1.0, 1)
    found = lines(cubic)
    squares = np.round((lattice / found.d[found.starts]) ** 2).astype(int)
    assert len(set(squares)) == len(squares)
    ends = np.append(found.starts[1:], len(found.d))
    counts = dict(zip(squares.tolist(), (ends - found.starts).tolist(), strict=True))
    assert (counts[1], counts[2], counts[3], counts[4], counts[5], counts[9]) == (3, 6, 4, 3, 12, 15)


def test_a_range_without_lines_is_flat() -> None:
    """Where the crystal has no line there is nothing, and no division by it."""
    lone = TrueCrystal("lone", (1.2, 1.2, 1.2, 90.0, 90.0, 90.0), (("Si", 0.0, 0.0, 0.0, 1.0),))
    y = pattern(np.arange(15.0, 20.0, 0.02), (TruePhase(lone, 1.0, 1000, 1e-4),), ALIGNED)
    assert not y.any()
