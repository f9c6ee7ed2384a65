"""What must be known beside an answer: where a sample or a scan breaks the assumptions of the fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from science.diffraction.fit import Observed
from science.diffraction.quantities import contrasts
from science.diffraction.settle import Settled

Array = NDArray[np.float64]

RADIUS = 240.0
"""Goniometer radius in mm by which the displacement is told."""
DISPLACED = 0.25
"""Sample displacement in mm from which it is told."""
TEXTURE = 0.15
"""|ln r| of March's model from which texture is told: lines along the axis are half as strong again, or weaker."""
STRAYED = 0.3
"""Relative deviation of line intensities, beyond texture, from which coarse grains are told,"""
SPREAD = 0.25
"""and the same among strong lines of their own;"""
GRAINY_LINES, GRAINY_SHARE = 4, 0.05
"""both of phases with so many lines and such a share of the intensity that they can be told."""
HUMP = 0.4
"""Share of the counts above a straight background that a broad hump may hold."""
CONTRAST = 0.12
"""Difference of absorption times grain diameter from which weight fractions are in doubt (Brindley 1945)."""
FLAT_TOP = 4
"""Neighbouring points at the highest count that no peak has but a detector that counts no further."""


def flags_of(settled: Settled, observed: Observed) -> list[str]:
    """In words of the log.

    texture, graininess, displaced, overlap, weak-phase, saturation, amorphous-hump, microabsorption
    """
    flags = []
    if any(s.march is not None and abs(np.log(s.march.r)) > TEXTURE for s in settled.fit.states):
        flags.append("texture")
    if grainy(settled).any():
        flags.append("graininess")
    if abs(np.radians(settled.fit.displacement) * RADIUS / 2) > DISPLACED:
        flags.append("displaced")
    if any(p.own < 0.12 for p in settled.there):
        flags.append("overlap")
    if any(p.signal < 10 for p in settled.there):
        flags.append("weak-phase")
    if saturated(observed):
        flags.append("saturation")
    if hump(observed) > HUMP:
        flags.append("amorphous-hump")
    if len(settled.fit.trials) > 1 and np.abs(contrasts(settled.fit, observed.lines[0][0])).max() > CONTRAST:
        flags.append("microabsorption")
    return flags


def grainy(settled: Settled) -> NDArray[np.bool_]:
    """Which phases have lines that stray one by one, as where few coarse grains reflect, ``(phases,)``.

    Texture is fitted before; what it does not account for has no pattern that a powder of many grains could show.
    """
    parts, evidence = settled.fit.parts.sum(1), settled.evidence
    clear = (evidence.lines >= GRAINY_LINES) & (parts > GRAINY_SHARE * parts.sum())
    spread = np.array([p.spread for p in settled.there])
    return np.asarray(clear & ((spread > SPREAD) | (evidence.strayed > STRAYED)))


def saturated(observed: Observed) -> bool:
    """Whether the strongest line is cut off flat, well above the rest."""
    top = observed.y.max()
    flat = observed.y >= top * (1 - 1e-6)
    runs = np.flatnonzero(np.diff(np.concatenate([[0], flat.view(np.int8), [0]])))
    longest = int((runs[1::2] - runs[::2]).max())
    return longest >= FLAT_TOP and top > 4 * float(np.median(observed.y))


def hump(observed: Observed) -> float:
    """Share of the counts above the straight line under the background that a broad hump holds, 0 to 1.

    The background of a crystalline powder falls towards high angles; glass and polymers put a hump upon it.
    """
    base = observed.background
    hull = _under(observed.x, base)
    broad = float(np.maximum(base - hull, 0).sum())
    return broad / max(broad + float(np.maximum(observed.net, 0).sum()), 1e-9)


def _under(x: Array, y: Array) -> Array:
    """The convex curve that touches a curve from below, ``(n,)``: a falling background is convex, a hump is not."""
    corners: list[int] = []
    for n in range(0, len(x), max(len(x) // 200, 1)):
        while len(corners) > 1 and (y[corners[-1]] - y[corners[-2]]) * (x[n] - x[corners[-2]]) >= (
            y[n] - y[corners[-2]]
        ) * (x[corners[-1]] - x[corners[-2]]):
            corners.pop()
        corners.append(n)
    return np.asarray(np.interp(x, x[corners], y[corners]))
