"""What is expected of a property before anything was measured: what the chemistry says, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from science.chemistry.chemistry import Prior

Priors = Mapping[str, Prior]
"""Property → what is expected of it; of the others nothing is."""


def nothing(features: Any) -> Any:
    """No expectation ``(…)`` of designs ``(…, d)``: departures from it are the values themselves."""
    shape = features.shape[:-1]
    return np.zeros(shape) if isinstance(features, np.ndarray) else features.new_zeros(shape)


def prior_of(priors: Priors, name: str) -> Prior:
    """What is expected of a property."""
    return priors.get(name, nothing)
