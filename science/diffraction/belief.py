"""How sure a claim is: evidence turned into probabilities that were calibrated on mixtures of known content.

Two logistic models with coefficients of known sign (no better evidence ever lowers a probability): that a
claimed phase is there, and that a phase is missing from the answer. Their numbers come from
``calibration.json``, which says on what they were fitted; ``python -m tests.bench.xrd DIR --write FILE`` makes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PHASE_FEATURES = ("nats", "seen", "lines", "width", "strayed", "strayed_by_line", "own", "chi2")
MISSING_FEATURES = ("first", "second", "third", "chi2", "unexplained", "strayed")


@dataclass(frozen=True)
class Logistic:
    """A logistic model: centre, spread and coefficient of each feature, and an intercept."""

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float

    def probability(self, features: Sequence[float]) -> float:
        """From 0 to 1."""
        z = (np.asarray(features, float) - self.centre) / self.spread
        return float(1 / (1 + np.exp(-np.clip(z @ np.array(self.coefficients) + self.intercept, -30, 30))))


@dataclass(frozen=True)
class Calibration:
    """What was learnt from mixtures of known content.

    Attributes:
        phase: that a claimed phase is there, of `phase_features`.
        missing: that a phase is missing, of `missing_features`.
        keep: probability below which a phase is not claimed.
        alarm: probability of a missing phase from which the verdict is unknown.
        cover: probability from which phases belong to the 90 % prediction set.
        provenance: on what it was fitted.
    """

    phase: Logistic
    missing: Logistic
    keep: float
    alarm: float
    cover: float
    provenance: str


@cache
def shipped() -> Calibration:
    """The calibration that comes with Athanor."""
    return of(json.loads(resources.files("science.diffraction").joinpath("calibration.json").read_text("utf-8")))


def of(document: dict[str, object]) -> Calibration:
    """A calibration from its JSON document."""

    def logistic(part: object) -> Logistic:
        assert isinstance(part, dict)  # noqa: S101  our own file, made by our own program
        return Logistic(
            tuple(part["centre"]), tuple(part["spread"]), tuple(part["coefficients"]), float(part["intercept"])
        )

    numbers = {name: float(str(document[name])) for name in ("keep", "alarm", "cover")}
    return Calibration(
        logistic(document["phase"]), logistic(document["missing"]), **numbers, provenance=str(document["provenance"])
    )


@dataclass(frozen=True)
class Claim:
    """What speaks for a phase; see `evidence.Evidence` and `search.Presence`.

    Attributes:
        nats: log evidence that it brings beside the others.
        lines: its lines that are strong enough to be told.
        strayed: root mean square by which their intensities deviate, relative.
        seen: share of the predicted intensity of its own lines that is there.
        own: share of its intensity that lies in lines of its own.
        width: full width of its lines in degrees, without the instrument's.
        chi2: of the whole fit, per effective datum.
    """

    nats: float
    lines: int
    strayed: float
    seen: float
    own: float
    width: float
    chi2: float


def phase_features(claim: Claim) -> tuple[float, ...]:
    """In the order of `PHASE_FEATURES`, each the better the larger."""
    strayed = min(claim.strayed, 2.5)
    return (
        float(np.log1p(max(claim.nats, 0.0))),
        claim.seen,
        float(np.log1p(min(claim.lines, 25))),
        -float(np.log(max(claim.width, 0.03) / 0.1)),
        -strayed,
        -strayed / (1 + claim.lines),
        claim.own,
        -float(np.log(max(claim.chi2, 0.05))),
    )


def missing_features(heights: Sequence[float], chi2: float, unexplained: float, strayed: float) -> tuple[float, ...]:
    """In the order of `MISSING_FEATURES`, each the more suspicious the larger.

    Args:
        heights: of unexplained lines relative to the strongest line, highest first.
        chi2: of the fit, per effective datum.
        unexplained: share of the net intensity that lines of the fit cannot take up, however they stray.
        strayed: largest deviation of the line intensities of a phase.
    """
    first, second, third = (*heights, 0.0, 0.0, 0.0)[:3]
    return (
        *(float(np.log(max(h, 2e-3))) for h in (first, second, third)),
        float(np.log(max(chi2, 0.05))),
        float(np.log(max(unexplained, 0.01))),
        min(strayed, 2.5),
    )
