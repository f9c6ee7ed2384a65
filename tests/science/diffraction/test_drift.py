"""A drift is found, its delay is told in days, and without one the alarm is as rare as it is said to be."""

from __future__ import annotations

import numpy as np
import pytest

from science.diffraction.drift import QUIET, SETTLED, Reading, drifts, quiet_for, threshold_for


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
