"""Powder mixtures that never were: patterns of phases of a library with all that real powders do to them.

They widen what a calibration is fitted on: other elements, fractions down to 2 wt%, displaced samples, strained
cells, texture, coarse grains, broad lines, humps, few counts. How each is made follows from its number alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from science.crystals.crystal import Crystal
from science.diffraction.library import PhaseLibrary
from science.diffraction.pattern import Pattern
from science.diffraction.profile import pseudo_voigt
from science.diffraction.sticks import Sticks, lorentz_polarisation, metric_design, metric_parameters

Array = NDArray[np.float64]
LINES = ((1.540593, 2 / 3), (1.544427, 1 / 3))
LEAST = 0.02
"""Weight fraction of the smallest phase."""
MOST_CANDIDATES = 70


def entry(known: PhaseLibrary, number: int) -> dict[str, Any]:
    """What a manifest would say of a mixture; the pattern itself is made by `simulated`."""
    dice = np.random.default_rng([7, number])
    while True:
        chosen = _phases(known, dice)
        elements = sorted({e for c in chosen for e in c.elements})
        if len(known.within(elements)) <= MOST_CANDIDATES:
            break
    cut = dice.dirichlet(np.ones(len(chosen))) * (1 - LEAST * len(chosen)) + LEAST
    return {
        "id": f"simulated-{number}",
        "group": "simulated",
        "simulated": number,
        "elements": elements,
        "true_phases": [
            {"name": c.name, "formula": c.formula, "spacegroup": c.space_group, "weight_fraction": float(f)}
            for c, f in zip(chosen, cut, strict=True)
        ],
    }


def _phases(known: PhaseLibrary, dice: np.random.Generator) -> list[Crystal]:
    """One to five phases that share their anions with the first, as precursors and products do."""
    first = known.crystals[dice.integers(len(known.crystals))]
    others = [c for c in known.crystals if set(c.elements) & set(first.elements) and c.formula != first.formula]
    chosen, formulas = [first], {first.formula}
    for n in dice.permutation(len(others))[: dice.choice(5, p=[0.15, 0.3, 0.3, 0.15, 0.1])]:
        if others[n].formula not in formulas and len(others[n].elements) < 5:
            chosen.append(others[n])
            formulas.add(others[n].formula)
    return chosen


def simulated(known: PhaseLibrary, made: dict[str, Any]) -> Pattern:
    """The counts of a mixture."""
    dice = np.random.default_rng([11, made["simulated"]])
    high = dice.choice([70.0, 90.0, 110.0])
    x = np.arange(10.0, high, dice.choice([0.01, 0.02, 0.04]))
    zero, displacement = dice.normal(0, 0.02), dice.normal(0, 0.06)
    instrument, mixing = dice.uniform(0.04, 0.1), dice.uniform(0.3, 0.9)
    by_name = {c.name: c for c in known.crystals}
    total = np.zeros(len(x))
    for phase in made["true_phases"]:
        crystal = by_name[phase["name"]]
        sticks = known.sticks(crystal, LINES[0][0], LINES[0][0] / 2 / np.sin(np.radians((high + 1) / 2)))
        if not len(sticks.q):
            continue
        metric = _metric(crystal, dice)
        strength = (
            sticks.strength * _texture(crystal, sticks, dice) * dice.gamma(g := 1 / dice.uniform(0.02, 0.3) ** 2, 1 / g)
        )
        size, strain = dice.choice([0.0, dice.exponential(0.1)]), dice.exponential(0.1)
        q = metric_design(sticks.hkl, crystal) @ metric
        volume = crystal.mass_per_cell * float(crystal.lattice.volume)
        for wavelength, share in LINES:
            s = wavelength * np.sqrt(q) / 2
            theta = np.arcsin(s[s < 0.98])
            at = np.degrees(2 * theta) + zero + displacement * np.cos(theta)
            width = instrument + size / np.cos(theta) + strain * np.tan(theta)
            area = strength[s < 0.98] * lorentz_polarisation(np.degrees(2 * theta)) * share
            none = np.zeros((len(at), 0))
            total += phase["weight_fraction"] / volume * pseudo_voigt(x, at, width, mixing, area, none, none)[0]
    counts = 10 ** dice.uniform(3.0, 4.7)
    level = counts * 10 ** dice.uniform(-2.5, -1.0)
    hump = dice.choice([0.0, 0.0, 1.0]) * np.exp(-(((x - dice.uniform(20, 30)) / 6) ** 2))
    background = level * (1 + dice.uniform(0, 2) * np.exp(-(x - 10) / 12) + hump)
    noisy = dice.poisson(background + counts * total / max(total.max(), 1e-300)).astype(float)
    return Pattern(x, noisy, wavelength=LINES[0][0], k_alpha2=(LINES[1][0], 0.5), source=made["id"])


def _metric(crystal: Crystal, dice: np.random.Generator) -> Array:
    """A cell near that of the library: most powders deviate by some per mille, solid solutions by more."""
    strain = dice.standard_t(3) * 0.0015
    each = dice.normal(0, 0.0007, len(metric_parameters(crystal)))
    return np.asarray(metric_parameters(crystal) * (1 - 2 * np.clip(strain + each, -0.01, 0.01)))


def _texture(crystal: Crystal, sticks: Sticks, dice: np.random.Generator) -> Array:
    """March–Dollase (1986, doi:10.1107/S0021889886089458) about a low-index normal.

    One representative of each line stands for all: textures beyond what a model with one axis can say are wanted, too.
    """
    if dice.random() < 0.5:
        return np.ones(len(sticks.q))
    axes = np.array([(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 4)], float)
    normal = axes[dice.integers(len(axes))] @ crystal.lattice.reciprocal()
    lines = np.asarray(sticks.hkl, float) @ crystal.lattice.reciprocal()
    cosine = np.abs(lines @ normal) / np.maximum(np.linalg.norm(lines, axis=1) * np.linalg.norm(normal), 1e-9)
    r = dice.uniform(0.5, 1.0)
    return np.asarray((r**2 * cosine**2 + (1 - cosine**2) / r) ** -1.5)
