"""Half a year of a busy laboratory with every fault on: memory by process, parts of the time, poisoned labels.

Wall time depends on what else the machine does; CPU seconds by process hardly do. The digest of all decisions tells
whether two runs, before and after a change say, decided the same.

``python -m tests.bench.half_year [--weeks 24] [--seed 1] [--out DIR]``
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ops.settings import shipped
from tests.system.console import ROOT, environment

FURNACES = 6
MODELS = ("train", "suggest", "judge")
"""Tasks of workers that fit or ask a model; the others identify phases."""
PAGE = os.sysconf("SC_PAGE_SIZE")
EVERY = 2.0
"""Seconds between two looks at the processes."""


def campaign(folder: Path, weeks: float) -> Path:
    """The shipped campaign in a laboratory with more furnaces, without a limit to its samples."""
    furnaces = ", ".join(f'{{ name = "furnace-{n}", capacity = 4 }}' for n in range(1, FURNACES + 1))
    lines = []
    for line in shipped()["bso-match"].splitlines():
        key = line.split("=")[0].strip()
        changed = {
            "name": 'name = "half-year"',
            "batch": "batch = 12",
            "max_samples": "max_samples = 5000",
            "max_weeks": f"max_weeks = {weeks:g}",
            "furnaces": f"furnaces = [{furnaces}]",
        }
        lines.append(changed.get(key, line))
    path = folder / "half-year.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _children(pid: int) -> Iterator[int]:
    yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())


def _role(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    roles = {"nats-server": "broker", "spawn_main": "worker", "bus.ledger": "ledger writer", "witness": "witness"}
    return next((role for word, role in roles.items() if word in words), "others")


def _look(pid: int) -> dict[str, tuple[int, float]]:
    """Role → bytes in memory and seconds of CPU."""
    seen: dict[str, tuple[int, float]] = {}
    workers = 0
    for each in (pid, *_children(pid)):
        resident = int(Path(f"/proc/{each}/statm").read_text(encoding="ascii").split()[1]) * PAGE
        fields = Path(f"/proc/{each}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        if resident == 0:
            continue  # it has ended, and waits to be noticed
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        role = "agents and world" if each == pid else _role(each)
        if role == "worker":  # in the order in which they were begun
            workers += 1
            role = f"worker {workers}"
        seen[role] = resident, seconds
    return seen


def _parts(out: Path, world: float, wall: float, broker_cpu: float) -> dict[str, float]:
    metrics: dict[str, list[dict[str, Any]]] = json.loads((out / "telemetry" / "metrics.json").read_text())
    spent = Counter({p["task"]: p["sum"] for p in metrics["athanor.compute.seconds"]})
    models = sum(spent[task] for task in MODELS)
    parts = {
        "analyser (identification)": spent.total() - models,
        "models (train, suggest, judge)": models,
        "world (physics, journals)": world,
        "broker (until a fact is stored)": sum(p["sum"] for p in metrics["athanor.publish.seconds"]),
    }
    return {**parts, "agents and all the rest": wall - sum(parts.values()), "(CPU of nats-server)": broker_cpu}


def _scans(out: Path) -> int:
    """Patterns measured so far."""
    folder = out / "instruments" / "xrd-1"
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0


def run(folder: Path, out: Path, asked: argparse.Namespace) -> None:
    """Runs it and prints what came of it."""
    meter = folder / "world.json"
    begun = time.perf_counter()
    seen: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    with (folder / "told.txt").open("wb") as told, (folder / "progress.txt").open("wb") as progress:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.metered", meter, "run", campaign(folder, asked.weeks), "--virtual",
             "--workers", str(asked.workers), "--seed", str(asked.seed), "--out", out, "--json"],
            stdout=told, stderr=progress, env=environment(), cwd=ROOT,
        )  # fmt: skip
        while process.poll() is None:
            time.sleep(EVERY)
            try:
                for role, (resident, cpu) in _look(process.pid).items():
                    seen[role].append((_scans(out), resident, cpu))
            except (FileNotFoundError, ProcessLookupError, IndexError):
                continue  # one of them has just ended
    if process.returncode != 0:
        sys.exit((folder / "progress.txt").read_text(encoding="utf-8")[-3000:])
    _tell(json.loads((folder / "told.txt").read_text(encoding="utf-8").splitlines()[-1]), seen)
    world, wall = json.loads(meter.read_text())["world"], time.perf_counter() - begun
    print(f"\n{'part, as the agents wait for it':34} {'wall s':>8} {'share':>6}")
    for name, seconds in _parts(out, world, wall, max(cpu for *_, cpu in seen["broker"])).items():
        print(f"{name:34} {seconds:8.1f} {seconds / wall:6.0%}")
    print(f"{'all':34} {wall:8.1f}")


def _tell(summary: dict[str, Any], seen: dict[str, list[tuple[int, int, float]]]) -> None:
    print(
        f"{summary['samples']} samples, {summary['events']} events in {summary['virtual_days'] / 7:.1f} virtual weeks; "
        f"best utility {(summary['best'] or {}).get('utility', 0):.3f}"
    )
    print(
        f"{summary['learnt']} labels, poisoned: {summary['poisoned_labels'] or 'none'}; {summary['withheld']} withheld"
    )
    fates = next(iter(summary["faults"].values()), {})
    print(f"\n{'fault':20}", *(f"{fate:>9}" for fate in fates))
    for kind, counts in summary["faults"].items():
        print(f"{kind:20}", *(f"{count or '':>9}" for count in counts.values()))
    print(f"decisions {summary['decisions_sha256']}")
    print(f"\n{'process':20} {'CPU s':>8} {'MB':>8} {'MB per 100 samples, second half of the run':>44}")
    for role, looks in seen.items():
        x, y = np.array([n for n, *_ in looks]) / 100, np.array([r / 1e6 for _, r, _ in looks])
        late = x > x[-1] / 2
        cpu = max(seconds for *_, seconds in looks)
        print(f"{role:20} {cpu:8.1f} {np.median(y[late]):8.1f} {np.polyfit(x[late], y[late], 1)[0]:+44.2f}")


def main() -> None:
    """Reads the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--weeks", type=float, default=24)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="athanor-half-year-") as folder:
        run(Path(folder), (given.out or Path(folder) / "out").resolve(), given)


if __name__ == "__main__":
    main()
