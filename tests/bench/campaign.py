"""The shipped campaign with its ranking and with random search on the same seeds, whole path included.

``python -m tests.bench.campaign [--seeds 1 2 3] [--samples 40] [--jobs 2]``
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def _run(task: tuple[str, int, int, str]) -> dict[str, Any]:
    strategy, seed, samples, folder = task
    out = Path(folder) / f"{strategy}-{seed}"
    told = subprocess.run(
        [sys.executable, "-m", "ops.cli", "run", "bso-match", "--seed", str(seed), "--max-samples", str(samples),
         "--strategy", strategy, "--virtual", "--out", str(out), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return document


def _first_above(trajectory: list[float], limit: float) -> str:
    return next((str(n) for n, u in enumerate(trajectory, 1) if u > limit), "never")


def main() -> None:
    """Prints a line a run: best utility, successes, labels until the utility passes one half."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    arguments.add_argument("--samples", type=int, default=40)
    arguments.add_argument("--jobs", type=int, default=1)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.jobs) as pool:
        tasks = [(s, seed, given.samples, folder) for seed in given.seeds for s in ("composite", "random")]
        head = ("best U", 7), ("successes", 9), ("labels to U>.5", 14), ("a / Å", 8), ("wall s", 7)
        print(f"{'ranking':10} seed", *(f"{word:>{width}}" for word, width in head))
        for (strategy, seed, *_), told in zip(tasks, pool.map(_run, tasks), strict=True):
            best = told["best"] or {"utility": 0.0, "a_pc_angstrom": float("nan")}
            print(
                f"{strategy:10} {seed:4} {best['utility']:7.3f} {told['successes']:9} "
                f"{_first_above(told['best_so_far'], 0.5):>14} {best['a_pc_angstrom']:8.4f} {told['wall_s']:7.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
