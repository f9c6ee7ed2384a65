"""A component and a trust model on made-up labels, for tests of the gate and of the tasks."""

from __future__ import annotations

from functools import cache

from science.surrogate.components import ComponentModel
from science.trust.model import TrustModel, fit_trust
from tests.science.surrogate.labels import PROBLEM, fitted

ALPHA = 0.1
"""Nominal miscoverage of intervals."""


@cache
def trained(count: int = 40, seed: int = 0) -> tuple[ComponentModel, TrustModel]:
    """Both models on that many labels; made once."""
    dataset, model = fitted(count, seed)
    return model, fit_trust(dataset, model, 95.0, PROBLEM)
