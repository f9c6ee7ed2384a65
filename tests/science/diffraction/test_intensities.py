"""Line intensities follow texture and temperature, and nothing else.

Pressed powders come from the simulator of the diffractometer, which shares no code with the analyser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from science.diffraction.evidence import weigh
from science.diffraction.fit import Fit, March, Observed, PhaseState, Trial
from science.diffraction.intensities import adjusted, with_lines
from science.diffraction.observing import observe
from science.diffraction.refine import refine
from science.diffraction.sticks import calculate, metric_parameters
from simulators.beam import K_ALPHA1
from tests.science.diffraction.pressed import DOUBLET, FACTS, powder


def _powder(weights: Mapping[str, float], texture: float) -> Observed:
    return observe(powder({FACTS[name]: weight for name, weight in weights.items()}, texture), DOUBLET)


def _fit(observed: Observed, *names: str) -> Fit:
    trials = tuple(Trial(FACTS[n], calculate(FACTS[n], K_ALPHA1, d_min=1.0)) for n in names)
    return refine(Fit(trials, [PhaseState(metric_parameters(t.crystal)) for t in trials]), observed, iterations=20)


def _adjusted(observed: Observed, *names: str) -> tuple[Fit, Fit]:
    fit = _fit(observed, *names)
    return fit, adjusted(fit, observed, weigh(fit, observed).strayed, range(len(names)))


@pytest.mark.parametrize("r", [0.6, 0.8, 1.35])
def test_axis_and_strength_are_found(r: float) -> None:
    """Rutile and monoclinic zirconia pressed along c*: the axis, r within 4 %, and fractions three times better."""
    observed = _powder({"TiO2_rutile": 0.4, "ZrO2_m": 0.6}, r)
    before, after = _adjusted(observed, "TiO2_rutile", "ZrO2_m")
    for state in after.states:
        assert state.march is not None
        assert state.march.axis == (0, 0, 1)
        assert state.march.r == pytest.approx(r, rel=0.04)
    missed = abs(before.weight_fractions()[0] - 0.4)
    assert abs(after.weight_fractions()[0] - 0.4) < max(missed / 3, 0.006)
    assert after.chi2 < 0.6 * before.chi2
    assert weigh(after, observed).strayed.max() < weigh(before, observed).strayed.max()


def test_a_random_powder_gets_no_texture() -> None:
    """Nothing is found where nothing is, and the fractions stay right."""
    _, after = _adjusted(_powder({"TiO2_rutile": 0.4, "ZrO2_m": 0.6}, 1.0), "TiO2_rutile", "ZrO2_m")
    assert [s.march for s in after.states] == [None, None]
    assert after.weight_fractions()[0] == pytest.approx(0.4, abs=0.008)


def test_texture_does_not_eat_another_phase() -> None:
    """Periclase at its true tenth keeps it beside textured zirconia, though its line stands on those of zirconia."""
    _, after = _adjusted(_powder({"ZrO2_m": 0.9, "MgO": 0.1}, 0.7), "ZrO2_m", "MgO")
    assert after.weight_fractions()[1] == pytest.approx(0.1, abs=0.015)


def test_temperature_factors_follow_the_lines() -> None:
    """Atoms that move more than the library says are found to: 0.3 Å² within 0.1."""
    warm = FACTS["ZrO2_m"]
    warm = replace(warm, sites=tuple(replace(s, b_iso=s.b_iso + 0.3) for s in warm.sites))
    observed = _powder({"ZrO2_m": 1.0}, 1.0)
    made = refine(
        Fit((Trial(warm, calculate(warm, K_ALPHA1, d_min=1.0)),), [PhaseState(metric_parameters(warm))]),
        observed,
        iterations=15,
    )
    noisy = np.random.default_rng(3).poisson(np.maximum(made.calculated, 0)).astype(float)
    _, after = _adjusted(replace(observed, y=noisy), "ZrO2_m")
    assert after.states[0].warmth == pytest.approx(0.3, abs=0.1)


def test_only_believed_phases_change() -> None:
    """Lines of a phase that is not asked stay as the library has them, and the fit that was given stays as it was."""
    observed = _powder({"TiO2_rutile": 0.4, "ZrO2_m": 0.6}, 0.7)
    fit = _fit(observed, "TiO2_rutile", "ZrO2_m")
    before = [t.sticks.strength.copy() for t in fit.trials]
    after = adjusted(fit, observed, weigh(fit, observed).strayed, [1])
    assert (after.trials[0].sticks.strength == before[0]).all()
    assert after.states[0].march is None
    assert after.states[1].march is not None
    assert all((t.sticks.strength == b).all() for t, b in zip(fit.trials, before, strict=True))
    assert after.trials[1].plain.sticks.strength == pytest.approx(before[1])


def test_lines_can_be_set_and_taken_back() -> None:
    """A texture set twice is set once, and none gives the library's lines."""
    observed = _powder({"TiO2_rutile": 1.0}, 1.0)
    fit = _fit(observed, "TiO2_rutile")
    once = with_lines(fit, 0, March((0, 0, 1), 0.5), 0.2, K_ALPHA1)
    twice = with_lines(once, 0, March((0, 0, 1), 0.5), 0.2, K_ALPHA1)
    assert once.trials[0].sticks.strength == pytest.approx(twice.trials[0].sticks.strength)
    assert np.abs(once.trials[0].sticks.strength / fit.trials[0].sticks.strength - 1).max() > 0.5
    back = with_lines(twice, 0, None, 0.0, K_ALPHA1)
    assert back.trials[0].sticks.strength == pytest.approx(fit.trials[0].sticks.strength)


def test_a_phase_that_is_not_there_has_no_texture() -> None:
    """A phase without any intensity, and a fit without any phase, are left as they are."""
    observed = _powder({"TiO2_rutile": 1.0}, 1.0)
    fit = _fit(observed, "TiO2_rutile", "ZrO2_m")
    nothing = replace(fit, scales=fit.scales * [1, 0], parts=fit.parts * [[1], [0]])
    after = adjusted(nothing, observed, np.ones(2), [0, 1])
    assert after.states[1].march is None
    assert np.isfinite(after.calculated).all()
    empty = refine(Fit((), []), observed, iterations=0)
    assert adjusted(empty, observed, np.zeros(0), []) is empty
