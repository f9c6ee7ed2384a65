"""Pressed and coarse powders, by the simulator of the diffractometer, which shares no code with the analyser."""

from __future__ import annotations

from collections.abc import Mapping

import gemmi
import numpy as np

from science.crystals.crystal import Crystal, Lattice, Site, expand, find_space_group, reduced_formula
from science.crystals.phase_facts import load_phase_facts
from science.diffraction.pattern import Pattern
from simulators.beam import K_ALPHA1, K_ALPHA2, Setting, pattern
from simulators.world.structures import TrueCrystal
from simulators.world.vial import TruePhase

FACTS = {fact.id: fact.crystal for fact in load_phase_facts()}
DOUBLET = ((K_ALPHA1, 2 / 3), (K_ALPHA2, 1 / 3))


def _crystal(
    name: str, group: str, cell: tuple[float, ...], sites: Mapping[str, tuple[float, float, float]]
) -> Crystal:
    lattice = Lattice(*cell)
    atoms = expand(find_space_group(group), [Site(gemmi.Element(e.rstrip("'")).name, *at) for e, at in sites.items()])
    return Crystal(name, reduced_formula(atoms), find_space_group(group).number, lattice, atoms)


MAGNETITE = _crystal(
    "magnetite", "F d -3 m:2", (8.396,) * 3, {"Fe": (0.125,) * 3, "Fe'": (0.5,) * 3, "O": (0.2549, 0.2549, 0.2549)}
)
ZIRCON = _crystal(
    "zircon",
    "I 41/a m d:2",
    (6.607, 6.607, 5.982),
    {"Zr": (0, 0.75, 0.125), "Si": (0, 0.25, 0.375), "O": (0, 0.0661, 0.1953)},
)


def powder(
    weights: Mapping[Crystal, float],
    texture: float = 1.0,
    *,
    setting: Setting | None = None,
    size: float = 1200.0,
    counts: float = 20_000,
    seed: int = 1,
) -> Pattern:
    """A pattern of a powder pressed so that all its phases lie along c* with March's parameter ``texture``.

    Args:
        weights: weight fraction of each crystal.
        texture: March's parameter; 1 for a random powder.
        setting: of the instrument, texture included; slightly displaced by default.
        size: of the crystallites in Å.
        counts: height of the strongest line.
        seed: of the noise.
    """
    x = np.arange(15, 95, 0.03)
    phases = []
    for crystal, weight in weights.items():
        atoms = tuple((s.element, s.x, s.y, s.z, s.occupancy) for s in crystal.sites)
        true = TrueCrystal(crystal.name, crystal.lattice.parameters, atoms)
        phases.append(TruePhase(true, weight, size, 5e-4))
    peaks = pattern(x, tuple(phases), setting or Setting(0.03, 0.005, 0.0, texture))
    expected = 150 + 300 * np.exp(-(x - 15) / 20) + counts * peaks / peaks.max()
    noisy = np.random.default_rng(seed).poisson(expected).astype(float)
    return Pattern(x, noisy, wavelength=K_ALPHA1, source="simulated")
