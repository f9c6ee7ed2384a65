"""The lines of the tubes that powders are measured with."""

from __future__ import annotations

ANODES = {
    "Cu": (1.540593, 1.544427),
    "Co": (1.78897, 1.792850),
    "Mo": (0.70932, 0.713607),
    "Fe": (1.93604, 1.939980),
    "Cr": (2.28970, 2.293606),
    "Ag": (0.559422, 0.563813),
}
"""Kα1 and Kα2 in Å (Bearden 1967, doi:10.1103/RevModPhys.39.78; Cu Kα1 by Hölzer et al. 1997,
doi:10.1103/PhysRevA.56.4554, rounded as in instruments)."""
CU_K_ALPHA1 = ANODES["Cu"][0]
"""Å; what is assumed where nothing is said."""
SAME = 6e-4
"""Å by which instruments write the wavelength of one anode differently."""


def second_line(first: float) -> float | None:
    """Kα2 in Å that belongs to a Kα1, on the scale on which that is written; none where it is no anode's."""
    return next((two * first / one for one, two in ANODES.values() if abs(first - one) < SAME), None)
