"""The figures that are aimed at, each beside what was reached, how sure that is, and what simpler ways reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tests.bench.fitting import calibration_error
from tests.bench.xrd_figures import Figure, class_scores, exact, interval, key_scores, mean
from tests.bench.xrd_runs import Run

SURE = 0.9


@dataclass(frozen=True)
class Aim:
    """One line of the table: from `low` to `high` is good enough."""

    name: str
    runs: Sequence[Run]
    figure: Figure
    low: float = -np.inf
    high: float = np.inf
    baselines: bool = False

    def line(self) -> str | None:
        """As text; none where there is nothing to count."""
        if not self.runs or np.isnan(self.figure(self.runs)):
            return None
        value, low, high = interval(self.runs, self.figure)
        met = "met" if self.low <= value <= self.high else "NOT MET"
        wanted = " to ".join(f"{v:g}" for v in (self.low, self.high) if np.isfinite(v))
        sign = "" if np.isfinite(self.low) and np.isfinite(self.high) else ">= " if np.isfinite(self.low) else "<= "
        greedy, cosine = (key_scores(self.runs, k)[2] for k in (lambda r: r.greedy, lambda r: r.cosine))
        beside = f"{greedy:6.3f} {cosine:6.3f}" if self.baselines else ""
        powders = len({r.mixture for r in self.runs})
        return (
            f"{self.name:44} {sign + wanted:>14} {value:8.3f} [{low:6.3f}, {high:6.3f}] {met:>8} "
            f"{len(self.runs):5} {powders:7} | {beside}"
        )


def held_against_aims(whole: Sequence[Run], without: Sequence[Run], unfiltered: Sequence[Run]) -> Iterator[str]:
    """The table of aims.

    Args:
        whole: runs with the complete library.
        without: runs with a true phase taken out of it.
        unfiltered: runs with all of it as candidates.
    """
    yield (
        f"{'figure':44} {'aim':>14} {'reached':>8} {'95 % interval':>16} {'':>8} {'n':>5} {'powders':>7} | "
        f"{'greedy cosine':>13}"
    )
    for aim in _aims(whole, without, unfiltered):
        if (line := aim.line()) is not None:
            yield line


def _f1(runs: Sequence[Run]) -> float:
    return class_scores(runs)[2]


def _exact(runs: Sequence[Run]) -> float:
    return mean([exact(r) for r in runs])


def _unknown(runs: Sequence[Run]) -> float:
    return mean([r.verdict == "unknown" for r in runs])


def _weights(runs: Sequence[Run]) -> float:
    return 100 * mean([abs(e) for r in runs for e, _ in r.weights])


def _seconds(runs: Sequence[Run]) -> float:
    return mean([r.seconds for r in runs])


def _error(runs: Sequence[Run]) -> float:
    chance, truth = _claims(runs)
    return calibration_error(chance, truth) if len(chance) else float("nan")


def _covered(runs: Sequence[Run]) -> float:
    covered = sum(len({s["right"] for s in r.said if s["in_set"]} - {None}) for r in runs)
    return covered / max(sum(len(r.true) for r in runs), 1)


def _confidently_wrong(runs: Sequence[Run]) -> float:
    chance, truth = _claims(runs)
    return float(((chance > SURE) & (truth == 0)).sum() / max(len(chance), 1))


def _claims(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray]:
    said = [s for r in runs for s in r.said]
    return np.array([s["chance"] for s in said]), np.array([float(s["right"] is not None) for s in said])


def _warned(runs: Sequence[Run]) -> float:
    return mean([bool({"texture", "graininess"} & set(r.flags)) for r in runs])


def _aims(whole: Sequence[Run], without: Sequence[Run], unfiltered: Sequence[Run]) -> Iterator[Aim]:
    def of(*groups: str) -> list[Run]:
        return [r for r in whole if r.group in groups]

    closed = [r for r in whole if not r.absent]
    yield Aim("F1, weighed mixtures, long scans", of("dara_weighed"), _f1, low=0.99, baselines=True)
    yield Aim("exact set, weighed mixtures, long scans", of("dara_weighed"), _exact, low=0.95)
    yield Aim("F1, weighed mixtures, 2-minute scans", of("dara_weighed-2min"), _f1, low=0.98, baselines=True)
    yield Aim("F1, round robin", of("cpd"), _f1, low=0.99, baselines=True)
    yield Aim("F1, Li-Mn-Ti-O-F", of("axa_LiMnTiOF"), _f1, low=0.95, baselines=True)
    yield Aim("exact set, Li-Mn-Ti-O-F", of("axa_LiMnTiOF"), _exact, low=0.8)
    yield Aim("F1, equal-weight mixtures", of("dara_equal"), _f1, low=0.93, baselines=True)
    yield Aim("F1, no element filter, weighed", unfiltered, _f1, low=0.9)
    yield Aim("weight fractions, round robin, MAE wt%", of("cpd"), _weights, high=1.0)
    yield Aim(
        "weight fractions, weighed mixtures, MAE wt%", of("dara_weighed", "dara_weighed-2min"), _weights, high=2.0
    )
    yield Aim("a phase left out: unknown", without, _unknown, low=0.95)
    yield Aim("complete library: unknown (false alarms)", closed, _unknown, high=0.05)
    yield Aim("expected calibration error", whole, _error, high=0.05)
    yield Aim("90 % prediction sets hold", whole, _covered, low=0.88, high=0.94)
    yield Aim("wrong and confident (p > 0.9)", whole, _confidently_wrong, high=0.01)
    yield Aim("wrong and confident, a phase left out", without, _confidently_wrong, high=0.01)
    yield Aim("texture or coarse grains warned of", [r for r in whole if r.textured], _warned, low=1.0)
    yield Aim("CPU s a pattern, filtered", whole, _seconds, high=5.0)
    yield Aim("CPU s a pattern, no element filter", unfiltered, _seconds, high=20.0)
