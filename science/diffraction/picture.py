"""The curves behind an answer: what was measured, what the named phases add up to, and where their lines stand.

An answer (`identify`) keeps numbers only. A picture needs the calculated pattern, so the fit is taken up again
where the answer left it, with the phases that the answer names and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from science.chemistry.perovskite.models import perovskite_models
from science.crystals.crystal import Crystal
from science.diffraction.errors import LibraryError
from science.diffraction.fit import Fit, March, Observed, PhaseState, Trial
from science.diffraction.flags import RADIUS
from science.diffraction.identify import Identification, _radiation, identify
from science.diffraction.instrument import Instrument
from science.diffraction.intensities import with_lines
from science.diffraction.observing import observe, r_wp
from science.diffraction.pattern import Pattern
from science.diffraction.readers import read_pattern_bytes
from science.diffraction.refine import refine
from science.diffraction.sticks import calculate, cell_shape, metric_design, metric_parameters
from science.diffraction.stretch import stretched
from science.diffraction.tasks import Sites, library

Array = NDArray[np.float64]

FREEDOM = 0.03
"""Relative length by which cells may still move; the answer's own limits were tighter."""
ZERO_HELD = 1e-3
"""Degrees by which the zero may leave where the answer has it."""
NOTICEABLE = 0.003
"""Lines weaker than this share of a phase's strongest get no tick."""


@dataclass(frozen=True)
class PhasePicture:
    """One phase of the answer as curves.

    Attributes:
        name: as in the answer.
        part: ``(n,)`` counts that it adds to the calculated pattern.
        ticks: ``(m,)`` degrees 2θ of its Kα1 lines, with zero error and displacement, increasing.
        hkl: ``(m, 3)`` the Miller indices of each, told as people do: 110 and not 0-11 where they are one line.
    """

    name: str
    part: Array
    ticks: Array
    hkl: Array


@dataclass(frozen=True)
class Picture:
    """An answer as curves on one grid of angles.

    Attributes:
        x: ``(n,)`` degrees 2θ.
        observed: ``(n,)`` counts.
        background: ``(n,)`` counts.
        calculated: ``(n,)`` counts, background included.
        phases: one for each phase of the answer, in its order.
        r_wp: weighted profile residual of the curves.
        answer: what is drawn.
    """

    x: Array
    observed: Array
    background: Array
    calculated: Array
    phases: tuple[PhasePicture, ...]
    r_wp: float
    answer: Identification

    @property
    def difference(self) -> Array:
        """Observed minus calculated, ``(n,)`` counts."""
        return self.observed - self.calculated


def explain(
    pattern: Pattern, answer: Identification, crystals: Iterable[Crystal], *, wavelength: float | None = None
) -> Picture:
    """The curves of an answer.

    Args:
        pattern: what was measured.
        answer: what `identify` said of it.
        crystals: structures that it may have named: library and hypotheses.
        wavelength: Kα1 in Å, as it was given to `identify`.

    Raises:
        LibraryError: the answer names a phase that is not among the crystals.
    """
    lines, _ = _radiation(pattern, wavelength)
    observed = stretched(observe(pattern, lines), answer.stretch)
    known: dict[str, Crystal] = {}
    for crystal in crystals:
        known.setdefault(crystal.name, crystal)
    if missing := [p.name for p in answer.phases if p.name not in known]:
        raise LibraryError(
            f"Expected the structures of all phases of the answer, got none for {', '.join(missing)}. "
            "Give the library and the hypotheses that the answer was made with."
        )
    if not answer.phases:
        return _unnamed(observed, answer)
    held = replace(observed, zero=(answer.zero, ZERO_HELD))
    fit = refine(_start(answer, known, held), held, iterations=12)
    parts = tuple(
        PhasePicture(phase.name, fit.parts[n], *_ticks(fit, n, observed)) for n, phase in enumerate(answer.phases)
    )
    return Picture(
        observed.x, observed.y, fit.background, fit.calculated, parts, r_wp(observed, fit.calculated), answer
    )


def explain_bytes(
    name: str,
    content: bytes,
    elements: tuple[str, ...],
    nominal: Sites | None,
    wavelength: float | None,
    library_path: str | None,
    instrument: Instrument | None = None,
) -> Picture:
    """Identifies the bytes of a measured file again, and draws the answer; arguments as for `identify_bytes`.

    Raises:
        DiffractionError: the file or the library cannot be used.
    """
    pattern = read_pattern_bytes(name, content)
    phases, hypotheses = library(library_path), _hypotheses(nominal)
    told = None if pattern.wavelength is not None else wavelength
    answer = identify(pattern, phases, elements, hypotheses=hypotheses, wavelength=told, instrument=instrument)
    return explain(pattern, answer, (*phases.crystals, *hypotheses), wavelength=told)


def _hypotheses(nominal: tuple[Mapping[str, float], Mapping[str, float]] | None) -> tuple[Crystal, ...]:
    return perovskite_models(*nominal) if nominal else ()


def _start(answer: Identification, known: Mapping[str, Crystal], observed: Observed) -> Fit:
    """The fit as the answer tells it: cells, line intensities and the instrument are known, widths are not."""
    wavelength = observed.lines[0][0]
    d_min = float(wavelength / 2 / np.sin(np.radians(min(observed.x[-1] + 1, 178) / 2)))
    trials, states = [], []
    for phase in answer.phases:
        crystal = known[phase.name]
        trials.append(Trial(crystal, calculate(crystal, wavelength, d_min=d_min), FREEDOM, phase.origin))
        metric = metric_parameters(replace(crystal, lattice=phase.lattice))
        states.append(PhaseState(metric, strain=float(np.degrees(4 * phase.microstrain))))
    shift = float(np.degrees(-2 * answer.displacement / RADIUS))
    fit = Fit(tuple(trials), states, zero=answer.zero, displacement=shift, axial=answer.axial)
    for n, phase in enumerate(answer.phases):
        march = None if phase.texture_axis is None else March(phase.texture_axis, phase.march)
        fit = with_lines(fit, n, march, phase.warmth, wavelength)
    return fit


def _ticks(fit: Fit, n: int, observed: Observed) -> tuple[Array, Array]:
    trial = fit.trials[n]
    q = metric_design(trial.sticks.hkl, trial.crystal) @ fit.states[n].metric
    s = observed.lines[0][0] * np.sqrt(np.maximum(q, 1e-9)) / 2
    seen = (s < 0.999) & (trial.sticks.strength > NOTICEABLE * trial.sticks.strength.max())
    theta = np.arcsin(s[seen])
    at = fit.places(theta)
    inside = (at >= observed.x[0]) & (at <= observed.x[-1])
    order = np.argsort(at[inside], kind="stable")
    return at[inside][order], _customary(trial.sticks.hkl[seen][inside][order], trial.crystal)


def _customary(hkl: Array, crystal: Crystal) -> Array:
    """The member of each form that people write; where signs tell lines apart they stay."""
    shape = cell_shape(crystal)
    if shape == "cubic":
        return np.asarray(-np.sort(-np.abs(hkl), axis=1))
    if shape == "tetragonal":
        return np.column_stack([-np.sort(-np.abs(hkl[:, :2]), axis=1), np.abs(hkl[:, 2])])
    return np.abs(hkl) if shape == "orthorhombic" else hkl


def _unnamed(observed: Observed, answer: Identification) -> Picture:
    """Nothing was named: the background estimate is all there is to draw."""
    background = observed.background
    return Picture(observed.x, observed.y, background, background, (), r_wp(observed, background), answer)
