"""Structure factors beside pymatgen's XRDCalculator, over the shipped phase library, in one run."""

from __future__ import annotations

import statistics
import time

from science.crystals.crystal import Crystal
from science.crystals.phase_facts import load_phase_facts
from science.diffraction.sticks import calculate

WAVELENGTH = 1.540593
D_MIN = WAVELENGTH / 2


def _theirs(crystal: Crystal) -> object:
    from pymatgen.core import Lattice, Structure

    cell = crystal.lattice
    places: dict[tuple[float, ...], dict[str, float]] = {}
    for site in crystal.sites:
        at = (round(site.x, 5), round(site.y, 5), round(site.z, 5))
        places.setdefault(at, {})[site.element] = site.occupancy
    lattice = Lattice.from_parameters(cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma)
    return Structure(lattice, list(places.values()), list(places))


def main() -> None:
    """Prints milliseconds of CPU for each phase, up to the last angle that the wavelength allows."""
    from pymatgen.analysis.diffraction.xrd import XRDCalculator

    calculator = XRDCalculator(wavelength=WAVELENGTH)
    crystals = [fact.crystal for fact in load_phase_facts()]
    structures = [_theirs(c) for c in crystals]
    calculate(crystals[0], WAVELENGTH, d_min=D_MIN)
    ours, theirs = [], []
    for crystal, structure in zip(crystals, structures, strict=True):
        began = time.process_time()
        calculate(crystal, WAVELENGTH, d_min=D_MIN)
        ours.append(time.process_time() - began)
        began = time.process_time()
        calculator.get_pattern(structure, two_theta_range=(1, 179))
        theirs.append(time.process_time() - began)
    print(f"structure factors of {len(crystals)} phases, CPU ms a phase: median, sum of all")
    print(f"  athanor                {1e3 * statistics.median(ours):8.2f} {1e3 * sum(ours):9.0f}")
    print(f"  pymatgen XRDCalculator {1e3 * statistics.median(theirs):8.2f} {1e3 * sum(theirs):9.0f}")
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"  theirs over ours       {ratio:8.1f} {sum(theirs) / sum(ours):9.1f}")


if __name__ == "__main__":
    main()
