"""What the truth knows of energies, radii and rates, each with its source and how sure it is.

Enthalpies are in kJ per mole of formula from the oxides at 298 K. "calorimetry" marks measured values,
"correlation" the line of Yokokawa et al. through measured ones (H = −125 + 1000 (1 − t) for A²⁺B⁴⁺,
−90 + 720 (1 − t) for A³⁺B³⁺, t by Goldschmidt), "estimate" what nobody here could confirm, with its range.
The planner sees none of it.
"""

from __future__ import annotations

from dataclasses import dataclass

GAS = 8.314462618e-3
"""Gas constant in kJ/(mol K)."""


@dataclass(frozen=True, slots=True)
class Enthalpy:
    """Formation from the oxides, kJ/mol, with the kind of source, the source and a half-range."""

    value: float
    kind: str
    source: str
    plus_minus: float


_NAVROTSKY = "oxide-melt solution calorimetry, reviewed in Navrotsky & Weidner (1989), AGU Monograph 45"
_CHENG = "Cheng & Navrotsky (2003) J. Mater. Res. 18, 2501, as quoted for LaMO3"
_YOKOKAWA = "Yokokawa, Sakai, Kawada & Dokiya (1989) J. Solid State Chem. 79, 43: line through tolerance factors"

PEROVSKITES: dict[str, Enthalpy] = {
    "CaTi": Enthalpy(-80.9, "calorimetry", _NAVROTSKY, 3),
    "SrTi": Enthalpy(-135.1, "calorimetry", _NAVROTSKY, 3),
    "BaTi": Enthalpy(-152.3, "calorimetry", _NAVROTSKY, 4),
    "CaZr": Enthalpy(-31.3, "calorimetry", _NAVROTSKY, 4),
    "SrZr": Enthalpy(-75.9, "calorimetry", _NAVROTSKY, 4),
    "BaZr": Enthalpy(-123.9, "calorimetry", _NAVROTSKY, 4),
    "CaHf": Enthalpy(-43.0, "correlation", _YOKOKAWA, 10),
    "SrHf": Enthalpy(-77.0, "correlation", _YOKOKAWA, 10),
    "BaHf": Enthalpy(-134.0, "correlation", _YOKOKAWA, 10),
    "CaSn": Enthalpy(-40.0, "estimate", "between a correlation and a machine-learned potential", 15),
    "SrSn": Enthalpy(-78.0, "estimate", "between a correlation and a machine-learned potential", 15),
    "BaSn": Enthalpy(-110.0, "estimate", "between a correlation and a machine-learned potential", 15),
    "LaAl": Enthalpy(-69.61, "calorimetry", _CHENG, 3),
    "LaSc": Enthalpy(-38.64, "calorimetry", _CHENG, 3),
    "LaIn": Enthalpy(-23.99, "calorimetry", _CHENG, 3),
}
"""A and B of ABO3 → enthalpy per mole ABO3."""

_GUESS = "interpolated between its perovskite and its oxides"
COMPETITORS: dict[str, tuple[dict[str, int], Enthalpy, float]] = {
    "Sr2TiO4": ({"Sr": 2, "Ti": 1}, Enthalpy(-156.0, "calorimetry", _NAVROTSKY, 6), 0.0),
    "Sr3Ti2O7": ({"Sr": 3, "Ti": 2}, Enthalpy(-290.0, "estimate", _GUESS, 10), 0.0),
    "Ba2TiO4": ({"Ba": 2, "Ti": 1}, Enthalpy(-194.0, "estimate", _GUESS, 12), 0.0),
    "BaTi2O5": ({"Ba": 1, "Ti": 2}, Enthalpy(-160.0, "estimate", _GUESS, 10), 0.004),
    "BaTi4O9": ({"Ba": 1, "Ti": 4}, Enthalpy(-176.0, "estimate", _GUESS, 12), 0.0),
    "Sr2ZrO4": ({"Sr": 2, "Zr": 1}, Enthalpy(-81.0, "estimate", _GUESS, 10), 0.0),
    "Ba2ZrO4": ({"Ba": 2, "Zr": 1}, Enthalpy(-132.0, "estimate", _GUESS, 12), 0.0),
    "Sr2SnO4": ({"Sr": 2, "Sn": 1}, Enthalpy(-92.0, "estimate", _GUESS, 15), 0.0),
    "Ba2SnO4": ({"Ba": 2, "Sn": 1}, Enthalpy(-135.0, "estimate", _GUESS, 15), 0.0),
    "Ca2SnO4": ({"Ca": 2, "Sn": 1}, Enthalpy(-60.0, "estimate", _GUESS, 15), 0.0),
    "Sr2HfO4": ({"Sr": 2, "Hf": 1}, Enthalpy(-84.0, "estimate", _GUESS, 12), 0.0),
    "ZrTiO4": ({"Zr": 1, "Ti": 1}, Enthalpy(8.0, "estimate", "endothermic, stable by entropy", 6), 0.017),
    "CaZr4O9": ({"Ca": 1, "Zr": 4}, Enthalpy(-45.0, "estimate", _GUESS, 12), 0.012),
}
"""Name → (cations per formula, enthalpy, entropy in kJ/(mol K))."""

CARBONATES: dict[str, tuple[float, float]] = {"Ca": (178.3, 0.1605), "Sr": (234.6, 0.171), "Ba": (267.0, 0.172)}
"""ACO3 → AO + CO2: enthalpy in kJ/mol and entropy in kJ/(mol K) (Robie & Hemingway 1995, USGS Bulletin 2131;
the barium value is the least certain, ± 5 kJ/mol)."""

RADII: dict[str, float] = {
    "Ca": 1.34, "Sr": 1.44, "Ba": 1.61, "La": 1.36,
    "Ti": 0.605, "Zr": 0.72, "Sn": 0.69, "Hf": 0.71, "Al": 0.535, "Sc": 0.745, "In": 0.80,
}  # fmt: skip
"""Shannon (1976) Acta Cryst. A32, 751, in Å: A cations in twelvefold, B cations in sixfold coordination."""
OXYGEN = 1.40
"""Radius of O²⁻ in sixfold coordination, Å (Shannon 1976)."""

CHARGES: dict[str, int] = {
    "Ca": 2, "Sr": 2, "Ba": 2, "La": 3, "Ti": 4, "Zr": 4, "Sn": 4, "Hf": 4, "Al": 3, "Sc": 3, "In": 3,
}  # fmt: skip
"""Oxidation states."""
MISFIT_A, MISFIT_B = 620.0, 900.0
"""Size-misfit interaction on the A and B sites, kJ/(mol Å²); estimate, gives the known miscibility gaps."""

HALF_REACTED: dict[str, float] = {"Ti": 1130, "Sn": 1230, "Zr": 1330, "Hf": 1390, "Al": 1250, "Sc": 1350, "In": 1250}
"""Temperature in °C at which half has reacted in ten hours, by B cation; estimate, ± 40."""
HALF_REACTED_SHIFT: dict[str, float] = {"Ca": 60, "Sr": 10, "Ba": -30, "La": 20}
"""What the A cation adds to it, in K; estimate, ± 20."""
ACTIVATION = 330.0
"""Activation energy of the solid-state reaction in kJ/mol; estimate, ± 60."""
AVRAMI = 1.5
"""Avrami exponent: diffusion-controlled growth of early nuclei."""


def perovskite_enthalpy(a: str, b: str) -> float:
    """Formation of ABO3 from the oxides in kJ/mol; by the correlation where nobody has measured."""
    if (known := PEROVSKITES.get(a + b)) is not None:
        return known.value
    t = (RADII[a] + OXYGEN) / (2**0.5 * (RADII[b] + OXYGEN))
    if CHARGES[a] + CHARGES[b] != 6:  # a pair that cannot balance alone
        return 0.0
    return -90 + 720 * (1 - t) if CHARGES[a] == 3 else -125 + 1000 * (1 - t)


def tolerance_factor(a_site: dict[str, float], b_site: dict[str, float]) -> float:
    """Goldschmidt's factor of the mean radii."""
    ra = sum(x * RADII[e] for e, x in a_site.items())
    rb = sum(y * RADII[e] for e, y in b_site.items())
    return (ra + OXYGEN) / (2**0.5 * (rb + OXYGEN))
