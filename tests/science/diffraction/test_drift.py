"""A drift is found, its delay is told in days, and without one the alarm is as rare as it is said to be."""

from __future__ import annotations

import numpy as np
import pytest

from science.diffraction.drift import (
    QUIET,
    SETTLED,
    WANDER,
    Reading,
    drifts,
    instrument_at,
    quiet_for,
    threshold_for,
    zero_at,
)
from science.diffraction.fit import AXIAL_SD
from science.diffraction.instrument import COARSE


def readings(zeros: np.ndarray, days: float = 7.0, su: float = 0.003) -> list[Reading]:
    return [Reading(days * n, float(z), su) for n, z in enumerate(zeros)]


def test_a_step_is_found_with_its_delay() -> None:
    """A jump of the zero after the tenth week is noticed, and both its beginning and its size are told."""
    dice = np.random.default_rng(4)
    zeros = dice.normal(0, 0.004, 30)
    zeros[10:] += 0.03
    first = drifts(readings(zeros))[0]
    assert 10 <= first.found <= 13
    assert first.since == pytest.approx(63, abs=14)
    assert first.delay == 7.0 * first.found - first.since
    assert first.by == pytest.approx(0.03, abs=0.01)


def test_after_a_drift_the_instrument_is_held_against_where_it_is() -> None:
    """One step is one alarm, and not one at each standard from then on; a second step is a second."""
    zeros = np.zeros(60)
    zeros[15:] += 0.04
    zeros[40:] -= 0.04
    found = drifts(readings(zeros))
    assert [round(d.by, 2) for d in found] == [0.04, -0.04]


def test_false_alarms_are_as_rare_as_they_are_said_to_be() -> None:
    """With a known mean and unit scatter a CUSUM rings once in about `QUIET` readings, as Siegmund's formula says."""
    threshold = threshold_for(QUIET)
    assert quiet_for(threshold) == pytest.approx(QUIET, rel=1e-6)
    dice = np.random.default_rng(11)
    lasted = []
    for _ in range(400):
        up = down = n = 0.0
        while max(up, down) <= threshold:
            z = dice.standard_normal()
            up, down, n = max(up + z - 0.5, 0), max(down - z - 0.5, 0), n + 1
        lasted.append(n)
    assert np.mean(lasted) == pytest.approx(QUIET, rel=0.15)


def test_greater_shifts_are_found_sooner() -> None:
    """The expected delay falls with the shift, from the quiet time to a few readings."""
    delays = [quiet_for(threshold_for(), shift=s) for s in (0.0, 0.5, 1.0, 2.0)]
    assert delays == sorted(delays, reverse=True)
    assert delays[-1] < 4


def test_scatter_below_what_matters_is_no_drift() -> None:
    """Standards that agree within the settled scatter never ring, however small their own uncertainty."""
    zeros = 0.5 * SETTLED * np.sign(np.sin(np.arange(80)))
    assert drifts(readings(zeros, su=1e-5)) == []
    assert drifts(readings(np.zeros(2))) == []


def test_the_zero_of_a_day_is_known_as_well_as_it_says() -> None:
    """Of zeros that wander the estimate is off by what is stated, and less than the latest standard alone is."""
    dice = np.random.default_rng(9)
    z, latest = [], []
    for _ in range(300):
        true = np.cumsum(dice.normal(0, WANDER * 7**0.5, 12))
        shown = true + dice.normal(0, 0.006, 12)
        zero, su = zero_at(readings(shown[:-1], su=0.006), 7.0 * 11)
        z.append((zero - true[-1]) / su)
        latest.append((shown[-2] - true[-1]) / su)
    assert 0.85 < np.sqrt(np.mean(np.square(z))) < 1.15
    assert np.sqrt(np.mean(np.square(latest))) > 1.2


def test_the_zero_of_a_day_knows_nothing_of_what_comes_or_went() -> None:
    """Later standards do not count, nor those before a drift; without any nothing is known; old ones say less."""
    zeros = np.zeros(20)
    zeros[12:] += 0.05
    row = readings(zeros, su=0.002)
    assert zero_at(row, -1) is None
    assert zero_at(row, 70)[0] == pytest.approx(0, abs=1e-9)
    after = zero_at(row, 7.0 * 19)
    assert after[0] == pytest.approx(0.05, abs=1e-3)
    assert zero_at(row, 7.0 * 19 + 200)[1] > 3 * after[1]


def test_every_standard_tells_the_axial_divergence_again() -> None:
    """Each counts by its uncertainty; what their model of a line's tail has wrong, no number of them makes right."""
    two = [Reading(0.0, 0.02, 0.003, (0.04, 0.02)), Reading(7.0, 0.02, 0.003, (0.06, 0.01))]
    found = instrument_at(two, 8.0)
    assert (found.zero, found.zero_su) == zero_at(two, 8.0)
    assert found.axial == pytest.approx(0.056)
    assert found.axial_su == pytest.approx(COARSE * 0.056)
    many = [Reading(7.0 * n, 0.02, 0.003, (0.01, 0.02)) for n in range(16)]
    assert instrument_at(many, 200.0).axial_su == pytest.approx(0.02 / 4)


def test_no_standard_tells_no_instrument() -> None:
    """Before the first nothing is known; one whose lines nobody asked leaves the axial divergence as it was."""
    assert instrument_at([Reading(7.0, 0.02, 0.003)], 6.0) is None
    silent = instrument_at([Reading(7.0, 0.02, 0.003)], 8.0)
    assert (silent.axial, silent.axial_su) == (0.0, AXIAL_SD)


def test_after_a_drift_its_lines_are_asked_anew() -> None:
    """Whoever moved the circle may have changed the slits: what was before counts no longer."""
    moved = [Reading(7.0 * n, 0.0 if n < 8 else 0.2, 0.003, (0.02 if n < 8 else 0.08, 0.02)) for n in range(12)]
    assert instrument_at(moved, 90.0).axial == pytest.approx(0.08)
