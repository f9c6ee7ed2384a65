"""Phase identification on measured patterns of known mixtures, beside the cosine baseline.

``python -m tests.bench.xrd DIR [--group G] [--leave-one-out] [--jobs 2]`` with a folder that holds a
``manifest.json`` (patterns with their true phases), ``patterns/`` and a ``library/`` of CIF files.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@cache
def _library(folder: str) -> Any:
    from science.diffraction.library import PhaseLibrary

    return PhaseLibrary.load(Path(folder))


def _key(formula: str, space_group: int) -> tuple[str, int]:
    from pymatgen.core import Composition

    return (Composition(formula).reduced_formula, 225 if (formula, space_group) == ("NiO", 166) else space_group)


def _cosine(observed: Any, trials: list[Any], count: int) -> list[tuple[str, int]]:
    """The baseline: the phases whose broadened sticks are most similar, one by one, none refined."""
    import numpy as np

    from science.diffraction.refine import Fit, PhaseState, _columns
    from science.diffraction.sticks import metric_parameters

    net = np.maximum(observed.net, 0)
    step = observed.x[1] - observed.x[0]
    shifts = range(-int(0.2 / step), int(0.2 / step) + 1)
    scored = []
    for trial in trials:
        fit = Fit((trial,), [PhaseState(metric_parameters(trial.crystal), 0.03, 0.0)], width=0.1)
        profile = _columns(fit, observed, 0)[0]
        norm = np.linalg.norm(net) * np.linalg.norm(profile) + 1e-12
        scored.append((max(float(np.roll(net, s) @ profile) / norm for s in shifts), trial))
    best = sorted(scored, key=lambda s: -s[0])[:count]
    return [_key(t.crystal.formula, t.crystal.space_group) for _, t in best]


def run(task: tuple[str, dict[str, Any], str | None]) -> dict[str, Any]:
    """One pattern: what is in it, what was said, what the baseline says."""
    from science.diffraction.errors import DiffractionError
    from science.diffraction.identify import IdentifySettings, _radiation, _trials, identify, observe
    from science.diffraction.library import PhaseLibrary
    from science.diffraction.readers import read_pattern

    folder, entry, left_out = task
    library = _library(f"{folder}/library")
    if left_out is not None:
        gone = next(_key(t["formula"], t["spacegroup"]) for t in entry["true_phases"] if t["name"] == left_out)
        kept = [c for c in library.crystals if _key(c.formula, c.space_group)[0] != gone[0]]
        library = PhaseLibrary.of(kept)
    true = {_key(t["formula"], t["spacegroup"]) for t in entry["true_phases"] if t.get("in_library", True)}
    absent = [t["name"] for t in entry["true_phases"] if not t.get("in_library", True) or t["name"] == left_out]
    if left_out is not None:
        true.discard(gone)
    start = time.perf_counter()
    try:
        pattern = read_pattern(Path(folder) / entry["file"])
        answer = identify(pattern, library, entry["elements"], wavelength=entry.get("wavelength_A"))
    except DiffractionError as error:
        return {"id": entry["id"], "group": entry["group"], "error": str(error), "true": sorted(true)}
    seconds = time.perf_counter() - start
    said = {_key(p.formula, p.space_group): p for p in answer.phases}
    lines, _ = _radiation(pattern, entry.get("wavelength_A"))
    observed = observe(pattern, lines)
    trials = _trials(observed, library, entry["elements"], (), IdentifySettings())
    cosine = _cosine(observed, trials, len(entry["true_phases"])) if left_out is None else []
    weights = [
        abs(said[_key(t["formula"], t["spacegroup"])].weight_fraction - t["weight_fraction"])
        for t in entry["true_phases"]
        if entry.get("weight_fractions_kind") == "weighed" and set(said) == true and not absent
    ]
    return {
        "id": entry["id"],
        "group": entry["group"] + ("-2min" if entry.get("scan") == "2min" else ""),
        "true": sorted(true),
        "said": sorted(said),
        "absent": absent,
        "verdict": answer.verdict,
        "confidence": min((p.confidence for p in answer.phases), default=0.0),
        "flags": answer.flags,
        "unexplained": answer.unexplained_fraction,
        "cosine": cosine,
        "weights": weights,
        "seconds": seconds,
    }


def _f1(rows: list[dict[str, Any]], key: str) -> tuple[float, float, float]:
    hits = sum(len(set(r["true"]) & set(r[key])) for r in rows)
    claimed, wanted = sum(len(set(r[key])) for r in rows), sum(len(r["true"]) for r in rows)
    precision, recall = hits / max(claimed, 1), hits / max(wanted, 1)
    return precision, recall, 2 * hits / max(claimed + wanted, 1)


def table(rows: list[dict[str, Any]]) -> str:
    """The results as text, a line a group."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["group"]].append(row)
    head = (
        f"{'group':24} {'n':>3} {'P':>5} {'R':>5} {'F1':>5} {'exact':>5} | {'cosine F1':>9} | "
        f"{'identified':>10} {'right':>5} | {'wrong':>5} {'flagged':>7} | {'wt MAE':>6} {'s':>5}"
    )
    lines = [head]
    for name, part in [*sorted(groups.items()), ("all", rows)]:
        good = [r for r in part if "error" not in r]
        precision, recall, f1 = _f1(good, "said")
        exact = [set(r["true"]) == set(r["said"]) for r in good]
        sure = [r for r in good if r["verdict"] == "identified"]
        right = [r for r in sure if set(r["true"]) == set(r["said"]) and not r["absent"]]
        wrong = [r for r in good if set(r["true"]) != set(r["said"]) or r["absent"]]
        flagged = [r for r in wrong if r["verdict"] != "identified" or r["confidence"] < 0.5]
        weights = [w for r in good for w in r["weights"]]
        lines.append(
            f"{name:24} {len(good):3} {precision:5.3f} {recall:5.3f} {f1:5.3f} "
            f"{sum(exact) / max(len(exact), 1):5.2f} | "
            f"{_f1(good, 'cosine')[2]:9.3f} | {len(sure):10} {len(right):5} | {len(wrong):5} {len(flagged):7} | "
            f"{100 * sum(weights) / len(weights) if weights else float('nan'):6.2f} "
            f"{sum(r['seconds'] for r in good) / max(len(good), 1):5.2f}"
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--group")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--leave-one-out", action="store_true", help="take each true phase out of the library in turn")
    parser.add_argument("--wrong", action="store_true", help="list the wrong answers")
    options = parser.parse_args(arguments)
    manifest = json.loads((Path(options.folder) / "manifest.json").read_text())
    entries = [e for e in manifest["patterns"] if e["true_phases"]]
    entries = [e for e in entries if not options.group or e["group"] == options.group][: options.limit]
    tasks: list[tuple[str, dict[str, Any], str | None]] = [(options.folder, e, None) for e in entries]
    if options.leave_one_out:
        tasks = [
            (options.folder, e, t["name"])
            for e in entries
            for t in e["true_phases"]
            if t.get("in_library", True) and len(e["true_phases"]) > 1
        ]
    with ProcessPoolExecutor(options.jobs) as pool:
        rows = list(pool.map(run, tasks))
    for row in rows:
        if "error" in row:
            print(f"{row['id']}: {row['error']}")
        elif options.wrong and (row["true"] != row["said"] or row["absent"]):
            print(
                f"{row['id']}: {row['verdict']} {row['said']}, true {row['true']}, absent {row['absent']}, "
                f"confidence {row['confidence']:.2f}, unexplained {row['unexplained']:.2f}, {' '.join(row['flags'])}"
            )
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
