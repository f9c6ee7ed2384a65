"""The reference powders that stand beside the diffractometer: certified lattices in holders that are kept filled.

Lattices are those of the certificates (NIST SRM 640f, 660c, 676a, at 22.5 °C). A holder is filled and levelled once
and with care, so that its powder stands off by far less than that of a sample, and by about as much each time.
"""

from __future__ import annotations

from functools import cache

from simulators.dice import dice
from simulators.world.structures import TrueCrystal, all_atoms
from simulators.world.vial import TruePhase

SEATED = 0.02
"""Standard deviation in mm by which a filled holder stands off, for good."""
RESEATED = 0.005
"""The same from one time to the next."""
GRAIN = 4000.0
"""Crystallite size in Å: as good as no broadening."""


@cache
def _crystals() -> dict[str, TrueCrystal]:
    silicon = all_atoms("F d -3 m:1", [("Si", 0.0, 0.0, 0.0, 1.0)])
    boride = all_atoms("P m -3 m", [("La", 0.0, 0.0, 0.0, 1.0), ("B", 0.1993, 0.5, 0.5, 1.0)])
    corundum = all_atoms("R -3 c:H", [("Al", 0.0, 0.0, 0.35216, 1.0), ("O", 0.30624, 0.0, 0.25, 1.0)])
    return {
        "Si": TrueCrystal("Si", (5.431144, 5.431144, 5.431144, 90.0, 90.0, 90.0), silicon),
        "LaB6": TrueCrystal("LaB6", (4.156826, 4.156826, 4.156826, 90.0, 90.0, 90.0), boride),
        "Al2O3": TrueCrystal("Al2O3", (4.759091, 4.759091, 12.991779, 90.0, 90.0, 120.0), corundum),
    }


def reference(sample: str) -> TruePhase | None:
    """What is in the holder of that name, such as ``standard-Si-0001``; none for a name that is no standard's."""
    kind, _, rest = sample.partition("-")
    crystal = _crystals().get(rest.partition("-")[0]) if kind == "standard" else None
    return TruePhase(crystal, 1.0, GRAIN, 1e-4) if crystal is not None else None


def stands_off(seed: int, crystal: str, key: str) -> float:
    """Displacement in mm of a reference powder in one scan."""
    seated = dice(seed, crystal, "reference holder").normal(0, SEATED)
    return float(seated + dice(seed, key, "reference holder").normal(0, RESEATED))
