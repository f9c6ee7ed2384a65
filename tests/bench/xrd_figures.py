"""What is counted of the runs of the diffraction benchmark, with 95 % intervals over mixtures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from tests.bench.xrd_runs import Run

RESAMPLED = 400
Figure = Callable[[Sequence[Run]], float]


def interval(runs: Sequence[Run], figure: Figure) -> tuple[float, float, float]:
    """A figure and its 95 % interval, mixtures drawn with replacement: scans of one powder are no two samples."""
    by_mixture: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_mixture[run.mixture].append(run)
    names, dice = sorted(by_mixture), np.random.default_rng(0)
    drawn = [figure([r for name in dice.choice(names, len(names)) for r in by_mixture[name]]) for _ in range(RESAMPLED)]
    low, high = np.nanquantile(drawn, [0.025, 0.975]) if not np.all(np.isnan(drawn)) else (np.nan, np.nan)
    return figure(runs), float(low), float(high)


def class_scores(runs: Sequence[Run]) -> tuple[float, float, float]:
    """Precision, recall and F1 of phase classes."""
    hits = sum(len({s["right"] for s in r.said} - {None}) for r in runs)
    return _scores(hits, sum(len(r.said) for r in runs), sum(len(r.true) for r in runs))


def key_scores(runs: Sequence[Run], keys: Callable[[Run], Sequence[tuple[str, int]]]) -> tuple[float, float, float]:
    """The same where formula and space group must be those of the truth."""
    hits = sum(len(set(r.true) & set(keys(r))) for r in runs)
    return _scores(hits, sum(len(set(keys(r))) for r in runs), sum(len(r.true) for r in runs))


def _scores(hits: int, claimed: int, wanted: int) -> tuple[float, float, float]:
    return hits / max(claimed, 1), hits / max(wanted, 1), 2 * hits / max(claimed + wanted, 1)


def exact(run: Run) -> bool:
    """Whether the set of phases is right, class by class."""
    return len(run.said) == len(run.true) and all(s["right"] for s in run.said)


def said_keys(run: Run) -> list[tuple[str, int]]:
    """Formula and space group of each claim."""
    return [s["key"] for s in run.said]


def mean(values: Sequence[float]) -> float:
    """The mean; not a number of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")
