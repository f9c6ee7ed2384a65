"""What a sample is worth: the utility of its lattice, phase fraction, cubicity and heterogeneity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
HETEROGENEITY_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Objective:
    """What is looked for: lattice in Å, the width of its Gaussian in Å."""

    lattice: float
    scale: float

    def utility(self, lattice: Array, phase_fraction: Array, cubicity: Array, heterogeneity: Array) -> Array:
        """U = clip((w − ½)/½) · exp(−((a − a₀)/s)²/2) · cubicity · exp(−2 het), elementwise, 0 to 1."""
        amount = np.clip((phase_fraction - 0.5) / 0.5, 0, 1)
        fit = np.exp(-0.5 * ((lattice - self.lattice) / self.scale) ** 2)
        even = np.exp(-HETEROGENEITY_WEIGHT * np.clip(heterogeneity, 0, None))
        return np.asarray(amount * fit * np.clip(cubicity, 0, 1) * even)
