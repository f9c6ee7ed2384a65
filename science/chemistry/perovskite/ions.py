"""Ions of perovskites and the powders that bring them: radii, tolerance factor, expected lattice.

Radii are Shannon's (1976, doi:10.1107/S0567739476001551): twelvefold for A, sixfold for B and oxygen.
"""

from __future__ import annotations

from collections.abc import Mapping

from science.chemistry.errors import UnknownIonError

A_RADII = {"Ca": 1.34, "Sr": 1.44, "Ba": 1.61, "La": 1.36}
"""Å, twelvefold coordination."""
B_RADII = {"Ti": 0.605, "Zr": 0.72, "Sn": 0.69, "Hf": 0.71, "Al": 0.535, "Sc": 0.745, "In": 0.80}
"""Å, sixfold coordination."""
A_ORDER, B_ORDER = tuple(A_RADII), tuple(B_RADII)
"""Ions of each site, in the order in which the numbers of a design tell of them."""
OXYGEN_RADIUS = 1.40
"""Å, sixfold coordination."""
POWDERS = {
    "Ca": "CaCO3", "Sr": "SrCO3", "Ba": "BaCO3", "La": "La2O3", "Ti": "TiO2", "Zr": "ZrO2", "Sn": "SnO2",
    "Hf": "HfO2", "Al": "Al2O3", "Sc": "Sc2O3", "In": "In2O3",
}  # fmt: skip
"""The powder that brings each cation."""

Site = Mapping[str, float]
"""Element → share of its site."""


def _mean(site: Site, radii: Mapping[str, float]) -> float:
    unknown = sorted(set(site) - set(radii))
    if unknown:
        raise UnknownIonError(f"Expected ions of known radius ({', '.join(radii)}), got {', '.join(unknown)}.")
    return sum(x * radii[e] for e, x in site.items())


def tolerance_factor(a_site: Site, b_site: Site) -> float:
    """Goldschmidt's tolerance factor of the mean radii.

    Raises:
        UnknownIonError: a radius is not known here.
    """
    return (_mean(a_site, A_RADII) + OXYGEN_RADIUS) / (2**0.5 * (_mean(b_site, B_RADII) + OXYGEN_RADIUS))


def expected_lattice(a_site: Site, b_site: Site) -> float:
    """Pseudo-cubic lattice parameter in Å that the ionic radii suggest; good to 0.1 Å.

    A blend of the B–O–B and the A–O contact lengths, after Jiang et al. (2006,
    doi:10.1016/j.jpcs.2006.02.004), who fit such a line to measured perovskites.
    """
    b_contact = 2 * (_mean(b_site, B_RADII) + OXYGEN_RADIUS)
    a_contact = 2**0.5 * (_mean(a_site, A_RADII) + OXYGEN_RADIUS)
    return 0.62 * b_contact + 0.36 * a_contact
