"""What the truth knows of energies, radii and rates, each with its source and how sure it is.

Enthalpies are in kJ per mole of formula from the oxides at 298 K. "calorimetry" marks heats that were measured,
"cell" those from the electromotive force of galvanic cells near 1000 K, "correlation" the line of Yokokawa et al.
through measured ones (H = −125 + 1000 (1 − t) for A²⁺B⁴⁺, −90 + 720 (1 − t) for A³⁺B³⁺, t by Goldschmidt),
"estimate" what no source at hand confirms, with its range. The compilation of Navrotsky could not be consulted:
beside each of its values stands what confirms or contradicts it. The planner sees none of it.
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


_NAVROTSKY = "oxide-melt solution calorimetry, compiled in Navrotsky (1989) AGU Geophys. Monogr. 45, 67"
_ABRAHAM = "Jacob & Abraham (2009) J. Chem. Thermodyn. 41, doi:10.1016/j.jct.2009.02.001"
_RAJITHA = "Jacob & Rajitha (2011) J. Chem. Thermodyn. 43, 51, doi:10.1016/j.jct.2010.08.011"
_WASEDA_CA = "Jacob & Waseda (1994) Thermochim. Acta 239, 233, doi:10.1016/0040-6031(94)87070-5"
_WASEDA_BA = "Jacob & Waseda (1995) Metall. Mater. Trans. B 26, doi:10.1007/BF02651723"
_CHENG = "Cheng & Navrotsky (2003) J. Mater. Res. 18, 2501, doi:10.1557/JMR.2003.0348"
_YOKOKAWA = "Yokokawa, Kawada & Dokiya (1989) J. Am. Ceram. Soc. 72, 152, doi:10.1111/j.1151-2916.1989.tb05971.x"
_STANNATE = (
    "no measurement found; between that correlation, made for transition metals, and a machine-learned potential"
)

PEROVSKITES: dict[str, Enthalpy] = {
    "CaTi": Enthalpy(-80.9, "calorimetry", f"{_NAVROTSKY}; cells: -80.14 - 0.0063 T, {_ABRAHAM}", 3),
    "SrTi": Enthalpy(-135.1, "calorimetry", f"{_NAVROTSKY}; cells contradict it: -121.9 + 0.0039 T, {_RAJITHA}", 14),
    "BaTi": Enthalpy(-152.3, "calorimetry", f"{_NAVROTSKY}; not confirmed elsewhere", 10),
    "CaZr": Enthalpy(
        -31.3, "calorimetry", f"Takayama-Muromachi & Navrotsky (1988) J. Solid State Chem. 72, 244, as judged by "
        f"{_WASEDA_CA}, whose cells give -31.59 - 0.0139 T", 4,
    ),
    "SrZr": Enthalpy(-75.9, "calorimetry", f"{_NAVROTSKY}; cells: -74.88 - 0.0142 T, {_WASEDA_BA}", 4),
    "BaZr": Enthalpy(-123.9, "calorimetry", f"{_NAVROTSKY}; cells: -127.76 - 0.0018 T, {_WASEDA_BA}", 5),
    "CaHf": Enthalpy(-43.0, "correlation", _YOKOKAWA, 10),
    "SrHf": Enthalpy(-77.0, "correlation", _YOKOKAWA, 10),
    "BaHf": Enthalpy(-134.0, "correlation", _YOKOKAWA, 10),
    "CaSn": Enthalpy(-40.0, "estimate", _STANNATE, 15),
    "SrSn": Enthalpy(-78.0, "estimate", _STANNATE, 15),
    "BaSn": Enthalpy(-110.0, "estimate", _STANNATE, 15),
    "LaAl": Enthalpy(-69.61, "calorimetry", _CHENG, 3.23),
    "LaSc": Enthalpy(-38.64, "calorimetry", _CHENG, 2.30),
    "LaIn": Enthalpy(-23.99, "calorimetry", _CHENG, 2.31),
}  # fmt: skip
"""A and B of ABO3 → enthalpy per mole ABO3."""

_GUESS = "interpolated between its perovskite and its oxides"
_ZIRCON_TITANATE = (
    "decomposes on cooling, so stable by entropy; Putnam et al. (1999) J. Chem. Thermodyn. 31, 229 estimate "
    "-2048.7 +- 5.0 from the elements, about -4 from the oxides"
)
COMPETITORS: dict[str, tuple[dict[str, int], Enthalpy, float]] = {
    "Sr2TiO4": ({"Sr": 2, "Ti": 1}, Enthalpy(-159.4, "cell", _RAJITHA, 6), 0.0),
    "Sr3Ti2O7": (
        {"Sr": 3, "Ti": 2},
        Enthalpy(-290.0, "estimate", f"{_GUESS}; cells, with SrTiO3 at -121.9: -285.8, {_RAJITHA}", 10),
        0.0,
    ),
    "Ba2TiO4": ({"Ba": 2, "Ti": 1}, Enthalpy(-194.0, "estimate", _GUESS, 12), 0.0),
    "BaTi2O5": ({"Ba": 1, "Ti": 2}, Enthalpy(-160.0, "estimate", _GUESS, 10), 0.004),
    "BaTi4O9": ({"Ba": 1, "Ti": 4}, Enthalpy(-176.0, "estimate", _GUESS, 12), 0.0),
    "Sr2ZrO4": ({"Sr": 2, "Zr": 1}, Enthalpy(-81.0, "estimate", _GUESS, 10), 0.0),
    "Ba2ZrO4": ({"Ba": 2, "Zr": 1}, Enthalpy(-132.0, "estimate", _GUESS, 12), 0.0),
    "Sr2SnO4": ({"Sr": 2, "Sn": 1}, Enthalpy(-92.0, "estimate", _GUESS, 15), 0.0),
    "Ba2SnO4": ({"Ba": 2, "Sn": 1}, Enthalpy(-135.0, "estimate", _GUESS, 15), 0.0),
    "Ca2SnO4": ({"Ca": 2, "Sn": 1}, Enthalpy(-60.0, "estimate", _GUESS, 15), 0.0),
    "Sr2HfO4": ({"Sr": 2, "Hf": 1}, Enthalpy(-84.0, "estimate", _GUESS, 12), 0.0),
    "ZrTiO4": ({"Zr": 1, "Ti": 1}, Enthalpy(8.0, "estimate", _ZIRCON_TITANATE, 12), 0.017),
    "CaZr4O9": ({"Ca": 1, "Zr": 4}, Enthalpy(-45.0, "estimate", _GUESS, 12), 0.012),
}
"""Name → (cations per formula, enthalpy, entropy in kJ/(mol K)).

Measured, but with numbers that could not be consulted: Sr2ZrO4 by Gong, Xie, Zhao, Li & Navrotsky (2020) J. Am. Ceram.
Soc. 103, 1425; Ba2ZrO4 by galvanic cells in J. Chem. Thermodyn. 40 (2008), 21; CaZr4O9 as assessed by Wang, Li, Gao,
Lu & Ding (2009) J. Am. Ceram. Soc. 92, 1098.
"""

CARBONATES: dict[str, tuple[float, float]] = {"Ca": (178.3, 0.1605), "Sr": (234.6, 0.171), "Ba": (267.0, 0.172)}
"""ACO3 → AO + CO2: enthalpy in kJ/mol and entropy in kJ/(mol K) at 298 K (Robie & Hemingway 1995, USGS Bulletin 2131).

Calcium is sure to 1 kJ/mol, strontium and barium are not: Kiseleva et al. (Phys. Chem. Miner., doi:10.1007/BF00203297)
find −1231.4 ± 3.2 and −1209.9 ± 5.8 kJ/mol for SrCO3 and BaCO3 from the elements, which with −592 for SrO and −548 for
BaO is 11 more than here for Sr and 1 more for Ba; by effusion Basu & Searcy (1976, J. Chem. Soc., Faraday Trans. 1 72,
1889) find 252.1 and 0.1466 for Ba.
"""

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
"""Size-misfit interaction on the A and B sites, kJ/(mol Å²); estimate, gives the known miscibility gaps.

It is too simple for A: with it Ba–Sr gets 18 and Ca–Sr 6 kJ/mol, where calorimetry of the titanates finds 8.5 ± 3.8 and
25.3 ± 2.0, tilting included (Navi et al. 2012, J. Am. Ceram. Soc. 95, 1717, doi:10.1111/j.1551-2916.2012.05137.x).
"""

HALF_REACTED: dict[str, float] = {"Ti": 1130, "Sn": 1230, "Zr": 1330, "Hf": 1390, "Al": 1250, "Sc": 1350, "In": 1250}
"""Temperature in °C at which half has reacted in ten hours, by B cation; estimate, ± 40."""
HALF_REACTED_SHIFT: dict[str, float] = {"Ca": 60, "Sr": 10, "Ba": -30, "La": 20}
"""What the A cation adds to it, in K; estimate, ± 20."""
ACTIVATION = 330.0
"""Activation energy of the solid-state reaction in kJ/mol; estimate, ± 60.

Measured: 144 for BaTiO3, 203 for BaZrO3, 556 for their solid solution (Bera & Rout 2005, Mater. Lett. 59, 135).
"""
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
