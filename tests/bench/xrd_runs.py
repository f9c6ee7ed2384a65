"""One measured pattern at a time: what is in it, what is said of it, and what the baselines say."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from science.crystals.crystal import Crystal
    from science.diffraction.answer import Identification
    from science.diffraction.belief import Calibration
    from science.diffraction.fit import Observed, Trial
    from science.diffraction.identify import Searched
    from science.diffraction.library import PhaseLibrary
    from science.diffraction.pattern import Pattern

Key = tuple[str, int]
WAVELENGTH = 1.540593


@dataclass(frozen=True)
class Task:
    """One run: a pattern of the manifest, perhaps with a true phase taken out of the library."""

    folder: str
    entry: dict[str, Any]
    left_out: str | None = None
    unfiltered: bool = False


@dataclass
class Run:
    """What came of it; see `xrd_table` for what the fields are used for."""

    id: str
    group: str
    mixture: str
    left_out: str | None
    true: list[Key] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    disputed: list[Key] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    greedy: list[Key] = field(default_factory=list)
    cosine: list[Key] = field(default_factory=list)
    missing: float = 1.0
    verdict: str = "unknown"
    flags: list[str] = field(default_factory=list)
    weights: list[tuple[float, float]] = field(default_factory=list)
    textured: bool = False
    seconds: float = 0.0
    error: str = ""


def manifest(folder: str) -> list[dict[str, Any]]:
    """The patterns whose content is known."""
    document = json.loads((Path(folder) / "manifest.json").read_text())
    return [e for e in document["patterns"] if e["true_phases"]]


def mixture(identity: str) -> str:
    """The powder that a scan is of: scans of one powder never stand on both sides of a split."""
    return re.sub(r"--\d+-?min$", "", identity)


@cache
def library(folder: str) -> PhaseLibrary:
    """The library of a bench folder; loaded once a process."""
    from science.diffraction.library import PhaseLibrary

    return PhaseLibrary.load(Path(folder) / "library")


def key(formula: str, space_group: int) -> Key:
    """Reduced formula and space group; the slight rhombohedral distortion of NiO is counted as cubic."""
    from pymatgen.core import Composition

    return (Composition(formula).reduced_formula, 225 if (formula, space_group) == ("NiO", 166) else space_group)


@cache
def _fingerprint(crystal: Crystal) -> Any:
    from science.diffraction.classes import fingerprint
    from science.diffraction.sticks import calculate

    return fingerprint(calculate(crystal, WAVELENGTH, d_min=0.85), WAVELENGTH)


def alike(one: Crystal, others: list[Crystal]) -> list[bool]:
    """Which crystals a powder pattern cannot tell from one."""
    from science.diffraction.classes import ALIKE, similarity

    if not others:
        return []
    return [bool(s >= ALIKE) for s in similarity(_fingerprint(one), np.array([_fingerprint(c) for c in others]))]


def truths(task: Task) -> dict[str, tuple[Key, list[Crystal]]]:
    """Name of each true phase that the library holds → its key and its entries."""
    entries = library(task.folder).within(task.entry["elements"])
    found = {}
    for true in task.entry["true_phases"]:
        if true.get("in_library", True):
            wanted = key(true["formula"], true["spacegroup"])
            found[true["name"]] = (wanted, [c for c in entries if key(c.formula, c.space_group) == wanted])
    return found


def within(task: Task) -> tuple[PhaseLibrary, list[str]]:
    """The library and the elements of a run, without the phase that is left out and whatever a powder takes for it."""
    from science.diffraction.library import PhaseLibrary

    known, elements = library(task.folder), list(task.entry["elements"])
    if task.unfiltered:
        elements = sorted({e for c in known.crystals for e in c.elements})
    if task.left_out is None:
        return known, elements
    gone, entries = truths(task)[task.left_out]
    rest = [c for c in known.within(elements) if key(c.formula, 1)[0] != gone[0]]
    twins = alike(entries[0], rest) if entries else [False] * len(rest)
    kept = PhaseLibrary.of([c for c, twin in zip(rest, twins, strict=True) if not twin])
    kept._sticks = known._sticks  # the lines are the same; calculating them again takes longest
    return kept, elements


def _candidates(task: Task, ready: Searched) -> list[Trial]:
    from science.diffraction.identify import AS_SHIPPED, _trials

    known, elements = within(task)
    return _trials(ready.observed, known, elements, (), AS_SHIPPED)


def _measured(task: Task) -> Pattern:
    """The pattern of a run, from its file or from the number of a simulated mixture."""
    from science.diffraction.readers import read_pattern
    from tests.bench.mixtures import simulated

    if "simulated" in task.entry:
        return simulated(library(task.folder), task.entry)
    return read_pattern(Path(task.folder) / task.entry["file"])


def search_one(task: Task) -> tuple[Searched | None, str, float]:
    """The search of a run, an error, and CPU seconds."""
    from science.diffraction.errors import DiffractionError
    from science.diffraction.identify import AS_SHIPPED, _radiation, _trials, searched
    from science.diffraction.observing import observe

    known, elements = within(task)
    began = time.process_time()
    try:
        pattern = _measured(task)
        lines, _ = _radiation(pattern, task.entry.get("wavelength_A"))
        _trials(observe(pattern, lines), known, elements, (), AS_SHIPPED)  # lines of the library, made once
        began = time.process_time()
        ready = searched(pattern, known, elements, wavelength=task.entry.get("wavelength_A"))
    except DiffractionError as error:
        return None, str(error), 0.0
    return ready, "", time.process_time() - began


def slim(ready: Searched) -> Searched:
    """Without curves and candidates, to be sent between processes; `fat` calculates the curves again."""
    fit = ready.fit and replace(ready.fit, parts=np.zeros((0, 0)), background=np.zeros(0))
    return replace(ready, fit=fit, observed=replace(ready.observed), trials=[])


def fat(ready: Searched) -> Searched:
    """With its curves again."""
    from science.diffraction.refine import refine

    if ready.fit is None:
        return ready
    return replace(ready, fit=refine(ready.fit, ready.observed, iterations=0))


def judged(task: Task, ready: Searched | None, error: str, calibration: Calibration | None, spent: float) -> Run:
    """A run with its answer, labels and baselines.

    Args:
        task: the run.
        ready: its search.
        error: why there is none.
        calibration: turns evidence into probabilities; the shipped one by default.
        spent: CPU seconds of the search.
    """
    from science.diffraction.identify import AS_SHIPPED, concluded

    entry = task.entry
    run = Run(entry["id"], entry["group"], mixture(entry["id"]), task.left_out, error=error)
    run.group += "-2min" if entry.get("scan") == "2min" else ""
    known = truths(task)
    run.true = sorted(k for n, (k, _) in known.items() if n != task.left_out)
    held = {c.formula for c in library(task.folder).within(entry["elements"])}
    held = {key(f, 1)[0] for f in held}
    for true in entry["true_phases"]:
        if true["name"] == task.left_out:
            run.absent.append(true["name"])
        elif not true.get("in_library", True):
            # the list says that the library lacks it; where it holds that substance after all, claims of it are
            # neither right nor wrong
            formula = re.sub(r"[^A-Za-z0-9().]", "", true["formula"].split("-")[0])
            disputed = key(formula, 1)[0] in held and formula == true["formula"]
            run.absent += [] if disputed else [true["name"]]
            run.disputed += [(key(formula, 1)[0], 0)] if disputed else []
    if ready is None:
        return run
    ready = fat(ready)
    began = time.process_time()
    answer = concluded(ready, AS_SHIPPED, calibration)
    run.seconds = spent + time.process_time() - began
    run.textured = any(t["name"] in _textured(entry) for t in entry["true_phases"])
    run.verdict, run.flags, run.missing = answer.verdict, list(answer.flags), answer.missing
    by_name = {t.crystal.name: t.crystal for t in (ready.fit.trials if ready.fit else ())}
    run.said = [
        {
            "key": key(p.formula, p.space_group),
            "right": _right(by_name[p.name], known, task.left_out),
            "chance": p.confidence,
            "in_set": p.in_prediction_set,
            "fraction": p.weight_fraction,
        }
        for p in answer.phases
        if not _is_disputed(p.formula, run)
    ]
    found = ready.fit.trials if ready.fit else ()
    run.greedy = [
        key(t.crystal.formula, t.crystal.space_group) for t in found if not _is_disputed(t.crystal.formula, run)
    ]
    if task.left_out is None and not task.unfiltered:
        count = len(entry["true_phases"])
        trials = ready.trials or _candidates(task, ready)
        run.cosine = [k for k in _cosine(ready.observed, trials, count) if not _is_disputed(k[0], run)]
        run.weights = _weights(entry, answer, run)
    return run


def _textured(entry: dict[str, Any]) -> list[str]:
    """Phases that the notes of a pattern call strongly textured or coarse."""
    told = re.search(r"crystals in (\S+) give strong texture", str(entry.get("notes", "")))
    return told[1].split("/") if told else []


def _is_disputed(formula: str, run: Run) -> bool:
    return any(key(formula, 1)[0] == d[0] for d in run.disputed)


def _right(said: Crystal, known: dict[str, tuple[Key, list[Crystal]]], left_out: str | None) -> str | None:
    """The true phase that a claim names, itself or one of its class."""
    named = key(said.formula, said.space_group)
    for name, (wanted, entries) in known.items():
        if name != left_out and (named == wanted or any(alike(said, entries))):
            return name
    return None


def _weights(entry: dict[str, Any], answer: Identification, run: Run) -> list[tuple[float, float]]:
    """(error of the weight fraction, its stated standard uncertainty) of each phase, where the set is right."""
    said = {key(p.formula, p.space_group): p for p in answer.phases}
    if entry.get("weight_fractions_kind") != "weighed" or set(said) != set(run.true) or run.absent:
        return []
    pairs = [(said[key(t["formula"], t["spacegroup"])], t["weight_fraction"]) for t in entry["true_phases"]]
    return [(p.weight_fraction - true, p.weight_fraction_su) for p, true in pairs]


def training(task: Task, ready: Searched) -> list[dict[str, Any]]:
    """What the calibration learns from a run: each phase that was found, with its features, right or wrong."""
    from science.diffraction.belief import phase_features, shipped
    from science.diffraction.settle import settle

    if ready.fit is None or not ready.fit.trials:
        return []
    ready = fat(ready)
    known = truths(task)
    probe = judged(task, None, "", None, 0.0)
    whole = settle(ready.fit, ready.observed, ready.places, shipped(), prune=False)
    return [
        {
            "features": phase_features(claim),
            "true": _right(trial.crystal, known, task.left_out) is not None,
            "claim": asdict(claim),
            "key": key(trial.crystal.formula, trial.crystal.space_group),
        }
        for claim, trial in zip(whole.claims, whole.fit.trials, strict=True)
        if not _is_disputed(trial.crystal.formula, probe)
    ]


def suspected(task: Task, ready: Searched, calibration: Calibration) -> tuple[float, ...] | None:
    """The features by which a missing phase is judged, once doubtful phases are dropped."""
    from science.diffraction.settle import settle

    if ready.fit is None or not ready.fit.trials:
        return None
    ready = fat(ready)
    return settle(ready.fit, ready.observed, ready.places, calibration).suspicion


def _cosine(observed: Observed, trials: list[Trial], count: int) -> list[Key]:
    """The baseline: the phases whose broadened sticks are most similar, one by one, none refined."""
    from science.diffraction.fit import Fit, PhaseState
    from science.diffraction.lineshapes import phase_columns
    from science.diffraction.sticks import metric_parameters

    net = np.maximum(observed.net, 0)
    step = observed.x[1] - observed.x[0]
    shifts = range(-int(0.2 / step), int(0.2 / step) + 1)
    scored = []
    for trial in trials:
        fit = Fit((trial,), [PhaseState(metric_parameters(trial.crystal), 0.03, 0.0)], width=0.1)
        profile = phase_columns(fit, observed, 0)[0]
        norm = np.linalg.norm(net) * np.linalg.norm(profile) + 1e-12
        scored.append((max(float(np.roll(net, s) @ profile) / norm for s in shifts), trial))
    best = sorted(scored, key=lambda s: -s[0])[:count]
    return [key(t.crystal.formula, t.crystal.space_group) for _, t in best]
