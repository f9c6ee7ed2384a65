"""What is expected of a perovskite before anything was measured: Vegard's rule for its lattice."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from science.chemistry.perovskite.cells import vegard
from science.chemistry.perovskite.ions import A_ORDER, B_ORDER

Array = NDArray[np.float64]


@cache
def end_volumes() -> Array:
    """Volume per ABO3 of each end member in Å³, ``(A ions, B ions)``."""
    return np.array([[vegard({a: 1.0}, {b: 1.0}) ** 3 for b in B_ORDER] for a in A_ORDER])


def vegard_lattice(features: Any) -> Any:
    """Vegard's rule for designs given as numbers: their expected lattice parameter ``(…)`` in Å.

    Args:
        features: ``(…, d)`` numbers of the designs, an array or a tensor; first come the shares of the A site, then
            those of the B site.
    """
    ends = end_volumes()
    volumes = ends if isinstance(features, np.ndarray) else features.new_tensor(ends)
    a_site, b_site = features[..., : len(A_ORDER)], features[..., len(A_ORDER) : len(A_ORDER) + len(B_ORDER)]
    return ((a_site @ volumes) * b_site).sum(-1) ** (1 / 3)
