"""The figures of the benchmark on the simulated campaign, with 95 % intervals over samples, beside what is aimed at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

STANDARDS, ALONE, UNFILTERED = "with standards", "without", "all candidates"
RESAMPLED = 400


@dataclass
class Found:
    """An answer held against the truth.

    Attributes:
        verdict: of the answer.
        missed: phases that were there and are not claimed.
        false: phases that are claimed and were not there.
        flags: of the answer.
        clear: phases of 5 % and more that the library has.
        clear_found: how many of them are claimed.
        claims: phases that are claimed.
        pseudo_cubic: error of the main perovskite's lattice parameter in Å.
        uncertain: standard uncertainty of its length a in Å.
        scores: error over standard uncertainty of its length a.
        share: its true weight fraction.
        symmetries: the true symmetry, and the space group that was found.
        others: other phases → (error, uncertainty) in Å of their lengths.
        zero: error of the zero in degrees.
        displacement: error of the displacement in mm.
        seconds: of CPU.
        candidates: phases that were tried.
    """

    verdict: str
    missed: list[str]
    false: list[str]
    flags: tuple[str, ...]
    clear: int = 0
    clear_found: int = 0
    claims: int = 0
    pseudo_cubic: float | None = None
    uncertain: float = 0.0
    scores: list[float] = field(default_factory=list)
    share: float = 0.0
    symmetries: tuple[str, int] = ("", 0)
    others: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    zero: float = 0.0
    displacement: float = 0.0
    seconds: float = 0.0
    candidates: int = 0

    @property
    def right(self) -> bool:
        """Whether the set of phases is right."""
        return not self.missed and not self.false


@dataclass
class Judged:
    """A sample: its hidden errors, true weight fractions, and what was found in each way."""

    sample: str
    hidden: dict[str, float]
    true: dict[str, float]
    found: dict[str, Found] = field(default_factory=dict)


def _rms(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else float("nan")


def interval(runs: Sequence[Judged], figure: Callable[[Sequence[Judged]], float]) -> str:
    """A figure with its 95 % interval, samples drawn with replacement."""
    rng = np.random.default_rng(0)
    drawn = [figure([runs[n] for n in rng.integers(0, len(runs), len(runs))]) for _ in range(RESAMPLED)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return f"{figure(runs):.3f} [{low:.2f}, {high:.2f}]"


def _told(runs: Sequence[Judged], way: str) -> list[Found]:
    """Answers from which somebody would learn: not unknown, with a perovskite."""
    return [f for f in (r.found[way] for r in runs) if f.verdict != "unknown" and f.pseudo_cubic is not None]


def _shares(runs: Sequence[Judged], way: str, count: Callable[[Found], tuple[int, int]]) -> list[float]:
    """As many ones and zeros as there are phases, so that their mean is a share of all phases."""
    counts = [count(r.found[way]) for r in runs]
    right, total = (sum(column) for column in zip(*counts, strict=True))
    return [1.0] * right + [0.0] * (total - right)


def _others(runs: Sequence[Judged], way: str) -> list[tuple[float, float]]:
    told = [r.found[way] for r in runs if r.found[way].verdict != "unknown"]
    return [pair for f in told for pairs in f.others.values() for pair in pairs]


ROWS: tuple[tuple[str, str, Callable[[Sequence[Judged], str], list[float]], str], ...] = (
    ("claims that are true", "", lambda rs, w: _shares(rs, w, lambda f: (f.claims - len(f.false), f.claims)), "mean"),
    ("phases of 5 % and more found", "", lambda rs, w: _shares(rs, w, lambda f: (f.clear_found, f.clear)), "mean"),
    ("all of 2 % found, nothing false", "", lambda rs, w: [float(r.found[w].right) for r in rs], "mean"),
    ("verdict unknown", "", lambda rs, w: [float(r.found[w].verdict == "unknown") for r in rs], "mean"),
    ("perovskite's lattice, rms / mÅ", "≤ 1", lambda rs, w: [1e3 * (f.pseudo_cubic or 0) for f in _told(rs, w)], "rms"),
    (
        "  where it is half and more",
        "≤ 1",
        lambda rs, w: [1e3 * (f.pseudo_cubic or 0) for f in _told(rs, w) if f.share > 0.5],
        "rms",
    ),
    (
        "  where it is 95 % and more",
        "≤ 1",
        lambda rs, w: [1e3 * (f.pseudo_cubic or 0) for f in _told(rs, w) if f.share > 0.95],
        "rms",
    ),
    (
        "  median of the absolute / mÅ",
        "",
        lambda rs, w: [1e3 * abs(f.pseudo_cubic or 0) for f in _told(rs, w)],
        "median",
    ),
    ("  z-score, rms", "0.8-1.2", lambda rs, w: [s for f in _told(rs, w) for s in f.scores], "rms"),
    ("  z-score, mean", "", lambda rs, w: [s for f in _told(rs, w) for s in f.scores], "mean"),
    (
        "  within 1.96 uncertainties",
        "0.95",
        lambda rs, w: [abs(s) < 1.96 for f in _told(rs, w) for s in f.scores],
        "mean",
    ),
    ("other phases' lengths, rms / mÅ", "≤ 1", lambda rs, w: [1e3 * e for e, _ in _others(rs, w)], "rms"),
    ("  z-score, rms", "0.8-1.2", lambda rs, w: [e / u for e, u in _others(rs, w)], "rms"),
    ("CPU s a pattern", "≤ 1", lambda rs, w: [r.found[w].seconds for r in rs], "mean"),
    ("  the slowest", "", lambda rs, w: [r.found[w].seconds for r in rs], "max"),
    ("candidates", "≈ 50", lambda rs, w: [r.found[w].candidates for r in rs], "mean"),
)
"""Name, aim, values and how they are put together, for each line of the table."""
TOGETHER: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda v: float(np.mean(v)) if len(v) else float("nan"),
    "median": lambda v: float(np.median(v)) if len(v) else float("nan"),
    "max": lambda v: float(np.max(v)) if len(v) else float("nan"),
    "rms": _rms,
}


def _figure(
    way: str, values: Callable[[Sequence[Judged], str], list[float]], how: str, runs: Sequence[Judged]
) -> float:
    return TOGETHER[how](values(runs, way))


def report(runs: Sequence[Judged]) -> str:
    """All figures as text."""
    ways = (STANDARDS, ALONE, UNFILTERED)
    several = sum(sum(w >= 0.02 for w in r.true.values()) > 1 for r in runs)
    lines = [
        f"simulated: {len(runs)} samples, {several} with several phases of 2 % or more; 95 % intervals by sample",
        f"{'':34} {'aim':>8}" + "".join(f" {way:>24}" for way in ways),
    ]
    for name, aim, values, how in ROWS:
        cells = [interval(runs, partial(_figure, way, values, how)) for way in ways]
        lines.append(f"{name:34} {aim:>8}" + "".join(f" {cell:>24}" for cell in cells))
    return "\n".join(lines)


def wrong(run: Judged) -> Iterator[str]:
    """What was wrong about a sample, in lines."""
    for way, f in run.found.items():
        far = f.pseudo_cubic is not None and f.verdict != "unknown" and abs(f.pseudo_cubic) > 2e-3
        if f.right and not far:
            continue
        truth = ", ".join(f"{name} {share:.3f}" for name, share in sorted(run.true.items(), key=lambda t: -t[1]))
        off = "" if f.pseudo_cubic is None else f"{1e3 * f.pseudo_cubic:.2f} mÅ (su {1e3 * f.uncertain:.2f})"
        yield (
            f"{run.sample} {way}: {f.verdict}, missed {f.missed}, false {f.false}, perovskite {off} {f.symmetries}; "
            f"true {truth}; {' '.join(f.flags)}"
        )
