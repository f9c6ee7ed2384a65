"""Preferred orientation: by how much each line of a phase grows or fades, by March's model.

Plates and needles lie down when a powder is pressed; lines of one direction grow and the others fade as
``(r² cos² α + sin² α / r)^(−3/2)``, averaged over the equivalents of each line (Dollase 1986,
doi:10.1107/S0021889886089458). The average over all directions stays one, so that weight fractions keep their
meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.crystals.crystal import Crystal
from science.diffraction.fit import Trial
from science.diffraction.sticks import lorentz_polarisation, metric_design, reflections, strengths

Array = NDArray[np.float64]
Axis = tuple[int, int, int]

NOTICEABLE = 2e-3
"""Lines below this share of the strongest of their phase keep their strength."""
AXES: dict[str, tuple[Axis, ...]] = {
    "cubic": ((1, 0, 0), (1, 1, 0), (1, 1, 1)),
    "tetragonal": ((0, 0, 1), (1, 0, 0), (1, 1, 0), (1, 0, 1), (1, 1, 1)),
    "hexagonal": ((0, 0, 1), (1, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 2), (1, 0, 4)),
    "rhombohedral": ((1, 1, 1), (1, 0, 0), (1, 1, 0), (2, 1, 1), (1, -1, 0)),
    "orthorhombic": ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)),
    "monoclinic": ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (-1, 0, 1), (0, 1, 1), (1, -1, 0)),
    "triclinic": ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, -1, 0), (1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1)),
}
"""Normals of the faces that crystals of each cell shape show and cleave along most."""


def march(cosine_squared: Array, r: float) -> Array:
    """How much more crystallites than in a random powder lie so that a plane reflects.

    Args:
        cosine_squared: of the angle between the plane's normal and the axis.
        r: below 1 for plates, above 1 for needles, 1 for none.
    """
    return np.asarray((r * r * cosine_squared + (1 - cosine_squared) / r) ** -1.5)


@dataclass(frozen=True)
class Orientations:
    """Every reflection behind the noticeable lines of a phase.

    Attributes:
        lines: ``(k,)`` which of the sticks are noticeable.
        owner: ``(m,)`` the line, 0 to k, of each reflection.
        share: ``(m,)`` of the strength of its line.
        normals: ``(m, 3)`` unit vectors.
    """

    lines: NDArray[np.int64]
    owner: NDArray[np.int64]
    share: Array
    normals: Array

    def factors(self, crystal: Crystal, axis: Axis, log_r: Array) -> Array:
        """By how much each line grows, ``(k, len(log_r))``."""
        direction = np.array(axis, float) @ crystal.lattice.reciprocal()
        square = (self.normals @ direction) ** 2 / (direction @ direction)
        found = [np.bincount(self.owner, self.share * march(square, r), len(self.lines)) for r in np.exp(log_r)]
        return np.array(found, float).T


def orientations(trial: Trial, wavelength: float) -> Orientations:
    """The reflections behind the lines of a phase, those that only the shape of the cell makes coincide among them."""
    sticks, crystal = trial.sticks, trial.crystal
    theta = np.arcsin(np.minimum(wavelength * np.sqrt(sticks.q) / 2, 0.999))
    seen = sticks.strength * lorentz_polarisation(np.degrees(2 * theta))
    lines = np.flatnonzero(seen > NOTICEABLE * seen.max())
    hkl, q = reflections(crystal.lattice, float(sticks.q[lines].max() ** -0.5 * 0.9999), 50.0)
    keys = _keys(trial.design[lines])
    order = np.argsort(keys)
    mine = _keys(metric_design(hkl, crystal))
    at = np.minimum(np.searchsorted(keys[order], mine), len(order) - 1)
    same = keys[order][at] == mine
    owner = order[at[same]]
    strength = strengths(crystal, hkl[same], q[same], wavelength)
    share = strength / np.maximum(np.bincount(owner, strength, len(lines)), 1e-300)[owner]
    normals = hkl[same] @ crystal.lattice.reciprocal()
    return Orientations(lines, owner, share, normals / np.linalg.norm(normals, axis=1)[:, None])


def _keys(design: Array) -> NDArray[np.int64]:
    """A number for each row of `metric_design`; its entries are whole."""
    mixed = np.array(
        [0x2545F4914F6CDD1D, 0x61C8864680B583EB, 0x5851F42D4C957F2D, 0x369DEA0F31A53F85, 0x27BB2EE687B0B0FD]
    )
    weights = np.append(mixed, 0x106689D45497FDB5)[: design.shape[1]]
    return np.asarray((np.round(design).astype(np.int64) * weights).sum(1))
