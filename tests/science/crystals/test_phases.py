"""Every phase that ships: content, weight, symmetry, and the lines that the literature remembers.

The rule for remembered lines. They are written to two or three digits and were picked by eye, so a stated d is
found where the lines calculated within 1 % of it add up to at least 12 % of the strongest one; all but one of a phase
must reach 25 %. Where three are stated, the strongest calculated line must be one of them. That the rule can
fail is a test of its own: it does for cells 2.5 % too long, for other phases' lines, and for a wrong origin.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from pymatgen.analysis.diffraction.xrd import ATOMIC_SCATTERING_PARAMS, XRDCalculator
from pymatgen.core import Element, Lattice, Structure

from science.crystals.crystal import Crystal, Site, expand, find_space_group, reduced_formula
from science.crystals.formula import amounts
from science.crystals.phase_facts import PhaseFact, load_phase_facts
from science.diffraction import sticks

Array = NDArray[np.float64]
FACTS = {fact.id: fact for fact in load_phase_facts()}
LAMBDA = 1.540593
every_phase = pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)


@cache
def _lines(crystal: Crystal, *, anomalous: bool = True) -> tuple[Array, Array]:
    """Spacings in Å and intensities relative to the strongest line."""
    lines = sticks.calculate(crystal, LAMBDA, d_min=0.85, anomalous=anomalous)
    two_theta = np.degrees(2 * np.arcsin(LAMBDA * np.sqrt(lines.q) / 2))
    intensity = lines.strength * sticks.lorentz_polarisation(two_theta)
    return 1 / np.sqrt(lines.q), intensity / intensity.max()


def remembers(strongest_d: tuple[float, ...], crystal: Crystal) -> bool:
    """Whether the stated lines are those of the crystal, by the rule above."""
    d, intensity = _lines(crystal)
    near = [np.abs(d - stated) < 0.01 * stated for stated in strongest_d]
    found = [float(intensity[where].sum()) for where in near]
    strongest_is_stated = len(near) < 3 or any(where[intensity.argmax()] for where in near)
    return all(f >= 0.12 for f in found) and sum(f < 0.25 for f in found) <= 1 and strongest_is_stated


def test_the_library_is_whole() -> None:
    """Fifty and one phases: the perovskites, what competes with them, what they are made of, vessels and standards."""
    assert len(FACTS) == 51
    assert {f.role for f in FACTS.values()} == {"target", "competitor", "precursor", "vessel", "standard"}
    assert {f.certainty for f in FACTS.values()} == {"checked", "typed"}
    targets = {frozenset(f.content) - {"O"} for f in FACTS.values() if f.role == "target"}
    assert targets >= {frozenset({a, b}) for a in ("Ca", "Sr", "Ba") for b in ("Ti", "Zr", "Sn", "Hf")}


@every_phase
def test_content(fact: PhaseFact) -> None:
    """The atoms of the whole cell are a whole number of the formula, without charge, on orbits of the tables."""
    content = fact.content
    wanted = amounts(fact.formula)
    units = {e: content[e] / wanted[e] for e in wanted}
    assert set(content) == set(wanted)
    assert len({round(n, 6) for n in units.values()}) == 1
    assert next(iter(units.values())) == pytest.approx(round(next(iter(units.values()))))
    assert len(fact.crystal.sites) == sum(s.multiplicity for s in fact.sites)
    assert amounts(reduced_formula(fact.crystal.sites)) == pytest.approx(wanted)
    assert fact.charge == pytest.approx(0, abs=1e-9)


@every_phase
def test_density_is_the_stated_one(fact: PhaseFact) -> None:
    """X-ray density and the density of the literature agree within 2 %."""
    assert fact.crystal.density == pytest.approx(fact.density, rel=0.02)


@every_phase
def test_cell_obeys_its_group(fact: PhaseFact) -> None:
    """The number is that of the symbol, and the cell has the shape that the crystal system asks for."""
    assert find_space_group(fact.space_group).number == fact.number
    a, b, c, *angles = fact.lattice.parameters
    system = fact.crystal.crystal_system
    if system == "cubic":
        assert (a, b, angles) == (c, c, [90, 90, 90])
    elif system == "tetragonal":
        assert (a, angles) == (b, [90, 90, 90])
    elif system in ("trigonal", "hexagonal"):
        assert (a, angles) == (b, [90, 90, 120])
    elif system == "orthorhombic":
        assert angles == [90, 90, 90]
    else:
        assert (system, angles[0], angles[2]) == ("monoclinic", 90, 90)


@every_phase
def test_atoms_keep_their_distance(fact: PhaseFact) -> None:
    """No two atoms are closer than 0.9 Å, unless they share a place; hydroxyl and carbonate groups are the closest."""
    crystal = fact.crystal
    at = np.array([(s.x, s.y, s.z) for s in crystal.sites])
    apart = at[:, None] - at[None]
    length = np.linalg.norm((apart - np.round(apart)) @ crystal.lattice.matrix(), axis=-1)
    assert length[length > 1e-6].min() > 0.9


@every_phase
def test_strong_lines_are_the_remembered_ones(fact: PhaseFact) -> None:
    """The structure gives the lines that the literature states, by the rule at the top of this file."""
    assert remembers(fact.strongest_d, fact.crystal), fact.strongest_d


@every_phase
def test_every_source_can_be_looked_up(fact: PhaseFact) -> None:
    """A checked phase cites a year and a place; one that was only typed says where its coordinates come from."""
    if fact.certainty == "checked":
        assert re.search(r"\(\d{4}\)|Standard Reference Material \d+", fact.source), fact.source
    else:
        assert "free coordinates" in fact.source


def test_the_rule_fails_for_a_wrong_cell() -> None:
    """A cell 2.5 % too long is noticed in every phase of which two lines or more are remembered."""
    for fact in FACTS.values():
        a, b, c, *angles = fact.lattice.parameters
        stretched = replace(fact.crystal, lattice=type(fact.lattice)(1.025 * a, 1.025 * b, 1.025 * c, *angles))
        assert len(fact.strongest_d) < 2 or not remembers(fact.strongest_d, stretched), fact.id


def test_the_rule_fails_for_other_phases() -> None:
    """The lines of a phase are mistaken for those of another in fewer than one pair in twenty."""
    known = [f for f in FACTS.values() if len(f.strongest_d) == 3]
    pairs = [(f, other) for f in known for other in known if f.formula != other.formula]
    mistaken = [(f.id, other.id) for f, other in pairs if remembers(f.strongest_d, other.crystal)]
    assert len(mistaken) < len(pairs) / 20, mistaken


def test_the_rule_fails_for_a_wrong_origin() -> None:
    """Coordinates counted from the other origin give a structure whose lines or weight are not those stated."""
    for fact in FACTS.values():
        if not fact.space_group.endswith(":1"):
            continue
        group = find_space_group(fact.space_group.removesuffix(":1") + ":2")
        sites = expand(group, [Site(s.element, *s.at, s.occupancy, s.b_iso) for s in fact.sites])
        wrong = replace(fact.crystal, sites=sites)
        off = abs(wrong.density / fact.density - 1) > 0.02
        assert off or not remembers(fact.strongest_d, wrong), fact.id


def _pymatgen(fact: PhaseFact) -> Structure:
    """The phase by pymatgen's own tables of symmetry, from the asymmetric unit."""
    words = fact.space_group.replace(":H", "").replace("P 1 21/c 1", "P 21/c").split()
    symbol = "".join(re.sub(r"^([2346])([1-5])(?=/|$)", r"\1_\2", word) for word in words)
    places: dict[tuple[float, float, float], dict[str, float]] = {}
    for site in fact.sites:
        places.setdefault(site.at, {})[site.element] = site.occupancy
    lattice = Lattice.from_parameters(*fact.lattice.parameters)
    return Structure.from_spacegroup(symbol, lattice, list(places.values()), list(places))


def _their_form_factor(element: str, s2: Array) -> Array:
    """f₀ by the parameters that pymatgen uses instead of those of the International Tables."""
    table = np.array(ATOMIC_SCATTERING_PARAMS[element])
    decay = np.exp(-table[:, 1][:, None] * s2[None, :])
    return np.asarray(Element(element).Z - 41.78214 * s2 * (table[:, 0][:, None] * decay).sum(0))


@pytest.mark.parametrize(
    "name",
    ["CaTiO3", "BaTiO3_t", "BaTiO3_h", "LaAlO3", "Sr3Ti2O7", "ZrTiO4", "ZrO2_m", "In2O3", "La2O3", "LaOH3", "BaAl2O4"],
)
def test_pymatgen_calculates_the_same_pattern(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same form factors and without dispersion, lines and intensities are pymatgen's within 1e-3."""
    fact = FACTS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = XRDCalculator(wavelength=LAMBDA).get_pattern(_pymatgen(fact), two_theta_range=(10, 90))
    at_rest = replace(fact.crystal, sites=tuple(replace(s, b_iso=0.0) for s in fact.crystal.sites))
    monkeypatch.setattr(sticks, "form_factor", _their_form_factor)
    d, intensity = _lines.__wrapped__(at_rest, anomalous=False)
    two_theta = np.degrees(2 * np.arcsin(LAMBDA / 2 / d))
    inside = (two_theta > 10) & (two_theta < 90)
    two_theta, intensity = two_theta[inside], intensity[inside]
    nearest = np.abs(two_theta[:, None] - theirs.x).argmin(1)
    assert np.abs(two_theta - theirs.x[nearest])[intensity > 2e-3].max() < 1e-3
    mine = np.bincount(nearest, intensity, len(theirs.x))
    assert np.abs(mine / mine.max() - theirs.y / 100).max() < 1e-3
