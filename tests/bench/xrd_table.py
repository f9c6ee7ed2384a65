"""The figures of the diffraction benchmark, each with its number of cases and a 95 % interval over mixtures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from tests.bench.fitting import calibration_error
from tests.bench.xrd_aims import held_against_aims
from tests.bench.xrd_figures import (
    class_scores,
    exact,
    interval,
    key_scores,
    said_keys,
)
from tests.bench.xrd_figures import (
    mean as _mean,
)
from tests.bench.xrd_runs import Run

SURE = 0.9


def _spaced(figures: tuple[float, float, float]) -> str:
    return f"{figures[0]:.3f} [{figures[1]:.2f}, {figures[2]:.2f}]"


def groups_table(runs: Sequence[Run]) -> Iterator[str]:
    """A line for each group of patterns with the complete library."""
    yield (
        f"{'group':18} {'n':>3} {'powders':>7} {'P':>5} {'R':>5} {'F1 by class':>20} {'F1 strict':>9} {'exact':>18} | "
        f"{'greedy':>6} {'cosine':>6} | {'ident.':>6} {'right':>5} "
        f"{'ambig.':>6} {'unknown':>7} | {'wt MAE':>17} | {'CPU s':>5}"
    )
    by_group: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_group[run.group].append(run)
    for name, part in [*sorted(by_group.items()), ("all", list(runs))]:
        precision, recall, _ = class_scores(part)
        sure = [r for r in part if r.verdict == "identified"]
        verdicts = [sum(r.verdict == v for r in part) for v in ("ambiguous", "unknown")]
        weights = interval(part, lambda rs: 100 * _mean([abs(e) for r in rs for e, _ in r.weights]))
        yield (
            f"{name:18} {len(part):3} {len({r.mixture for r in part}):7} {precision:5.3f} {recall:5.3f} "
            f"{_spaced(interval(part, lambda rs: class_scores(rs)[2])):>20} {key_scores(part, said_keys)[2]:9.3f} "
            f"{_spaced(interval(part, lambda rs: _mean([exact(r) for r in rs]))):>18} | "
            f"{key_scores(part, lambda r: r.greedy)[2]:6.3f} {key_scores(part, lambda r: r.cosine)[2]:6.3f} | "
            f"{len(sure):6} {sum(exact(r) and not r.absent for r in sure):5} {verdicts[0]:6} {verdicts[1]:7} | "
            f"{_spaced(weights) if any(r.weights for r in part) else '':>17} | {_mean([r.seconds for r in part]):5.2f}"
        )


def report(runs: Sequence[Run], unfiltered: Sequence[Run], *, aims: bool = True) -> str:
    """All figures as text.

    Args:
        runs: with candidates of the right elements, with complete libraries and without.
        unfiltered: with the whole library as candidates.
        aims: whether the figures are held against what is aimed at.
    """
    failed = [r for r in runs if r.error]
    whole = [r for r in runs if r.left_out is None and not r.error]
    without = [r for r in runs if r.left_out is not None and not r.error]
    lines = [f"{r.id}: {r.error}" for r in failed] + list(groups_table(whole))
    opened = [r for r in whole if r.absent]
    if without:
        sure = _mean([r.verdict == "identified" for r in without])
        lines.append(f"leave one phase out  n {len(without)}: identified after all {sure:.3f}")
    if opened:
        told = _mean([r.verdict == "unknown" for r in opened])
        lines.append(f"phase not in library n {len(opened)}: unknown {told:.3f}")
    lines += _calibration("complete library", whole)
    if without:
        lines += _calibration("leave one out", without)
    scores = [e / s for r in whole for e, s in r.weights if s > 0]
    if scores:
        lines.append(f"weight fractions     n {len(scores)}: z-score rms {np.sqrt(np.mean(np.square(scores))):.2f}")
    for flag in ("texture", "graininess", "microabsorption", "stretched-axis"):
        lines.append(f"warned of {flag:15} {sum(flag in r.flags for r in whole)} of {len(whole)}")
    if aims:
        lines += ["", *held_against_aims(whole, without, unfiltered)]
    return "\n".join(lines)


def _calibration(name: str, runs: Sequence[Run]) -> Iterator[str]:
    """How far the probabilities of the claims can be believed."""
    chance = np.array([s["chance"] for r in runs for s in r.said])
    truth = np.array([float(s["right"] is not None) for r in runs for s in r.said])
    if not len(chance):
        return
    missing = np.array([r.missing for r in runs])
    lacking = np.array([float(bool(r.absent)) for r in runs])
    covered = sum(len({s["right"] for s in r.said if s["in_set"]} - {None}) for r in runs)
    wanted = sum(len(r.true) for r in runs)
    confident = int(((chance > SURE) & (truth == 0)).sum())
    yield (
        f"{name:20} {len(chance)} claims: ECE {calibration_error(chance, truth):.3f}, "
        f"wrong with p > {SURE} {confident} ({confident / len(chance):.1%}), "
        f"90 % sets hold {covered / wanted:.1%} of {wanted} true phases; "
        f"mean probability of a missing phase {missing.mean():.2f} where {lacking.mean():.2f} miss one"
    )


def wrong(run: Run) -> Iterator[str]:
    """What was wrong about a run, in lines."""
    who = f"{run.id}{f' without {run.left_out}' if run.left_out else ''}"
    if not run.left_out and not exact(run):
        missed = [t for t in run.true if t not in said_keys(run)]
        false = [f"{s['key'][0]}-{s['key'][1]} p {s['chance']:.2f}" for s in run.said if not s["right"]]
        yield f"{who}: {run.verdict}, false {false}, missed {missed}, absent {run.absent}, {' '.join(run.flags)}"
    if bool(run.absent) != (run.verdict == "unknown"):
        said = (
            "unknown though complete" if run.verdict == "unknown" else f"{run.verdict} without {', '.join(run.absent)}"
        )
        yield f"{who}: {said} (missing {run.missing:.2f})"
