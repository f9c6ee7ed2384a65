"""Which lines of a pattern no phase accounts for, and which of them are only shadows of strong ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.diffraction.evidence import counting, tolerated
from science.diffraction.fit import MODEL_ERROR, Fit, Observed
from science.diffraction.search import smoothed
from science.diffraction.sticks import metric_design

Array = NDArray[np.float64]

LINE_HEIGHT = 0.04
"""Unexplained lines above this share of the strongest are clear."""
K_BETA_OVER_K_ALPHA = 1.39222 / 1.540593
FAR = 0.2
"""Degrees from a line of a phase beyond which nothing of it is left."""
BESIDE = 1.5
"""Widths from a line of a phase within which nothing counts as another line."""
SHARP_ERROR = 3e-4
"""Share of the strongest line by which calculated patterns are wrong anywhere, away from lines."""
W_L_ALPHA = 1.47639
"""Å; tungsten from the filament settles on the anode of an ageing tube."""


@dataclass(frozen=True)
class UnexplainedLine:
    """A line that no phase accounts for: 2θ in degrees, d in Å, height relative to the strongest line."""

    two_theta: float
    d: float
    relative_intensity: float


def unexplained_lines(
    observed: Observed,
    calculated: Array,
    *,
    known: Sequence[tuple[float, float]] = (),
    positions: Array | None = None,
    line_height: float = LINE_HEIGHT,
) -> tuple[UnexplainedLine, ...]:
    """Clear lines of the residual, without shadows of strong lines (tails, Kβ, W Lα).

    A line that stands where a found phase has one is too strong, not unexplained: that is texture.

    Args:
        observed: the pattern.
        calculated: ``(n,)`` counts.
        known: (2θ, height) of calculated lines.
        positions: ``(m,)`` degrees, lines of the phases that were found.
        line_height: share of the strongest line above which a line is clear.
    """
    rest = smoothed(observed.y - calculated, observed)
    net = smoothed(observed.net, observed)
    top = net.max()
    total = smoothed(calculated - observed.background, observed)
    noise = np.sqrt(np.maximum(observed.sigma**2 - (MODEL_ERROR * np.maximum(observed.net, 0)) ** 2, 1e-12))
    wavelength = observed.lines[0][0]
    found = []
    peaks = np.flatnonzero((rest[1:-1] > rest[:-2]) & (rest[1:-1] >= rest[2:])) + 1
    for n in peaks[np.argsort(-rest[peaks])][:40]:
        height = rest[n] / top
        clear = height > line_height and rest[n] > 2.5 * noise[n] and rest[n] > 0.45 * total[n]
        near = positions is not None and len(positions) and np.abs(positions - observed.x[n]).min() < 0.2
        if not clear or near or _is_shadow(observed.x[n], rest[n], known, wavelength):
            continue
        d = wavelength / 2 / np.sin(np.radians((observed.x[n] - observed.zero[0]) / 2))
        found.append(UnexplainedLine(float(observed.x[n]), float(d), float(height)))
    return tuple(found[:10])


def clearness(observed: Observed, calculated: Array, positions: Array, width: float) -> Array:
    """How clear the clearest lines are that no phase accounts for, over their errors: ``(3,)``, clearest first.

    A filter of the shape of a line is laid over the residual; what stands beside a line of a phase does not count.

    Args:
        observed: the pattern.
        calculated: ``(n,)`` counts, as strong and broad as the lines of the phases may be.
        positions: ``(m,)`` degrees, lines of the phases.
        width: full width of a line in degrees.
    """
    step = observed.x[1] - observed.x[0]
    width = max(width, 2.5 * step)
    offsets = np.arange(-int(2 * width / step) - 1, int(2 * width / step) + 2) * step
    shape = np.exp(-2.772588722239781 * (offsets / width) ** 2)
    variance = tolerated(observed, SHARP_ERROR) ** 2
    found = np.convolve((observed.y - calculated) / variance, shape, "same")
    clear = found / np.sqrt(np.convolve(1 / variance, shape**2, "same"))
    clear[~observed.measured] = 0.0
    clear[_gaps(observed.x, positions) < BESIDE * width] = 0.0
    clearest = np.zeros(3)
    for n in range(len(clearest)):
        at = int(np.argmax(clear))
        clearest[n] = clear[at]
        clear[np.abs(observed.x - observed.x[at]) < 2 * width] = 0.0
    return clearest


def far_residual(observed: Observed, calculated: Array, positions: Array) -> float:
    """Largest smoothed residual over the noise of a point, far from all lines of the phases."""
    rest = smoothed(observed.y - calculated, observed) / counting(observed)
    rest[~observed.measured | (_gaps(observed.x, positions) < FAR)] = 0.0
    return float(rest.max())


def _gaps(x: Array, positions: Array) -> Array:
    """Distance of each angle from the nearest line, ``(n,)`` degrees."""
    if not len(positions):
        return np.full(len(x), np.inf)
    after = np.searchsorted(positions, x)
    before = np.abs(x - positions[np.maximum(after - 1, 0)])
    return np.minimum(before, np.abs(x - positions[np.minimum(after, len(positions) - 1)]))


def line_positions(fit: Fit, observed: Observed) -> Array:
    """2θ in degrees of all noticeable lines of the phases that were found."""
    found = []
    for n, trial in enumerate(fit.trials):
        q = metric_design(trial.sticks.hkl, trial.crystal) @ fit.states[n].metric
        for wavelength, _ in observed.lines:
            s = wavelength * np.sqrt(np.maximum(q, 1e-9)) / 2
            seen = (s < 0.999) & (trial.sticks.strength > 0.01 * trial.sticks.strength.max())
            theta = np.arcsin(s[seen])
            found.append(fit.places(theta))
    return np.sort(np.concatenate(found)) if found else np.zeros(0)


def _is_shadow(two_theta: float, height: float, known: Sequence[tuple[float, float]], wavelength: float) -> bool:
    """Whether a line is the Kβ or tungsten companion of a much stronger one."""
    for other in (wavelength * K_BETA_OVER_K_ALPHA, W_L_ALPHA):
        s = np.sin(np.radians(two_theta / 2)) * wavelength / other
        if s >= 1:
            continue
        parent = 2 * np.degrees(np.arcsin(s))
        if any(abs(parent - at) < 0.25 and height < 0.1 * strong for at, strong in known):
            return True
    return False


def calculated_lines(fit: Fit, observed: Observed) -> list[tuple[float, float]]:
    """(2θ in degrees, height in counts) of the peaks that the found phases add up to."""
    total = fit.parts.sum(0)
    peaks = np.flatnonzero((total[1:-1] > total[:-2]) & (total[1:-1] >= total[2:])) + 1
    return [(float(observed.x[n]), float(total[n])) for n in peaks if total[n] > 0.05 * total.max()]
