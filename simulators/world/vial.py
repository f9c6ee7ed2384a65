"""What is really in a vial after all that was done to it: a pure function of seed, recipe and history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from contracts.materials import Composition
from contracts.recipe import Cooling, Recipe
from simulators.dice import dice
from simulators.world.equilibrium import B_SITE, Perovskite, equilibrium
from simulators.world.powders import moles_weighed
from simulators.world.reaction import Firing, after_losses, progress
from simulators.world.structures import TrueCrystal, perovskite, typed
from simulators.world.thermochemistry import CARBONATES, GAS, tolerance_factor

MERGED_WITHIN = 0.2
"""Perovskites whose site fractions differ by less than this become one uneven phase."""
OXIDES = {
    "Ca": "CaO", "Sr": "SrO", "Ba": "BaO", "La": "La2O3", "Ti": "TiO2", "Zr": "ZrO2", "Sn": "SnO2", "Hf": "HfO2",
    "Al": "Al2O3", "Sc": "Sc2O3", "In": "In2O3",
}  # fmt: skip
ALUMINATES = {"La": Perovskite((("La", 1.0),), (("Al", 1.0),))}
"""What an alumina crucible makes of a cation, where it is no AAl2O4."""
CO2_PRESSURE = 4e-4
"""Partial pressure of carbon dioxide in air, bar."""


@dataclass(frozen=True)
class TruePhase:
    """One phase of the true assemblage."""

    crystal: TrueCrystal
    weight_fraction: float
    size: float
    """Crystallite size in Å."""
    strain: float
    """Relative spread of the lattice."""
    pseudo_cubic: float | None = None
    """For perovskites: the true lattice parameter in Å."""
    symmetry: str = ""


@dataclass(frozen=True)
class Contents:
    """What a vial holds."""

    phases: tuple[TruePhase, ...]
    reacted: float
    """Share that has reacted."""
    heterogeneity: float
    """Unevenness of the product, 0 to 0.35."""


def formula_units(recipe: Recipe) -> float:
    """Moles of B cations that a recipe puts on the balance; of all cations where there is none."""
    planned = moles_weighed(recipe.precursors)
    return sum(n for e, n in planned.items() if e in B_SITE) or sum(planned.values())


def weighed(seed: int, sample: str, recipe: Recipe, misweigh: tuple[str, float] | None) -> dict[str, float]:
    """Moles of each cation that really went in, per mole of B cations in the recipe.

    Args:
        seed: of the world.
        sample: the vial.
        recipe: the grams that were to be weighed.
        misweigh: (element, factor) of a mistake on the balance.
    """
    rng = dice(seed, sample, "weigh")
    planned, units = moles_weighed(recipe.precursors), formula_units(recipe)
    amounts = {element: n / units * (1 + rng.normal(0, 0.004)) for element, n in planned.items()}
    if misweigh is not None and misweigh[0] in amounts:
        amounts[misweigh[0]] *= misweigh[1]
    return amounts


def contents(
    seed: int,
    sample: str,
    composition: Composition,
    recipe: Recipe,
    amounts: dict[str, float],
    firings: Sequence[Firing],
) -> Contents:
    """The true assemblage of a vial after its firings."""
    a_site = composition.site("A").fractions
    b_site = composition.site("B").fractions
    if not firings:
        return Contents(_as_phases(seed, sample, _precursors(amounts, 0.0), 0.35), 0.0, 0.35)
    left, eaten = after_losses(amounts, firings, recipe.vessel, recipe.contact, recipe.atmosphere)
    hottest = max(f.celsius for f in firings)
    stable = equilibrium(left, hottest + 273.15, (Perovskite(tuple(a_site.items()), tuple(b_site.items())),))
    reacted, uneven = progress(firings, a_site, b_site)
    moles: dict[str | Perovskite, float] = {name: n * reacted for name, n in stable.items()}
    for name, n in _precursors(left, hottest).items():
        moles[name] = moles.get(name, 0.0) + n * (1 - reacted)
    for element, n in eaten.items():
        crust: str | Perovskite = ALUMINATES.get(element, f"{element}Al2O4")
        moles[crust] = moles.get(crust, 0.0) + n
    if recipe.profile.cooling is Cooling.FURNACE:
        moles = _aged_in_air(seed, sample, moles)
    return Contents(_as_phases(seed, sample, moles, uneven), reacted, uneven)


def soiled(clean: Contents, residue: TruePhase, share: float) -> Contents:
    """The same with a remainder of something else in it.

    Args:
        clean: what was made.
        residue: the phase that was there before.
        share: of the whole mass that it makes up.
    """
    made = tuple(replace(p, weight_fraction=p.weight_fraction * (1 - share)) for p in clean.phases)
    both = (*made, replace(residue, weight_fraction=share))
    return replace(clean, phases=tuple(sorted(both, key=lambda p: -p.weight_fraction)))


def _precursors(amounts: dict[str, float], celsius: float) -> dict[str | Perovskite, float]:
    """Unreacted powders: oxides, or carbonates where it was too cool to lose their CO2."""
    kelvin = celsius + 273.15
    found: dict[str | Perovskite, float] = {}
    for element, n in amounts.items():
        carbonate = CARBONATES.get(element)
        holds = carbonate is not None and (
            carbonate[0] - kelvin * carbonate[1] + GAS * kelvin * np.log(CO2_PRESSURE) > 0 or celsius < 850
        )
        found[f"{element}CO3" if holds else f"{element}-oxide"] = n
    return found


def _aged_in_air(seed: int, sample: str, moles: dict[str | Perovskite, float]) -> dict[str | Perovskite, float]:
    """Free alkaline-earth oxide takes up CO2 while the furnace cools slowly; lanthana takes up water."""
    aged = dict(moles)
    for element in ("Sr", "Ba"):
        if (n := aged.pop(f"{element}-oxide", 0.0)) > 0:
            share = dice(seed, sample, f"carbonation {element}").uniform(0.5, 1.0)
            aged[f"{element}CO3"] = aged.get(f"{element}CO3", 0.0) + share * n
            aged[f"{element}-oxide"] = (1 - share) * n
    if (n := aged.pop("La-oxide", 0.0)) > 0:
        aged["La(OH)3"] = n
    return aged


def _as_phases(seed: int, sample: str, moles: dict[str | Perovskite, float], uneven: float) -> tuple[TruePhase, ...]:
    """Crystals with weight fractions; traces below 0.05 % are left out."""
    rng = dice(seed, sample, "grains")
    masses: list[tuple[float, TrueCrystal, float | None, str]] = []
    for a_site, b_site, n in _perovskites(moles):
        crystal, lattice, group = perovskite(a_site, b_site, tolerance_factor(a_site, b_site), seed)
        formula_units = round(crystal.volume / lattice**3)
        masses.append((n * crystal.mass / formula_units, crystal, lattice, group))
    for name, n in moles.items():
        if isinstance(name, str) and n > 0:
            crystal = typed(_structure_name(name), seed)
            masses.append((n * _mass_per_formula(name, crystal), crystal, None, ""))
    total = sum(m for m, *_ in masses)
    phases = []
    for mass, crystal, own_lattice, group in masses:
        size, base = rng.uniform(500, 1500), rng.uniform(4e-4, 9e-4)
        strain = base + (0.012 * uneven if own_lattice is not None else 0.0)
        if mass / total > 5e-4:
            phases.append(TruePhase(crystal, mass / total, size, strain, own_lattice, group))
    return tuple(sorted(phases, key=lambda p: -p.weight_fraction))


def _structure_name(name: str) -> str:
    return OXIDES[name.removesuffix("-oxide")] if name.endswith("-oxide") else name


def _mass_per_formula(name: str, crystal: TrueCrystal) -> float:
    """Mass of a phase per mole of its name: oxides are counted by cation."""
    cations = name.removesuffix("-oxide") if name.endswith("-oxide") else ""
    if cations:
        atoms = sum(occupancy for e, *_, occupancy in crystal.atoms if e == cations)
        return crystal.mass / atoms
    first = next(e for e, *_ in crystal.atoms)
    count = sum(occupancy for e, *_, occupancy in crystal.atoms if e == first)
    return crystal.mass / count * _first_per_formula(name, first)


def _first_per_formula(name: str, element: str) -> float:
    """How many atoms of its first element a formula such as ``Sr2TiO4`` has."""
    rest = name.partition(element)[2]
    digits = ""
    for character in rest:
        if not character.isdigit():
            break
        digits += character
    return float(digits or 1)


def _perovskites(
    moles: dict[str | Perovskite, float],
) -> list[tuple[dict[str, float], dict[str, float], float]]:
    """Perovskite pseudo-compounds gathered into phases: near ones merge, distant ones stay apart."""
    found = sorted(((k, v) for k, v in moles.items() if isinstance(k, Perovskite)), key=lambda kv: -kv[1])
    groups: list[list[tuple[Perovskite, float]]] = []
    for compound, n in found:
        for group in groups:
            if _distance(group[0][0], compound) < MERGED_WITHIN:
                group.append((compound, n))
                break
        else:
            groups.append([(compound, n)])
    merged = []
    for group in groups:
        total = sum(n for _, n in group)
        a_site: dict[str, float] = {}
        b_site: dict[str, float] = {}
        for compound, n in group:
            for e, x in compound.a_site:
                a_site[e] = a_site.get(e, 0.0) + x * n / total
            for e, y in compound.b_site:
                b_site[e] = b_site.get(e, 0.0) + y * n / total
        merged.append((a_site, b_site, total))
    return merged


def _distance(one: Perovskite, other: Perovskite) -> float:
    p, q = dict(one.a_site) | dict(one.b_site), dict(other.a_site) | dict(other.b_site)
    return max(abs(p.get(e, 0.0) - q.get(e, 0.0)) for e in p.keys() | q.keys())
