"""Phase identification on measured patterns of known mixtures, beside two baselines, with every figure in one table.

``python -m tests.bench.xrd DIR [--group G] [--every N] [--quick] [--jobs 2] [--wrong] [--write FILE] [--save FILE]``
with a folder that holds a ``manifest.json`` (patterns with their true phases), ``patterns/`` and a ``library/`` of
CIF files.

The split: probabilities are fitted on the claims of seven eighths of the mixtures and judged on the rest, all scans
of a powder on one side. Beside each complete library stand those from which one true phase, and whatever a powder
pattern cannot tell from it, was taken. ``--quick`` believes the shipped calibration instead, for data that it never
saw; ``--write`` fits one on all mixtures and writes it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.fitting import FOLDS, applied, fit_logistic, folds
from tests.bench.mixtures import entry as simulated_entry
from tests.bench.xrd_runs import Run, Task, judged, library, manifest, mixture, search_one, slim, suspected, training
from tests.bench.xrd_table import report, wrong

ALARM_RATE = 0.05
"""Share of complete answers that may be called unknown."""
COVER = 0.9
KEEP = 0.4
"""Probability below which a phase is not claimed; near the best F1 for any calibrated probability."""


def _search(task: Task) -> tuple[Any, str, float, list[dict[str, Any]]]:
    ready, error, spent = search_one(task)
    if ready is None:
        return None, error, spent, []
    return slim(ready), error, spent, training(task, ready)


def _suspect(given: tuple[Task, Any, dict[str, Any]]) -> tuple[float, ...] | None:
    from science.diffraction.belief import of

    task, ready, document = given
    return None if ready is None else suspected(task, ready, of(document))


def _judge(given: tuple[Task, Any, str, float, dict[str, Any] | None]) -> Run:
    from science.diffraction.belief import of

    task, ready, error, spent, document = given
    return judged(task, ready, error, None if document is None else of(document), spent)


def _judge_at_once(task: Task) -> Run:
    ready, error, spent = search_one(task)
    return judged(task, ready, error, None, spent)


def calibrated(
    claims: Sequence[dict[str, Any]], suspicions: Sequence[tuple[tuple[float, ...], bool]], provenance: str
) -> dict[str, Any]:
    """A calibration as ``calibration.json`` holds it.

    Args:
        claims: of `training`.
        suspicions: features and whether a phase was missing.
        provenance: on what it was fitted.
    """
    phase = fit_logistic(np.array([c["features"] for c in claims]), np.array([float(c["true"]) for c in claims]))
    document: dict[str, Any] = {"provenance": provenance, "phase": phase, "keep": KEEP}
    chances = applied(phase, np.array([c["features"] for c in claims if c["true"]]))
    document["cover"] = round(float(np.quantile(chances, 1 - COVER)), 4)
    if suspicions:
        features = np.array([s[0] for s in suspicions])
        truth = np.array([float(s[1]) for s in suspicions])
        document["missing"] = fit_logistic(features, truth)
        complete = applied(document["missing"], features)[truth == 0]
        document["alarm"] = round(float(np.quantile(complete, 1 - ALARM_RATE)), 4)
    else:
        document["missing"] = {"centre": [0.0] * 6, "spread": [1.0] * 6, "coefficients": [0.0] * 6, "intercept": 0.0}
        document["alarm"] = 2.0
    return document


def cross_judged(tasks: Sequence[Task], each: Callable[..., Iterable[Any]], provenance: str) -> tuple[list[Run], Any]:
    """The runs, each judged by a calibration that never saw its mixture, and one calibration of all.

    Simulated mixtures among the runs are learnt from like the others, and judged by folds, too.
    """
    found = list(each(_search, tasks))
    fold = folds([mixture(t.entry["id"]) for t in tasks])
    learn = [n for n, t in enumerate(tasks) if not t.unfiltered]

    def claims(keep: Callable[[int], bool]) -> list[dict[str, Any]]:
        return [c for n in learn if keep(n) for c in found[n][3]]

    first = [calibrated(claims(lambda n, f=f: fold[n] != f), [], "") for f in range(FOLDS)]  # type: ignore[misc]
    asked = [(t, r[0], first[f]) for t, r, f in zip(tasks, found, fold, strict=True)]
    features = list(each(_suspect, asked))
    labels = [t.left_out is not None or bool(judged(t, None, "", None, 0.0).absent) for t in tasks]

    def suspicions(keep: Callable[[int], bool]) -> list[tuple[tuple[float, ...], bool]]:
        return [(f, labels[n]) for n in learn if keep(n) and (f := features[n]) is not None]

    second = [
        calibrated(claims(lambda n, f=f: fold[n] != f), suspicions(lambda n, f=f: fold[n] != f), "")  # type: ignore[misc]
        for f in range(FOLDS)
    ]
    last = [(t, *r[:3], second[f]) for t, r, f in zip(tasks, found, fold, strict=True)]
    return list(each(_judge, last)), calibrated(claims(lambda _: True), suspicions(lambda _: True), provenance)


def main(arguments: list[str]) -> int:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--group")
    parser.add_argument("--every", type=int, default=1, help="only every so manieth pattern")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="believe the shipped calibration, leave no phase out")
    parser.add_argument("--leave-one-out", action="store_true", help="with --quick: leave phases out all the same")
    parser.add_argument(
        "--simulated", type=int, default=0, metavar="N", help="learn from so many simulated mixtures, too"
    )
    parser.add_argument("--filtered", action="store_true", help="nothing with the whole library as candidates")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write all runs as JSON")
    parser.add_argument("--wrong", action="store_true", help="list the wrong answers")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a calibration fitted on all mixtures")
    options = parser.parse_args(arguments)
    entries = [e for e in manifest(options.folder) if not options.group or e["group"] == options.group]
    entries = entries[:: options.every]
    made = [simulated_entry(library(options.folder), n) for n in range(options.simulated)]
    tasks = [Task(options.folder, e) for e in entries + made]
    if not options.quick or options.leave_one_out:
        tasks += [
            Task(options.folder, e, t["name"])
            for e in entries + made
            for t in e["true_phases"]
            if t.get("in_library", True) and len(e["true_phases"]) > 1
        ]
    if not options.filtered:
        tasks += [Task(options.folder, e, unfiltered=True) for e in entries if e["group"] == "dara_weighed"]
    with ProcessPoolExecutor(options.jobs) as pool:
        if options.quick:
            runs = list(pool.map(_judge_at_once, tasks))
        else:
            runs_without = sum(t.left_out is not None for t in tasks)
            provenance = (
                f"{len(entries)} measured patterns of {len({mixture(e['id']) for e in entries})} powders of known "
                f"content{f', {len(made)} simulated mixtures' if made else ''} and {runs_without} runs with a true "
                "phase taken out of the library; logistic models with coefficients of one sign"
            )
            runs, document = cross_judged(tasks, lambda f, a: pool.map(f, a, chunksize=1), provenance)
            if options.write:
                options.write.write_text(json.dumps(document, indent=1) + "\n")
    if options.save:
        options.save.write_text(json.dumps([asdict(r) for r in runs], indent=1) + "\n")
    unfiltered = [r for t, r in zip(tasks, runs, strict=True) if t.unfiltered]
    runs = [r for t, r in zip(tasks, runs, strict=True) if not t.unfiltered]
    if options.wrong:
        for run in runs:
            for line in wrong(run):
                print(line)
    print("calibration: the shipped one" if options.quick else f"calibration: {FOLDS} folds by mixture")
    print(report([r for r in runs if r.group != "simulated"], unfiltered))
    if made:
        print("\nsimulated mixtures, not part of any figure above")
        print(report([r for r in runs if r.group == "simulated"], [], aims=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
