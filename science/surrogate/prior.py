"""What is expected of a design before anything was measured."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from science.chemistry.solid_solutions import vegard
from science.designs import A_ORDER, B_ORDER

Array = NDArray[np.float64]


@cache
def end_volumes() -> Array:
    """Volume per ABO3 of each end member in Å³, ``(A ions, B ions)``."""
    return np.array([[vegard({a: 1.0}, {b: 1.0}) ** 3 for b in B_ORDER] for a in A_ORDER])


def vegard_lattice(features: Any, volumes: Any) -> Any:
    """Vegard's rule for designs given as numbers: their expected lattice parameter ``(…)`` in Å.

    Args:
        features: ``(…, d)`` numbers of the designs, an array or a tensor.
        volumes: `end_volumes`, as the same kind of thing.
    """
    a_site, b_site = features[..., : len(A_ORDER)], features[..., len(A_ORDER) : len(A_ORDER) + len(B_ORDER)]
    return ((a_site @ volumes) * b_site).sum(-1) ** (1 / 3)


def prior_mean(component: str, features: Array) -> Array:
    """What is expected before any measurement, ``(n,)``: Vegard's rule for the lattice, nothing for the rest.

    Args:
        component: the quantity.
        features: ``(n, d)`` numbers of the designs.
    """
    if component != "lattice":
        return np.zeros(len(features))
    return np.asarray(vegard_lattice(features, end_volumes()))
