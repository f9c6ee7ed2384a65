"""Weight fractions of weighed mixtures, step by step: as fitted, with texture and temperature, corrected for grains.

``python -m tests.bench.xrd_quantities DIR [--group G] [--every N]`` with the folder of `xrd`. The true phases are
fitted, so that what is missed is missed by the quantities and not by the search. Nothing was fitted on these mixtures:
texture and temperature follow the lines of each pattern with priors from the literature, grains are taken to be 2 µm.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.bench.xrd_runs import Task, library, manifest, mixture

if TYPE_CHECKING:
    from science.diffraction.fit import Fit, Observed

STEPS = ("as fitted", "+ lines", "+ grains")


@dataclass(frozen=True)
class Weighed:
    """One pattern.

    Attributes:
        entry: of the manifest.
        true: ``(phases,)`` weight fractions.
        found: ``(steps, phases)`` the same as found.
        errors: ``(phases,)`` standard uncertainties of the last.
        adjusted: of each phase: name, texture and what temperature factors have more.
    """

    entry: dict[str, Any]
    true: np.ndarray
    found: np.ndarray
    errors: np.ndarray
    adjusted: tuple[str, ...]


def _fitted(entry: dict[str, Any], folder: str) -> tuple[Fit, Observed]:
    from science.diffraction.fit import Fit, PhaseState
    from science.diffraction.identify import AS_SHIPPED, _radiation, _trials
    from science.diffraction.library import PhaseLibrary
    from science.diffraction.observing import observe
    from science.diffraction.readers import read_pattern
    from science.diffraction.refine import refine

    pattern = read_pattern(Path(folder) / entry["file"])
    lines, _ = _radiation(pattern, entry.get("wavelength_A"))
    observed = observe(pattern, lines)
    by_name = {c.name: c for c in library(folder).crystals}
    crystals = [by_name[Path(t["cif"]).stem] for t in entry["true_phases"]]
    trials = tuple(_trials(observed, PhaseLibrary.of(crystals), entry["elements"], (), AS_SHIPPED))
    order = {t.crystal.name: t for t in trials}
    trials = tuple(order[c.name] for c in crystals)
    start = Fit(trials, [PhaseState(t.start.copy()) for t in trials])
    return refine(refine(start, observed, iterations=10, widths=False), observed, iterations=40), observed


def weighed(task: Task) -> Weighed:
    """The quantities of one pattern."""
    from science.diffraction.evidence import weigh
    from science.diffraction.intensities import adjusted
    from science.diffraction.quantities import uncertainties, weight_fractions

    fit, observed = _fitted(task.entry, task.folder)
    after = adjusted(fit, observed, weigh(fit, observed).strayed, range(len(fit.trials)))
    wavelength = observed.lines[0][0]
    steps = [fit.weight_fractions(), after.weight_fractions(), weight_fractions(after, wavelength)]
    told = tuple(
        f"{t.crystal.formula}{f' {s.march.axis} r {s.march.r:.2f}' if s.march else ''} B {s.warmth:+.2f}"
        for t, s in zip(after.trials, after.states, strict=True)
    )
    true = np.array([t["weight_fraction"] for t in task.entry["true_phases"]])
    errors = uncertainties(after, observed, weigh(after, observed)).fractions
    return Weighed(task.entry, true, np.array(steps), np.array(errors), told)


def report(found: list[Weighed]) -> Iterator[str]:
    """A line for each pattern, and the means of each group."""
    yield f"{'mean absolute error in wt%':56} " + " ".join(f"{s:>9}" for s in STEPS) + "   z-scores"
    for one in found:
        missed = " ".join(f"{100 * np.abs(f - one.true).mean():9.2f}" for f in one.found)
        scores = " ".join(f"{z:+.1f}" for z in (one.found[-1] - one.true) / one.errors)
        yield f"{one.entry['id'][:56]:56} {missed}   {scores}   {'; '.join(one.adjusted)}"
    for group in sorted({one.entry["group"] for one in found}):
        part = [one for one in found if one.entry["group"] == group]
        missed = [100 * np.mean(np.abs(np.concatenate([o.found[k] - o.true for o in part]))) for k in range(len(STEPS))]
        scores = np.concatenate([(o.found[-1] - o.true) / o.errors for o in part])
        powders = len({mixture(o.entry["id"]) for o in part})
        yield (
            f"{group}, {len(part)} scans of {powders} powders".ljust(56)
            + " "
            + " ".join(f"{m:9.2f}" for m in missed)
            + f"   rms {np.sqrt(np.mean(scores**2)):.2f}"
        )


def main(arguments: list[str]) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--group")
    parser.add_argument("--every", type=int, default=1, help="only every so manieth pattern")
    options = parser.parse_args(arguments)
    entries = [
        e
        for e in manifest(options.folder)
        if e.get("weight_fractions_kind") == "weighed" and len(e["true_phases"]) > 1
        if not options.group or e["group"] == options.group
    ]
    for line in report([weighed(Task(options.folder, e)) for e in entries[:: options.every]]):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
