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

PHASE_FEATURES = ("nats", "seen", "lines", "width", "strayed", "strayed_by_line", "own", "chi2", "bent")
MISSING_FEATURES = ("clearest", "second", "height", "strain", "widths", "doubt")


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
        bent: mean strain of the parameters of its cell, as a share of what is usual at most.
        chi2: of the whole fit, per effective datum.
    """

    nats: float
    lines: int
    strayed: float
    seen: float
    own: float
    width: float
    bent: float
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
        -min(claim.bent, 1.5),
    )


@dataclass(frozen=True)
class Suspicion:
    """What speaks for a phase that is missing from an answer.

    Attributes:
        clearest: largest residual over its noise, far from all lines of the phases.
        second: how clear the second line is that no phase accounts for, see `unexplained.clearness`. One line may be
            an accident of the sample holder; phases have several.
        height: of the second highest unexplained line, relative to the strongest of the pattern.
        strain: largest strain of the cell of a phase, as a share of what is usual at most: wrong phases bend most.
        widths: in degrees between the broadest and the sharpest phase.
        doubt: probability that the least likely of the phases is not there; it may stand for another.
    """

    clearest: float
    second: float
    height: float
    strain: float
    widths: float
    doubt: float


def missing_features(seen: Suspicion) -> tuple[float, ...]:
    """In the order of `MISSING_FEATURES`, each the more suspicious the larger."""
    doubt = float(np.clip(seen.doubt, 1e-4, 0.98))
    return (
        float(np.log(max(seen.clearest, 1.0))),
        float(np.log(max(seen.second, 1.0))),
        float(np.log(max(seen.height, 2e-3))),
        min(seen.strain, 1.0),
        min(seen.widths, 1.0),
        float(np.log(doubt / (1 - doubt))),
    )
